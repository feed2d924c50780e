"""The merge form: what to merge, how, and whether that can run."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.task_order import task_order
from dashboard.widgets import METHODS, sentence
from otmf_core.config import PRESETS, MergeConfig
from otmf_core.errors import InputError
from otmf_core.library import Library

ABOUT = """
**OTMF** learns masks over the merged and the incoming task vector by optimal transport, on unlabelled images.

**Average** keeps the running mean of the task vectors (SWA); **task arithmetic** adds each one, scaled by λ. Neither
reads an image.
"""
HEADS = {"none": "Zero-shot", "tuned": "Tuned on labels"}
DEVICES = ("auto", "cpu", "cuda", "mps")


def merge_form(library: Library) -> MergeConfig | None:
    """Draw the form; returns the merge it describes, or None, with the reason on the page, where it cannot run."""
    tasks = task_order(library)
    method = st.segmented_control(
        "Method",
        list(METHODS),
        default="otmf",
        format_func=METHODS.__getitem__,
        key="method",
        persist_state="session",
        required=True,
        help=ABOUT,
    )
    fields: dict[str, Any] = {"tasks": tasks, "library": library.id, "method": method}
    if method == "otmf":
        fields["alpha"] = st.slider(
            "α, retention",
            0.0,
            1.0,
            0.8,
            0.05,
            key="alpha",
            persist_state="session",
            help="Each fusion keeps α of the merged task vector and takes 1 − α of the incoming one, before masks.",
        )
    if method == "task-arithmetic":
        fields["scaling"] = st.slider(
            "λ, scaling",
            0.0,
            1.0,
            0.3,
            0.05,
            key="scaling",
            persist_state="session",
            help="Factor of every task vector; the field uses 0.3 for 8 tasks and 0.1 for 14 and 20.",
        )
    button = st.container()
    with st.expander("Options", icon=":material/tune:"):
        fields |= _options(method)
    try:
        return _run_button(button, MergeConfig.build(**fields))
    except InputError as error:
        button.button("Run", type="primary", icon=":material/play_arrow:", width="stretch", disabled=True, key="run")
        button.warning(sentence(str(error)), icon=":material/info:")
        return None


def _run_button(place, config: MergeConfig) -> MergeConfig | None:
    """The Run button of a merge that can run; returns the merge when it is pressed."""
    pressed = place.button("Run", type="primary", icon=":material/play_arrow:", width="stretch", key="run")
    return config if pressed else None


def _options(method: str) -> dict[str, Any]:
    """The expander's fields; those of the masks only where there are masks."""
    fields: dict[str, Any] = {}
    if method == "otmf":
        _defaults_of_preset(only_missing=True)
        fields["preset"] = st.segmented_control(
            "Preset",
            list(PRESETS),
            default="default",
            format_func=str.capitalize,
            key="preset",
            on_change=_defaults_of_preset,
            persist_state="session",
            required=True,
            help="`paper` uses the settings of arXiv 2511.19561: alternating updates, raw features, nothing kept.",
        )
        left, right = st.columns(2)
        fields["steps"] = left.number_input(
            "Mask steps", 1, 100_000, step=10, key="steps", persist_state="session", help="Per fusion."
        )
        fields["memory"] = right.number_input(
            "Memory",
            0,
            4096,
            step=8,
            key="memory",
            persist_state="session",
            help="Unlabelled images kept of every earlier task; 0 is the paper's strict setting.",
        )
    fields["heads"] = st.segmented_control(
        "Heads",
        list(HEADS),
        default="none",
        format_func=HEADS.__getitem__,
        key="heads",
        persist_state="session",
        required=True,
        help="Tuning reads the labels of a quarter of each task's labelled pool; results are stamped with it.",
    )
    left, right = st.columns(2)
    fields["seed"] = left.number_input("Seed", 0, 2**31 - 1, 0, key="seed", persist_state="session")
    fields["device"] = right.selectbox("Device", DEVICES, key="device", persist_state="session")
    return fields


def _defaults_of_preset(only_missing: bool = False) -> None:
    """Fill in the numbers a preset sets."""
    defaults = MergeConfig.build(st.session_state.get("preset", "default"), tasks=("any", "other"))
    for field in ("steps", "memory"):
        if not only_missing or field not in st.session_state:
            st.session_state[field] = getattr(defaults, field)
