"""The transport plan between the merged model and the teacher on the page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from dashboard.app_pages.features.charts.plan import plan_frame, plan_heatmap
from dashboard.app_pages.features.reading import class_mass_of
from dashboard.ui.chart import cached_chart, show_chart
from dashboard.ui.theme import theme
from otmf_core.analysis.features import TaskFeatures


def plan_section(
    path: Path, task: str, step: int, features: TaskFeatures, teacher: int, classes: Sequence[str], name: str
) -> None:
    """Draw the plan from the merged model after `step` to the model `teacher`, both of the run in folder `path`."""
    mass = class_mass_of(path, task, step, features, teacher, len(classes))
    show_chart(
        cached_chart(plan_heatmap, mass, classes, theme()),
        partial(plan_frame, mass, classes),
        title="Transport plan",
        measured=f"{100 * mass.trace():.1f}% stays in its class",
        key="plan",
        name=name,
    )
