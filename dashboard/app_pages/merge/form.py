"""The merge form: what to merge, how, and whether that can run."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.app_pages.merge.estimate_line import estimate_line
from dashboard.app_pages.merge.geometry_line import geometry_line
from dashboard.app_pages.merge.options import merge_options
from dashboard.app_pages.merge.settings import session_value, setting_input
from dashboard.app_pages.merge.task_order import task_order
from dashboard.library.kept import kept_library
from dashboard.merge_choices import FIRST_METHOD, about_method, setting_key, titles
from dashboard.sharing.rules import why_not_changed
from dashboard.state import queue
from dashboard.text import reason
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.library.library import Library
from otmf_core.merging.of_texts import check_texts
from otmf_core.methods.table import METHODS


def merge_form(name: str, library: Library) -> MergeConfig | None:
    """Draw the form; return the merge it describes once Run is pressed, else None; the page says why it cannot run.

    `name` is what the configuration calls the library.
    """
    tasks = task_order(library)
    method = st.selectbox(
        "Method",
        list(METHODS),
        index=list(METHODS).index(FIRST_METHOD),
        format_func=titles().__getitem__,
        key="method",
        persist_state="session",
        help="Type to find one. Those of one task after another come first; joint ones see all tasks at once.",
    )
    st.caption(about_method(METHODS[method]))
    fields: dict[str, Any] = {"tasks": tasks, "library": name, "method": method}
    fields |= _main_settings(method)
    button_container = st.container()  # above the options, but drawn when they are known
    try:
        fields |= merge_options(method, library)
        return _run_button(button_container, MergeConfig.build(**fields), library)
    except InputError as error:
        button_container.button(
            "Run", type="primary", icon=":material/play_arrow:", width="stretch", disabled=True, key="run"
        )
        button_container.warning(reason(error), icon=":material/info:")
        return None


def _main_settings(method: str) -> dict[str, Any]:
    """Draw the settings that stand in the form itself, but those without effect beside the others."""
    values = {}
    described = METHODS[method].described()
    chosen = {name: st.session_state.get(setting_key(method, name), own.default) for name, own in described.items()}
    for name, setting in described.items():
        if setting.shown.main and setting.applies(chosen):
            key = setting_key(method, name)
            st.session_state.setdefault(key, session_value(setting, setting.default))
            values[name] = setting_input(st.container(), setting, key)
    return values


def _run_button(container: DeltaGenerator, config: MergeConfig, library: Library) -> MergeConfig | None:
    """Draw the Run button of a merge that can run, and what it will take; return the merge when it is pressed.

    Raises InputError where it asks of texts what they have not.
    """
    if library.of_texts:
        check_texts(config, kept_library(str(library.root), library.manifest_hash))
    locked, refusal = why_not_changed(), queue().why_not(config)
    with container:
        pressed = st.button(
            "Run",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            key="run",
            disabled=refusal is not None,
            help=locked,
        )
        if refusal and not locked:
            st.warning(reason(refusal), icon=":material/block:")
        estimate_line(config, library)
        geometry_line(library, config.tasks)
    return config if pressed else None
