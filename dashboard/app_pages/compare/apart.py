"""OTMF taken apart: what it loses or gains where one thing is changed, part by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard.app_pages.compare.differences import differences_section
from dashboard.app_pages.compare.grid_table import grid_table
from dashboard.charts.colours import PALETTE
from dashboard.charts.grid import held_against
from dashboard.text import plural
from dashboard.ui.chart import heading
from dashboard.ui.layout import panels
from otmf_core.analysis.ablations import ABLATIONS, ablation_name, part_of
from otmf_core.analysis.standings import standings
from otmf_core.runs.folder import Run

PARTS = ("whole", *ABLATIONS)
COLUMNS = ("part", "name", "acc", "acc_std", "difference", "win_tie_loss", "bwt", "seconds", "n")


def taken_apart(runs: Sequence[Run], names: Mapping[str, str], key: str) -> None:
    """Draw runs that are ablations, and OTMF with its defaults among them; `names` is by run id."""
    whole = next((names[run.id] for run in runs if part_of(run.config) == "whole"), None)
    rows, groups = standings(runs, names, whole)
    table = []
    for row, group in zip(rows, groups, strict=True):
        part, name = part_of(group[0].config), ablation_name(group[0].config)
        table.append({**row, "part": part, "name": row["name"] if part == "whole" else name})
    reference, noun = whole or table[0]["name"], runs[0].noun
    table.sort(key=lambda row: PARTS.index(row["part"]))
    colours = [PALETTE[PARTS.index(row["part"])] for row in table]
    for row in table:
        row["part"] = noun if row["part"] == "images" else row["part"]
    frame = pd.DataFrame(table).drop(columns="differences")
    st.subheader("OTMF taken apart", anchor=False)
    heading(
        lambda: frame,
        title=plural(len(table), "row"),
        measured=f"one thing changed in each; differences from {reference}",
        key=f"{key}-ablations",
        name="ablations",
    )
    left, right = panels(2, f"{key}-parts")
    with left:
        grid_table(table, COLUMNS, "Ablations, part by part")
    with right:
        held = [held_against(row, shade) for row, shade in zip(table, colours, strict=True) if row["differences"]]
        differences_section(held, reference, f"{key}-parts-intervals")
