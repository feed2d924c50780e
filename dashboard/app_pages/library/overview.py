"""The head of the Library page: the library's description and a row of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.text import letters, reason
from dashboard.ui.layout import numbers
from otmf_core.errors import InputError
from otmf_core.library.library import Library
from otmf_core.models.checkpoints import parameters, read_header


def overview(library: Library) -> None:
    """Draw what the library is, in a sentence and a row of numbers."""
    if library.manifest.description:
        st.markdown(letters(library.manifest.description))
    classes = sum(len(task.classes) for task in library.tasks)
    answers = "Answers" if library.of_texts else "Classes"
    values: dict[str, tuple[str | None, str | None]] = {
        "Tasks": (f"{len(library.tasks)}", None),
        answers: (f"{classes}", None),
    }
    try:
        header = read_header(library.backbone("weights"))
    except InputError as error:
        st.error(reason(error), title="The pre-trained model cannot be read")
    else:
        tower = {name: value for name, value in header.items() if name.startswith(library.prefix)}
        size = f"{parameters(tower) / 1e6:.2f} M"
        network, its = ("T5", "T5") if library.of_texts else ("Image tower", "image tower")
        values[network] = size, f"Parameters of the {its}: what a merge changes."
    if recorded := _recorded(library.manifest.recipe):
        suite, split = letters(f"{recorded['suite']}"), letters(f"{recorded['split']}")
        source = f"mean over the {suite} tasks, {split} {library.noun}, recorded when the library was made."
        values["Zero-shot"] = f"{recorded['zero_shot']:.1f}%", f"Accuracy of the pre-trained model: {source}"
        own = f"Accuracy of each fine-tuned model on its task: {source}"
        values["Individual"] = f"{recorded['individual']:.1f}%", own
    numbers(values, "library")


def _recorded(recipe: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The figures that a library's maker recorded last, where there are any; of a recipe nothing is known."""
    figures = recipe.get("figures")
    last = figures[-1] if isinstance(figures, list) and figures else figures
    if not isinstance(last, dict) or not {"suite", "split"} <= last.keys():
        return None
    return last if all(isinstance(last.get(name), int | float) for name in ("zero_shot", "individual")) else None
