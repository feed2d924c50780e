"""The dialog that adds a task to a library of texts."""

from __future__ import annotations

from typing import Any, Literal

import streamlit as st

from dashboard.app_pages.library.dialogs import close_dialog, key, lines, model_input, on_press, text
from dashboard.app_pages.library.task_fields import begin_adding, data_input, name_input, origin_input
from otmf_core.library.known_texts import known_text, known_texts
from otmf_core.library.library import Library

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
    name = name_input("text", [task.name for task in known_texts() if task.id not in there], ABOUT_TASK)
    known = known_text(name) if name else None
    source = model_input("Fine-tuned model", "text-model", "the fine-tuned model", ABOUT_MODEL)
    data = data_input("text", "Texts", ABOUT_DATA)
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
    origin = origin_input("text", "texts", library.noun)
    copy = st.checkbox(
        "Copy its task vector into the library",
        key=key("text-copy"),
        help="Otherwise the model is referred to where it lies. Texts are always copied.",
        persist_state="session",
    )

    def own() -> dict[str, Any]:
        return {"classes": answers, "prompt": prompt, "metric": METRICS[metric], "copy": copy}

    def act() -> None:
        begin_adding(library, name, source, data, origin, own)

    on_press("Add", ":material/add:", act)
