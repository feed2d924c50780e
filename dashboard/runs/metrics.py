"""Rows of metrics, each with its definition: ACC, BWT and their kin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dashboard.text import with_unit
from dashboard.ui.layout import numbers
from otmf_core.runs.view import JobView

DEFINITIONS = {
    "ACC": "Mean test accuracy over all tasks after the last step: ACC = mean_i a[T][i].",
    "BWT": "Backward transfer in percentage points: mean over all tasks but the last of a[T][i] − a[i][i]. "
    "Negative where tasks were forgotten after their own merge.",
    "Mean so far": "Mean test accuracy over the tasks merged so far, after the latest step.",
    "FWT": "Forward transfer in percentage points: mean over all tasks but the first of a[i−1][i] − a[0][i], what a "
    "task gained before it was merged.",
    "Forgetting": "In percentage points: mean over all tasks but the last of the best accuracy a task had after its "
    "merge, less its accuracy at the end.",
    "Stability": "Retention: mean over all tasks but the last of a[T][i] / a[i][i], in %.",
    "Plasticity": "Mean of a[t][t] / the fine-tuned model's own accuracy, in %: how well each task was taken in.",
    "Normalised ACC": "Mean of a[T][i] / the fine-tuned model's own accuracy, in %.",
    "Pre-trained": "Mean zero-shot test accuracy of the pre-trained model, before any merge.",
    "Individual": "Mean test accuracy of each fine-tuned model on its own task (so far: of the tasks merged).",
}


def measures(view: JobView) -> None:
    """ACC and BWT once the run is done, the mean so far until then, and what they are to be held against."""
    if view.record:
        shown = {"ACC": view.record.get("acc"), "BWT": view.record.get("bwt")}
    else:
        shown = {"Mean so far": _mean_so_far(view), "BWT": None}
    shown |= {
        "Pre-trained": _mean(view.matrix[0] if view.matrix else None),
        "Individual": _mean(view.individual.values()),
    }
    named({label: (value, "pt" if label == "BWT" else "%") for label, value in shown.items()}, "measures")


def metric_row(view: JobView) -> None:
    """Every metric of a finished run, with its definition; of one that is not, the mean so far."""
    if not view.record:
        measures(view)
        return
    keys = {
        "ACC": ("acc", "%"),
        "BWT": ("bwt", "pt"),
        "FWT": ("fwt", "pt"),
        "Forgetting": ("forgetting", "pt"),
        "Stability": ("stability", "%"),
        "Plasticity": ("plasticity", "%"),
        "Normalised ACC": ("normalised_acc", "%"),
    }
    found = {label: (view.record.get(key), unit) for label, (key, unit) in keys.items()}
    named(
        {label: (_mean(value) if isinstance(value, list) else value, unit) for label, (value, unit) in found.items()},
        "metrics",
    )


def named(values: Mapping[str, tuple[float | None, str]], key: str) -> None:
    """Draw values of DEFINITIONS, each with its unit."""
    numbers(
        {
            f"{label} (points)" if unit == "pt" else label: (
                with_unit(value, unit, signed=label in ("BWT", "FWT")),
                DEFINITIONS[label],
            )
            for label, (value, unit) in values.items()
        },
        key,
    )


def _mean_so_far(view: JobView) -> float | None:
    rows = [(step, row) for step, row in enumerate(view.matrix) if step and row is not None]
    return _mean(rows[-1][1][: rows[-1][0]]) if rows else None


def _mean(values: Iterable[float | None] | None) -> float | None:
    known = [value for value in values or () if value is not None]
    return sum(known) / len(known) if known else None
