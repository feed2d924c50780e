"""The Masks page's map: what a run stored of its masks, measured under a threshold, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard.app_pages.masks.charts.map import MEASURES, mask_map
from dashboard.state import runs_folder
from dashboard.text import sentence
from dashboard.ui.chart import built, heading, picture
from dashboard.ui.layout import numbers
from dashboard.ui.theme import ground
from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.files import Mark, inside, mark
from otmf_core.masks import reading as mask_reading
from otmf_core.masks.measures import BIN_WIDTH, drift, overlap, share_below
from otmf_core.masks.reading import MaskStatistics, SideStatistics
from otmf_core.models.tensor_names import Place


def run_path(run: str) -> Path:
    """The folder of a run under the runs folder."""
    return inside(runs_folder(), run)


def statistics_of(run: str, step: int) -> MaskStatistics:
    """The stored statistics of a step; ends the page with the reason where they cannot be read."""
    path = run_path(run) / layout.step_folder(step) / layout.MASK_STATISTICS
    try:
        return _statistics(run_path(run), step, mark(path))
    except InputError as error:
        st.error(sentence(str(error)), title="The masks of this step cannot be shown")
        st.stop()


@st.cache_resource(max_entries=64, show_spinner=False)
def _statistics(path: Path, step: int, changed: Mark) -> MaskStatistics:
    return mask_reading.read_statistics(path, step)


def measured(stats: MaskStatistics, side: str, measure: str, threshold: float) -> NDArray[np.floating] | None:
    """One figure per tensor of a side; None for an overlap that the run did not record."""
    own: SideStatistics = getattr(stats, side)
    if measure == "mean":
        return own.mean
    if measure == "drift":
        return own.drift if own.drift is not None else drift(own.histogram, own.low, own.high)
    if measure == "sparsity":
        return share_below(own.histogram, own.low, own.high, threshold)
    if own.common is None:
        return None
    kept = [1 - share_below(each.histogram, each.low, each.high, threshold) for each in (stats.pre, stats.post)]
    return overlap(own.common, *kept, threshold)


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
        built(mask_map, places, values.tolist(), shown, chosen, ground()),
        theme=None,
        key="mask-map",
        on_select=_pick,
        selection_mode="points",
        config=picture(f"{name}-{measure}-{side}"),
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
