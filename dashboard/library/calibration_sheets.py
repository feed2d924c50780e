"""Sheets of calibration images, which show what a task looks like."""

from __future__ import annotations

import streamlit as st
from PIL import Image, ImageOps

from dashboard.library.pictures import webp_uri
from otmf_core.errors import InputError
from otmf_core.library.encoded import named_pictures
from otmf_core.library.labels import read_labels
from otmf_core.library.library import open_library
from otmf_core.library.pictures import open_picture

SHEET_COLUMNS, SHEET_ROWS = 4, 2
SHEET_SIDE = 64  # pixels of one image on a sheet
STRIP_COLUMNS = 4
STRIP_SIDE = 40  # pixels of one image in a strip


@st.cache_data(max_entries=64, show_spinner=False)
def calibration_strip(root: str, task: str) -> str:
    """A row of four images of different classes, small enough for a table, as a data URI."""
    return webp_uri(_sheet(root, task, STRIP_COLUMNS, 1, STRIP_SIDE))


@st.cache_data(max_entries=64, show_spinner=False)
def calibration_sheet(root: str, task: str, columns: int = SHEET_COLUMNS, rows: int = SHEET_ROWS) -> str:
    """Images of different classes, as many classes as there are or as fit, as a data URI.

    Raises InputError when the library in folder `root` has no calibration images of the task, or damaged ones.
    """
    return webp_uri(_sheet(root, task, columns, rows, SHEET_SIDE))


def _sheet(root: str, task: str, columns: int, rows: int, side: int) -> Image.Image:
    library = open_library(root)
    files = library.task(task).files
    if "calibration" not in files:
        raise InputError(f"a task has calibration images: the manifest names none for {task!r} in {root}")
    path = library.path(files["calibration"])
    labels, wanted = read_labels(path), columns * rows
    first_of_class = {label: row for row, label in reversed(list(enumerate(labels)))}
    chosen = [*(first_of_class[label] for label in sorted(first_of_class)), *range(len(labels))][:wanted]
    pictures = named_pictures(path, chosen)
    sheet = Image.new("RGB", (columns * side, rows * side))
    for index, (blob, where) in enumerate(pictures):
        picture = ImageOps.fit(open_picture(blob, where), (side, side), Image.Resampling.BICUBIC)
        sheet.paste(picture, (index % columns * side, index // columns * side))
    return sheet
