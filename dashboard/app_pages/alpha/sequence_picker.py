"""The picker of the sequence to sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from dashboard.app_pages.alpha.sequences import FORM, form_config, sequences
from dashboard.library.labels import library_labels
from dashboard.runs.stamp import data_facts, facts_line
from dashboard.state import current_run, is_example
from dashboard.text import from_link, plural, reason
from otmf_core.analysis.sweeps import SweepRun, by_hand, members, same_sweep
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError

WIDGET_KEY, SESSION_KEY = "alpha-sequence-choice", "alpha-sequence"


def choose_sequence(runs: Sequence[SweepRun]) -> MergeConfig:
    """Draw the picker and what the sequence's merges read; return it, whatever its swept setting, or end the page."""
    form = None
    try:
        form = form_config()
    except InputError as error:
        st.warning(reason(error), title="The Merge form cannot be swept", icon=":material/info:")
    configs = sequences(runs, form)
    if not configs:
        st.subheader("Nothing to sweep yet", anchor=False)
        st.page_link("app_pages/merge/page.py", label="Describe a merge", icon=":material/merge:")
        st.stop()
    selected = _selected(configs, runs, form)
    st.session_state[WIDGET_KEY] = selected
    st.selectbox(
        "Sequence",
        list(configs),
        format_func={key: _label(key, config, runs, form) for key, config in configs.items()}.__getitem__,
        key=WIDGET_KEY,
        on_change=lambda: _remember(st.session_state[WIDGET_KEY]),
        help="Everything of the merge but the setting that is swept: tasks, their order, and all other settings.",
    )
    _remember(selected)
    config = configs[selected]
    labels = library_labels(config)
    data = config.stamp(noun=labels.noun)
    tasks = " → ".join(labels.names[task] for task in config.tasks)
    facts = [tasks, *data_facts(data, labels.noun), "accuracy: test", f"seed: {config.seed}"]
    facts_line(data["labels"], config.heads, facts, labels.noun)
    return config


def _selected(configs: Mapping[str, MergeConfig], runs: Sequence[SweepRun], form: MergeConfig | None) -> str:
    """The sequence in the link, else the one shown before, else that of the run looked at last, else the newest."""
    last_run = current_run("alpha")
    linked = st.query_params.get("sequence")
    config_of = {run.run: by_hand(run.config) for run in runs}
    if form:
        config_of[FORM] = form
    for name in (linked, st.session_state.get(SESSION_KEY), last_run):
        if name in config_of:
            for key, config in configs.items():
                if same_sweep(config, config_of[name]):
                    return key
        if name and name == linked:
            st.warning(f"There is no run {from_link(name)} to sweep. This is another sequence.", icon=":material/info:")
    return next(iter(configs))


def _remember(sequence: str) -> None:
    st.session_state[SESSION_KEY] = sequence
    if st.query_params.get("sequence") != sequence:
        st.query_params["sequence"] = sequence


def _label(key: str, config: MergeConfig, runs: Sequence[SweepRun], form: MergeConfig | None) -> str:
    names = library_labels(config).names
    parts = [f"{len(config.tasks)} tasks, {names[config.tasks[0]]} first, {names[config.tasks[-1]]} last"]
    iterations = config.method.iterations_per_fusion
    parts += [f"{config.preset}" if config.method.presets else config.method.title]
    parts += [f"{iterations} iterations"] if iterations else []
    parts += [f"seed {config.seed}"]
    setting = config.method.swept()
    if key != FORM:
        parts.append(f"{plural(len(members(config, runs)), 'value')} of {setting.symbol if setting else ''}")
        parts = ["Example", *parts] if is_example(key) else [*parts, key[-4:]]
    if form and same_sweep(config, form):
        parts.append("as on the Merge page")
    return " · ".join(parts)
