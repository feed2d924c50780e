"""The curves of the runs compared, and their quality beside their cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from dashboard.charts.compared import Line, cost, overlaid
from dashboard.runs.titles import description
from dashboard.ui.chart import cached_chart, show_chart
from dashboard.ui.layout import panels
from otmf_core.analysis.comparison import means_so_far
from otmf_core.runs.folder import Run


def curves_and_cost(
    table: pd.DataFrame, groups: Sequence[Sequence[Run]], names: Mapping[str, str], key: str = ""
) -> None:
    """Draw how the runs went on and what they cost; `table` and `groups` are a leaderboard's, `names` are by run id.

    `key` ends the keys of what is drawn.
    """
    titles = [f"{name} · {description(group[0].config)}" for name, group in zip(table["name"], groups, strict=True)]
    left, right = panels(2, f"curves{key}")
    with left:
        curves(titles, groups, names, key)
    with right:
        show_chart(
            cached_chart(cost, table),
            lambda: table.loc[:, ["name", "acc", "seconds", "memory_gib"]],
            title="Quality beside cost",
            measured=f"ACC on test {groups[0][0].noun}, wall time, peak memory",
            key=f"cost{key}",
            name="comparison-cost",
        )


def curves(titles: Sequence[str], groups: Sequence[Sequence[Run]], names: Mapping[str, str], key: str = "") -> None:
    """Draw how groups of runs, each under its title, went on; `names` are by run id, `key` as above."""
    means = {run.id: means_so_far(run.matrix) for group in groups for run in group}
    lines = [Line(title, [means[run.id] for run in group]) for title, group in zip(titles, groups, strict=True)]
    points = [(names[run], step, mean) for run, run_means in means.items() for step, mean in enumerate(run_means, 1)]
    pooled = any(len(group) > 1 for group in groups)
    show_chart(
        cached_chart(overlaid, lines),
        lambda: pd.DataFrame(points, columns=["run", "tasks_merged", "mean_accuracy"]),
        title="Along the merge",
        measured="test, mean of the tasks merged so far" + ("; band: ± std" if pooled else ""),
        key=f"overlaid{key}",
        name="comparison-curves",
    )
