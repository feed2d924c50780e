"""The map of the Masks page: a measure of every tensor under a threshold, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.app_pages.masks.charts.map import MEASURES, mask_map
from dashboard.app_pages.masks.reading import measured
from dashboard.text import sentence
from dashboard.ui.chart import cached_chart, heading, png_settings
from dashboard.ui.layout import numbers
from dashboard.ui.theme import theme
from otmf_core.masks import reading as mask_reading
from otmf_core.masks.measures import BIN_WIDTH, overlap
from otmf_core.masks.reading import MaskStatistics
from otmf_core.models.tensor_names import Place


@st.fragment
def mask_section(stats: MaskStatistics, places: Mapping[str, Place], side: str, chosen: str, name: str) -> None:
    """Figures over all tensors, the measure and threshold to look at, and the map; a click chooses a tensor."""
    if st.session_state.pop("mask-picked", False):
        st.rerun()  # the rest of the page shows the tensor, too
    with st.container(horizontal=True, gap="medium"):
        measure = st.segmented_control(
            "Measure",
            list(MEASURES),
            format_func=lambda each: MEASURES[each].label,
            default="mean",
            required=True,
            key="measure",
            bind="query-params",
        )
        threshold = st.slider(
            "Threshold",
            *(0.0, 2.0, 0.1, 0.01),
            key="threshold",
            bind="query-params",
            width=340,
            help="Sparsity counts entries with |mask| below it; the overlap counts those at or above it as kept. Both "
            f"come from histograms with bins {BIN_WIDTH:.3f} wide, interpolated within a bin; no mask is read.",
        )
    _totals(stats, threshold)
    shown = MEASURES[measure]
    values = measured(stats, side, measure, threshold)
    if values is None:
        st.info("Pre/post overlap was not recorded when this run was merged; a run made with this version has it.")
        return
    table = pd.DataFrame({"tensor": stats.tensors, "side": side, measure: values})
    both = "both sides" if measure == "overlap" else f"{side} mask"
    at = f", threshold {threshold:.2f}" if measure in ("sparsity", "overlap") else ""
    heading(
        lambda: table,
        title=f"{shown.label} of every tensor",
        measured=f"{both}{at}: {shown.definition}",
        key="map",
        name=f"{name}-{measure}-{side}",
    )
    st.plotly_chart(
        cached_chart(mask_map, places, values.tolist(), shown, chosen, theme()),
        theme=None,
        key="mask-map",
        on_select=_pick,
        selection_mode="points",
        config=png_settings(f"{name}-{measure}-{side}"),
        alt=f"{shown.label} of every tensor, {both}: a row per layer, a column per kind of tensor",
    )


def _pick() -> None:
    """Choose the tensor whose cell was clicked."""
    points = st.session_state["mask-map"]["selection"]["points"]
    if points:
        st.session_state["tensor"] = points[0]["customdata"][0]
        st.session_state["mask-picked"] = True


def _totals(stats: MaskStatistics, threshold: float) -> None:
    """The measures over all entries of both masks."""
    weights = stats.pre.entries

    def over_all(side: str, measure: str) -> float:
        return float(np.average(measured(stats, side, measure, threshold), weights=weights))

    values = {f"Mean, {side}": f"{over_all(side, 'mean'):.3f}" for side in mask_reading.SIDES}
    below = {side: over_all(side, "sparsity") for side in mask_reading.SIDES}
    values |= {f"Sparsity, {side}": f"{share:.1%}" for side, share in below.items()}
    values["Overlap"] = "–"
    if stats.pre.common is not None:
        kept = [np.array([1 - below[side]]) for side in mask_reading.SIDES]
        both = overlap(stats.pre.common.sum(0, keepdims=True), *kept, threshold)[0]
        values["Overlap"] = "none kept" if np.isnan(both) else f"{both:.1%}"
    values |= {f"Drift, {side}": f"{over_all(side, 'drift'):.3f}" for side in mask_reading.SIDES}
    about = {label: sentence(MEASURES[label.split(",")[0].lower()].definition) for label in values}
    over = f"Over all {weights.sum():,} entries."
    missing = {label: " Not recorded when this run was merged." * (value == "–") for label, value in values.items()}
    numbers({label: (value, f"{about[label]} {over}{missing[label]}") for label, value in values.items()}, "masks")
