"""Distances to the teacher's features, at one step and along the merge."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.app_pages.features.charts.distances import distance_curves, distance_frame
from dashboard.text import letters, sentence
from dashboard.ui.chart import cached_chart, heading, show_chart
from otmf_core.analysis.features import BLUR, TaskFeatures


def distance_metrics(features: TaskFeatures, step: int, own: int, names: Sequence[str], noun: str) -> None:
    """Draw four distances to the features of the teacher, the expert of step `own`, and what each of them is."""
    teacher, incoming = letters(names[own - 1]), letters(names[step - 1])
    first = "the model of task 1" if step == 2 else f"the merged model of tasks 1 to {step - 1}"
    before, after = float(features.distances[step - 1]), float(features.distances[step])
    distances = {
        "Before the step": (before, f"{sentence(first)} {incoming} is not yet fused in."),
        "Merged": (after, f"The merged model after step {step}, with {incoming} fused in."),
        "Incoming expert": (float(features.distances[len(names) + step]), f"The fine-tuned model of {incoming}."),
        "Pre-trained": (float(features.distances[0]), "The model that everything started from."),
    }
    heading(
        lambda: pd.DataFrame({"model": list(distances), "distance": [value for value, _ in distances.values()]}),
        title="Distance to the teacher",
        measured=f"step {step}",
        key="teacher",
        name=f"distance-{names[own - 1]}-{step}",
    )
    st.caption(
        f"From a model's features of these {noun} to those of the fine-tuned model of {teacher}: Sinkhorn divergence, "
        f"p = 2, blur {BLUR}, features of unit length. Lower is nearer."
    )
    columns = [column for _ in range(2) for column in st.columns(2)]
    for column, (model, (value, text)) in zip(columns, distances.items(), strict=True):
        change = f"{after - before:+.3f}" if model == "Merged" else None  # a hyphen: st.metric reads the sign
        column.metric(model, f"{value:.3f}", change, delta_color="inverse", help=text)


def distance_chart(features: TaskFeatures, names: Sequence[str], own: int, step: int, colour: str, name: str) -> None:
    """Draw how the distance to the teacher of step `own` changed over the steps; `name` is the stem of downloads."""
    table = distance_frame(features.distances.tolist(), len(names))
    show_chart(
        cached_chart(distance_curves, table, names, own, step, colour),
        lambda: table,
        title="Distance to the teacher along the merge",
        measured=f"Sinkhorn divergence, p = 2, blur {BLUR}, of unit features of {names[own - 1]}",
        key="distances",
        name=name,
    )
