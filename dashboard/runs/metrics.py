"""Rows of metrics, each with its definition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dashboard.runs.definitions import DEFINITIONS, RECORD_FIELDS
from dashboard.text import with_unit
from dashboard.ui.layout import numbers
from otmf_core.runs.view import RunView


def main_metrics(view: RunView) -> None:
    """Draw ACC and BWT once a run is done, the mean so far until then, and what they are to be held against."""
    if view.record:
        values = {"ACC": view.record.acc, "BWT": view.record.bwt}
    else:
        values = {"Mean so far": _mean_so_far(view), "BWT": None}
    values |= {
        "Pre-trained": _mean(view.matrix[0] if view.matrix else None),
        "Individual": _mean(view.individual.values()),
    }
    metric_row({metric: (value, "pt" if metric == "BWT" else "%") for metric, value in values.items()}, "measures")


def all_metrics(view: RunView) -> None:
    """Draw every metric of a finished run; of one that is not, the mean so far."""
    if not view.record:
        main_metrics(view)
        return
    values = {metric: (getattr(view.record, field), unit) for metric, (field, unit) in RECORD_FIELDS.items()}
    metric_row(
        {
            metric: (_mean(value) if isinstance(value, tuple) else value, unit)
            for metric, (value, unit) in values.items()
        },
        "metrics",
    )


def metric_row(values: Mapping[str, tuple[float | None, str]], key: str) -> None:
    """Draw metrics of DEFINITIONS, each a value with its unit (% or pt) and its definition; `key` as in `panels`."""
    numbers(
        {
            f"{metric} (points)" if unit == "pt" else metric: (
                with_unit(value, unit, signed=metric in ("BWT", "FWT")),
                DEFINITIONS[metric],
            )
            for metric, (value, unit) in values.items()
        },
        key,
    )


def _mean_so_far(view: RunView) -> float | None:
    rows = [(step, row) for step, row in enumerate(view.matrix) if step and row is not None]
    if not rows:
        return None
    step, row = rows[-1]
    return _mean(row[:step])


def _mean(values: Iterable[float | None] | None) -> float | None:
    numbers = [value for value in values or () if value is not None]
    return sum(numbers) / len(numbers) if numbers else None
