"""The merge form's options: every setting beside tasks, method and main settings, with a preset's values."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import streamlit as st

from dashboard.app_pages.merge.settings import is_wide, session_value, setting_input
from dashboard.merge_choices import chosen_options, setting_key
from dashboard.runs.afterwards import afterwards_toggle
from dashboard.text import sentence
from otmf_core.config import OF_TEXTS, MergeConfig, presets, run_settings
from otmf_core.library.library import Library
from otmf_core.methods.table import METHODS
from otmf_core.settings import Setting

HEAD_NAMES = {"none": "Zero-shot", "tuned": "Tuned on labels, one by one", "last": "Tuned on labels, at the end"}
EVALUATION_NAMES = {"seen": "Merged and next", "all": "All tasks", "held-out": "Held out too"}
DEVICES = ("auto", "cpu", "cuda", "mps")


def merge_options(method: str, library: Library) -> dict[str, Any]:
    """Draw the options of a method, in an expander that is empty while it is closed; return what was set in it.

    Raises InputError on a list that cannot be read.
    """
    panel = st.expander("Options", icon=":material/tune:", key="options_open", on_change="rerun")
    if panel.open:
        with panel:
            fill_in_preset(method, only_missing=True)
            st.session_state["options"] = st.session_state.get("options", {}) | _own_options(method) | _run_options()
            if library.of_texts:
                st.session_state["options"] |= _text_options()
            afterwards_toggle()
    return chosen_options(method, library.of_texts)


def _own_options(method: str) -> dict[str, Any]:
    """Draw the method's own settings, group by group, and its presets."""
    options: dict[str, Any] = {}
    if METHODS[method].presets:
        key = setting_key(method, "preset")
        options[key] = st.segmented_control(
            "Preset",
            presets(),
            format_func=str.capitalize,
            key=key,
            persist_state="session",
            required=True,
            help=f"`paper` uses the settings of {METHODS[method].paper}.",
            width="content",
            on_change=fill_in_preset,
            args=(method,),
        )
    settings = [setting for setting in METHODS[method].described().values() if not setting.shown.main]
    values = {setting.name: st.session_state[setting_key(method, setting.name)] for setting in settings}
    drawn = [setting for setting in settings if setting.applies(values)]
    for group in dict.fromkeys(setting.shown.group for setting in drawn):
        st.markdown(f"**{group}**")
        options |= _group(method, [setting for setting in drawn if setting.shown.group == group])
    # one that has no effect is not asked for, and has its value in the preset
    preset = METHODS[method].presets.get(st.session_state[setting_key(method, "preset")], {})
    unasked = [setting for setting in settings if setting not in drawn]
    return options | {setting_key(method, each.name): preset.get(each.name, each.default) for each in unasked}


def _group(method: str, settings: list[Setting]) -> dict[str, Any]:
    """Draw settings in two columns, and below them those that are wide, side by side."""
    options: dict[str, Any] = {}
    narrow = [setting for setting in settings if not is_wide(setting)]
    if narrow:
        for column, setting in zip(cycle(st.columns(2)), narrow, strict=False):
            key = setting_key(method, setting.name)
            options[key] = setting_input(column, setting, key)
    row = st.container(horizontal=True)
    for setting in settings:
        if is_wide(setting):
            key = setting_key(method, setting.name)
            options[key] = setting_input(row, setting, key)
    return options


def _run_options() -> dict[str, Any]:
    """Draw the settings that every method has."""
    settings, options = run_settings(), {}
    st.markdown("**Heads and evaluation**")
    options["heads"] = st.selectbox(
        "Heads",
        list(HEAD_NAMES),
        format_func=HEAD_NAMES.__getitem__,
        key="heads",
        persist_state="session",
        help="Tuning reads labels: a share of each task's labelled pool. Results are stamped with it. One by one: a "
        "task's head once the next task is in, as in the paper. At the end: all heads on the final model, which needs "
        "the labels of every task then.",
    )
    options["evaluate"] = st.selectbox(
        "Evaluate after a step",
        list(EVALUATION_NAMES),
        format_func=EVALUATION_NAMES.__getitem__,
        key="evaluate",
        persist_state="session",
        help="Which tasks are tested after each step. All tasks take longer; after the last step all are tested "
        "anyway. Held out: before and after the merge, the library's tasks that are not merged.",
    )
    if options["heads"] != "none":
        left, right = st.columns(2, vertical_alignment="bottom")
        options["head_fraction"] = left.slider(
            "Share of labels",
            0.05,
            1.0,
            0.25,
            0.05,
            format="percent",
            key="head_fraction",
            persist_state="session",
            help=sentence(settings["head_fraction"].description),
        )
        options["head_lr"] = right.number_input(
            "Rate of tuning",
            0.0001,
            1.0,
            step=0.0005,
            format="%.4g",
            key="head_lr",
            persist_state="session",
            help=sentence(settings["head_lr"].description),
        )
    left, right = st.columns(2)
    options["seed"] = left.number_input(
        "Seed", 0, 2**31 - 1, 0, key="seed", persist_state="session", help="Seed of every draw: same seed, same run."
    )
    options["device"] = right.selectbox(
        "Device", DEVICES, key="device", persist_state="session", help="auto takes a GPU where there is one."
    )
    return options


def _text_options() -> dict[str, Any]:
    """Draw the settings that merges of texts have beside the others."""
    st.markdown("**Texts**")
    row, options = st.container(horizontal=True), {}
    for name in OF_TEXTS:
        setting = run_settings()[name]
        st.session_state.setdefault(name, session_value(setting, setting.default))
        options[name] = setting_input(row, setting, name)
    return options


def fill_in_preset(method: str, only_missing: bool = False) -> None:
    """Put the values of the chosen preset into the form."""
    state = st.session_state
    preset = state.setdefault(setting_key(method, "preset"), "default")
    config = MergeConfig.build(preset, tasks=("any", "other"), method=method)
    values = {
        setting_key(method, name): session_value(setting, getattr(config.method, name))
        for name, setting in METHODS[method].described().items()
        if not setting.shown.main
    }
    for key, value in {**values, "head_lr": config.head_lr}.items():
        if not only_missing or key not in state:
            state[key] = value
