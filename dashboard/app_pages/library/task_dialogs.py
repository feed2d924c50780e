"""The dialogs on a library's tasks: one more of them, and a check of all."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from dashboard.app_pages.library.dialogs import (
    begin,
    close_dialog,
    key,
    lines,
    model_input,
    on_press,
    optional_path,
    text,
)
from dashboard.app_pages.library.task_fields import begin_adding, data_input, name_input, origin_input
from dashboard.app_pages.library.work import look_over
from dashboard.text import letters
from otmf_core.library.known_tasks import known_task, known_tasks
from otmf_core.library.library import Library
from otmf_core.library.making.classes import TEMPLATES

ABOUT_TASK = "One of the field's twenty brings its classes and templates; or type any other name and press Enter."
ABOUT_MODEL = (
    "A checkpoint of the library's pre-trained model, or the folder of a LoRA adapter, on the machine that runs this "
    "program; or one file of at most 2 GB to upload."
)
ABOUT_DATA = "Folders of classes, Parquet tables, tars, arrays, or a data set as torchvision keeps it."
ABOUT_COPY = "Put its task vector and all pictures into the library. Otherwise they are referred to where they lie."


@st.dialog("Add a task", width="medium", on_dismiss=close_dialog)
def add_dialog(library: Library) -> None:
    """Ask for a task's model and pictures, and add it."""
    there = {task.id for task in library.tasks}
    name = name_input("add", [task.name for task in known_tasks() if task.id not in there], ABOUT_TASK)
    known = known_task(name) if name else None
    source = model_input("Fine-tuned model", "add-model", "the fine-tuned model", ABOUT_MODEL)
    data = data_input("add", "Pictures", ABOUT_DATA)
    with st.expander("Head, classes and templates"):
        head = text("Head", "add-head", placeholder="Made by the text tower", about="Path of its classifier.")
        left, right = st.columns(2)
        with left:
            its = f"The {len(known.classes)} of {known.name}" if known else "Those of the data set"
            classes = lines("Classes", "add-classes", its, "A name on each line, in the order of the labels.")
        with right:
            its = "\n".join(known.templates if known else TEMPLATES)
            templates = lines("Templates", "add-templates", its, "One on each line, with {} where the class stands.")
    origin = origin_input("add", "pictures", library.noun)
    copy = st.checkbox("Copy all of it into the library", key=key("add-copy"), help=ABOUT_COPY, persist_state="session")

    def own() -> dict[str, Any]:
        return {"head": optional_path(head, "its head"), "classes": classes, "templates": templates, "copy": copy}

    def act() -> None:
        begin_adding(library, name, source, data, origin, own)

    on_press("Add", ":material/add:", act)


@st.dialog("Check this library", on_dismiss=close_dialog)
def check_dialog(library: Library) -> None:
    """Ask on how many examples, and check the library."""
    st.markdown(
        f"Reads every file of {letters(library.name)}, holds hashes, keys and values against what they must be, and "
        "measures each task without and with its fine-tuned model, beside what was published."
    )
    images = st.number_input(
        f"Test {library.noun} a task",
        min_value=0,
        max_value=2_000_000,
        value=200,
        step=50,
        key=key("check-images"),
        help="0: nothing is measured.",
        persist_state="session",
    )

    def act() -> None:
        begin(f"Checking {library.name}", partial(look_over, library.root, images))

    on_press("Check", ":material/fact_check:", act)
