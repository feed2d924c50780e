"""The slides of a finished run: what its folder stored, as numbers and names that the stage draws. Nothing is computed
anew but means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from dashboard.library.labels import library_labels
from dashboard.runs.stamp import noun_of, protocol
from dashboard.runs.titles import title
from dashboard.text import bare_letters
from otmf_core import metrics
from otmf_core.analysis.features import read_features, stored
from otmf_core.analysis.projection import projection, projection_file
from otmf_core.library.library import open_library
from otmf_core.masks.reading import mask_steps, read_statistics
from otmf_core.models.tensor_names import kinds, layers, locate
from otmf_core.runs.record import RunRecord
from otmf_core.runs.view import RunView

Slide = dict[str, Any]
METHODS = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}  # of projections, the one preferred first
FIGURES = {  # beside the final accuracies: field of a record, unit
    "BWT": ("bwt", " pt"),
    "FWT": ("fwt", " pt"),
    "Stability": ("stability", "%"),
    "Plasticity": ("plasticity", "%"),
}


def slides_of(view: RunView, folder: Path, average: float | None) -> list[Slide]:
    """The slides of a finished run in this folder, in order; `average` is the ACC of the simple average, if known.

    Slides of what a run has not (losses, masks, features) are left out. Raises InputError on a damaged file.
    """
    assert view.record is not None  # as of every finished run
    found = [
        _title(view),
        _curves(view, view.record),
        _matrix(view),
        _losses(view),
        _masks(folder),
        _forgetting(view),
        _features(view, folder),
        _final(view.record, average),
    ]
    return [slide for slide in found if slide]


def tasks_of(view: RunView) -> list[dict[str, str]]:
    """Name and colour of every task, in merge order."""
    labels = library_labels(view.config)
    return [{"name": bare_letters(labels.names[task]), "colour": labels.colours[task]} for task in view.tasks]


def _title(view: RunView) -> Slide:
    library = library_labels(view.config).name
    return {
        "id": "title",
        "title": bare_letters(title(view.config)),
        "library": bare_letters(library),
        "how": "all tasks at once" if view.config.method.joint else "one task after another",
        "protocol": [bare_letters(fact) for fact in protocol(view)],
    }


def _curves(view: RunView, record: RunRecord) -> Slide:
    return {
        "id": "curves",
        "title": "Accuracy of each task",
        "measured": "test, %; dotted before its merge",
        "matrix": view.matrix,
        "levels": _levels(record),
    }


def _matrix(view: RunView) -> Slide:
    return {
        "id": "matrix",
        "title": "Accuracy matrix",
        "measured": "test, %; framed when merged",
        "matrix": view.matrix,
    }


def _losses(view: RunView) -> Slide | None:
    fusions = {
        step: {"pre": fusion.curve("loss_pre"), "post": fusion.curve("loss_post")}
        for step, fusion in view.fusions.items()
        if any(value is not None for side in ("loss_pre", "loss_post") for value in fusion.curve(side))
    }
    if not fusions:
        return None
    return {
        "id": "losses",
        "title": "Losses of the fusions",
        "measured": "towards what was merged, and towards the incoming task",
        "fusions": fusions,
        "iterations": max(1, view.iterations),
    }


def _masks(folder: Path) -> Slide | None:
    steps, rows, columns = {}, [], []
    for step in mask_steps(folder):
        stats = read_statistics(folder, step)
        places = locate(stats.tensors)
        rows, columns = layers(places.values()), kinds(places.values())
        cells = [(rows.index(place.layer), columns.index(place.kind)) for place in places.values()]
        steps[step] = [
            [row, column, round(float(pre), 4), round(float(post), 4)]
            for (row, column), pre, post in zip(cells, stats.pre.mean, stats.post.mean, strict=True)
        ]
    if not steps:
        return None
    return {
        "id": "masks",
        "title": "Mean mask of every tensor",
        "measured": "1 keeps the task vector, less shrinks, more amplifies",
        "rows": [bare_letters(name) for name in rows],
        "columns": [bare_letters(name) for name in columns],
        "fusions": steps,
    }


def _forgetting(view: RunView) -> Slide | None:
    if len(view.tasks) < 2:
        return None
    rows = [row for row in view.matrix if row is not None]
    return {
        "id": "forgetting",
        "title": "What was forgotten",
        "measured": "test accuracy, %: from just merged (open) to now",
        "matrix": view.matrix,
        "bwt": [None, None, *(round(metrics.bwt(rows[: step + 1]), 2) for step in range(2, len(rows)))],
    }


def _features(view: RunView, folder: Path) -> Slide | None:
    """The merged model's features of the first task whose projection is stored."""
    if stored(folder, len(view.tasks)) is None:
        return None
    drawn = [
        (task, method)
        for task in view.tasks
        for method in METHODS
        if projection_file(folder, view.tasks, task, method).is_file()
    ]
    if not drawn:
        return None
    task, method = drawn[0]
    places = projection(folder, view.tasks, task, method)
    labels = read_features(folder, task).labels.tolist()
    classes = open_library(view.config.library).task(task).classes
    seen = places[[step for step in range(1, len(places)) if step != len(view.tasks) + 1]].reshape(-1, 2)
    low, high = seen.min(axis=0), seen.max(axis=0)
    scaled = (places - low) / (high - low + 1e-9)  # 0…1
    tasks, own = len(view.tasks), view.tasks.index(task) + 1
    expert = scaled[tasks + own] if own > 1 else scaled[1]  # after step 1 the merged model is the expert
    name = library_labels(view.config).names[task]
    return {
        "id": "features",
        "title": f"Features of {bare_letters(name)}",
        "measured": f"{METHODS[method]} of {len(labels)} test {noun_of(view)}; one fit over all steps",
        "merged": [_rounded(scaled[step]) for step in range(1, tasks + 1)],
        "expert": _rounded(expert),
        "labels": labels,
        "classes": [bare_letters(name) for name in classes],
    }


def _rounded(points: Any) -> list[list[float]]:
    return [[round(float(x), 4), round(float(y), 4)] for x, y in points]


def _final(record: RunRecord, average: float | None) -> Slide:
    bars = [*_levels(record), {"name": "This merge", "value": record.acc, "own": True}]
    if average is not None:
        bars.append({"name": "Simple average", "value": average})
    metric = {name: (getattr(record, field), unit) for name, (field, unit) in FIGURES.items()}
    if record.forgetting:
        metric["Forgetting"] = (fmean(record.forgetting), " pt")
    return {
        "id": "final",
        "title": "What the merge reached",
        "measured": f"mean test accuracy over {len(record.tasks)} tasks, %",
        "bars": sorted((bar for bar in bars if bar["value"] is not None), key=lambda bar: bar["value"]),
        "metrics": [[name, value, unit] for name, (value, unit) in metric.items() if value is not None],
    }


def _levels(record: RunRecord) -> list[dict[str, Any]]:
    """The means of the pre-trained model and of the experts."""
    means = (("Zero-shot", record.zero_shot), ("Individual", record.individual))
    return [{"name": name, "value": mean} for name, values in means if (mean := _mean(values)) is not None]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
