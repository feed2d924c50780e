"""The choice of the α to look at, and the way to the Merge page with it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.library.picker import LIBRARY_KEY
from dashboard.merge_choices import choose_by_hand, set_options
from dashboard.runs.metrics import named
from otmf_core.config import MergeConfig


def choose_alpha(table: pd.DataFrame, config: MergeConfig) -> float:
    """Draw the choice among the finished values of α, what that one reached, and the way to the Merge page with it."""
    values = table["alpha"].tolist()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.segmented_control(
            "Look at α",
            values,
            default=values[table["acc"].argmax()],
            format_func=lambda alpha: f"{alpha:g}",
            key="chosen_alpha",
            bind="query-params",
            required=True,
            help="Marked in every figure; at first the one of the best ACC.",
        )
        about = "Fills the Merge page with this α, these tasks in this order, and these settings."
        if st.button(f"Use α = {chosen:g}", icon=":material/merge:", key="use-alpha", help=about):
            st.session_state.update({"alpha": chosen, "method": "otmf", LIBRARY_KEY: config.library})
            choose_by_hand(config.tasks)
            set_options(config)
            # without query_params it is refused while widgets hold parameters
            st.switch_page("app_pages/merge/page.py", query_params={})
    row = table[table["alpha"] == chosen].iloc[0]
    units = {"ACC": "%", "BWT": "pt", "Stability": "%", "Plasticity": "%"}
    named({label: (row[label.lower()], unit) for label, unit in units.items()}, "alpha")
    return chosen
