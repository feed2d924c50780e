"""The map of features on the page, and the selection of examples in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.app_pages.features.charts.feature_map import feature_map, limits
from dashboard.app_pages.features.controls import METHODS
from dashboard.charts.look import png_settings
from dashboard.ui.chart import cached_chart, heading
from dashboard.ui.theme import theme

LAYOUT = "One fit over all steps: a model keeps its place whichever step shows it, so points move, never the frame."


def map_section(
    table: pd.DataFrame,
    layout: np.ndarray,
    classes: Sequence[str],
    *,
    title: str,
    step: str,
    method: str,
    by: str,
    lines: bool,
    selection_key: str,
    name: str,
    deviation: float,
    noun: str,
    answers: str,
) -> None:
    """Draw the map of `table` (see `points`), of a step that `step` describes; a click or a box selects
    examples, which are called `noun`.

    `layout` is the projection (2T + 1, n, 2); the session's state keeps those selected as `selection_key`;
    `deviation` is the share by which the last merged model as rebuilt is off the stored one, `answers` says whose
    answers are seen.
    """
    images = layout.shape[1]
    measured = f"{METHODS[method]} of {images} test {noun}, {step}"
    shown_as = {"image": noun[:-1]}
    heading(lambda: table.rename(columns=shown_as), title=title, measured=measured, key="map", name=name)
    st.plotly_chart(
        cached_chart(
            feature_map,
            table,
            classes,
            by=by,
            lines=lines,
            selected=st.session_state[selection_key],
            limits=limits(layout),
            theme=theme(),
        ),
        theme=None,
        key="map",
        on_select=lambda: _toggle_selected(selection_key, images),
        selection_mode=("points", "box"),
        config=png_settings(name) | {"modeBarButtonsToRemove": ["autoScale2d"]},
        alt=f"{title}, {measured}",
    )
    st.caption(
        f"{LAYOUT} Point at one for its {'picture' if noun == 'images' else 'text'} and its way from before the "
        f"step to merged; click it, or draw a box, to keep that and see the answers. {answers} "
        f"Earlier merged models are rebuilt from what the run kept; the last one so rebuilt is "
        f"{deviation:.2%} off the stored one."
    )


def _toggle_selected(selection_key: str, images: int) -> None:
    """Add the images just selected in the map to those selected before; a single one that was there goes."""
    points = st.session_state["map"].selection.points
    new = {point["point_index"] for point in points if point["point_index"] < images}
    before = list(st.session_state.get(selection_key, []))
    if len(new) == 1 and new <= set(before):
        st.session_state[selection_key] = [image for image in before if image not in new]
    elif new:
        st.session_state[selection_key] = before + sorted(new - set(before))
