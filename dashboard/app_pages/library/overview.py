"""The head of the Library page: the library's description and a row of numbers."""

from __future__ import annotations

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
    values: dict[str, tuple[str | None, str | None]] = {
        "Tasks": (f"{len(library.tasks)}", None),
        "Classes": (f"{classes}", None),
    }
    try:
        header = read_header(library.backbone("weights"))
    except InputError as error:
        st.error(reason(error), title="The pre-trained model cannot be read")
    else:
        tower = {name: value for name, value in header.items() if name.startswith("visual.")}
        size = f"{parameters(tower) / 1e6:.2f} M"
        values["Image tower"] = size, "Parameters of the image tower: what a merge changes."
    recorded = library.manifest.recipe.get("figures") or []
    if recorded:
        last = recorded[-1]
        suite, split = letters(f"{last['suite']}"), letters(f"{last['split']}")
        source = f"mean over the {suite} tasks, {split} images, recorded when the library was made."
        values["Zero-shot"] = f"{last['zero_shot']:.1f}%", f"Accuracy of the pre-trained model: {source}"
        values["Individual"] = f"{last['individual']:.1f}%", f"Accuracy of each fine-tuned model on its task: {source}"
    numbers(values, "library")
