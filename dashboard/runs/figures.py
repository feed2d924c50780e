"""The charts of a run as functions, for notebooks and reports: a run in, a figure out; no streamlit.

    from otmf_core import load_run
    from dashboard.runs import figures

    figures.matrix(load_run("runs/20261127-…")).show()

`theme` is light or dark. Each raises InputError where the run has no such figures, or a file of it is damaged.
"""

from __future__ import annotations

import plotly.graph_objects as go

from dashboard.charts.curves import accuracy_curves
from dashboard.charts.ends import outcome, retention
from dashboard.charts.fusions import Curves, Sides, reported_curves
from dashboard.charts.look import dressed
from dashboard.charts.mask_map import MEASURES, mask_map
from dashboard.charts.mask_measures import measure_tensors
from dashboard.charts.matrix import accuracy_matrix
from dashboard.charts.outcomes import outcomes
from dashboard.library.labels import library_labels
from otmf_core.errors import InputError
from otmf_core.masks.reading import SIDES, mask_steps, read_statistics
from otmf_core.models.tensor_names import locate
from otmf_core.notebook import OpenedRun

THRESHOLD = 0.5  # of sparsity and overlap
MOST_POINTS = 4000  # of a curve, over all fusions


def matrix(run: OpenedRun, theme: str = "light") -> go.Figure:
    """The accuracy matrix: a row per step, a column per task."""
    names = library_labels(run.config).names
    return dressed(accuracy_matrix(run.view.cells, [names[task] for task in run.tasks], theme), theme)


def curves(run: OpenedRun, theme: str = "light") -> go.Figure:
    """The accuracy of every task along the merge."""
    labels = library_labels(run.config)
    chart = accuracy_curves(run.view.matrix, run.tasks, labels.names, labels.colours, individual=run.view.individual)
    return dressed(chart, theme)


def ends(run: OpenedRun, theme: str = "light") -> go.Figure:
    """Where every task ended, from just merged to now."""
    labels = library_labels(run.config)
    table = outcomes(run.view.matrix, run.tasks, run.view.individual)
    if table.empty:
        raise InputError(f"tasks end somewhere once one is merged, which run {run.id} has not done")
    return dressed(outcome(table, labels.names, labels.colours), theme)


def balance(run: OpenedRun, theme: str = "light") -> go.Figure:
    """Stability against plasticity, a point per task."""
    labels = library_labels(run.config)
    table = outcomes(run.view.matrix, run.tasks, run.view.individual)
    if table.dropna(subset=["plasticity", "stability"]).empty:
        raise InputError(f"stability is known once two tasks are merged, which run {run.id} has not done")
    return dressed(retention(table, labels.names, labels.colours), theme)


def curves_of_fusions(run: OpenedRun, name: str = "losses", theme: str = "light") -> go.Figure:
    """Losses (`losses`), means of masks (`mask-means`) or learned coefficients (`coefficients`) per iteration.

    Of long fusions every few iterations, as `every` says.
    """
    found = {each.name: (each, sides) for each, sides in reported(run)}
    if name not in found:
        known = ", ".join(found) or "none"
        raise InputError(f"curves are of those that run {run.id} reported ({known}), received {name}")
    curve, sides = found[name]
    apart = every(run)
    thin = {step: (_thinned(pre, apart), _thinned(post, apart)) for step, (pre, post) in sides.items()}
    return dressed(curve.chart(thin, run.view.iterations, run.tasks, library_labels(run.config).names), theme)


def reported(run: OpenedRun) -> list[tuple[Curves, Sides]]:
    """What the fusions of a run reported, losses first."""
    return reported_curves(run.view.fusions)


def every(run: OpenedRun) -> int:
    """The k of which every k-th iteration is drawn, 1 where all are."""
    return -(-run.view.iterations * len(run.tasks) // MOST_POINTS) or 1


def masks(
    run: OpenedRun, measure: str = "mean", side: str = "pre", step: int | None = None, theme: str = "light"
) -> go.Figure:
    """A measure of the masks (mean, sparsity, overlap or drift) of every tensor, layer by layer.

    Of the fusion of a step, by default the last one, which made the model that is kept.
    """
    steps = mask_steps(run.path)
    if not steps:
        raise InputError(f"masks are of methods that train them, and run {run.id} has none")
    if measure not in MEASURES or side not in SIDES:
        raise InputError(f"masks have {', '.join(MEASURES)} of {' and '.join(SIDES)}, received {measure} of {side}")
    stats = read_statistics(run.path, steps[-1] if step is None else step)
    values = measure_tensors(stats, side, measure, THRESHOLD)
    if values is None:
        raise InputError(f"the overlap of masks was not recorded when run {run.id} was merged")
    return dressed(mask_map(locate(stats.tensors), values.tolist(), MEASURES[measure], None, theme), theme)


def _thinned(values: tuple[float | None, ...], apart: int) -> tuple[float | None, ...]:
    """The values with None for those between the ones that are drawn; the last one is."""
    last = len(values) - 1
    return tuple(value if index % apart == 0 or index == last else None for index, value in enumerate(values))
