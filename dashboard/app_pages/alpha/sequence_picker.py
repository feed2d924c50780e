"""The choice of the sequence to sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard.app_pages.alpha.sequences import FORM, form_config, sequences
from dashboard.library.task_labels import task_labels
from dashboard.runs.stamp import facts_line, reads
from dashboard.state import looked_at
from dashboard.text import sentence
from otmf_core.analysis.sweeps import Known, members, same_sweep
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError


def choose_sequence(known: Sequence[Known]) -> MergeConfig:
    """Draw the choice of a sequence and what its merges read; returns it (its α is of no meaning), or ends the page."""
    form = None
    try:
        form = form_config()
    except InputError as error:
        st.warning(sentence(str(error)), title="The Merge form cannot be swept", icon=":material/info:")
    found = sequences(known, form)
    if not found:
        st.subheader("Nothing to sweep yet", anchor=False)
        st.page_link("app_pages/merge/page.py", label="Describe a merge", icon=":material/merge:")
        st.stop()
    chosen = _linked(found, known, form)
    st.session_state["alpha-sequence-choice"] = chosen
    st.selectbox(
        "Sequence",
        list(found),
        format_func={key: _label(key, config, known, form) for key, config in found.items()}.__getitem__,
        key="alpha-sequence-choice",
        on_change=lambda: _remember(st.session_state["alpha-sequence-choice"]),
        help="Everything of the merge but α: tasks, their order, and all other settings.",
    )
    _remember(chosen)
    config = found[chosen]
    used, names = config.stamp(), task_labels(config.model_dump()).names
    order = " → ".join(names[task] for task in config.tasks)
    facts_line(used["labels"], config.heads, [order, *reads(used), "accuracy: test", f"seed: {config.seed}"])
    return config


def _linked(found: Mapping[str, MergeConfig], known: Sequence[Known], form: MergeConfig | None) -> str:
    """The sequence in the link, else the one shown before, else that of the run looked at last, else the newest."""
    last = looked_at("alpha")
    wanted = st.query_params.get("sequence")
    configs = {run.run: MergeConfig.parse(dict(run.config)) for run in known}
    if form:
        configs[FORM] = form
    for name in (wanted, st.session_state.get("alpha-sequence"), last):
        if name in configs:
            for key, config in found.items():
                if same_sweep(config, configs[name]):
                    return key
        if name and name == wanted:
            st.warning(f"There is no OTMF run {wanted} to sweep. This is another sequence.", icon=":material/info:")
    return next(iter(found))


def _remember(chosen: str) -> None:
    st.session_state["alpha-sequence"] = chosen
    if st.query_params.get("sequence") != chosen:
        st.query_params["sequence"] = chosen


def _label(key: str, config: MergeConfig, known: Sequence[Known], form: MergeConfig | None) -> str:
    names = task_labels(config.model_dump()).names
    parts = [f"{len(config.tasks)} tasks, {names[config.tasks[0]]} first, {names[config.tasks[-1]]} last"]
    parts += [config.preset, f"{config.steps} mask steps", f"seed {config.seed}"]
    if key != FORM:
        count = len(members(config, known))
        parts += [f"{count} value{'s' * (count != 1)} of α", key[-4:]]
    if form and same_sweep(config, form):
        parts.append("as on the Merge page")
    return " · ".join(parts)
