"""The picker of the library to look at or to merge from: installed, made on the page, or any folder that holds one."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import streamlit as st

from dashboard.engine.warm_up import warm_up_texts
from dashboard.library.folders import made_libraries
from dashboard.text import reason
from otmf_core.errors import InputError
from otmf_core.files import shown, user_path
from otmf_core.library.library import Library, list_libraries, open_library

LIBRARY_KEY = "library_chosen"  # of the session's state, kept from page to page; a widget's own key is not
HELP = (
    "A library that is installed or was made here; or type the path of a folder with a `manifest.json`, on the machine "
    "that runs this program, and press Enter."
)


def choose_library() -> tuple[str, Library]:
    """Draw the picker, one for all pages; return what a configuration calls the library, and the library.

    Ends the page with the reason where there is none, or none that can be read.
    """
    try:
        installed = _installed()
        offered = offered_libraries()
        if linked := st.query_params.get("library") or st.session_state.get(LIBRARY_KEY):
            st.session_state["library"] = linked
        remembered = st.session_state.get("library")
        folders = [remembered] if remembered is not None and remembered not in offered else []
        name = st.selectbox(
            "Library",
            [*offered, *folders],
            format_func=lambda name: str(offered.get(name, name)),
            key="library",
            accept_new_options=True,
            placeholder="Path of a library folder",
            help=HELP,
            width=520,
            on_change=_remember,
        )
        if name is None or (not installed and name == Path(name).name):
            st.error(
                "None is installed under assets/. Make one on the Library page, or type the path of a folder.",
                title="There is no library",
            )
            st.stop()
        st.session_state[LIBRARY_KEY] = name
        if name != next(iter(offered), None):
            st.query_params["library"] = name
        name = name_in_config(name, installed)
        library = open_library(name)
        if library.of_texts:
            warm_up_texts()
        return name, library
    except InputError as error:
        st.error(reason(error), title="The library cannot be read")
        st.stop()


def offered_libraries() -> dict[str, str]:
    """The libraries to choose from: what each is called in a link, and on a page, where no two are called alike."""
    offered = _installed()
    for folder, name in made_libraries().items():
        offered[folder] = name if name not in offered.values() else f"{name} ({Path(folder).name})"
    return offered


def _installed() -> dict[str, str]:
    return {library.root.name: library.name for library in list_libraries()}


def show_library(root: Path) -> None:
    """Have every page show the library in that folder."""
    _choose(str(root))


def name_in_config(name: str, installed: Collection[str]) -> str:
    """The library's name in a configuration: an installed one's id, or a whole path, to be resumed from anywhere.

    Raises InputError for a path that no disk has.
    """
    if name in installed:
        return name
    try:
        folder = user_path(name).resolve()
        folder.stat()
    except FileNotFoundError:
        pass  # the library's own sentence says what is installed
    except (OSError, RuntimeError) as error:  # a name longer than a disk has, a loop of links
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"a library is a folder on this machine: {shown(name)} leads nowhere ({why})") from None
    return str(folder)


def _remember() -> None:
    _choose(st.session_state["library"])


def _choose(name: str) -> None:
    """Remember the library just chosen; the link is of the one before, and so is its task."""
    st.session_state[LIBRARY_KEY] = name
    for part in ("library", "task"):
        st.query_params.pop(part, None)
