"""A grid of methods over orders: who leads on which footing, by how much, and at what cost; or OTMF taken apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from dashboard.app_pages.compare.apart import taken_apart
from dashboard.app_pages.compare.differences import differences_section
from dashboard.app_pages.compare.grid_table import grid_table
from dashboard.charts.colours import method_colour
from dashboard.charts.grid import Point, cost_quality, held_against
from dashboard.runs.columns import STANDING
from dashboard.ui.chart import cached_chart, heading, show_chart
from dashboard.ui.layout import panels
from otmf_core.analysis.ablations import part_of
from otmf_core.analysis.comparison import Row, pools
from otmf_core.analysis.standings import Footing, footing, footings, names_of, standings
from otmf_core.methods.base import KINDS
from otmf_core.methods.table import TABLE
from otmf_core.runs.folder import Run

REFERENCE = TABLE[0].title  # that the others are held against at first, where it is there
EVERY = "All, each among its equals"
COSTS = {"Time": ("seconds", "s"), "Peak memory": ("memory_gib", "GiB")}


def grid_view(runs: Sequence[Run], key: str) -> None:
    """Draw a grid of finished runs: its methods, and OTMF taken apart where it has such rows; `key` begins its keys."""
    names = names_of(runs)
    part = {run.id: part_of(run.config) for run in runs}
    methods = [run for run in runs if part[run.id] in (None, "whole")]
    ablations = [run for run in runs if part[run.id]]
    if len(pools(methods)) > 1 or len(pools(ablations)) < 2:
        _methods(methods, names, key)
    if len(pools(ablations)) > 1:
        taken_apart(ablations, names, key)


def _methods(runs: Sequence[Run], names: Mapping[str, str], key: str) -> None:
    noun = runs[0].noun
    every = {each.text: each for each in footings(runs)}
    with st.container(horizontal=True, gap="medium"):
        chosen = st.selectbox(
            "Like for like",
            [EVERY, *every] if len(every) > 1 else list(every),
            key=f"{key}-footing",
            width=420,
            help=f"What a method reads, and how many {noun} it keeps, decide what it can reach.",
        )
        shown = [run for run in runs if chosen == EVERY or footing(run) == every[chosen]]
        reference = _choose_reference(shown, names, key)
    st.caption(_what_is_alike(every.get(chosen), noun))
    rows, groups = standings(shown, names, reference)
    colours = {row["name"]: method_colour(group[0].config.method.name) for row, group in zip(rows, groups, strict=True)}
    of = [footing(group[0]) for group in groups]
    kinds = list(KINDS)
    order = sorted(range(len(rows)), key=lambda index: (kinds.index(of[index].kind), of[index].kept))
    frame = pd.DataFrame(rows).drop(columns="differences")
    heading(
        lambda: frame,
        title="Methods",
        measured=f"means over orders; differences from {reference}",
        key=f"{key}-board",
        name="methods",
    )
    for joint in (False, True):
        at = [index for index in order if (of[index].kind == "joint") == joint]
        if not at:
            continue
        if joint:
            st.markdown(f"**{KINDS['joint']}** · upper references: they see every task vector at once")
        table = [rows[index] for index in at]
        dots, first = [colours[row["name"]] for row in table], [row["rank"] == 1 for row in table]
        grid_table(table, STANDING, "Methods, by what they read and keep", dots, first, noun)
    left, right = panels(2, f"{key}-grid")
    with left:
        held = [held_against(row, colours[row["name"]]) for row in rows if row["differences"]]
        differences_section(sorted(held, key=lambda each: -each.mean), reference, f"{key}-intervals")
    with right:
        _cost(rows, [each.kind for each in of], colours, key, noun)


def _choose_reference(runs: Sequence[Run], names: Mapping[str, str], key: str) -> str:
    there = [names[group[0].id] for group in pools(runs)]
    return st.selectbox(
        "Held against",
        there,
        index=there.index(REFERENCE) if REFERENCE in there else 0,
        key=f"{key}-reference",
        width=260,
        help="Differences are taken order by order, so that what an order does to every method cancels out.",
    )


def _what_is_alike(on: Footing | None, noun: str) -> str:
    if on is None:
        return (
            f"Ranks (#) hold among methods that read the same data and keep as many {noun} of earlier tasks; lines of "
            "different groups are not like for like."
        )
    return f"Like for like: {on.text[0].lower()}{on.text[1:]}."


def _cost(rows: Sequence[Row], kinds: Sequence[str], colours: Mapping[str, str], key: str, noun: str) -> None:
    measured = {cost: of for cost, of in COSTS.items() if any(row[of[0]] for row in rows)}
    if not measured:
        return
    chosen = st.session_state.get(f"{key}-cost")
    cost = chosen if chosen in measured else next(iter(measured))
    metric, unit = measured[cost]
    points = [
        Point(row["name"], colours[row["name"]], kind, row["acc"], row["acc_std"], row[metric])
        for row, kind in zip(rows, kinds, strict=True)
        if row["acc"] is not None and row[metric]
    ]
    show_chart(
        cached_chart(cost_quality, points, unit, KINDS),
        lambda: pd.DataFrame(
            [(p.name, p.kind, p.acc, p.cost) for p in points], columns=["name", "kind", "acc", metric]
        ),
        title="Quality against cost",
        measured=f"ACC ± std on test {noun}; above and left is better",
        key=f"{key}-quality",
        name="quality-cost",
    )
    if len(measured) > 1:
        st.segmented_control(
            "Cost", list(measured), default=cost, key=f"{key}-cost", required=True, label_visibility="collapsed"
        )
