"""Figures and numbers side by side, in fewer columns where a screen is too narrow.

Columns, not a grid: a grid measures itself before it takes its columns, and a chart in it is drawn three times.
"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

NARROWEST = {"panels": 380, "numbers": 115}  # pixels of a column, before it goes into a row of its own
STYLE = " ".join(f"[class*=st-key-{kind}-] .stColumn {{ min-width: {width}px }}" for kind, width in NARROWEST.items())


def panels(count: int, key: str) -> list[DeltaGenerator]:
    """Places for `count` figures; `key` is unique on the page."""
    return _columns("panels", count, key)


def cells(count: int, key: str) -> list[DeltaGenerator]:
    """Places for `count` metrics; `key` as in `panels`."""
    return _columns("numbers", count, key)


def _columns(kind: str, count: int, key: str) -> list[DeltaGenerator]:
    return st.container(key=f"{kind}-{key}").columns(count)


def numbers(values: Mapping[str, tuple[str | None, str]], key: str) -> None:
    """Draw metrics: by label the value (None where there is none yet) and its definition; `key` as in `panels`."""
    for cell, (label, (value, definition)) in zip(cells(len(values), key), values.items(), strict=True):
        cell.metric(label, value, help=definition)
