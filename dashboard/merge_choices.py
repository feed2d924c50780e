"""The choices of the merge form, which other pages read and set: tasks in order, method, and settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from otmf_core.config import OF_TEXTS, MergeConfig
from otmf_core.methods.base import KINDS, Method
from otmf_core.methods.table import METHODS, TABLE

FIRST_METHOD = next(iter(METHODS))  # of a first visit
ARXIV = "arXiv "  # before a number
RUN_SETTINGS = ("heads", "head_fraction", "head_lr", "evaluate", "seed", "device")  # in the options, of every method


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


def setting_key(method: str, name: str) -> str:
    """The key of a method's own setting in the form, so that namesakes of two methods keep apart."""
    return f"{method}.{name}"


def chosen_options(method: str, of_texts: bool = False) -> dict[str, Any]:
    """The settings of a merge by this method, and its preset, as they were set in the options.

    Those that only merges of texts have are left out of others.
    """
    options: dict[str, Any] = st.session_state.get("options", {})
    tuned = options.get("heads", "none") != "none"
    names = (*RUN_SETTINGS, *OF_TEXTS) if of_texts else RUN_SETTINGS
    run = {name: options[name] for name in names if name in options}
    names = [*METHODS[method].described(), *(["preset"] if METHODS[method].presets else [])]
    own = {name: options[key] for name in names if (key := setting_key(method, name)) in options}
    return own | {name: value for name, value in run.items() if tuned or not name.startswith("head_")}


def choose_merge(config: MergeConfig) -> None:
    """Fill the form with a merge's tasks, method and settings, but the device, which is this computer's."""
    method = config.method
    choose_by_hand(config.tasks)
    values = {setting_key(method.name, name): getattr(method, name) for name in method.described()}
    values |= {name: getattr(config, name) for name in (*RUN_SETTINGS, *OF_TEXTS) if name != "device"}
    if method.presets:
        values[setting_key(method.name, "preset")] = config.preset
    main = {setting_key(method.name, name) for name, setting in method.described().items() if setting.shown.main}
    options = {key: value for key, value in values.items() if key not in main}
    st.session_state["options"] = st.session_state.get("options", {}) | options
    st.session_state.update({"method": method.name, **values})


def titles() -> dict[str, str]:
    """The methods' titles by name, in the order of the form."""
    return {name: method.title for name, method in zip(METHODS, TABLE, strict=True)}


def about_method(method: type[Method]) -> str:
    """What a method does, what it reads, and where its paper and its authors' code are, as Markdown."""
    parts = [method.about[:1].upper() + method.about[1:], KINDS[method.kind()]]
    if method.paper.startswith(ARXIV):
        parts.append(f"[{method.paper}](https://arxiv.org/abs/{method.paper.removeprefix(ARXIV)})")
    elif method.paper:
        parts.append(method.paper)
    if method.code:
        parts.append(f"[authors' code](https://{method.code})")
    lines = [" · ".join(parts), method.differs]
    return "\n\n".join(line for line in lines if line)
