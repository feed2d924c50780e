"""The controls of the Features page: task, step, projection, colours, lines."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from otmf_core.analysis.projection import installed

METHODS = {"tsne": "t-SNE", "pca": "PCA", "umap": "UMAP"}


def controls(tasks: Sequence[str], names: dict[str, str]) -> tuple[str, int, str, str, bool]:
    """Task, step, method, colouring and whether all lines are drawn, as chosen."""
    last = len(tasks)
    if st.session_state.get("step", last) > last:  # chosen on a longer run
        del st.session_state["step"]
    with st.container(horizontal=True, gap="medium"):
        task = st.selectbox(
            "Test images of",
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
        methods = installed()
        method = st.segmented_control(
            "Projection", methods, default="tsne", format_func=METHODS.__getitem__, key="projection_method",
            bind="query-params", required=True,
        )  # fmt: skip
        by = st.segmented_control(
            "Colour by", ["class", "model"], default="class", format_func=str.title, key="colour_by",
            bind="query-params", required=True,
        )  # fmt: skip
        lines = st.toggle(
            "All lines",
            key="lines",
            bind="query-params",
            help="From each image before the step to the same image merged.",
        )
    return task, step, method, by, lines
