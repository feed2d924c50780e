"""Run folders that cannot be read: which and why, and the dialog that deletes one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.app_pages.runs.attempts import attempt
from dashboard.app_pages.runs.deletion import cancel_or_delete
from dashboard.sharing.rules import why_not_changed
from dashboard.state import queue
from dashboard.text import letters, sentence
from otmf_core.runs.folder import Damaged


def show_damaged(damaged: Sequence[Damaged]) -> None:
    """Draw a warning that names the folders and the reasons, with a way to delete each."""
    if not damaged:
        return
    folders = "A run folder" if len(damaged) == 1 else f"{len(damaged)} run folders"
    st.warning(
        "\n".join(f"- {letters(sentence(folder.sentence))}" for folder in damaged),
        title=f"{folders} cannot be shown",
        icon=":material/folder_off:",
    )
    if why_not_changed():
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = damaged[0].path.name
        if len(damaged) > 1:
            name = st.selectbox("Folder", [folder.path.name for folder in damaged], width=420, key="runs-damaged")
        if st.button("Delete this folder", icon=":material/delete:", key="runs-delete-damaged"):
            _confirm(name)


@st.dialog("Delete this folder?")
def _confirm(name: str) -> None:
    st.text(name)
    st.markdown("Everything in it is deleted for good, also what could be mended by hand. Runs stay as they are.")
    cancel_or_delete("runs-keep-damaged", "runs-delete-damaged-now", _delete, name)


def _delete(name: str) -> None:
    attempt(lambda: queue().delete(name), "The folder was not deleted")
