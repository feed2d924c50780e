"""The picker of the α to look at, and the way to the Merge page with it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.library.picker import LIBRARY_KEY
from dashboard.merge_choices import choose_by_hand, choose_options
from dashboard.runs.metrics import metric_row
from otmf_core.config import MergeConfig


def choose_alpha(table: pd.DataFrame, config: MergeConfig) -> float:
    """Draw the picker of a finished value of α, and what that one reached; return it."""
    alphas = table["alpha"].tolist()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        selected = st.segmented_control(
            "Look at α",
            alphas,
            default=alphas[table["acc"].argmax()],
            format_func=lambda alpha: f"{alpha:g}",
            key="chosen_alpha",
            bind="query-params",
            required=True,
            help="Marked in every figure; at first the one of the best ACC.",
        )
        about = "Fills the Merge page with this α, these tasks in this order, and these settings."
        if st.button(f"Use α = {selected:g}", icon=":material/merge:", key="use-alpha", help=about):
            _fill_merge_form(config, selected)
    row = table[table["alpha"] == selected].iloc[0]
    units = {"ACC": "%", "BWT": "pt", "Stability": "%", "Plasticity": "%"}
    metric_row({metric: (row[metric.lower()], unit) for metric, unit in units.items()}, "alpha")
    return selected


def _fill_merge_form(config: MergeConfig, alpha: float) -> None:
    """Open the Merge page with this sequence and α in its form."""
    st.session_state.update({"alpha": alpha, "method": "otmf", LIBRARY_KEY: config.library})
    choose_by_hand(config.tasks)
    choose_options(config)
    # without query_params it is refused while widgets hold parameters
    st.switch_page("app_pages/merge/page.py", query_params={})
