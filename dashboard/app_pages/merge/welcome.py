"""The Merge page before the first run: what Run does, and examples that the models know."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.library.calibration_sheets import calibration_sheet
from dashboard.library.samples import calibration_samples
from dashboard.runs.example import example_runs, is_whole
from dashboard.sharing.rules import why_not_changed
from dashboard.text import excerpt, letters, plural, reason
from otmf_core.errors import InputError
from otmf_core.library.library import Library

LONGEST_SAMPLE = 240  # characters of a text


def welcome(library: Library, tasks: Sequence[str]) -> None:
    """Draw what Run does with `tasks`, and a few calibration examples of each, in merge order."""
    st.subheader("One model out of many, fused task by task", anchor=False)
    begin = "A merge fuses" if why_not_changed() else "Press **Run** to merge"
    watch = "one sees" if why_not_changed() else "watch"
    st.markdown(
        f"{begin} {len(tasks)} fine-tuned models of {letters(library.name)} into one, and {watch} what "
        f"the merged model gains with each task and what it forgets. These are the {library.noun} they know:"
    )
    for run in filter(is_whole, example_runs()):
        st.page_link(
            "app_pages/accuracy/page.py",
            label="Look at a finished one first",
            icon=":material/show_chart:",
            query_params={"run": run.id},
        )
    try:
        (_texts if library.of_texts else _images)(library, tasks)
    except InputError as error:
        st.error(reason(error), title="The library cannot be read")


def _images(library: Library, tasks: Sequence[str]) -> None:
    with st.grid(4, min_column_width=120):
        for task in tasks:
            info = library.task(task)
            st.image(
                calibration_sheet(str(library.root), task),
                caption=f"{letters(info.name)} · {len(info.classes)} classes",
                width="stretch",
            )


def _texts(library: Library, tasks: Sequence[str]) -> None:
    """Draw of each task two questions, and the answers to them."""
    with st.grid(2, min_column_width=260):
        for task in tasks:
            info = library.task(task)
            with st.container(border=True, gap="small", height="stretch"):
                st.markdown(f"**{letters(info.name)}** · {plural(len(info.classes), 'answer')}")
                for sample in calibration_samples(str(library.root), library.manifest_hash, task):
                    st.caption(f"{excerpt(sample.prompt, LONGEST_SAMPLE)} **{excerpt(sample.answer, LONGEST_SAMPLE)}**")
