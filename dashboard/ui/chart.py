"""A chart on a page: its heading, the chart itself, and its data and picture to take along."""

from __future__ import annotations

import hashlib
import pickle  # written only: a key many times faster than the cache's own
from collections.abc import Callable
from typing import ParamSpec

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard.charts.look import dressed, png_settings
from dashboard.text import letters
from dashboard.ui.theme import theme

P = ParamSpec("P")


def cached_chart(build: Callable[P, go.Figure], *args: P.args, **kwargs: P.kwargs) -> go.Figure:
    """`build(*args, **kwargs)` in the look of the page's theme, built once for equal arguments; nobody changes it."""
    page_theme = theme()
    key = hashlib.blake2b(pickle.dumps((page_theme, build, args, kwargs))).digest()
    return _cached(key, lambda: dressed(build(*args, **kwargs), page_theme))


@st.cache_resource(max_entries=256, show_spinner=False)
def _cached(key: bytes, _build: Callable[[], go.Figure]) -> go.Figure:
    return _build()


def show_chart(
    chart: go.Figure, data: Callable[[], pd.DataFrame], *, title: str, measured: str, key: str, name: str
) -> None:
    """Draw `chart` under its title and what it measured, with buttons for its data (CSV) and its picture (PNG).

    `data` is called when it is downloaded. `key` is unique on the page; `name` is the stem of downloaded files. The PNG
    button is in the chart's own bar.
    """
    heading(data, title=title, measured=measured, key=key, name=name)
    st.plotly_chart(chart, theme=None, key=key, config=png_settings(name), alt=f"{title}, {measured}")


def heading(data: Callable[[], pd.DataFrame], *, title: str, measured: str, key: str, name: str) -> None:
    """Draw the line above a chart or a table, for pages that draw that themselves (to react to clicks, say)."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
        st.markdown(f"**{letters(title)}** · {letters(measured)}", width="stretch")
        st.download_button(
            "CSV",
            lambda: data().to_csv(index=False),
            f"{name}.csv",
            "text/csv",
            key=f"{key}-csv",
            help="The data of this figure.",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
        )
