"""How rows of a grid stand against one of them, order by order."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.charts.grid import Held, intervals
from dashboard.ui.chart import cached_chart, show_chart


def differences_section(held: Sequence[Held], reference: str, key: str) -> None:
    """Draw the rows' differences from `reference` in this order, or say that there are none."""
    if not held:
        st.caption("Differences appear once two rows share an order.")
        return
    show_chart(
        cached_chart(intervals, held, reference),
        lambda: pd.DataFrame(
            [(each.name, value) for each in held for value in each.differences], columns=["name", "difference"]
        ),
        title=f"Against {reference}",
        measured="order by order; mean, 95% interval, win/tie/loss",
        key=key,
        name="differences",
    )
