"""The report of one run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from statistics import fmean

from dashboard.charts.mask_map import MEASURES
from dashboard.charts.outcomes import outcomes
from dashboard.library.labels import library_labels
from dashboard.report.parts import Chart, Html, Section, metrics, table
from dashboard.report.protocol import how_again, protocol, settings_of_one, versions
from dashboard.runs import figures
from dashboard.runs.definitions import DEFINITIONS, RECORD_FIELDS
from dashboard.text import number_text, with_unit
from otmf_core.masks.reading import SIDES, mask_steps
from otmf_core.notebook import OpenedRun
from otmf_core.runs.folder import Run
from otmf_core.runs.record import RunRecord

SIDE_NAMES = {"pre": "merged so far", "post": "incoming task"}


def run_sections(stored: Run, record: RunRecord) -> list[Section]:
    """Everything that a finished run's folder has; raises InputError where a file of it is damaged."""
    run = OpenedRun(stored)
    return [
        Section("Results", [_metrics(record)]),
        protocol([stored]),
        Section("Accuracy", list(_accuracy(run))),
        *_fusions(run),
        *_masks(run),
        settings_of_one(stored),
        versions([stored]),
        how_again([stored]),
    ]


def _metrics(record: RunRecord) -> Html:
    values = {name: (getattr(record, field), unit) for name, (field, unit) in RECORD_FIELDS.items()}
    means = {
        name: (fmean(value) if isinstance(value, tuple) else value, unit) for name, (value, unit) in values.items()
    }
    means |= {
        "Pre-trained": (fmean(value for value in record.matrix[0] if value is not None), "%"),
        "Individual": (fmean(record.individual), "%"),
    }
    if held_out := record.held_out_means():
        means["Held out"] = (held_out[1], "%")
    about = {**DEFINITIONS, "Held out": "Mean test accuracy on the library's tasks that were not merged, at the end."}
    return metrics(
        (f"{name} (points)" if unit == "pt" else name,
         with_unit(value, unit, signed=name in ("BWT", "FWT")) or "–", about[name])
        for name, (value, unit) in means.items()
    )  # fmt: skip


def _accuracy(run: OpenedRun) -> Iterator[Html | Chart]:
    yield Chart("Accuracy matrix", "test, %, framed when merged", partial(figures.matrix, run))
    yield Chart("Accuracy of each task", "dotted before its merge", partial(figures.curves, run))
    yield Chart("Where each task ended", "from just merged to now", partial(figures.ends, run))
    if run.record and run.record.stability is not None and run.record.plasticity is not None:
        yield Chart("Stability against plasticity", "per task", partial(figures.balance, run))
    names = library_labels(run.config).names
    frame = outcomes(run.view.matrix, run.tasks, run.view.individual)
    yield table(
        ["Task", "Pre-trained", "Just merged", "At the end", "Individual", "Plasticity", "Stability"],
        [(names[task], *map(_cell, values)) for task, *values in frame.itertuples(index=False)],
        range(1, 7),
    )


def _fusions(run: OpenedRun) -> Iterator[Section]:
    reported = figures.reported(run)
    apart = figures.every(run)
    drawn = f"; every {apart}th iteration is drawn" if apart > 1 else ""
    charts = [
        Chart(each.title, each.measured + drawn, partial(figures.curves_of_fusions, run, each.name))
        for each, _ in reported
    ]
    if charts:
        yield Section("Fusions", charts)


def _masks(run: OpenedRun) -> Iterator[Section]:
    steps = mask_steps(run.path)
    if not steps:
        return
    name = library_labels(run.config).names[run.tasks[steps[-1] - 1]]
    charts = []
    for measure in ("mean", "sparsity"):
        at = f", threshold {figures.THRESHOLD}" if measure == "sparsity" else ""
        for side in SIDES:
            chart = partial(figures.masks, run, measure, side, None)
            title = f"{MEASURES[measure].label}, {side} ({SIDE_NAMES[side]})"
            charts.append(Chart(title, f"by layer and kind of tensor{at}: {MEASURES[measure].definition}", chart))
    yield Section(f"Masks of the last fusion, which took in {name}", charts)


def _cell(value: float | None) -> str | None:
    return None if value is None or value != value else number_text(value, 1)
