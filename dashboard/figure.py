"""A figure on a page: its heading, the chart, and its data and picture to take along."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import ParamSpec

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

P = ParamSpec("P")
MODEBAR = {"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"]}


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs={FunctionType: id})
def built(chart: Callable[P, go.Figure], *args: P.args, **kwargs: P.kwargs) -> go.Figure:
    """`chart(*args, **kwargs)`, built once for the same arguments (tens of milliseconds); nobody changes it."""
    return chart(*args, **kwargs)


def ground() -> str:
    """What the page is drawn on: light or dark."""
    return st.context.theme.type or "light"


def figure(chart: go.Figure, data: pd.DataFrame, *, title: str, measured: str, key: str, name: str) -> None:
    """Draw `chart` under its title and what it measured, with buttons for its data (CSV) and its picture (PNG).

    `key` is unique on the page; `name` is the stem of downloaded files. The PNG button is in the chart's own bar.
    """
    heading(data, title=title, measured=measured, key=key, name=name)
    st.plotly_chart(chart, key=key, config=picture(name), alt=f"{title}, {measured}")


def heading(data: pd.DataFrame, *, title: str, measured: str, key: str, name: str) -> None:
    """The line above a figure, for pages that draw the chart themselves (to react to clicks, say)."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
        st.markdown(f"**{title}** · {measured}", width="stretch")
        st.download_button(
            "CSV",
            lambda: data.to_csv(index=False),
            f"{name}.csv",
            "text/csv",
            key=f"{key}-csv",
            help=f"The data of this figure: {len(data):,} rows.",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
        )


def picture(name: str) -> dict:
    """The chart bar's settings: a PNG of twice the resolution, named `name`."""
    return MODEBAR | {"toImageButtonOptions": {"format": "png", "filename": name, "scale": 2}}
