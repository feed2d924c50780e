"""Computations from stored features, each done once: projections, transport plans; thumbnails and prompts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image, ImageOps

from dashboard.app_pages.features.controls import METHODS
from dashboard.library.pictures import test_pictures, webp_uri
from dashboard.sharing.rules import why_not_changed
from otmf_core import layout
from otmf_core.analysis.features import BLUR, TaskFeatures
from otmf_core.analysis.projection import projection, projection_file
from otmf_core.errors import InputError
from otmf_core.files import Mark, mark
from otmf_core.library.library import open_library
from otmf_core.library.pictures import open_picture
from otmf_core.library.texts import read_prompts
from otmf_core.transport.transport_plan import class_mass, transport_plan

THUMBNAIL_SIDE = 96  # pixels


def projection_of(path: Path, tasks: Sequence[str], task: str, method: str) -> np.ndarray:
    """The projection (2T + 1, n, 2), with a spinner where it is computed for the first time."""
    stored = projection_file(path, tuple(tasks), task, method)
    if stored.is_file():
        return _projection(path, tuple(tasks), task, method, mark(stored))
    with st.spinner(f"Fitting {METHODS[method]} once for all steps: a few seconds", show_time=True):
        if why_not_changed():
            return _unkept(path, tuple(tasks), task, method, mark(path / layout.FEATURES))
        return projection(path, tuple(tasks), task, method)


@st.cache_resource(max_entries=64, show_spinner=False)
def _projection(path: Path, tasks: tuple[str, ...], task: str, method: str, stored: Mark) -> np.ndarray:
    return projection(path, tasks, task, method)


@st.cache_resource(max_entries=64, show_spinner=False)
def _unkept(path: Path, tasks: tuple[str, ...], task: str, method: str, features: Mark) -> np.ndarray:
    """The projection where nothing is written."""
    return projection(path, tasks, task, method, keep=False)


def class_mass_of(path: Path, task: str, step: int, features: TaskFeatures, teacher: int, classes: int) -> np.ndarray:
    """The transport plan's mass (classes, classes) between the merged model after `step` and the model `teacher`."""
    stored = mark(path / layout.FEATURES)
    return _class_mass(str(path), task, stored, step, teacher, classes, features)


@st.cache_resource(max_entries=64, show_spinner=False)
def _class_mass(
    path: str, task: str, stored: Mark, step: int, teacher: int, classes: int, _features: TaskFeatures
) -> np.ndarray:
    plan = transport_plan(_features.features[step], _features.features[teacher], BLUR)
    return class_mass(plan, _features.labels, _features.labels, classes)


@st.cache_resource(max_entries=64, show_spinner=False)
def thumbnails(library: str, task: str, rows: tuple[int, ...]) -> list[str]:
    """Test images as data URIs, enlarged without smoothing them away; raises InputError when they cannot be read."""
    opened = open_library(library)
    blobs = test_pictures(str(opened.root), opened.manifest_hash, task, rows)
    size = THUMBNAIL_SIDE, THUMBNAIL_SIDE
    pictures = [open_picture(blob, f"row {row}") for row, blob in zip(rows, blobs, strict=True)]
    return [webp_uri(ImageOps.fit(picture, size, Image.Resampling.BICUBIC)) for picture in pictures]


def prompts(library: str, task: str, rows: Sequence[int]) -> list[str]:
    """What is asked in these test texts; raises InputError when they cannot be read."""
    opened = open_library(library)
    every = _prompts(library, opened.manifest_hash, task)
    if len(rows) and max(rows) >= len(every):
        raise InputError(f"features are of the task's test texts: {task} has {len(every)}, not one of row {max(rows)}")
    return [every[row] for row in rows]


@st.cache_resource(max_entries=16, show_spinner=False)
def _prompts(library: str, manifest: str, task: str) -> list[str]:
    opened = open_library(library)
    return read_prompts(opened.file(task, "test"), opened.task(task))
