"""One tensor on the Masks page: its two histograms, and the part of its mask that is looked at, as a heatmap."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dashboard.app_pages.masks.charts.tensor import NAMES, mask_histogram, mask_matrix
from dashboard.app_pages.masks.part_controls import Span, choose_part, zoom
from dashboard.app_pages.masks.reading import mask_block, masks_changed, run_path
from dashboard.text import sentence
from dashboard.ui.chart import cached_chart, heading, png_settings, show_chart
from dashboard.ui.layout import panels
from dashboard.ui.theme import theme
from otmf_core.errors import InputError
from otmf_core.masks import reading as mask_reading
from otmf_core.masks.measures import RANGE
from otmf_core.masks.reading import MaskStatistics
from otmf_core.models.tensor_names import Place


@st.fragment
def tensor_section(
    run: str, step: int, stats: MaskStatistics, side: str, tensor: str, place: Place, n_heads: int | None
) -> None:
    """One tensor: what part of it to look at, its two histograms, and its mask as a matrix."""
    try:
        height, width = mask_reading.matrix_shape(run_path(run), step, side, tensor)
        rows, columns = choose_part(tensor, place, height, width, n_heads)
        size = mask_reading.block_size(rows[1] - rows[0], columns[1] - columns[0])
        means = mask_block(run_path(run), step, side, tensor, rows, columns, size, masks_changed(run, step))
    except InputError as error:
        st.error(sentence(str(error)), title="This mask cannot be read")
        means = None
    histogram, *matrix = panels(1 if means is None else 2, "tensor")
    with histogram:
        _histogram(stats, tensor, f"{run}-step-{step}-{tensor}-histogram")
    if means is not None:
        with matrix[0]:
            _matrix(means, (height, width), rows, columns, size, side, tensor, f"{run}-step-{step}-{side}-{tensor}")


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
        cached_chart(mask_matrix, means, (rows[0], columns[0]), size, theme()),
        theme=None,
        key="mask-matrix",
        on_select=partial(zoom, tensor, *whole),
        selection_mode="box",
        config=png_settings(name),
        alt=f"{NAMES[side]}: mask of {tensor} as a heatmap, {part}",
    )


def _matrix_frame(means: NDArray[np.float32], top: int, left: int, size: int) -> pd.DataFrame:
    """The means as a table: a row per row of blocks, named by their first entries."""
    table = pd.DataFrame(means, columns=[f"column {left + size * place}" for place in range(means.shape[1])])
    table.insert(0, "row", [top + size * place for place in range(means.shape[0])])
    return table
