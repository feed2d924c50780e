"""The buttons at the top of the Library page, and the dialog that one of them has opened."""

from __future__ import annotations

import streamlit as st

from dashboard.app_pages.library.dialogs import open_dialog, opened
from dashboard.app_pages.library.new_dialogs import fetch_dialog, new_dialog
from dashboard.app_pages.library.task_dialogs import add_dialog, check_dialog
from dashboard.app_pages.library.text_task_dialog import add_texts_dialog
from dashboard.library.folders import is_made_here, libraries_folder
from dashboard.sharing.rules import why_not_changed
from dashboard.text import letters
from otmf_core.library import library as installed
from otmf_core.library.library import Library


def making_buttons() -> None:
    """Draw the buttons that need no library, and their dialogs."""
    locked = why_not_changed()
    _button("New library", "new", ":material/add:", locked)
    _button("Fetch a suite", "fetch", ":material/download:", locked)
    if locked:
        return
    if opened() == "new":
        new_dialog()
    elif opened() == "fetch":
        fetch_dialog()


def task_buttons(library: Library) -> None:
    """Draw the buttons on a library, and their dialogs."""
    locked = why_not_changed()
    refusal = locked or _why_not_added_to(library)
    _button("Add a task", "add", ":material/library_add:", refusal)
    _button("Check", "check", ":material/fact_check:", locked)
    if locked:
        return
    if opened() == "add" and refusal is None:
        (add_texts_dialog if library.of_texts else add_dialog)(library)
    elif opened() == "check":
        check_dialog(library)


def _why_not_added_to(library: Library) -> str | None:
    if is_made_here(library):
        return None
    if library.root.parent == installed.ASSETS:
        return "This library came with the program, and stays as it is. Make a new one to add tasks to."
    folder = letters(str(libraries_folder()))
    return f"Tasks are added here to libraries in {folder}, and to any other by the command otmf library add."


def _button(label: str, name: str, icon: str, refusal: str | None = None) -> None:
    st.button(
        label,
        icon=icon,
        key=f"library-{name}",
        on_click=open_dialog,
        args=(name,),
        disabled=refusal is not None,
        help=refusal,
    )
