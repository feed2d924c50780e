"""What came of a job: a library, a task, a check of all tasks, the sizes of a suite."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from dashboard.app_pages.library.jobs import library_jobs
from dashboard.app_pages.library.tables import family_text
from dashboard.app_pages.library.work import LibraryChecked, Made, Planned, TaskAdded, fetch
from dashboard.library.picker import show_library
from dashboard.text import letters, plural, reason, sentence
from otmf_core.errors import InputError
from otmf_core.library.making.check import Checked, TaskCheck


def show_outcome(outcome: object) -> None:
    """Draw what a job returned."""
    if isinstance(outcome, Made):
        _made(outcome)
    elif isinstance(outcome, TaskAdded):
        _added(outcome)
    elif isinstance(outcome, LibraryChecked):
        _checked(outcome)
    elif isinstance(outcome, Planned):
        _planned(outcome)


def _made(made: Made) -> None:
    has = f"has {plural(made.tasks, 'task')}" if made.tasks else "has no tasks yet: add some"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{letters(made.name)} {has}. It is in {letters(str(made.root))}", width="content")
        show = partial(show_library, made.root)
        st.button("Show it", icon=":material/photo_library:", key="library-show", on_click=show)


def _added(outcome: TaskAdded) -> None:
    added = outcome.added
    counts = ", ".join(f"{count:,} {split}" for split, count in added.images.items())
    kind = letters(f"{family_text(added.family)}, {added.precision}")
    st.markdown(f"{kind} · ‖Δ‖ / ‖θ⁰‖ {added.relative_norm:.2%} · {counts} {outcome.noun}")
    for note in added.notes:
        st.warning(letters(sentence(note)), icon=":material/info:")


def _planned(planned: Planned) -> None:
    suite = planned.suite
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(letters(sentence(planned.plan.sentence)), width="content")
        pressed = st.button("Fetch", type="primary", icon=":material/download:", key="library-fetch-now")
    st.caption(f"{suite.backbone}, {suite.tasks} tasks, into {letters(str(planned.root))}")
    if pressed:
        try:
            library_jobs().start(f"Fetching {suite.backbone}, {suite.tasks} tasks", partial(fetch, planned.root, suite))
        except InputError as error:  # another tab was faster
            st.error(reason(error), icon=":material/block:")
        else:
            st.rerun()


def _checked(outcome: LibraryChecked) -> None:
    checked = outcome.checked
    troubled = [task for task in checked.tasks if task.trouble]
    found = f"Trouble with {len(troubled)} of {plural(len(checked.tasks), 'task')}" if troubled else "No trouble"
    st.markdown(f"**{found}** · {letters(checked.architecture)}")
    if checked.tasks:
        _table(checked, outcome.noun)
    for task in troubled:
        for trouble in task.trouble:
            st.error(f"**{letters(task.name)}:** {letters(sentence(trouble))}", icon=":material/error:")
    for concern in checked.concerns:
        st.warning(letters(sentence(concern)), icon=":material/warning:")


def _table(checked: Checked, noun: str) -> None:
    column = st.column_config
    percent = partial(column.NumberColumn, format="%.1f")
    table = pd.DataFrame(check_row(task) for task in checked.tasks).dropna(axis=1, how="all")
    st.dataframe(
        table,
        hide_index=True,
        height=min(38 + 35 * len(table), 400),
        placeholder="",
        alt="Tasks as they were found",
        column_config={
            "task": column.TextColumn("Task", width=140),
            "format": column.TextColumn("Format"),
            "precision": column.TextColumn("Precision"),
            "norm": column.NumberColumn("‖Δ‖ / ‖θ⁰‖ (%)", format="%.2f"),
            "cosine": column.NumberColumn("Mean cosine", format="%.3f", help="To the other tasks' vectors."),
            "images": column.NumberColumn(noun.title(), format="localized"),
            "zero_shot": percent("Zero-shot (%)"),
            "published_zero_shot": percent("Published (%)"),
            "individual": percent("Individual (%)"),
            "published_individual": percent("Published (%)"),
        },
    )


def check_row(task: TaskCheck) -> dict[str, str | float | None]:
    """A task's row in the table of a check: norms in percent, what is not known left empty."""
    return {
        "task": task.name,
        "format": family_text(task.format) or None,
        "precision": task.precision or None,
        "norm": None if task.norm is None else 100 * task.norm,
        "cosine": task.cosine,
        "images": task.images or None,
        "zero_shot": task.zero_shot,
        "published_zero_shot": task.published_zero_shot,
        "individual": task.individual,
        "published_individual": task.published_individual,
    }
