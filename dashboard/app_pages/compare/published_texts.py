"""Results that papers and FusionBench report for merges of Flan-T5-base on GLUE; copied, not measured here."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.app_pages.compare.reported import reported

FUSION_BENCH = "FusionBench, docs/modelpool/flan-t5_generation.md: full fine-tuning, validation splits"
MINGLE = "MINGLE (arXiv 2505.11883), table 2"
NUFILT = "NUFILT (arXiv 2509.21413); copied from others' extracts of its tables"

# Method, how experts are merged, mean over the eight tasks, source.
ROWS = (
    ("Pre-trained", "not at all", 75.7, FUSION_BENCH),
    ("Individual", "not at all", 86.4, FUSION_BENCH),
    ("Average", "all at once", 78.9, FUSION_BENCH),
    ("Task arithmetic, λ 0.3", "all at once", 78.9, FUSION_BENCH),
    ("TIES, λ 0.3", "all at once", 79.9, FUSION_BENCH),
    ("Continual task arithmetic", "one after another", 77.6, MINGLE),
    ("Continual TIES", "one after another", 75.6, MINGLE),
    ("OPCM", "one after another", 80.6, MINGLE),
    ("MINGLE", "one after another", 83.3, MINGLE),
    ("NUFILT", "one after another", 83.7, NUFILT),
)
NOT_PUBLISHED = (
    "OTMF's own figures for Flan-T5 are in no copy at hand, nor the recipe they were made with: what OTMF does with "
    "texts here is our choice."
)


def published_texts() -> pd.DataFrame:
    """A row per method: how its experts are merged, the mean accuracy on GLUE's eight tasks in percent, the source."""
    return pd.DataFrame(ROWS, columns=["method", "merged", "acc", "source"])


def published_texts_table() -> None:
    """Draw what was reported for texts: a table of its own, labelled as not measured here."""
    column = st.column_config
    reported(
        published_texts(),
        "Flan-T5-base on GLUE",
        "; of STS-B Spearman's correlation counts.",
        {
            "merged": column.TextColumn("Merged", width=150),
            "acc": column.NumberColumn("ACC 8 (%)", format="%.1f", width=90),
        },
        NOT_PUBLISHED,
        key="published-texts",
        name="published-glue",
    )
