"""The line under a run's title: the labels, splits, memory and seed that its results rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.text import duration, letters, size_text
from otmf_core.runs.record import RunRecord
from otmf_core.runs.view import RunView

STAMP = ("labels", "calibration_split", "memory_per_task")  # fields of a record


def stamp(view: RunView) -> None:
    """Draw what a run's results rest on: labels, splits, memory and seed. Every result carries it."""
    record = view.record
    data = record.model_dump(include={*STAMP}) if record else view.config.stamp()
    facts = [
        *data_facts(data),
        f"accuracy: {_test_split(record)}",
        f"seed: {view.config.seed}",
        f"run {view.run}",
    ]
    if view.status not in ("queued", "running"):
        facts.insert(-1, f"time: {duration(record.seconds if record else view.elapsed)}")
    if record and record.peak_memory_bytes:
        facts.insert(-1, f"peak: {size_text(record.peak_memory_bytes)} on {record.device}")
    if record and record.growth:
        facts[-1:-1] = record.growth.facts()
    facts_line(data["labels"], view.config.heads, facts)


def data_facts(data: Mapping[str, Any]) -> list[str]:
    """The training data behind a merge, from its stamp: the calibration split and what is kept of earlier tasks."""
    images = data["memory_per_task"]
    memory = f"{images} images per earlier task" if images else "none"
    return [f"calibration: {data['calibration_split']}", f"memory: {memory}"]


def facts_line(labels: str, heads: str, facts: Sequence[str]) -> None:
    """Draw the labels that a merge reads, orange where it reads any, and what else its results rest on."""
    colour = "green" if heads == "none" else "orange"
    rest = letters(" · ".join(facts))
    st.markdown(
        f":{colour}-badge[:material/label: Labels: {letters(labels)}] &ensp; :gray[:small[{rest}]]",
        help="Labels are what training data a merge reads: none, images without labels, or labels for its heads.",
    )


def _test_split(record: RunRecord | None) -> str:
    return f"test, {sum(record.test_images):,} images" if record and record.test_images else "test"
