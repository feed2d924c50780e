"""Charts and numbers side by side, in fewer columns where a screen is too narrow.

Columns, not a grid: a grid measures itself before it takes its columns, and a chart in it is drawn three times.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


def panels(count: int, key: str) -> list[DeltaGenerator]:
    """Columns for `count` charts; `key` is unique on the page."""
    return _columns("panels", count, key)


def cells(count: int, key: str) -> list[DeltaGenerator]:
    """Columns for `count` metrics; `key` as in `panels`."""
    return _columns("numbers", count, key)


def _columns(kind: str, count: int, key: str) -> list[DeltaGenerator]:
    return st.container(key=f"{kind}-{key}").columns(count)


def numbers(values: Mapping[str, tuple[str | None, str | None]], key: str) -> None:
    """Draw metrics: by label the value (None where there is none yet) and its definition; `key` as in `panels`."""
    for cell, (label, (value, definition)) in zip(cells(len(values), key), values.items(), strict=True):
        cell.metric(label, value, help=definition)
