"""The tools of a stored run: its name and note, and the buttons that take it along or delete it."""

from __future__ import annotations

import streamlit as st

from dashboard.app_pages.runs.attempts import attempt
from dashboard.app_pages.runs.deletion import confirm_deletion
from dashboard.app_pages.runs.transfer import download_button, export_controls
from dashboard.report.button import report_button
from dashboard.runs import changes
from dashboard.sharing.rules import why_not_changed
from dashboard.state import queue
from otmf_core.runs.folder import NAME_LENGTH, NOTE_LENGTH, Run
from otmf_core.runs.lock import owner


def run_tools(run: Run, after: str | None) -> None:
    """Draw the name, the note and the buttons of a stored run; `after` is the run to show once it is deleted."""
    busy, locked = run.id in dict(queue().active()) or owner(run.path) is not None, why_not_changed()
    for field, stored in (("name", run.name), ("note", run.note)):
        st.session_state.setdefault(f"{field}-{run.id}", stored)
    left, right = st.columns(2)
    with left:
        st.text_input(
            "Name",
            key=f"name-{run.id}",
            max_chars=NAME_LENGTH,
            placeholder="Shown beside the run's id",
            on_change=_save_note,
            args=(run, "name"),
            disabled=locked is not None,
        )
        with st.container(horizontal=True, gap="small"):
            download_button(run, busy)
            report_button([run], "runs-report")
            layout = export_controls(run)
            if st.button(
                "Delete",
                icon=":material/delete:",
                key="runs-delete",
                disabled=busy or locked is not None,
                help=locked or ("A run can be deleted once it has ended." if busy else None),
            ):
                confirm_deletion(run, after)
        st.caption(layout)
    with right:
        st.text_area(
            "Note",
            key=f"note-{run.id}",
            max_chars=NOTE_LENGTH,
            height=124,
            placeholder="What was this run for, and what did it show?",
            on_change=_save_note,
            args=(run, "note"),
            disabled=locked is not None,
        )
    st.space("small")


def _save_note(run: Run, field: str) -> None:
    text = st.session_state[f"{field}-{run.id}"]
    attempt(lambda: changes.note(run, field, text), f"The {field} was not saved")
