"""Distances to the teacher's features."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.text import sentence
from dashboard.ui.chart import heading
from otmf_core.analysis.features import BLUR, TaskFeatures


def distances(taken: TaskFeatures, step: int, own: int, names: Sequence[str]) -> None:
    """Four distances to the features of the teacher, the expert of step `own`, and what each of them is."""
    teacher, incoming = names[own - 1], names[step - 1]
    first = "the model of task 1" if step == 2 else f"the merged model of tasks 1 to {step - 1}"
    before, after = float(taken.distances[step - 1]), float(taken.distances[step])
    shown = {
        "Before the step": (before, f"{sentence(first)} {incoming} is not yet fused in."),
        "Merged": (after, f"The merged model after step {step}, with {incoming} fused in."),
        "Incoming expert": (float(taken.distances[len(names) + step]), f"The fine-tuned model of {incoming}."),
        "Pre-trained": (float(taken.distances[0]), "The model that everything started from."),
    }
    heading(
        lambda: pd.DataFrame({"model": list(shown), "distance": [value for value, _ in shown.values()]}),
        title="Distance to the teacher",
        measured=f"step {step}",
        key="teacher",
        name=f"distance-{teacher}-{step}",
    )
    st.caption(
        f"From a model's features of these images to those of the fine-tuned model of {teacher}: Sinkhorn divergence, "
        f"p = 2, blur {BLUR}, features of unit length. Lower is nearer."
    )
    columns = [column for _ in range(2) for column in st.columns(2)]
    for column, (label, (value, text)) in zip(columns, shown.items(), strict=True):
        change = f"{after - before:+.3f}" if label == "Merged" else None
        column.metric(label, f"{value:.3f}", change, delta_color="inverse", help=text)
