"""The map of the Masks page: a measure of every tensor under a threshold, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.charts.look import png_settings
from dashboard.charts.mask_map import MEASURES, mask_map
from dashboard.charts.mask_measures import measure_tensors
from dashboard.text import sentence
from dashboard.ui.chart import cached_chart, heading
from dashboard.ui.layout import numbers
from dashboard.ui.theme import theme
from otmf_core.masks.measures import BIN_WIDTH, overlap
from otmf_core.masks.reading import SIDES, MaskStatistics
from otmf_core.models.tensor_names import TensorPlace


@st.fragment
def map_section(
    stats: MaskStatistics, tensor_places: Mapping[str, TensorPlace], side: str, tensor: str, name: str
) -> None:
    """Draw numbers over all tensors, the measure and threshold to look at, and the map; a click chooses a tensor.

    `tensor` is the one to outline, `name` the beginning of downloaded files' names.
    """
    if st.session_state.pop("mask-picked", False):
        st.rerun()  # the rest of the page shows the tensor, too
    with st.container(horizontal=True, gap="medium"):
        measure = st.segmented_control(
            "Measure",
            list(MEASURES),
            format_func=lambda measure: MEASURES[measure].label,
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
    values = measure_tensors(stats, side, measure, threshold)
    if values is None:
        st.info("Pre/post overlap was not recorded when this run was merged; a run made with this version has it.")
        return
    label, definition = MEASURES[measure].label, MEASURES[measure].definition
    sides = "both sides" if measure == "overlap" else f"{side} mask"
    at = f", threshold {threshold:.2f}" if measure in ("sparsity", "overlap") else ""
    heading(
        lambda: pd.DataFrame({"tensor": stats.tensors, "side": side, measure: values}),
        title=f"{label} of every tensor",
        measured=f"{sides}{at}: {definition}",
        key="map",
        name=f"{name}-{measure}-{side}",
    )
    st.plotly_chart(
        cached_chart(mask_map, tensor_places, values.tolist(), MEASURES[measure], tensor, theme()),
        theme=None,
        key="mask-map",
        on_select=_choose_clicked,
        selection_mode="points",
        config=png_settings(f"{name}-{measure}-{side}"),
        alt=f"{label} of every tensor, {sides}: a row per layer, a column per kind of tensor",
    )


def _choose_clicked() -> None:
    """Choose the tensor whose cell was clicked."""
    points = st.session_state["mask-map"]["selection"]["points"]
    if points:
        st.session_state["tensor"] = points[0]["customdata"][0]
        st.session_state["mask-picked"] = True


def _totals(stats: MaskStatistics, threshold: float) -> None:
    """Draw the measures over all entries of both masks."""
    entries = stats.pre.entries

    def over_all(side: str, measure: str) -> float:
        values = measure_tensors(stats, side, measure, threshold)
        assert values is not None, measure  # only an overlap can be missing
        return float(np.average(values, weights=entries))

    values = {f"Mean, {side}": f"{over_all(side, 'mean'):.3f}" for side in SIDES}
    sparsity = {side: over_all(side, "sparsity") for side in SIDES}
    values |= {f"Sparsity, {side}": f"{share:.1%}" for side, share in sparsity.items()}
    values["Overlap"] = "–"
    if stats.pre.common is not None:
        pre, post = (np.array([1 - sparsity[side]]) for side in SIDES)
        share = overlap(stats.pre.common.sum(0, keepdims=True), pre, post, threshold)[0]
        values["Overlap"] = "none kept" if np.isnan(share) else f"{share:.1%}"
    values |= {f"Drift, {side}": f"{over_all(side, 'drift'):.3f}" for side in SIDES}
    definitions = {label: sentence(MEASURES[label.split(",")[0].lower()].definition) for label in values}
    over = f"Over all {entries.sum():,} entries."
    missing = {label: " Not recorded when this run was merged." * (value == "–") for label, value in values.items()}
    numbers(
        {label: (value, f"{definitions[label]} {over}{missing[label]}") for label, value in values.items()}, "masks"
    )
