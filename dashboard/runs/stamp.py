"""The line under a run's title: the labels, splits, memory and seed that its results rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.text import duration, size_text
from otmf_core.config import MergeConfig
from otmf_core.runs.view import JobView


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
