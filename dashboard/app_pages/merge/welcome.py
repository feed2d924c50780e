"""What the Merge page shows before the first run: what Run does, and the images that the models know."""

from __future__ import annotations

import streamlit as st

from dashboard.library.calibration_sheets import calibration_sheet
from otmf_core.library.library import Library


def gallery(library: Library, tasks: list[str]) -> None:
    """Draw one sheet per task, in merge order; raises InputError when images are missing or damaged."""
    with st.grid(4, min_column_width=120):
        for task in tasks:
            info = library.task(task)
            st.image(
                calibration_sheet(str(library.root), task),
                caption=f"{info.name} · {len(info.classes)} classes",
                width="stretch",
            )
