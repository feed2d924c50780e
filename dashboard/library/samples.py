"""Sample texts of tasks, each with what is asked and what is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.library.kept import kept_library
from otmf_core.errors import InputError
from otmf_core.library.examples import Split
from otmf_core.library.labels import labels_of
from otmf_core.library.library import Library
from otmf_core.library.manifest import TaskInfo
from otmf_core.library.texts import filled, read_rows

SHOWN = 2  # samples of a task among others


@dataclass(frozen=True)
class Sample:
    """The texts of one example by field of the prompt, the prompt with them filled in, its answer, and its label.

    `truth` is the number of the answer; None where answers are numbers on a scale, which are not right or wrong.
    """

    texts: Mapping[str, str]
    prompt: str
    answer: str
    truth: int | None


@st.cache_data(max_entries=64, show_spinner=False)
def calibration_samples(root: str, manifest: str, task: str, count: int = SHOWN) -> list[Sample]:
    """Calibration texts of different answers first, at most `count`.

    Raises InputError when the library in folder `root` has no calibration texts of the task, or damaged ones.
    """
    labels = text_labels(root, manifest, task, "calibration")
    first_of_answer = {label: row for row, label in reversed(list(enumerate(labels)))}
    chosen = dict.fromkeys([*(first_of_answer[label] for label in sorted(first_of_answer)), *range(len(labels))])
    return samples(root, manifest, task, "calibration", tuple(chosen)[:count])


@st.cache_resource(max_entries=64, show_spinner=False)
def text_labels(root: str, manifest: str, task: str, split: Split) -> Sequence[float]:
    """The label of every text of a split; raises InputError where the table is damaged."""
    library = kept_library(root, manifest)
    return labels_of(library.file(task, split), library.task(task))


@st.cache_data(max_entries=256, show_spinner=False)
def samples(root: str, manifest: str, task: str, split: Split, rows: tuple[int, ...]) -> list[Sample]:
    """These texts of a split, in this order; raises InputError where one is damaged or has changed."""
    library = kept_library(root, manifest)
    info, labels = library.task(task), text_labels(root, manifest, task, split)
    texts = read_rows(library.file(task, split), info, rows)
    return [_sample(library, info, row, labels[number]) for number, row in zip(rows, texts, strict=True)]


def _sample(library: Library, task: TaskInfo, texts: Mapping[str, str], label: float) -> Sample:
    prompt = filled(task.prompt, dict(texts))
    if task.metric == "spearman":
        return Sample(texts, prompt, f"{label:g}", None)
    if not 0 <= label < len(task.classes):
        raise InputError(f"labels lie in 0…{len(task.classes) - 1}: found {label:g} in {task.name} of {library.name}")
    return Sample(texts, prompt, task.classes[int(label)], int(label))
