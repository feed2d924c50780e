"""One tensor on the Masks page: its two histograms, and the part of its mask that is looked at, as a heatmap."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard.app_pages.masks.charts.tensor import SIDE_NAMES, mask_histogram, mask_matrix
from dashboard.app_pages.masks.part_controls import choose_part, zoom
from dashboard.app_pages.masks.reading import Span, mask_block
from dashboard.charts.look import png_settings
from dashboard.state import run_folder
from dashboard.text import reason
from dashboard.ui.chart import cached_chart, heading, show_chart
from dashboard.ui.layout import panels
from dashboard.ui.theme import theme
from otmf_core.errors import InputError
from otmf_core.masks.measures import RANGE
from otmf_core.masks.reading import MaskStatistics, block_size, matrix_shape
from otmf_core.models.tensor_names import TensorPlace

MOST_CELLS = 250_000  # that a picture of a mask sends to a browser


@st.fragment
def tensor_section(
    run: str,
    step: int,
    stats: MaskStatistics,
    side: str,
    tensor: str,
    tensor_place: TensorPlace,
    attention_heads: int | None,
) -> None:
    """Draw what part of a tensor to look at, its two histograms, and its mask as a matrix."""
    histogram_name = f"{run}-step-{step}-{tensor}-histogram"
    try:
        height, width = matrix_shape(run_folder(run), step, side, tensor)
        rows, columns = choose_part(tensor, tensor_place, height, width, attention_heads)
        size = block_size(rows[1] - rows[0], columns[1] - columns[0], MOST_CELLS)
        means = mask_block(run, step, side, tensor, rows, columns, size)
    except InputError as error:
        st.error(reason(error), title="This mask cannot be read")
        with panels(1, "tensor")[0]:
            _histogram(stats, tensor, histogram_name)
        return
    left, right = panels(2, "tensor")
    with left:
        _histogram(stats, tensor, histogram_name)
    with right:
        name = f"{run}-step-{step}-{side}-{tensor}"
        _matrix(means, (height, width), rows, columns, size, side, tensor, tensor_place.kind, name)


def _histogram(stats: MaskStatistics, tensor: str, name: str) -> None:
    row = stats.tensors.index(tensor)
    sides = (stats.pre, stats.post)
    pre, post = (side.histogram[row] for side in sides)
    edges = np.linspace(*RANGE, len(pre) + 1)
    within = RANGE[0] <= min(side.low[row] for side in sides) and max(side.high[row] for side in sides) <= RANGE[1]
    show_chart(
        cached_chart(mask_histogram, pre.tolist(), post.tolist()),
        lambda: pd.DataFrame({"from": edges[:-1], "to": edges[1:], "pre": pre, "post": post}),
        title="Histogram",
        measured=f"{stats.pre.entries[row]:,} entries"
        + (", all within −2…4" if within else "; those beyond −2…4 are in the outermost bins"),
        key="histogram",
        name=name,
    )


def _matrix(
    means: NDArray[np.float32],
    shape: Span,
    rows: Span,
    columns: Span,
    size: int,
    side: str,
    tensor: str,
    kind: str,
    name: str,
) -> None:
    """Draw the heatmap of what was read; a box drawn on it is read next."""
    height, width = shape
    part = f"rows {rows[0]:,}–{rows[1] - 1:,}, columns {columns[0]:,}–{columns[1] - 1:,}"
    whole = (rows, columns) == ((0, height), (0, width))
    cells = f"a cell is the mean of {size} × {size} entries" if size > 1 else "every entry"
    shape_text = f"{height:,} × {width:,}"
    heading(
        lambda: _matrix_frame(means, rows[0], columns[0], size),
        title=f"{side.title()} mask",
        measured=f"{shape_text}, {cells}; drag a box to zoom" if whole else f"{part} of {shape_text}, {cells}",
        key="matrix",
        name=name,
    )
    st.plotly_chart(
        cached_chart(mask_matrix, means, (rows[0], columns[0]), size, theme(), kind),
        theme=None,
        key="mask-matrix",
        on_select=partial(zoom, tensor, height, width),
        selection_mode="box",
        config=png_settings(name),
        alt=f"{SIDE_NAMES[side]}: mask of {tensor} as a heatmap, {part}",
    )


def _matrix_frame(means: NDArray[np.float32], top: int, left: int, size: int) -> pd.DataFrame:
    """The means as a table: a row per row of blocks, named by their first entries."""
    rows, columns = means.shape
    table = pd.DataFrame(means, columns=[f"column {left + size * column}" for column in range(columns)])
    table.insert(0, "row", [top + size * row for row in range(rows)])
    return table
