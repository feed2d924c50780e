"""The dialog that adds a task to a library of texts."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

import streamlit as st

from dashboard.app_pages.library.dialogs import (
    begin,
    close_dialog,
    key,
    lines,
    model_input,
    on_press,
    splits_input,
    text,
)
from dashboard.app_pages.library.work import add_to
from dashboard.library.folders import typed_path
from otmf_core.errors import InputError
from otmf_core.library.known_texts import known_text, known_texts
from otmf_core.library.library import Library
from otmf_core.library.making.add import NewTask

METRICS: dict[str, Literal["accuracy", "spearman"] | None] = {
    "By default": None,
    "Accuracy": "accuracy",
    "Spearman's ρ": "spearman",
}
ABOUT_TASK = "One of GLUE's eight brings its prompt and answers; or type any other name and press Enter."
ABOUT_MODEL = (
    "The folder of a T5 that was fine-tuned from the library's pre-trained model, or of a LoRA adapter, on the machine "
    "that runs this program; or one file of weights of at most 2 GB to upload."
)
ABOUT_DATA = "Parquet tables, JSON lines, CSV or TSV: a column for each field of the prompt, and one of labels."
ABOUT_PROMPT = "What is asked, with columns of the data set in braces."
ABOUT_ANSWERS = "One on each line, in the order of the labels."
ABOUT_METRIC = (
    "Answers are right or wrong, or numbers that are compared by rank; by default as of a known task, else accuracy."
)


@st.dialog("Add a task", width="medium", on_dismiss=close_dialog)
def add_texts_dialog(library: Library) -> None:
    """Ask for a task's model and texts, what is asked and what is answered, and add it."""
    there = {task.id for task in library.tasks}
    name = st.selectbox(
        "Task",
        [task.name for task in known_texts() if task.id not in there],
        index=None,
        key=key("text-task"),
        accept_new_options=True,
        placeholder="Choose one, or type a name",
        help=ABOUT_TASK,
        persist_state="session",
    )
    known = known_text(name) if name else None
    source = model_input("Fine-tuned model", "text-model", "the fine-tuned model", ABOUT_MODEL)
    left, right = st.columns([3, 1])
    with left:
        data = text("Texts", "text-data", placeholder="Path of a data set", about=ABOUT_DATA)
    with right:
        config = text("Configuration", "text-config", placeholder="The only one", about="If it has several.")
    asked = known.prompt if known else "Is this good or bad? {sentence}"
    prompt = text("Prompt", "text-prompt", placeholder=asked, about=ABOUT_PROMPT)
    left, right = st.columns(2)
    with left:
        answers = lines(
            "Answers", "text-answers", "\n".join(known.answers if known else ("bad", "good")), ABOUT_ANSWERS
        )
    with right:
        metric = st.segmented_control(
            "Compared by",
            list(METRICS),
            default=next(iter(METRICS)),
            required=True,
            key=key("text-metric"),
            help=ABOUT_METRIC,
            persist_state="session",
        )
    with st.expander("Splits, and where it comes from"):
        sizes, seed, transductive = splits_input("text", library.noun)
        left, right = st.columns(2)
        with left:
            licence = text("Licence of the texts", "text-licence", about="Model cards name it.")
        with right:
            hub = text("Name on the hub", "text-source", placeholder="org/name", about="For model cards.")
    copy = st.checkbox(
        "Copy its task vector into the library",
        key=key("text-copy"),
        help="Otherwise the model is referred to where it lies. Texts are always copied.",
        persist_state="session",
    )

    def act() -> None:
        if not name:
            raise InputError("a task has a name, received none")
        chosen = source()
        task = NewTask(
            name=name,
            checkpoint=chosen if isinstance(chosen, Path) else Path(),
            data=typed_path(data, "its data set"),
            config=config or None,
            classes=answers,
            prompt=prompt,
            metric=METRICS[metric],
            licence=licence,
            source=hub or None,
            copy=copy,
            transductive=transductive,
            sizes=sizes,
            seed=seed,
        )
        upload = None if isinstance(chosen, Path) else chosen
        begin(f"Adding {name} to {library.name}", partial(add_to, library.root, task, upload, noun=library.noun))

    on_press("Add", ":material/add:", act)
