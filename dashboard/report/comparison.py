"""The report of runs held against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import plotly.graph_objects as go

from dashboard.charts.colours import method_colour
from dashboard.charts.compared import Line, overlaid
from dashboard.charts.grid import Point, cost_quality, held_against, intervals
from dashboard.charts.look import dressed
from dashboard.charts.matrix import accuracy_matrix
from dashboard.library.labels import library_labels
from dashboard.report.parts import Chart, Html, Section, paragraph, table
from dashboard.report.protocol import how_again, protocol, settings_of_many, versions
from dashboard.runs.columns import COLUMNS, before_and_after, mean_and_deviation
from otmf_core.analysis.comparison import Row, means_so_far, mismatches
from otmf_core.analysis.standings import footing, names_of, standings
from otmf_core.methods.base import KINDS
from otmf_core.methods.table import TABLE
from otmf_core.runs.folder import Run

MOST_MATRICES = 4
COSTS = {"Time of a merge": ("seconds", "s"), "Peak memory": ("memory_gib", "GiB")}
MEASURED = ("acc", "bwt", "stability", "plasticity", "seconds", "memory_gib")


def comparison_sections(runs: Sequence[Run], command: str = "") -> list[Section]:
    """Finished runs of one library, those that differ in order and seed alone as one row.

    `command` is the one that made them all, where there is one.
    """
    names = names_of(runs)
    own = TABLE[0].title
    rows, groups = standings(runs, names, own if own in names.values() else None)
    reference = next(row["name"] for row in rows if row["differences"] is None)
    colours = {row["name"]: method_colour(group[0].config.method.name) for row, group in zip(rows, groups, strict=True)}
    held = [held_against(row, colours[row["name"]]) for row in rows if row["differences"]]
    noun = runs[0].noun
    parts: list[Html | Chart] = [paragraph(reason, "warning") for reason in mismatches(runs)]
    if any(row["n"] > 1 for row in rows):
        parts.append(
            paragraph("Figures are means over the runs of a row, ± their standard deviation; time is the median.")
        )
    parts.append(_leaderboard(rows, noun))
    sections = [Section("Leaderboard", parts)]
    if held:
        measured = "order by order; mean, 95% interval, win/tie/loss"
        shown = sorted(held, key=lambda each: -each.mean)
        sections.append(
            Section(
                "Matched differences",
                [Chart(f"Against {reference}", measured, _in_look(partial(intervals, shown, reference)))],
            )
        )
    sections += [
        Section("Quality against cost", list(_costs(rows, groups, colours, noun))),
        Section("Along the merge", [_along(rows, groups)]),
        protocol(runs),
        settings_of_many(runs, names),
        Section("Accuracy matrices", list(_matrices(rows, groups))),
        versions(runs),
        how_again(runs, [f"# all of them: {command}"] if command else []),
    ]
    return [section for section in sections if section.parts]


def _leaderboard(rows: Sequence[Row], noun: str) -> Html:
    headings = ["#", "Row", "Labels", f"{noun.title()} kept", "Runs", *(COLUMNS[name][0] for name in MEASURED)]
    headings += ["Held out (%)", "Difference (pt)", "Win/tie/loss"]
    cells = []
    for row in rows:
        figures_of_row = [
            mean_and_deviation(row[name], row[f"{name}_std"], COLUMNS[name][1], name == "bwt") or None
            for name in MEASURED
        ]
        difference = mean_and_deviation(row["difference"], None, 1, signed=True) or None
        if difference and row["low"] is not None:
            low, high = (mean_and_deviation(row[end], None, 1, signed=True) for end in ("low", "high"))
            difference += f" [{low}, {high}]"
        cells.append(
            [row["rank"], row["name"], row["labels"], row["images_kept"], row["n"], *figures_of_row,
             before_and_after(row), difference, row["win_tie_loss"]]
        )  # fmt: skip
    return table(headings, cells, (0, 3, 4, *range(5, 5 + len(MEASURED) + 3)))


def _costs(
    rows: Sequence[Row], groups: Sequence[Sequence[Run]], colours: Mapping[str, str], noun: str
) -> Iterator[Chart]:
    kinds = [footing(group[0]).kind for group in groups]
    for title, (metric, unit) in COSTS.items():
        points = [
            Point(row["name"], colours[row["name"]], kind, row["acc"], row["acc_std"], row[metric])
            for row, kind in zip(rows, kinds, strict=True)
            if row["acc"] is not None and row[metric]
        ]
        if points:
            measured = f"against ACC ± std on test {noun}; above and left is better"
            yield Chart(title, measured, _in_look(partial(cost_quality, points, unit, KINDS)))


def _along(rows: Sequence[Row], groups: Sequence[Sequence[Run]]) -> Chart:
    lines = [
        Line(row["name"], [means_so_far(run.matrix) for run in group]) for row, group in zip(rows, groups, strict=True)
    ]
    band = "; band: ± std" if any(len(group) > 1 for group in groups) else ""
    return Chart("Along the merge", f"test, mean of the tasks merged so far{band}", _in_look(partial(overlaid, lines)))


def _matrices(rows: Sequence[Row], groups: Sequence[Sequence[Run]]) -> Iterator[Chart]:
    """Those of the best rows, each of its first run."""
    for row, group in list(zip(rows, groups, strict=True))[:MOST_MATRICES]:
        yield Chart(row["name"], f"test, %, run {group[0].id}", partial(_matrix, group[0]))


def _matrix(run: Run, theme: str) -> go.Figure:
    names = library_labels(run.config).names
    return dressed(accuracy_matrix(run.matrix, [names[task] for task in run.config.tasks], theme), theme)


def _in_look(draw: Callable[[], go.Figure]) -> Callable[[str], go.Figure]:
    return lambda theme: dressed(draw(), theme)
