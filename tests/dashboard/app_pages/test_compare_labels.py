"""Where names of points stand: by hand-computed places, and by a check of their own that none meets another."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from dashboard.charts.grid import AXIS_HEIGHT, WIDTHS, Point, cost_quality
from dashboard.charts.labels import Named, Place, places
from otmf_core.methods.base import KINDS

SQUARE = [(400.0, 400.0)]
RIGHT, LEFT = Place(9, 0, "left"), Place(-9, 0, "right")
ABOVE, BELOW = Place(0, 15.5, "center"), Place(0, -15.5, "center")  # 9 and half a line of 13 pixels
DATA_FREE = {  # seconds and ACC of methods that read no data, of which three are nearly one point
    "DOP": (43.0, 62.2), "Iso-C": (42.6, 62.1), "MagMax": (40.3, 62.0), "Average": (42.7, 61.6), "TIES": (40.0, 58.1),
    "OPCM": (40.7, 58.1), "Task arithmetic": (38.5, 58.0), "WUDI": (42.9, 57.8), "DARE": (38.0, 57.2),
}  # fmt: skip


def test_a_name_stands_to_the_right_of_its_point():
    assert places([Named("abcd", 0.5, 0.5)], SQUARE) == [RIGHT]


def test_a_name_turns_away_from_a_marker_and_from_the_edge():
    # "abcdefgh" takes 40 pixels, from 207 to 251 with its gaps: the marker at 240 reaches from 234.5 to 245.5
    assert places([Named("abcdefgh", 0.5, 0.5), Named("b", 0.6, 0.5)], SQUARE) == [LEFT, RIGHT]
    # 13 pixels above, the marker ends 7.5 above the line through the name, which ends 6.5 above it
    assert places([Named("abcdefgh", 0.5, 0.5), Named("b", 0.6, 0.5325)], SQUARE) == [RIGHT, RIGHT]
    # from 360, the name would end at 411
    assert places([Named("abcdefgh", 0.9, 0.5)], SQUARE) == [LEFT]


def test_of_points_at_one_place_the_most_important_one_is_named_first():
    heap = [Named(name, 0.5, 0.5) for name in ("a", "b", "c", "d")]
    assert places(heap, SQUARE) == [RIGHT, LEFT, ABOVE, BELOW]


def test_a_place_is_free_on_axes_of_every_size():
    points = [Named("abcd", 0.4, 0.5), Named("b", 0.7, 0.5)]
    assert places(points, [(1000, 400)]) == [RIGHT, RIGHT]
    # 100 pixels wide, "abcd" reaches from 47 to 71, and the other marker from 64.5 to 75.5
    assert places(points, [(1000, 400), (100, 400)]) == [LEFT, RIGHT]


def test_a_name_stands_on_no_bar():
    beside = [Named("left", 0.47, 0.5), Named("right", 0.53, 0.5)]
    assert places([Named("abcd", 0.5, 0.5), *beside], SQUARE)[0] == ABOVE
    # the bar is 2 pixels wide and 80 high; 14 pixels off at 60 degrees a name passes it, and both markers by 0.1
    (place, *_) = places([Named("abcd", 0.5, 0.5, bar=0.2), *beside], SQUARE)
    assert place == (pytest.approx(7), pytest.approx(12.124, abs=1e-3), "left")


def test_a_name_without_room_stands_nowhere():
    assert places([Named("x" * 100, 0.5, 0.5), Named("a", 0.5, 0.5)], SQUARE) == [None, RIGHT]


def test_a_line_leads_to_a_name_that_is_not_at_its_point():
    assert not any(place.led for place in (RIGHT, LEFT, ABOVE, BELOW))
    assert Place(7, 12, "left").led and Place(-14, 0, "right").led


@pytest.mark.parametrize("width", WIDTHS)
def test_methods_that_cost_as_much_are_all_named_and_no_name_meets_another(width: float):
    points = [Point(name, "#111111", "none", acc, 0.2, seconds) for name, (seconds, acc) in DATA_FREE.items()]
    chart: Any = cost_quality([*points, Point("OTMF", "#222222", "calibration", 67.5, 0.5, 170.6)], "s", KINDS)
    boxes = {note.text: box_of(note, chart, width) for note in chart.layout.annotations}
    assert set(boxes) == {*DATA_FREE, "OTMF"}
    for one, other in combinations(boxes.values(), 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    assert all(box[0] >= 0 and box[2] <= width and box[1] >= 0 and box[3] <= AXIS_HEIGHT for box in boxes.values())


def test_the_axes_are_as_high_as_names_are_placed_for():
    chart: Any = cost_quality([Point("OTMF", "#222222", "calibration", 67.5, None, 170.6)], "s", KINDS)
    margin = chart.layout.margin
    assert chart.layout.height - margin.t - margin.b == AXIS_HEIGHT


def box_of(note: Any, chart: Any, width: float) -> tuple[float, float, float, float]:
    """The place that Plotly gives an annotation, pixels from the lower left corner; a letter is at least 4.5 wide."""
    low, high = chart.layout.xaxis.range
    x = (note.x - low) / (high - low) * width + (note.ax if note.showarrow else note.xshift)
    low, high = chart.layout.yaxis.range
    y = (note.y - low) / (high - low) * AXIS_HEIGHT + (-note.ay if note.showarrow else note.yshift)
    wide = 4.5 * len(note.text)
    left = x - {"left": 0, "center": wide / 2, "right": wide}[note.xanchor]
    return left, y - 6.5, left + wide, y + 6.5
