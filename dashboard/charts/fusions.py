"""Which curves fusions report, and the chart of each: losses, means of masks, learned coefficients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import plotly.graph_objects as go

from dashboard.charts.losses import coefficients, loss_curves, mask_means
from otmf_core.runs.view import Curve, Fusion

Sides = Mapping[int, tuple[Curve, Curve]]  # step of the fold → pre and post, one value per iteration


class Curves(NamedTuple):
    """A chart of two columns of the curves: its names on the page, in files and of its values."""

    chart: Callable[..., go.Figure]
    columns: tuple[str, str]
    title: str
    measured: str
    name: str
    what: str


LOSSES = Curves(loss_curves, ("loss_pre", "loss_post"), "Transport losses", "per iteration", "losses", "loss")
CURVES = (
    LOSSES,
    Curves(
        mask_means,
        ("mask_pre_mean", "mask_post_mean"),
        "Mean mask",
        "all entries; fusions start at 1",
        "mask-means",
        "mean",
    ),
    Curves(
        coefficients,
        ("coefficient_pre", "coefficient_post"),
        "Coefficients",
        "of both vectors, learned; means where there are many",
        "coefficients",
        "coefficient",
    ),
)


def reported_curves(fusions: Mapping[int, Fusion]) -> list[tuple[Curves, Sides]]:
    """The curves that these fusions (by step) reported, and their values: losses first; none without losses."""
    found = [(each, sides) for each in CURVES if _any(sides := _sides(fusions, *each.columns))]
    return found if found and found[0][0] is LOSSES else []


def _any(sides: Sides) -> bool:
    return any(value is not None for both in sides.values() for side in both for value in side)


def _sides(fusions: Mapping[int, Fusion], pre: str, post: str) -> Sides:
    return {step: (fusion.curve(pre), fusion.curve(post)) for step, fusion in fusions.items()}
