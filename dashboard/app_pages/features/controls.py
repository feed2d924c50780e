"""The controls of the Features page: task, step, projection, colours, lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from otmf_core.analysis.projection import installed

METHODS = {"tsne": "t-SNE", "pca": "PCA", "umap": "UMAP"}


def controls(tasks: Sequence[str], names: Mapping[str, str], noun: str) -> tuple[str, int, str, str, bool]:
    """Draw the controls; return task, step, method, what colours mean, and whether all lines are drawn.

    Examples are called `noun`.
    """
    last = len(tasks)
    if st.session_state.get("step", last) > last:  # chosen on a longer run
        del st.session_state["step"]
    with st.container(horizontal=True, gap="medium"):
        task = st.selectbox(
            f"Test {noun} of",
            tasks,
            index=last - 1,
            format_func=names.__getitem__,
            key="task",
            bind="query-params",
            width=260,
        )
        step = last
        if last > 2:
            step = st.slider("Step", 2, last, last, key="step", bind="query-params", width="stretch")
        method = st.segmented_control(
            "Projection",
            installed(),
            default="tsne",
            format_func=METHODS.__getitem__,
            key="projection_method",
            bind="query-params",
            required=True,
        )
        by = st.segmented_control(
            "Colour by",
            ["class", "model"],
            default="class",
            format_func=str.title,
            key="colour_by",
            bind="query-params",
            required=True,
        )
        lines = st.toggle(
            "All lines",
            key="lines",
            bind="query-params",
            help=f"From each {noun[:-1]} before the step to the same {noun[:-1]} merged.",
        )
    return task, step, method, by, lines
