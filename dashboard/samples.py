"""What the tasks look like: a small sheet of each task's calibration images."""

from __future__ import annotations

import io

import pyarrow.parquet as pq
import streamlit as st
from PIL import Image

from otmf_core.errors import InputError
from otmf_core.library import Library, open_library

COLUMNS, ROWS = 4, 2
SIDE = 64  # pixels of one image on the sheet


def gallery(library: Library, tasks: list[str]) -> None:
    """Draw one sheet per task, in merge order; raises InputError when images are missing or damaged."""
    with st.grid(4, min_column_width=120):
        for task in tasks:
            info = library.task(task)
            st.image(
                _sheet(str(library.root), task),
                caption=f"{info.name} · {len(info.classes)} classes",
                width="stretch",
            )


@st.cache_data(max_entries=64, show_spinner=False)
def _sheet(root: str, task: str) -> bytes:
    """A PNG of images of different classes, as many classes as there are or as fit."""
    library = open_library(root)
    files = library.task(task).files
    if "calibration" not in files:
        raise InputError(f"a task has calibration images: the manifest names none for {task!r} in {root}")
    rows = pq.read_table(library.path(files["calibration"]), columns=["image", "label"]).to_pylist()
    first = {row["label"]: row["image"] for row in reversed(rows)}
    chosen = [*first.values(), *(row["image"] for row in rows)][: COLUMNS * ROWS]
    sheet = Image.new("RGB", (COLUMNS * SIDE, ROWS * SIDE))
    for place, blob in enumerate(chosen):
        picture = Image.open(io.BytesIO(blob)).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        sheet.paste(picture, (place % COLUMNS * SIDE, place // COLUMNS * SIDE))
    png = io.BytesIO()
    sheet.save(png, format="PNG")
    return png.getvalue()
