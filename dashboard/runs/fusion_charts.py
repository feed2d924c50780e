"""Charts of what happens inside fusions, iteration by iteration: transport losses and means of the masks."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dashboard.charts.losses import loss_curves, mask_means
from dashboard.library.task_labels import task_labels
from dashboard.ui.chart import cached_chart, show_chart
from dashboard.ui.layout import panels
from otmf_core.runs.view import Curve, RunView

Sides = Mapping[int, tuple[Curve, Curve]]  # step of the fold → pre and post, one value per iteration


def fusion_charts(view: RunView, page: str) -> None:
    """Draw the losses of the fusions so far and, where masks were reported, their means; nothing without fusions.

    `page` begins their keys.
    """
    losses = _sides(view, "loss_pre", "loss_post")
    means = _sides(view, "mask_pre_mean", "mask_post_mean")
    if not any(curve for sides in losses.values() for curve in sides):
        return
    tasks, names = list(view.tasks), task_labels(view.config).names
    left, right = panels(2, f"{page}-fusions")
    with left:
        show_chart(
            cached_chart(loss_curves, losses, view.iterations, tasks, names),
            lambda: sides_frame(losses, "loss"),
            title="Transport losses",
            measured="per iteration",
            key=f"{page}-losses",
            name=f"{view.run}-losses",
        )
    if any(value is not None for sides in means.values() for side in sides for value in side):
        with right:
            show_chart(
                cached_chart(mask_means, means, view.iterations, tasks, names),
                lambda: sides_frame(means, "mean").dropna(how="all", subset=["mean_pre", "mean_post"]),
                title="Mean mask",
                measured="all entries; fusions start at 1",
                key=f"{page}-masks",
                name=f"{view.run}-mask-means",
            )


def _sides(view: RunView, pre: str, post: str) -> dict[int, tuple[Curve, Curve]]:
    return {step: (fusion.curve(pre), fusion.curve(post)) for step, fusion in view.fusions.items()}


def sides_frame(values: Sides, what: str) -> pd.DataFrame:
    """Curves as a table: step of the fold, iteration from 1, and both sides (empty where there is no value)."""
    rows = [
        (step, iteration, *both)
        for step, sides in sorted(values.items())
        for iteration, both in enumerate(zip(*sides, strict=True), 1)
    ]
    return pd.DataFrame(rows, columns=["step", "iteration", f"{what}_pre", f"{what}_post"])
