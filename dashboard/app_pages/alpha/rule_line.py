"""The line about rules that find the swept value by themselves: runs the first, says what each reached."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboard.library.labels import library_labels
from dashboard.runs.loading import view_of
from dashboard.sharing.rules import why_not_changed
from dashboard.state import queue
from dashboard.text import reason, with_unit
from otmf_core.analysis.sweeps import SweepRun
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.runs.folder import Run
from otmf_core.settings import Setting

FIRST = "auto"  # the rule that is offered here; the others stand on the Merge page


def rule_line(config: MergeConfig, setting: Setting, found: Mapping[str, SweepRun], stored: Mapping[str, Run]) -> None:
    """Draw ACC, BWT and values of every rule's run; offer to run the first rule where it has none.

    `found` has the runs by rule (`by_rule`), `config` a merge of the sweep.
    """
    if setting.shown.given is None:
        return
    rule = config.method.described()[setting.shown.given[0]]
    with st.container(horizontal=True, vertical_alignment="center"):
        if FIRST in rule.values and FIRST not in found:
            noun = library_labels(config).noun
            about = f"Each fusion takes the value whose merge fits the unlabelled {noun} best before masks are trained."
            label = f"Run {setting.symbol} {rule.text(FIRST).lower()}"
            locked = why_not_changed()
            icon = ":material/auto_awesome:"
            if st.button(label, icon=icon, key="run-rule", help=locked or about, disabled=locked is not None):
                try:
                    run = queue().submit(config.with_settings(**{rule.name: FIRST}))
                except InputError as error:
                    st.toast(f"The merge was not queued. {reason(error)}", icon=":material/block:")
                else:
                    st.session_state["swept"] = [*st.session_state.get("swept", []), run]
                st.rerun()
        for name, member in found.items():
            what = rule.text(name).lower()
            st.caption(f"{setting.symbol} **{what}**: {_reached(member, stored.get(member.run))}")


def _reached(member: SweepRun, run: Run | None) -> str:
    if run is None or run.record is None:
        return member.status
    record = run.record
    reached = f"ACC {with_unit(record.acc, '%')}, BWT {with_unit(record.bwt, 'pt')}"
    fusions = view_of(run.id).fusions
    curves = [fusions[step].curve("coefficient_pre") for step in sorted(fusions)]
    known = [f"{curve[-1]:.2f}" for curve in curves if curve and curve[-1] is not None]
    return f"{reached} · step by step {', '.join(known)}" if known else reached
