"""The line under a run's title: the labels, splits, memory and seed that its results rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.text import duration, size_text
from otmf_core.config import MergeConfig
from otmf_core.runs.view import JobView


def stamp(view: JobView) -> None:
    """Draw what a run's results rest on: labels, splits, memory and seed. Every result carries it."""
    record = view.record or {}
    data = record or MergeConfig.parse(dict(view.config)).stamp()
    facts = [
        *data_facts(data),
        f"accuracy: {_test_split(record)}",
        f"seed: {view.config['seed']}",
        f"run {view.run}",
    ]
    if view.status not in ("queued", "running"):
        facts.insert(-1, f"time: {duration(record.get('seconds', view.elapsed))}")
    if record.get("peak_memory_bytes"):
        facts.insert(-1, f"peak: {size_text(record['peak_memory_bytes'])} on {record['device']}")
    facts_line(data["labels"], view.config["heads"], facts)


def data_facts(data: Mapping[str, Any]) -> list[str]:
    """The training data behind a merge, from its stamp: the calibration split and what is kept of earlier tasks."""
    images = data["memory_per_task"]
    memory = f"{images} images per earlier task" if images else "none"
    return [f"calibration: {data['calibration_split']}", f"memory: {memory}"]


def facts_line(labels: str, heads: str, facts: Sequence[str]) -> None:
    """Draw the labels that a merge reads, orange where it reads any, and what else its results rest on."""
    colour = "orange" if heads == "tuned" else "green"
    st.markdown(
        f":{colour}-badge[:material/label: Labels: {labels}] &ensp; :gray[:small[{' · '.join(facts)}]]",
        help="Labels are what training data a merge reads: none, images without labels, or labels for its heads.",
    )


def _test_split(record: Mapping[str, Any]) -> str:
    images = record.get("test_images")
    return f"test, {sum(images):,} images" if images else "test"
