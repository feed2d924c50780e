"""The tables of a grid: how its rows stand, and what each costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.app_pages.compare.leaderboard import MARK_STYLE
from dashboard.runs.columns import COUNTS, NUMBERS, SIGNED, TEXTS, before_and_after
from dashboard.text import rounded
from otmf_core.analysis.comparison import Row

HELP = {
    "rank": "By ACC, among those that read the same and keep as many {noun}.",
    "n": "Runs: orders and seeds.",
    "images_kept": "Unlabelled {noun} kept of every earlier task.",
    "acc_std": "Sample standard deviation of ACC over the runs.",
    "seconds": "Median over the runs.",
    "held_out": "Mean accuracy on the tasks that are not merged, before and after the merge.",
    "parameters": "Of a merged model that grew; the others have as many as the pre-trained one.",
    "encode_ms": "Time of a merged model that grew to encode an image.",
    "difference": "In ACC from the reference, order by order.",
    "low": "Lower end of the 95% interval of the mean difference.",
    "high": "Upper end of the 95% interval of the mean difference.",
    "win_tie_loss": "Orders won, level within 0.1 points, and lost against the reference.",
}


def grid_table(
    rows: Sequence[Row],
    columns: Sequence[str],
    alt: str,
    colours: Sequence[str] = (),
    marked: Sequence[bool] = (),
    noun: str = "images",
) -> None:
    """Draw rows of a grid with these columns, sortable; a column without values is left out. Examples are `noun`.

    `colours` are the rows' own, where `columns` has "colour"; the ACC of those `marked` stands out.
    """
    table = pd.DataFrame(rows)
    shown = [name for name in columns if name == "colour" or any(row[name] is not None for row in rows)]
    cells = pd.DataFrame(index=table.index)
    for name in shown:
        if name == "colour":
            cells[name] = "●"
        elif name == "held_out":
            cells[name] = [before_and_after(row) for row in rows]
        elif name in NUMBERS:
            cells[name] = [rounded(value, NUMBERS[name][1]) for value in table[name].astype(float)]
        else:
            cells[name] = table[name]
    styles = {"colour": [f"color: {colour}" for colour in colours]} if colours else {}
    styles |= {"acc": [MARK_STYLE if mark else "" for mark in marked]} if any(marked) else {}
    st.dataframe(
        cells.style.apply(lambda values: styles[values.name], subset=list(styles)),
        hide_index=True,
        height="content",
        placeholder="–",
        column_config={name: _column(name, "Row" if "part" in columns else "Method", noun) for name in shown},
        alt=alt,
    )


def _column(name: str, named: str, noun: str) -> Any:
    column = st.column_config
    about = HELP.get(name, "").format(noun=noun) or None
    if name == "colour":
        return column.TextColumn("", width=24, help="Its colour in the charts.")
    if name == "name":
        return column.TextColumn(named, width=165, pinned=True)
    if name in TEXTS:
        heading, width = TEXTS[name]
        return column.TextColumn(heading, help=about, width=width)
    if name in COUNTS:
        return column.NumberColumn(COUNTS[name], help=about, width=50)
    heading, digits = NUMBERS[name]
    return column.NumberColumn(heading, help=about, format=f"%{'+' if name in SIGNED else ''}.{digits}f")
