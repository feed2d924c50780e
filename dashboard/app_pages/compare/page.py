"""Compare: runs against each other, and apart from them what papers report."""

from functools import partial

import pandas as pd
import streamlit as st

from dashboard.app_pages.compare.charts import Line, cost, overlaid
from dashboard.app_pages.compare.comparison import differences, leaderboard, letter, means_so_far, mismatches, pools
from dashboard.app_pages.compare.leaderboard import board, described
from dashboard.app_pages.compare.picker import choose_runs
from dashboard.app_pages.compare.published import published_table
from dashboard.app_pages.compare.settings_table import settings_table
from dashboard.charts.matrix import accuracy_matrix
from dashboard.library.task_labels import task_labels
from dashboard.runs.accuracy_charts import matrix_frame
from dashboard.runs.loading import readable_runs
from dashboard.ui.chart import cached_chart, heading, show_chart
from dashboard.ui.deferred import defer
from dashboard.ui.layout import panels
from dashboard.ui.theme import theme

MATRICES = 4  # side by side at most

finished = [run for run in readable_runs()[0] if run.record]
if not finished:
    st.subheader("Nothing to compare yet", anchor=False)
    st.markdown("Finished merges are held against each other here.")
    st.page_link("app_pages/merge/page.py", label="Start a merge", icon=":material/merge:")
    published_table()
    st.stop()
chosen = sorted(choose_runs(finished), key=lambda run: run.record["acc"], reverse=True)
if not chosen:
    st.info("Tick the runs to compare in the first column.", icon=":material/check_box:")
    published_table()
    st.stop()

names = {run.id: letter(place) for place, run in enumerate(chosen)}
reasons = mismatches(chosen)
if reasons:
    st.warning("\n".join(f"- {reason}" for reason in reasons), title="Not like for like", icon=":material/balance:")
pooled = st.toggle(
    "Pool orders and seeds",
    key="pooled",
    bind="query-params",
    help="Runs that differ in the order of their tasks and in the seed only become one row: mean ± sample standard "
    "deviation (n − 1). A repeat of the same order and seed counts once.",
)
groups = pools(chosen) if pooled else [[run] for run in chosen]
table, groups = leaderboard(groups, names)
measured = "mean ± sample standard deviation over n runs" if pooled else "on test images"
heading(lambda: table, title="Leaderboard", measured=f"{measured}; best marked", key="board", name="leaderboard")
board(table)


def figures() -> None:
    """How the runs went on and what they cost, what was set differently, the matrices, and what papers report."""
    lines = [
        Line(f"{name} · {described(group[0].config)}", [means_so_far(run.record["matrix"]) for run in group])
        for name, group in zip(table["name"], groups, strict=True)
    ]
    points = [
        (names[run.id], step, mean) for group in groups for run in group
        for step, mean in enumerate(means_so_far(run.record["matrix"]), 1)
    ]  # fmt: skip
    left, right = panels(2, "curves")
    with left:
        show_chart(
            cached_chart(overlaid, lines),
            lambda: pd.DataFrame(points, columns=["run", "tasks_merged", "mean_accuracy"]),
            title="Along the merge",
            measured="test, mean of the tasks merged so far" + ("; band: ± std" if pooled else ""),
            key="overlaid",
            name="comparison-curves",
        )
    with right:
        show_chart(
            cached_chart(cost, table),
            lambda: table[["name", "acc", "seconds", "memory_gib"]],
            title="Quality beside cost",
            measured="ACC on test images, wall time, peak memory",
            key="cost",
            name="comparison-cost",
        )

    differ = differences({names[run.id]: run.config for run in chosen})
    if len(differ.columns):
        measured = "marked where most of these runs have another value"
        heading(differ.reset_index, title="Settings that differ", measured=measured, key="differ", name="settings")
        settings_table(differ, {task: name for run in chosen for task, name in task_labels(run.config).names.items()})
    elif len(chosen) > 1:
        st.caption("These runs have the same settings.")

    letters = list(names.values())
    shown = letters
    if len(letters) > 2:
        shown = st.multiselect(
            "Matrices side by side", letters, letters[:2], max_selections=MATRICES, key="matrices", bind="query-params"
        )
    compared = [run for run in chosen if names[run.id] in shown]
    places = [panel for row in range(0, len(compared), 2) for panel in panels(2, f"matrices-{row}")]
    for run, panel in zip(compared, places, strict=False):
        tasks = [task_labels(run.config).names[task] for task in run.config["tasks"]]
        with panel:
            show_chart(
                cached_chart(accuracy_matrix, run.record["matrix"], tasks, theme()),
                partial(matrix_frame, run.record["matrix"], tasks),
                title=f"{names[run.id]} · {described(run.config)}",
                measured="test, %, framed when merged",
                key=f"matrix-{run.id}",
                name=f"{run.id}-matrix",
            )
    published_table()


defer(figures)
