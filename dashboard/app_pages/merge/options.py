"""The merge form's options: every field of a merge beside its tasks, method and weight, with a preset's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.merge_choices import PRESET_FIELDS, chosen_options
from dashboard.text import sentence
from otmf_core.config import PRESETS, MergeConfig

HEAD_NAMES = {"none": "Zero-shot", "tuned": "Tuned on labels"}
DEVICES = ("auto", "cpu", "cuda", "mps")
SPACE_NAMES = {
    "logits": "Cosine logits",
    "features": "Features, normalised",
    "raw": "Raw features",
    "softmax": "Softmax",
}
UPDATE_NAMES = {"joint": "Both at once", "alternating": "In turns"}
SCHEDULE_NAMES = {"cosine": "Cosine decay", "constant": "Constant"}
EVALUATION_NAMES = {"seen": "Merged and next", "all": "All tasks"}


def merge_options(method: str) -> dict[str, Any]:
    """Draw the options of a method, in an expander that is empty while it is closed; return what was set in it."""
    panel = st.expander("Options", icon=":material/tune:", key="options_open", on_change="rerun")
    if panel.open:
        with panel:
            st.session_state["options"] = st.session_state.get("options", {}) | _draw_options(method)
    return chosen_options(method)


def _draw_options(method: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    fill_in_preset(only_missing=True)
    if method == "otmf":
        fields["preset"] = _choice(
            "preset",
            "Preset",
            {name: name.capitalize() for name in PRESETS},
            "`paper` uses the settings of arXiv 2511.19561: alternating updates, raw features, nothing kept.",
            on_change=fill_in_preset,
        )
        fields |= _masks() | _transport()
    st.markdown("**Heads and evaluation**")
    with st.container(horizontal=True):
        fields["heads"] = _choice(
            "heads",
            "Heads",
            HEAD_NAMES,
            "Tuning reads labels: a share of each task's labelled pool. Results are stamped with it.",
            default="none",
        )
        fields["evaluate"] = _choice(
            "evaluate",
            "Evaluate after a step",
            EVALUATION_NAMES,
            "Which tasks are tested after each step. All tasks take longer; after the last step all are tested anyway.",
            default="seen",
        )
    if fields["heads"] == "tuned":
        left, right = st.columns(2, vertical_alignment="bottom")
        fields["head_fraction"] = left.slider(
            "Share of labels",
            0.05,
            1.0,
            0.25,
            0.05,
            format="percent",
            key="head_fraction",
            persist_state="session",
            help=_about("head_fraction"),
        )
        fields["head_lr"] = _number(right, "head_lr", "Rate of tuning", 0.0001, 1.0, 0.0005)
    left, right = st.columns(2)
    fields["seed"] = left.number_input(
        "Seed", 0, 2**31 - 1, 0, key="seed", persist_state="session", help="Seed of every draw: same seed, same run."
    )
    fields["device"] = right.selectbox(
        "Device", DEVICES, key="device", persist_state="session", help="auto takes a GPU where there is one."
    )
    return fields


def _masks() -> dict[str, Any]:
    st.markdown("**Masks**")
    left, right = st.columns(2)
    fields: dict[str, Any] = {}
    fields["steps"] = _number(left, "steps", "Iterations", 1, 100_000, 10)
    fields["batch"] = _number(right, "batch", "Batch", 2, 1024, 8)
    fields["lr"] = _number(left, "lr", "Rate", 0.0001, 1.0, 0.01)
    about = "Unlabelled images kept of every earlier task; 0 is the paper's strict setting."
    fields["memory"] = _number(right, "memory", "Memory", 0, 4096, 8, about)
    with st.container(horizontal=True):
        fields["schedule"] = _choice("schedule", "Schedule of the rate", SCHEDULE_NAMES, _about("schedule"))
        fields["update"] = _choice("update", "Masks trained", UPDATE_NAMES, _about("update"))
    return fields


def _transport() -> dict[str, Any]:
    st.markdown("**Transport**")
    left, right = st.columns(2)
    fields: dict[str, Any] = {}
    fields["space"] = left.selectbox(
        "Measured in",
        list(SPACE_NAMES),
        format_func=SPACE_NAMES.__getitem__,
        key="space",
        persist_state="session",
        help=_about("space"),
    )
    fields["blur"] = _number(right, "blur", "Blur", 0.001, 10.0, 0.01)
    fields["p"] = _choice("p", "Cost", {1: "Distance (p = 1)", 2: "Squared (p = 2)"}, _about("p"))
    return fields


def _choice(key: str, label: str, options: Mapping[Any, str], about: str, **more: Any) -> Any:
    """Draw a choice among `options`, names by value."""
    return st.segmented_control(
        label,
        list(options),
        format_func=options.__getitem__,
        key=key,
        persist_state="session",
        required=True,
        help=about,
        width="content",
        **more,
    )


def _number(
    column: DeltaGenerator, key: str, label: str, lowest: float, highest: float, step: float, about: str = ""
) -> Any:
    """Draw the input of a number of the preset's; its help is the field's own description by default."""
    return column.number_input(
        label,
        lowest,
        highest,
        step=step,
        format="%.4g" if isinstance(step, float) else None,
        key=key,
        persist_state="session",
        help=about or _about(key),
    )


def _about(field: str) -> str:
    """A field's own description as a sentence."""
    return sentence(MergeConfig.model_fields[field].description or "")


def fill_in_preset(only_missing: bool = False) -> None:
    """Put the numbers of the chosen preset into the form."""
    state = st.session_state
    values = MergeConfig.build(state.setdefault("preset", "default"), tasks=("any", "other"))
    for field in PRESET_FIELDS:
        if not only_missing or field not in state:
            state[field] = getattr(values, field)
