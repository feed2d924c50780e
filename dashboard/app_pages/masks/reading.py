"""Readers of a run's masks, each file read once: the statistics of a step, blocks of a mask, the attention heads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.state import run_folder
from dashboard.text import reason
from otmf_core import layout
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import Mark, mark
from otmf_core.library.library import open_library
from otmf_core.masks import reading as mask_reading
from otmf_core.masks.reading import MaskStatistics
from otmf_core.models import tensor_names

Span = tuple[int, int]  # half-open


def statistics_of(run: str, step: int) -> MaskStatistics:
    """The stored statistics of a step; ends the page with the reason where they cannot be read."""
    path = run_folder(run) / layout.step_folder(step) / layout.MASK_STATISTICS
    try:
        return _statistics(run_folder(run), step, mark(path))
    except InputError as error:
        st.error(reason(error), title="The masks of this step cannot be shown")
        st.stop()


@st.cache_resource(max_entries=64, show_spinner=False)
def _statistics(path: Path, step: int, stored: Mark) -> MaskStatistics:
    return mask_reading.read_statistics(path, step)


def mask_block(
    run: str, step: int, side: str, tensor: str, rows: Span, columns: Span, size: int
) -> NDArray[np.float32]:
    """Means over blocks of size × size entries of a part of a mask; raises InputError where it cannot be read."""
    path = run_folder(run)
    stored = mark(path / layout.step_folder(step) / layout.MASKS)
    return _mask_block(path, step, side, tensor, rows, columns, size, stored)


@st.cache_resource(max_entries=24, show_spinner=False)
def _mask_block(
    path: Path, step: int, side: str, tensor: str, rows: Span, columns: Span, size: int, stored: Mark
) -> NDArray[np.float32]:
    return mask_reading.block_means(mask_reading.read_block(path, step, side, tensor, rows, columns), size)


def attention_heads(config: MergeConfig) -> int | None:
    """The attention heads of the network that a run merged; None where its library is gone or does not say."""
    try:
        return tensor_names.attention_heads(open_library(config.library).backbone_config)
    except InputError:
        return None
