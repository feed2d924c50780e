"""The Merge page before the first run: what Run does, and images that the models know."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.library.calibration_sheets import calibration_sheet
from dashboard.runs.example import example_runs, is_whole
from dashboard.text import letters, reason
from otmf_core.errors import InputError
from otmf_core.library.library import Library


def welcome(library: Library, tasks: Sequence[str]) -> None:
    """Draw what Run does with `tasks`, and a sheet of calibration images of each, in merge order."""
    st.subheader("One model out of many, fused task by task", anchor=False)
    st.markdown(
        f"Press **Run** to merge {len(tasks)} fine-tuned models of {letters(library.name)} into one, and watch what "
        "the merged model gains with each task and what it forgets. These are the images they know:"
    )
    for run in filter(is_whole, example_runs()):
        st.page_link(
            "app_pages/accuracy/page.py",
            label="Look at a finished one first",
            icon=":material/show_chart:",
            query_params={"run": run.id},
        )
    try:
        with st.grid(4, min_column_width=120):
            for task in tasks:
                info = library.task(task)
                st.image(
                    calibration_sheet(str(library.root), task),
                    caption=f"{letters(info.name)} · {len(info.classes)} classes",
                    width="stretch",
                )
    except InputError as error:
        st.error(reason(error), title="The library cannot be read")
