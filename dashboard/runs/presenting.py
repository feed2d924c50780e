"""The way from a finished run to its presentation."""

from __future__ import annotations

import streamlit as st


def present_link(run: str) -> None:
    """Draw the link that presents a finished run, from its first slide."""
    st.page_link(
        "app_pages/present/page.py",
        label="Present",
        icon=":material/slideshow:",
        query_params={"run": run},
        help="Replay this merge for a talk, one large chart at a time, by keys and without a network.",
    )
