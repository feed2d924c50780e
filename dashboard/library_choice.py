"""The library to merge from: one that is installed, or any folder that holds one."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.widgets import sentence
from otmf_core.errors import InputError
from otmf_core.library import Library, list_libraries, open_library

HELP = (
    "An installed library; or type the path of a folder with a `manifest.json`, on the machine that runs this program."
)


def choose_library() -> tuple[str, Library]:
    """Draw the choice; returns what a configuration calls the library, and the library, or ends the page saying why."""
    try:
        installed = {library.root.name: library.name for library in list_libraries()}
        typed = {st.session_state.get("library")} - {None, *installed}
        name = st.selectbox(
            "Library",
            [*installed, *typed],
            format_func=lambda name: installed.get(name, name),
            key="library",
            persist_state="session",
            accept_new_options=True,
            placeholder="Path of a library folder",
            help=HELP,
        )
        if name is None or (not installed and name == Path(name).name):
            st.error("A merge needs a library of models, and none is installed under assets/.", title="No library")
            st.stop()
        if name not in installed:
            name = str(Path(name).expanduser().resolve())  # so that the run can be resumed from anywhere
        library = open_library(name)
        if not library.tasks:
            raise InputError(f"a library has tasks, and {library.name} has none")
        return name, library
    except InputError as error:
        st.error(sentence(str(error)), title="The library cannot be read")
        st.stop()
