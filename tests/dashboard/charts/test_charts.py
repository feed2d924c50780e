"""Charts by their data: values in, values on the axes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from dashboard.charts.colours import PALETTE, task_colours
from dashboard.charts.curves import accuracy_curves
from dashboard.charts.losses import coefficients, loss_curves, mask_means
from dashboard.charts.matrix import accuracy_matrix

TASKS = ("a", "b", "c")
NAMES = {"a": "Ants", "b": "Bees", "c": "Cats"}
COLOURS = {"a": "#111111", "b": "#222222", "c": "#333333"}
MATRIX = [[10.0, 20.0, 30.0], [80.0, 25.0, None], [70.0, 90.0, 35.0], None]


def luminance(colour: str) -> float:
    """Relative luminance of a #rrggbb colour (WCAG 2)."""
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_a_task_has_its_colour_by_its_canonical_position():
    canonical = [f"task-{index}" for index in range(22)]
    colours = task_colours(canonical)
    assert len(set(list(colours.values())[:20])) == 20
    assert colours["task-3"] == PALETTE[3]
    assert colours["task-20"] == PALETTE[0]


@pytest.mark.parametrize("colour", PALETTE)
def test_task_colours_read_in_both_themes(colour: str):
    assert contrast(colour, "#ffffff") >= 2.1
    assert contrast(colour, "#12141c") >= 2.4


def test_the_matrix_shows_every_known_value_in_its_cell():
    chart: Any = accuracy_matrix(MATRIX, list(NAMES.values()))
    values, numbers = chart.data
    assert values.z == ([10.0, 20.0, 30.0], [80.0, 25.0, None], [70.0, 90.0, 35.0], [None, None, None])
    assert (values.zmin, values.zmax) == (0, 100)
    texts = {(x, y): text for x, y, text in zip(numbers.x, numbers.y, numbers.text, strict=True)}
    assert texts[0, 1] == "80.0" and texts[2, 2] == "35.0"
    assert (2, 1) not in texts and (0, 3) not in texts
    assert chart.layout.xaxis.ticktext == ("Ants", "Bees", "Cats")
    assert chart.layout.yaxis.ticktext == ("Pre-trained", "1 · Ants", "2 · Bees", "3 · Cats")
    low, high = chart.layout.yaxis.range
    assert low > high  # the first step on top


def test_the_matrix_outlines_the_cells_of_finished_merges():
    chart: Any = accuracy_matrix(MATRIX, list(NAMES.values()))
    outlines = [shape for shape in chart.layout.shapes if shape.type == "rect"]
    assert [(shape.x0 + 0.5, shape.y0 + 0.5) for shape in outlines] == [(0, 1), (1, 2)]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_numbers_read_on_their_cells(theme: str):
    scale = {
        value: accuracy_matrix([[float(value)]] * 2, ["Ants"], theme).data[0].colorscale for value in range(0, 101, 5)
    }
    for value, stops in scale.items():
        number = accuracy_matrix([[float(value)]] * 2, ["Ants"], theme).data[1].textfont.color[0]
        assert contrast(number, _colour_at(stops, value / 100)) >= 3.7, value


def _colour_at(stops, share: float) -> str:
    (low, start), (high, end) = next(pair for pair in pairwise(stops) if pair[0][0] <= share <= pair[1][0])
    part = (share - low) / (high - low)
    mixed = [round(int(start[k : k + 2], 16) * (1 - part) + int(end[k : k + 2], 16) * part) for k in (1, 3, 5)]
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def test_the_axis_of_accuracies_reaches_a_task_compared_by_rank_that_fell_below_zero():
    chart: Any = accuracy_curves(MATRIX, TASKS, NAMES, COLOURS)
    assert chart.layout.yaxis.range == (0, 101)
    fallen: Any = accuracy_curves([*MATRIX[:2], [70.0, -40.0, 35.0], None], TASKS, NAMES, COLOURS)
    low, high = fallen.layout.yaxis.range
    assert low < -40 and high == 101


def test_curves_are_solid_from_the_merge_on_and_dotted_before():
    traces = {(trace.name, trace.line.dash): trace for trace in accuracy_curves(MATRIX, TASKS, NAMES, COLOURS).data}
    bees = traces["Bees", None]
    assert (bees.x, bees.y) == ((2,), (90.0,))
    before = traces["Before its merge", "dot"]
    ends = [index for index, x in enumerate(before.x) if x is None]
    parts = [slice(start + 1, end) for start, end in pairwise([-1, *ends])]
    drawn = {before.text[part][0]: (before.x[part], before.y[part]) for part in parts}
    assert drawn == {
        "Ants": ((0, 1), (10.0, 80.0)),
        "Bees": ((0, 1, 2), (20.0, 25.0, 90.0)),
        "Cats": ((0, 2), (30.0, 35.0)),
    }
    ants = traces["Ants", None]
    assert (ants.x, ants.y) == ((1, 2), (80.0, 70.0))
    assert ants.line.color == "#111111"


def test_the_mean_is_over_the_tasks_merged_so_far():
    mean = accuracy_curves(MATRIX, TASKS, NAMES, COLOURS).data[-1]
    assert (mean.x, mean.y) == ((1, 2), (80.0, 80.0))


def test_an_empty_run_has_empty_charts():
    nothing = [None] * 4
    assert accuracy_matrix(nothing, list(NAMES.values())).data[0].z == ([None] * 3,) * 4
    assert all(len(trace.x) == 0 for trace in accuracy_curves(nothing, TASKS, NAMES, COLOURS).data)


def test_losses_of_the_fusions_stand_side_by_side():
    chart: Any = loss_curves({2: ((1.0, None, 3.0), (None, 5.0, None)), 3: ((7.0,), (8.0,))}, 3, TASKS, NAMES)
    pre, post = chart.data
    assert pre.x == (1, 3, None, 4, None)
    assert pre.y == (1.0, 3.0, None, 7.0, None)
    assert post.x == (2, None, 4, None)
    assert chart.layout.xaxis.range == (0, 6)
    assert chart.layout.xaxis.ticktext == ("Bees", "Cats")
    assert chart.layout.xaxis.tickvals == (1.5, 4.5)


def test_where_the_first_step_learns_too_it_has_its_place():
    chart: Any = loss_curves({1: ((None,), (2.0,)), 2: ((None,), (5.0,)), 3: ((None,), (8.0,))}, 3, TASKS, NAMES)
    pre, post = chart.data
    assert post.x == (1, None, 4, None, 7, None) and post.y == (2.0, None, 5.0, None, 8.0, None)
    assert pre.x == (None,) * 3
    assert chart.layout.xaxis.range == (0, 9)
    assert chart.layout.xaxis.ticktext == tuple(NAMES[task] for task in TASKS)
    assert chart.layout.xaxis.tickvals == (1.5, 4.5, 7.5)
    assert [line.x0 for line in chart.layout.shapes] == [3, 6]


def test_coefficients_are_drawn_fusion_by_fusion():
    chart: Any = coefficients({2: ((0.8, 0.7), (0.2, 0.3)), 3: ((0.8,), (0.2,))}, 2, TASKS, NAMES)
    pre, post = chart.data
    assert pre.y == (0.8, 0.7, None, 0.8, None) and post.y == (0.2, 0.3, None, 0.2, None)
    assert chart.layout.yaxis.title.text == "Coefficient"


def test_mask_means_stand_where_they_were_reported():
    fusions = {2: ((1.0, None, 1.2), (1.0, None, 0.7)), 3: ((1.0, None), (1.0, None))}
    chart: Any = mask_means(fusions, 3, TASKS, NAMES)
    pre, post = chart.data
    assert pre.x == (1, 3, None, 4, None) and pre.y == (1.0, 1.2, None, 1.0, None)
    assert post.x == (1, 3, None, 4, None) and post.y == (1.0, 0.7, None, 1.0, None)
    assert [line.y0 for line in chart.layout.shapes if line.y0 == line.y1] == [1]
    assert chart.layout.yaxis.title.text == "Mean mask"
