"""The badge that shows how a run stands."""

from __future__ import annotations

import streamlit as st

from dashboard.runs.titles import BADGES
from otmf_core.runs.view import RunView


def status_badge(view: RunView) -> None:
    """Draw the status of a run."""
    label, icon, colour = BADGES[view.status]
    st.badge(label, icon=icon, color=colour)
