"""The choices of the merge form, which other pages read and set: tasks in order, and options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from otmf_core.config import PRESETS, MergeConfig

PRESET_FIELDS = tuple(PRESETS["paper"])  # what presets set
COMMON_FIELDS = ("heads", "head_fraction", "head_lr", "evaluate", "seed", "device")  # what every method has


def chosen_tasks() -> list[str]:
    """The merge form's tasks, in order; empty on a first visit."""
    return st.session_state.get("tasks", [])


def choose_tasks(tasks: Sequence[str]) -> None:
    """Set the merge form's tasks."""
    st.session_state["tasks"] = list(tasks)


def choose_by_hand(tasks: Sequence[str]) -> None:
    """Put these tasks in this order into the form: no suite, and none of the orders to choose from."""
    choose_tasks(tasks)
    st.session_state["suite"] = st.session_state["order_seed"] = None


def chosen_options(method: str) -> dict[str, Any]:
    """The fields that were set in the options; those of the masks only for a method that has masks."""
    fields: dict[str, Any] = st.session_state.get("options", {})
    masks = method == "otmf"
    tuned = fields.get("heads") == "tuned"
    return {
        name: value
        for name, value in fields.items()
        if (masks or name in COMMON_FIELDS) and (tuned or not name.startswith("head_"))
    }


def choose_options(config: MergeConfig) -> None:
    """Set every option as in `config`, but the device, which is this computer's."""
    fields = {name: getattr(config, name) for name in ("preset", *PRESET_FIELDS, *COMMON_FIELDS) if name != "device"}
    st.session_state["options"] = st.session_state.get("options", {}) | fields
    st.session_state.update(fields)
