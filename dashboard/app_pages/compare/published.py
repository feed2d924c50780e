"""Results that papers report for continual merging of CLIP ViT-B/32; copied, not measured here."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.app_pages.compare.published_texts import published_texts_table
from dashboard.app_pages.compare.reported import reported

MINGLE = "MINGLE (arXiv 2505.11883), table 1, mean of ten orders"
NUFILT = "NUFILT (arXiv 2509.21413), ten orders; copied from others' extracts of its tables"
OTMF = "OTMF (arXiv 2511.19561); task order and splits not stated"
BROKEN = "Continual AdaMerging, layer-wise †"
FOOTNOTE = (
    "† Of these figures the authors' code begins every step at the pre-trained model again and never keeps what it "
    "merged: they are of the last task's scaled vector alone, and say nothing of AdaMerging. MINGLE is no single "
    "checkpoint: it grows by 6.5 to 10.7 million parameters a task."
)
TEST_IMAGES = "unlabelled test images, picked by class"

# Method, labels, ACC for 8, 14 and 20 tasks, BWT for 8, 14 and 20 tasks, source.
ROWS = (
    ("Zero-shot", "none", 48.1, 56.9, 55.6, None, None, None, MINGLE),
    ("Individual", "training labels", 90.4, 89.3, 89.8, None, None, None, MINGLE),
    ("SWA", "none", 66.3, 65.4, 61.1, -11.5, -8.0, -7.1, MINGLE),
    ("Continual task arithmetic", "none", 67.5, 66.5, 60.0, -9.6, -1.3, -3.4, MINGLE),
    ("Continual TIES", "none", 49.0, 66.2, 59.9, -15.3, 1.9, -1.5, MINGLE),
    ("MagMax", "none", 70.7, 67.0, 61.2, -8.3, -7.4, -7.2, MINGLE),
    ("Consensus TA", "none", 67.1, 64.1, 45.8, 3.8, -1.3, -11.8, MINGLE),
    ("OPCM", "none", 75.5, 71.9, 65.7, -6.3, -6.0, -7.8, MINGLE),
    ("NUFILT, filter alone", "none", 80.0, None, 67.0, -1.7, None, -6.2, NUFILT),
    ("NUFILT", "none", 83.6, None, 71.0, -2.7, None, -8.9, NUFILT),
    (BROKEN, TEST_IMAGES, 53.4, 59.8, 59.7, -32.5, -24.1, -22.7, MINGLE),
    ("MINGLE", TEST_IMAGES, 85.8, 81.6, 77.1, -0.6, -1.1, -2.2, MINGLE),
    ("OTMF", "labelled heads", 79.7, None, None, None, None, None, OTMF),
    ("OTMF without masks", "labelled heads", 64.0, None, None, None, None, None, OTMF),
    ("OTMF without head tuning", "unlabelled images", 72.2, None, None, None, None, None, OTMF),
)
COLUMNS = ["method", "labels", "acc_8", "acc_14", "acc_20", "bwt_8", "bwt_14", "bwt_20", "source"]
TWO_TASKS = "On two tasks, SUN397 and Cars, the OTMF paper reports 68.8% and 66.5%."


def published() -> pd.DataFrame:
    """A row per method: labels it reads, ACC in percent and BWT in points for 8, 14 and 20 tasks, and the source."""
    return pd.DataFrame(ROWS, columns=COLUMNS)


def published_tables() -> None:
    """Draw what papers report, of images and of texts: tables of their own, labelled as not measured here."""
    _images()
    published_texts_table()


def _images() -> None:
    column = st.column_config
    columns = {"labels": column.TextColumn("Labels used", width=150)}
    for tasks in (8, 14, 20):
        columns[f"acc_{tasks}"] = column.NumberColumn(f"ACC {tasks} (%)", format="%.1f", width=90)
        columns[f"bwt_{tasks}"] = column.NumberColumn(f"BWT {tasks} (pt)", format="%+.1f", width=90)
    reported(
        published(),
        "CLIP ViT-B/32",
        f". {TWO_TASKS}",
        columns,
        FOOTNOTE,
        key="published",
        name="published-vit-b-32",
    )
