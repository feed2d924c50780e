"""The reader's own runs, held against each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from dashboard.app_pages.compare.alone import alone
from dashboard.app_pages.compare.curves import curves, curves_and_cost
from dashboard.app_pages.compare.grid import grid_view
from dashboard.app_pages.compare.leaderboard import leaderboard_table
from dashboard.app_pages.compare.matrices import matrices
from dashboard.app_pages.compare.picker import choose_runs
from dashboard.app_pages.compare.published import published_tables
from dashboard.app_pages.compare.settings_table import settings_table
from dashboard.library.labels import library_labels
from dashboard.report.button import report_button
from dashboard.runs.loading import readable_runs
from dashboard.text import letters
from dashboard.ui.chart import heading
from dashboard.ui.deferred import defer
from otmf_core.analysis.comparison import by_library, differences, leaderboard, letter, metric, mismatches, pools
from otmf_core.analysis.standings import is_grid, names_of, standings
from otmf_core.runs.folder import Run


def my_runs() -> None:
    """Draw the runs that are ticked, those of each library by themselves, best first."""
    finished = [run for run in readable_runs()[0] if run.record]
    if not finished:
        st.subheader("Nothing to compare yet", anchor=False)
        st.markdown("Finished merges are held against each other here.")
        st.page_link("app_pages/merge/page.py", label="Start a merge", icon=":material/merge:")
        published_tables()
        return
    runs = sorted(choose_runs(finished), key=lambda run: metric(run, "acc") or 0.0, reverse=True)
    if not runs:
        st.info("Tick the runs to compare in the first column.", icon=":material/check_box:")
        published_tables()
        return
    parts = by_library(runs)
    names = {run.id: letter(index) for index, run in enumerate(run for part in parts for run in part)}
    if len(parts) == 1:
        _say_what_differs(runs)
    pooled = st.toggle(
        "Pool orders and seeds",
        key="pooled",
        bind="query-params",
        help="Runs that differ in the order of their tasks and in the seed only become one row: mean ± sample standard "
        "deviation (n − 1). A repeat of the same order and seed counts once.",
    )
    if len(parts) > 1:
        st.caption(
            ":material/info: These runs are of different libraries, so of different tests: those of each are compared "
            "by themselves."
        )
    later: list[Callable[[], None]] = []
    for number, part in enumerate(parts):
        if len(parts) > 1:
            st.subheader(letters(library_labels(part[0].config).name), anchor=False)
            _say_what_differs(part)
        key = f"-{number}" if number else ""
        own = {run.id: names[run.id] for run in part}
        report_button(part, f"compare-report{key}")
        board = _leaderboard(part, own, pooled, key)
        if len(parts) > 1:  # under their own heading
            _rest(part, own, *board, finished, key)
        else:
            later.append(partial(_rest, part, own, *board, finished, key))
    defer(lambda: [draw() for draw in (*later, published_tables)])


def _say_what_differs(runs: Sequence[Run]) -> None:
    """Warn of runs of one library that may not be held against each other."""
    reasons = mismatches(runs)
    if reasons:
        st.warning(
            "\n".join(f"- {letters(reason)}" for reason in reasons),
            title="Not like for like",
            icon=":material/balance:",
        )


def _leaderboard(
    runs: Sequence[Run], names: Mapping[str, str], pooled: bool, key: str
) -> tuple[pd.DataFrame, list[list[Run]]]:
    """Draw the leaderboard of runs, or of pools of them; return it and its groups."""
    rows, groups = leaderboard(pools(runs) if pooled else [[run] for run in runs], names)
    table = pd.DataFrame(rows)
    measured = "mean ± sample standard deviation over n runs" if pooled else f"on test {runs[0].noun}"
    heading(
        lambda: table, title="Leaderboard", measured=f"{measured}; best marked", key=f"board{key}", name="leaderboard"
    )
    leaderboard_table(rows)
    return table, groups


def _rest(
    runs: Sequence[Run],
    names: Mapping[str, str],
    table: pd.DataFrame,
    groups: Sequence[Sequence[Run]],
    finished: Sequence[Run],
    key: str,
) -> None:
    """Draw a grid's differences and costs, or how runs went on and what they cost; settings, and matrices.

    Of one run alone, say which of the `finished` ones to tick.
    """
    if len(runs) == 1:
        alone(runs[0], finished, key)
    elif is_grid(runs):
        grid_view(runs, f"own{key}")
        rows_of_grid, groups_of_grid = standings(runs, names_of(runs))
        curves([row["name"] for row in rows_of_grid], groups_of_grid, names, key)
    else:
        curves_and_cost(table, groups, names, key)
    differ = differences({names[run.id]: run.config for run in runs})
    frame = pd.DataFrame(differ.values(), index=pd.Index(list(differ), name="name"))
    if len(frame.columns):
        measured = "marked where most of these runs have another value"
        heading(frame.reset_index, title="Settings that differ", measured=measured, key=f"differ{key}", name="settings")
        labels = {task: name for run in runs for task, name in library_labels(run.config).names.items()}
        settings_table(differ, labels)
    elif len(runs) > 1:
        st.caption("These runs have the same settings.")
    matrices(runs, names, key)
