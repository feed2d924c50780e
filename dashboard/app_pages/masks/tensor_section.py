"""The Masks page's tensor: its two histograms, and its mask as a matrix, whole, by head or a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard.app_pages.masks.charts.tensor import NAMES, mask_histogram, mask_matrix
from dashboard.app_pages.masks.map_section import run_path
from dashboard.text import sentence
from dashboard.ui.chart import built, figure, heading, picture
from dashboard.ui.layout import panels
from dashboard.ui.theme import ground
from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.files import Mark, mark
from otmf_core.library.library import open_library
from otmf_core.masks import reading as mask_reading
from otmf_core.masks.measures import RANGE
from otmf_core.masks.reading import MaskStatistics
from otmf_core.models.tensor_names import Place, heads

Span = tuple[int, int]  # half-open
QKV = ("Query", "Key", "Value")


def heads_of(config: Mapping[str, Any]) -> int | None:
    """The attention heads of the image tower that a run merged; None where its library is gone or does not say."""
    try:
        return heads(open_library(config["library"]).backbone_config)
    except InputError:
        return None


@st.fragment
def tensor_section(
    run: str, step: int, stats: MaskStatistics, side: str, tensor: str, place: Place, n_heads: int | None
) -> None:
    """One tensor: what part of it to look at, its two histograms, and its mask as a matrix."""
    try:
        height, width = mask_reading.matrix_shape(run_path(run), step, side, tensor)
        rows, columns = _part(tensor, place, height, width, n_heads)
        size = mask_reading.block_size(rows[1] - rows[0], columns[1] - columns[0])
        means = _block(run_path(run), step, side, tensor, rows, columns, size, _changed(run, step))
    except InputError as error:
        st.error(sentence(str(error)), title="This mask cannot be read")
        means = None
    histogram, *matrix = panels(1 if means is None else 2, "tensor")
    with histogram:
        _histogram(stats, tensor, f"{run}-step-{step}-{tensor}-histogram")
    if means is not None:
        with matrix[0]:
            _matrix(means, (height, width), rows, columns, size, side, tensor, f"{run}-step-{step}-{side}-{tensor}")


def _part(tensor: str, place: Place, height: int, width: int, n_heads: int | None) -> tuple[Span, Span]:
    """The controls that choose rows and columns, and what they stand at."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        if place.kind == "qkv.weight" and n_heads and height % (3 * n_heads) == 0:
            _head_controls(tensor, height, n_heads, parts=True)
        elif place.kind == "proj.weight" and n_heads and width % n_heads == 0:
            _head_controls(tensor, width, n_heads, parts=False)
        rows = _range("Rows", "rows", tensor, height)
        columns = _range("Columns" if height > 1 else "Entries", "columns", tensor, width)
        whole = (rows, columns) == ((0, height), (0, width))
        if height * width > 1:
            st.button(
                "Whole", icon=":material/zoom_out_map:", disabled=whole, on_click=_set_spans, args=(tensor, None, None)
            )
    return rows, columns


def _histogram(stats: MaskStatistics, tensor: str, name: str) -> None:
    row = stats.tensors.index(tensor)
    sides = (stats.pre, stats.post)
    pre, post = (side.histogram[row] for side in sides)
    edges = np.linspace(*RANGE, len(pre) + 1)
    within = RANGE[0] <= min(side.low[row] for side in sides) and max(side.high[row] for side in sides) <= RANGE[1]
    figure(
        built(mask_histogram, pre.tolist(), post.tolist()),
        lambda: pd.DataFrame({"from": edges[:-1], "to": edges[1:], "pre": pre, "post": post}),
        title="Histogram",
        measured=f"{stats.pre.entries[row]:,} entries"
        + (", all within −2…4" if within else "; those beyond −2…4 are in the outermost bins"),
        key="histogram",
        name=name,
    )


def _matrix(
    means: NDArray[np.float32], whole: Span, rows: Span, columns: Span, size: int, side: str, tensor: str, name: str
) -> None:
    """The heatmap of what was read; a box drawn on it is read next."""
    part = f"rows {rows[0]:,}–{rows[1] - 1:,}, columns {columns[0]:,}–{columns[1] - 1:,}"
    everything = (rows, columns) == ((0, whole[0]), (0, whole[1]))
    cells = f"a cell is the mean of {size} × {size} entries" if size > 1 else "every entry"
    shape = f"{whole[0]:,} × {whole[1]:,}"
    heading(
        lambda: _matrix_frame(means, rows[0], columns[0], size),
        title=f"{side.title()} mask",
        measured=f"{shape}, {cells}; drag a box to zoom" if everything else f"{part} of {shape}, {cells}",
        key="matrix",
        name=name,
    )
    st.plotly_chart(
        built(mask_matrix, means, (rows[0], columns[0]), size, ground()),
        theme=None,
        key="mask-matrix",
        on_select=partial(_zoom, tensor, *whole),
        selection_mode="box",
        config=picture(name),
        alt=f"{NAMES[side]}: mask of {tensor} as a heatmap, {part}",
    )


def _matrix_frame(means: NDArray[np.float32], top: int, left: int, size: int) -> pd.DataFrame:
    """The means as a table: a row per row of blocks, named by their first entries."""
    table = pd.DataFrame(means, columns=[f"column {left + size * place}" for place in range(means.shape[1])])
    table.insert(0, "row", [top + size * place for place in range(means.shape[0])])
    return table


def _range(label: str, kind: str, tensor: str, length: int) -> Span:
    """The rows or columns to look at."""
    if length == 1:
        return 0, 1
    key = f"{kind}-{tensor}"
    if key not in st.session_state:
        st.session_state[key] = (0, length - 1)
    first, last = st.slider(label, 0, length - 1, key=key, on_change=_forget_head, args=(tensor,), width=240)
    return first, last + 1


def _head_controls(tensor: str, length: int, n_heads: int, *, parts: bool) -> None:
    """Jump to a head: of the query, key or value rows of an input projection, or of an output projection's columns."""
    args = (tensor, length, n_heads, parts)
    if parts:
        st.segmented_control("Part", QKV, key=f"part-{tensor}", on_change=_show_head, args=args)
    st.selectbox(
        "Head",
        range(n_heads),
        index=None,
        placeholder="All heads",
        key=f"head-{tensor}",
        on_change=_show_head,
        args=args,
        width=140,
    )


def _show_head(tensor: str, length: int, n_heads: int, parts: bool) -> None:
    head = st.session_state[f"head-{tensor}"]
    first, size = 0, length
    if parts:
        if head is not None and st.session_state[f"part-{tensor}"] is None:
            st.session_state[f"part-{tensor}"] = QKV[0]
        part = st.session_state[f"part-{tensor}"]
        if part is not None:
            first, size = QKV.index(part) * length // 3, length // 3
    if head is not None:
        span = (length // 3 if parts else length) // n_heads
        first, size = first + head * span, span
    st.session_state[f"{'rows' if parts else 'columns'}-{tensor}"] = (first, first + size - 1)


def _forget_head(tensor: str) -> None:
    for key in (f"part-{tensor}", f"head-{tensor}"):
        if key in st.session_state:
            st.session_state[key] = None


def _set_spans(tensor: str, rows: Span | None, columns: Span | None) -> None:
    """Look at these rows and columns, or at all of them."""
    for key, span in ((f"rows-{tensor}", rows), (f"columns-{tensor}", columns)):
        if span is None:
            st.session_state.pop(key, None)
        elif key in st.session_state:
            st.session_state[key] = (span[0], span[1] - 1)
    _forget_head(tensor)


def _zoom(tensor: str, height: int, width: int) -> None:
    """Look at the box that was drawn; one that holds no whole entry changes nothing."""
    boxes = st.session_state["mask-matrix"]["selection"]["box"]
    if boxes:
        rows, columns = (
            (max(0, round(min(box))), min(length, round(max(box)) + 1))
            for box, length in ((boxes[-1]["y"], height), (boxes[-1]["x"], width))
        )
        if rows[0] < rows[1] and columns[0] < columns[1]:
            _set_spans(tensor, rows, columns)


def _changed(run: str, step: int) -> Mark:
    return mark(run_path(run) / layout.step_folder(step) / layout.MASKS)


@st.cache_resource(max_entries=24, show_spinner=False)
def _block(
    path: Path, step: int, side: str, tensor: str, rows: Span, columns: Span, size: int, changed: Mark
) -> NDArray[np.float32]:
    return mask_reading.block_means(mask_reading.read_block(path, step, side, tensor, rows, columns), size)
