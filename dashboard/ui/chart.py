"""A figure on a page: its heading, the chart, and its data and picture to take along."""

from __future__ import annotations

import hashlib
import pickle  # written only: a key many times faster than the cache's own
from collections.abc import Callable
from typing import ParamSpec

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard.charts.look import dressed
from dashboard.ui.theme import ground

P = ParamSpec("P")
MODEBAR = {"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"]}


def built(chart: Callable[P, go.Figure], *args: P.args, **kwargs: P.kwargs) -> go.Figure:
    """`chart(*args, **kwargs)` in the page's look, built once for the same arguments; nobody changes it."""
    on = ground()
    asked = hashlib.blake2b(pickle.dumps((on, chart, args, kwargs))).digest()
    return _built(asked, lambda: dressed(chart(*args, **kwargs), on))


@st.cache_resource(max_entries=256, show_spinner=False)
def _built(asked: bytes, _build: Callable[[], go.Figure]) -> go.Figure:
    return _build()


def figure(
    chart: go.Figure, data: Callable[[], pd.DataFrame], *, title: str, measured: str, key: str, name: str
) -> None:
    """Draw `chart` under its title and what it measured, with buttons for its data (CSV) and its picture (PNG).

    `data` is called when it is downloaded. `key` is unique on the page; `name` is the stem of downloaded files. The PNG
    button is in the chart's own bar.
    """
    heading(data, title=title, measured=measured, key=key, name=name)
    st.plotly_chart(chart, theme=None, key=key, config=picture(name), alt=f"{title}, {measured}")


def heading(data: Callable[[], pd.DataFrame], *, title: str, measured: str, key: str, name: str) -> None:
    """The line above a figure, for pages that draw the chart themselves (to react to clicks, say)."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
        st.markdown(f"**{title}** · {measured}", width="stretch")
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


def picture(name: str) -> dict:
    """The chart bar's settings: a PNG of twice the resolution, named `name`."""
    return MODEBAR | {"toImageButtonOptions": {"format": "png", "filename": name, "scale": 2}}
