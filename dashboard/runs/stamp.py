"""The line under a run's title: the labels, splits, memory and seed that its results rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.library.labels import library_labels
from dashboard.text import duration, letters, size_text
from otmf_core.runs.view import RunView

STAMP = ("labels", "calibration_split", "memory_per_task")  # fields of a record
SCORINGS = {"likelihood": "answers by likelihood", "generation": "answers as generated"}
_OF_WHAT = {"images": " for its heads", "texts": ""}  # heads are tuned of images alone


def stamp(view: RunView) -> None:
    """Draw what a run's results rest on: labels, splits, memory and seed. Every result carries it."""
    facts_line(_stamped(view)["labels"], view.config.heads, _facts(view), noun_of(view))


def protocol(view: RunView) -> list[str]:
    """What a run's results rest on, fact by fact: labels, splits, memory, seed, time; not to be read as Markdown."""
    return [f"labels: {_stamped(view)['labels']}", *_facts(view)]


def _stamped(view: RunView) -> dict[str, Any]:
    record = view.record
    return record.model_dump(include={*STAMP}) if record else view.config.stamp(noun=noun_of(view))


def _facts(view: RunView) -> list[str]:
    record, noun, data = view.record, noun_of(view), _stamped(view)
    facts = [
        *data_facts(data, noun),
        f"accuracy: {_test_split(view, noun)}",
        f"seed: {view.config.seed}",
        f"run {view.run}",
    ]
    if view.status not in ("queued", "running"):
        facts.insert(-1, f"time: {duration(record.seconds if record else view.elapsed)}")
    if record and record.peak_memory_bytes:
        facts.insert(-1, f"peak: {size_text(record.peak_memory_bytes)} on {record.device}")
    if record and record.growth:
        facts[-1:-1] = record.growth.facts()
    return facts


def noun_of(view: RunView) -> str:
    """What the examples of a run are called, images or texts: by its record, or until it has one by its library."""
    return view.record.noun if view.record else library_labels(view.config).noun


def data_facts(data: Mapping[str, Any], noun: str) -> list[str]:
    """The training data behind a merge, from its stamp: the calibration split and what is kept of earlier tasks."""
    kept = data["memory_per_task"]
    memory = f"{kept} {noun} per earlier task" if kept else "none"
    return [f"calibration: {data['calibration_split']}", f"memory: {memory}"]


def facts_line(labels: str, heads: str, facts: Sequence[str], noun: str) -> None:
    """Draw the labels that a merge reads, orange where it reads any, and what else its results rest on."""
    colour = "green" if heads == "none" else "orange"
    rest = letters(" · ".join(facts))
    st.markdown(
        f":{colour}-badge[:material/label: Labels: {letters(labels)}] &ensp; :gray[:small[{rest}]]",
        help=f"Labels are what training data a merge reads: none, {noun} without labels, or labels{_OF_WHAT[noun]}.",
    )


def _test_split(view: RunView, noun: str) -> str:
    record = view.record
    split = f"test, {sum(record.test_images):,} {noun}" if record and record.test_images else "test"
    if noun == "images":
        return split
    scoring = record.scoring if record and record.scoring else view.config.scoring
    return f"{split}, {SCORINGS.get(scoring, scoring)}"
