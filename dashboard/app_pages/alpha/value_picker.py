"""The picker of the value to look at, and the way to the Merge page with it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.library.picker import LIBRARY_KEY
from dashboard.merge_choices import choose_merge
from dashboard.runs.metrics import metric_row
from otmf_core.analysis.sweeps import at
from otmf_core.config import MergeConfig
from otmf_core.settings import Setting


def choose_value(table: pd.DataFrame, config: MergeConfig, setting: Setting) -> float:
    """Draw the picker of a finished value of the swept setting, and what that one reached; return it."""
    values, symbol = table[setting.name].tolist(), setting.symbol
    with st.container(horizontal=True, vertical_alignment="bottom"):
        selected = st.segmented_control(
            f"Look at {symbol}",
            values,
            default=values[table["acc"].argmax()],
            format_func=setting.text,
            key=f"chosen_{setting.name}",
            bind="query-params",
            required=True,
            help="Marked in every figure; at first the one of the best ACC.",
        )
        about = f"Fills the Merge page with this {symbol}, these tasks in this order, and these settings."
        label = f"Use {symbol} = {setting.text(selected)}"
        if st.button(label, icon=":material/merge:", key="use-alpha", help=about):
            _fill_merge_form(at(config, selected))
    row = table[table[setting.name] == selected].iloc[0]
    units = {"ACC": "%", "BWT": "pt", "Stability": "%", "Plasticity": "%"}
    metric_row({metric: (row[metric.lower()], unit) for metric, unit in units.items()}, "alpha")
    return selected


def _fill_merge_form(config: MergeConfig) -> None:
    """Open the Merge page with this merge in its form."""
    st.session_state[LIBRARY_KEY] = config.library
    choose_merge(config)
    # without query_params it is refused while widgets hold parameters
    st.switch_page("app_pages/merge/page.py", query_params={})
