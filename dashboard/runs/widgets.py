"""Pieces that several pages share: what a run is, how far it is, what it measured, and its figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

import pandas as pd
import streamlit as st

from dashboard.charts.colours import task_colours
from dashboard.charts.curves import accuracy_curves
from dashboard.charts.matrix import accuracy_matrix
from dashboard.engine.memory import size_text
from dashboard.ui.chart import built, figure
from dashboard.ui.layout import numbers, panels, with_unit
from dashboard.ui.theme import ground
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.library.library import open_library
from otmf_core.runs.view import JobView, fraction_done

METHODS = {"otmf": "OTMF", "average": "Average", "task-arithmetic": "Task arithmetic"}
BADGES: dict[str, tuple[str, str, Literal["gray", "blue", "orange", "red", "green"]]] = {
    "queued": ("Queued", ":material/schedule:", "gray"),
    "running": ("Running", ":material/play_circle:", "blue"),
    "stopped": ("Paused", ":material/pause_circle:", "orange"),
    "interrupted": ("Interrupted", ":material/power_off:", "orange"),
    "failed": ("Failed", ":material/error:", "red"),
    "done": ("Done", ":material/check_circle:", "green"),
}
RESUMABLE = ("stopped", "interrupted", "failed")
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
SIDE_BY_SIDE = 10  # tasks up to which the matrix and the curves share a row


@dataclass(frozen=True)
class Faces:
    """How tasks are shown: name and colour by task id."""

    names: Mapping[str, str]
    colours: Mapping[str, str]


def faces(config: Mapping[str, Any]) -> Faces:
    """Names and colours of a run's tasks; the bare ids where its library is not on this machine any more."""
    try:
        known = _library_faces(config["library"])
    except InputError:
        known = Faces({}, {})
    tasks = config.get("tasks", ())
    ids = {task: task for task in tasks}
    return Faces({**ids, **known.names}, {**task_colours(sorted(tasks)), **known.colours})


@lru_cache(maxsize=16)
def _library_faces(library: str) -> Faces:
    tasks = open_library(library).tasks
    return Faces({task.id: task.name for task in tasks}, task_colours([task.id for task in tasks]))


def title(config: Mapping[str, Any]) -> str:
    """What was asked for: method, number of tasks and the number that weighs them."""
    parts = [METHODS[config["method"]], f"{len(config['tasks'])} tasks"]
    if config["method"] == "otmf":
        parts.append(f"α = {config['alpha']:g}")
    if config["method"] == "task-arithmetic":
        parts.append(f"λ = {config['scaling']:g}")
    return " · ".join(parts)


def status_badge(view: JobView) -> None:
    """Where the run stands."""
    label, icon, colour = BADGES[view.status]
    st.badge(label, icon=icon, color=colour)


def stamp(view: JobView) -> None:
    """What the figures used: labels, splits, memory and seed. Every result carries it."""
    used = view.record or MergeConfig.parse(dict(view.config)).stamp()
    facts = [
        *reads(used),
        f"accuracy: {_test_split(view)}",
        f"seed: {view.config['seed']}",
        f"run {view.run}",
    ]
    if view.status not in ("queued", "running"):
        facts.insert(-1, f"time: {duration((view.record or {}).get('seconds', view.elapsed))}")
    if view.record and view.record.get("peak_memory_bytes"):
        facts.insert(-1, f"peak: {size_text(view.record['peak_memory_bytes'])} on {view.record['device']}")
    facts_line(used["labels"], view.config["heads"], facts)


def reads(used: Mapping[str, Any]) -> list[str]:
    """The training data behind a merge, from its stamp: the calibration split and what is kept of earlier tasks."""
    images = used["memory_per_task"]
    memory = f"{images} images per earlier task" if images else "none"
    return [f"calibration: {used['calibration_split']}", f"memory: {memory}"]


def facts_line(labels: str, heads: str, facts: Sequence[str]) -> None:
    """The labels that a merge reads, orange where it reads any, and what else its figures rest on."""
    colour = "orange" if heads == "tuned" else "green"
    st.markdown(
        f":{colour}-badge[:material/label: Labels: {labels}] &ensp; :gray[:small[{' · '.join(facts)}]]",
        help="Labels are what training data a merge reads: none, images without labels, or labels for its heads.",
    )


def _test_split(view: JobView) -> str:
    images = (view.record or {}).get("test_images")
    return f"test, {sum(images):,} images" if images else "test"


def progress(view: JobView) -> None:
    """Overall progress with time spent and left, and the current fusion's."""
    overall, fusion = st.columns([3, 2])
    left = "" if view.eta_seconds is None else f" · about {duration(view.eta_seconds)} left"
    done = fraction_done(view)
    overall.progress(done, text=f"**{done:.0%}** · {duration(view.elapsed)}{left}")
    fusion.progress(view.iteration / view.steps if view.steps else 0.0, text=_where(view))


def _where(view: JobView) -> str:
    between = view.step < 2 or (not view.iteration and view.matrix[view.step] is not None)
    if view.phase == "Stopping":
        return "Pausing"
    if between:
        return view.phase
    return f"Fusion {view.step - 1} of {len(view.tasks) - 1} · mask step {view.iteration} of {view.steps}"


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


def accuracy_figures(
    view: JobView, place: str, chosen: Sequence[str] | None = None, individual: Mapping[str, float] | None = None
) -> None:
    """The accuracy matrix and the curves, side by side where both fit; the curves as `accuracy_curves` takes them."""
    shown = faces(view.config)
    tasks = list(view.tasks)
    names = [shown.names[task] for task in tasks]
    matrix = view.matrix or (None,) * (len(tasks) + 1)
    known = partial(matrix_frame, matrix, names)
    beside = len(tasks) <= SIDE_BY_SIDE
    first, second = panels(2, f"{place}-accuracy") if beside else (st.container(), st.container())
    with first:
        figure(
            built(accuracy_matrix, matrix, names, ground(), narrow=place == "merge" and beside),
            known,
            title="Accuracy matrix",
            measured="test, %, framed when merged",
            key=f"{place}-matrix",
            name=f"{view.run}-matrix",
        )
    with second:
        figure(
            built(accuracy_curves, matrix, tasks, shown.names, shown.colours, chosen, individual),
            known,
            title="Accuracy of each task",
            measured="dotted before its merge",
            key=f"{place}-curves",
            name=f"{view.run}-curves",
        )


def matrix_frame(matrix: Sequence[Sequence[float | None] | None], names: Sequence[str]) -> pd.DataFrame:
    """The accuracy matrix as a table: step (0: pre-trained), task, accuracy in percent; evaluated cells only."""
    cells = [
        (step, name, value)
        for step, row in enumerate(matrix)
        for name, value in zip(names, row or (), strict=False)
        if value is not None
    ]
    return pd.DataFrame(cells, columns=["step", "task", "accuracy"])


def sentence(message: str) -> str:
    """A message of the engine as a sentence: a capital first, a full stop last."""
    return f"{message[:1].upper()}{message[1:]}{'' if message.endswith('.') else '.'}" if message else ""


def duration(seconds: float) -> str:
    """7.2 s, 48 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
