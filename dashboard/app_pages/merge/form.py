"""The merge form: what to merge, how, and whether that can run."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.app_pages.merge.estimate_line import estimate_line
from dashboard.app_pages.merge.geometry_line import geometry_line
from dashboard.app_pages.merge.options import merge_options
from dashboard.app_pages.merge.task_order import task_order
from dashboard.runs.titles import METHODS
from dashboard.text import sentence
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.library.library import Library

METHODS_HELP = """
**OTMF** learns masks over the merged and the incoming task vector by optimal transport, on unlabelled images.

**Average** keeps the running mean of the task vectors (SWA); **task arithmetic** adds each one, scaled by λ. Neither
reads an image.
"""


def merge_form(name: str, library: Library) -> MergeConfig | None:
    """Draw the form; return the merge it describes once Run is pressed, else None; the page says why it cannot run.

    `name` is what the configuration calls the library.
    """
    tasks = task_order(library)
    method = st.segmented_control(
        "Method",
        list(METHODS),
        default="otmf",
        format_func=METHODS.__getitem__,
        key="method",
        persist_state="session",
        required=True,
        help=METHODS_HELP,
    )
    fields: dict[str, Any] = {"tasks": tasks, "library": name, "method": method}
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
    button_container = st.container()  # above the options, but drawn when they are known
    fields |= merge_options(method)
    try:
        return _run_button(button_container, MergeConfig.build(**fields), library)
    except InputError as error:
        button_container.button(
            "Run", type="primary", icon=":material/play_arrow:", width="stretch", disabled=True, key="run"
        )
        button_container.warning(sentence(str(error)), icon=":material/info:")
        return None


def _run_button(container: DeltaGenerator, config: MergeConfig, library: Library) -> MergeConfig | None:
    """Draw the Run button of a merge that can run, and what it will take; return the merge when it is pressed."""
    with container:
        pressed = st.button("Run", type="primary", icon=":material/play_arrow:", width="stretch", key="run")
        estimate_line(config, library)
        geometry_line(library, config.tasks)
    return config if pressed else None
