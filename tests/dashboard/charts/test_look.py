"""What every chart gets of the pages' look, and what keeps Plotly from drawing it more than once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import tomllib
from plotly.subplots import make_subplots

from dashboard.charts.colours import BACKGROUND, GREY, INK
from dashboard.charts.look import dressed
from dashboard.charts.matrix import accuracy_matrix

LINE = {"x": [0, 1], "y": [0.0, 100.0]}


def dressed_layout(chart: go.Figure, theme: str = "light") -> Any:
    return dressed(chart, theme).layout


def layout(*traces: go.Scatter, **own) -> Any:
    return dressed_layout(go.Figure(traces or [go.Scatter(**LINE)], layout=own))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chart_has_the_colours_of_its_page(theme: str):
    own = dressed_layout(go.Figure(go.Scatter(**LINE)), theme)
    assert own.paper_bgcolor == own.plot_bgcolor == BACKGROUND[theme]
    assert own.legend.font.color == INK[theme][0]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_charts_and_pages_have_the_same_colours(theme: str):
    config = tomllib.loads(Path(".streamlit/config.toml").read_text())["theme"][theme]
    page = [config[name] for name in ("backgroundColor", "grayTextColor", "textColor")]
    assert page == [BACKGROUND[theme], GREY[theme], INK[theme][0]]


def test_what_a_chart_says_itself_holds():
    own = layout(xaxis={"showgrid": True, "title": {"text": "Step", "font": {"size": 20}}}, margin={"l": 3})
    assert own.xaxis.showgrid is True
    assert (own.xaxis.title.text, own.xaxis.title.font.size) == ("Step", 20)
    assert own.xaxis.title.standoff > 0  # completed at every depth
    assert own.margin.l == 3 and own.margin.b > 0


def test_nothing_makes_plotly_draw_an_equal_copy_anew():
    chart = go.Figure(go.Scatter(x=np.arange(3.0), y=np.arange(3.0), marker={"color": np.arange(3.0)}))
    sent = json.loads(dressed(chart, "light").to_json() or "")
    assert "template" not in sent["layout"]
    assert sent["data"][0]["x"] == [0, 1, 2] and sent["data"][0]["marker"]["color"] == [0, 1, 2]
    assert not any(sent["layout"][axis]["automargin"] for axis in ("xaxis", "yaxis"))


def test_subplots_are_dressed_too():
    own = dressed_layout(make_subplots(cols=2).add_scatter(**LINE, row=1, col=2), "dark")
    assert own.yaxis2.gridcolor == own.yaxis.gridcolor
    assert own.xaxis2.automargin is False


def test_the_revision_follows_the_data():
    revisions = [
        dressed_layout(go.Figure(go.Scatter(x=[0, 1], y=y), {"title": title})).datarevision
        for y, title in (([1, 2], "a"), ([1, 2], "b"), ([1, 3], "a"))
    ]
    assert revisions[0] == revisions[1] != revisions[2]


def test_margins_hold_the_labels():
    # around everything 8 pixels, 10 from the axis to a label; a character is 5.9 wide, a line 16 high, a title 24 more
    assert layout(yaxis={"range": [0, 101]}).margin.l == pytest.approx(8 + 10 + 3 * 5.9)
    assert layout(yaxis={"range": [0, 0.3]}).margin.l == pytest.approx(8 + 10 + 4 * 5.9)  # 0.05, 0.10, …
    assert layout(yaxis={"range": [0, 101], "title": {"text": "%"}}).margin.l == pytest.approx(8 + 10 + 3 * 5.9 + 24)
    names = go.Scatter(x=[1, 2], y=["Ants", "Butterflies"])
    assert layout(names).margin.l == pytest.approx(8 + 10 + 11 * 5.9)
    assert layout(yaxis={"visible": False}).margin.l == 8
    assert layout().margin.b == 8 + 10 + 16
    assert layout(xaxis={"ticktext": ["Ants"], "tickvals": [0], "tickangle": -90}).margin.b == pytest.approx(
        18 + 4 * 5.9
    )


@pytest.mark.parametrize("spread", [5e-324, 5e-323, 1e-200])
def test_a_margin_is_no_wider_for_numbers_that_differ_by_next_to_nothing(spread: float):
    wide, narrow = (
        dressed(go.Figure(go.Scatter(x=[0.0, each], y=[0, 1])), "light").to_dict()["layout"]["margin"]
        for each in (spread, 1e-5)
    )
    assert all(wide[side] <= narrow[side] for side in "lrtb")  # less where a library rounds such numbers to zero


def test_a_legend_gets_its_rows():
    few = [go.Scatter(**LINE, name=name) for name in ("a", "b")]
    many = [go.Scatter(**LINE, name=f"a long name, number {index}") for index in range(7)]
    assert layout(few[0]).margin.t == 8  # alone, it has no legend
    assert layout(*few).margin.t == 8 + 24 + 19
    assert layout(*many).margin.t == 8 + 24 + 19 * 4  # 21 characters: two in a row
    assert layout(*few, showlegend=False).margin.t == 8
    assert layout(*few, legend={"orientation": "v"}).margin.r == pytest.approx(8 + 45 + 5.9)


def test_a_heatmap_keeps_the_names_above_it():
    names = ["Ants", "Devanagari letters"]
    flat = dressed_layout(accuracy_matrix([[1.0, 2.0]] * 3, names)).margin
    steep = dressed_layout(accuracy_matrix([[1.0] * 5] * 6, [*names, "c", "d", "Bees"])).margin
    assert flat.t == 8 + 10 + 16 and flat.b == 8
    assert steep.t == pytest.approx(8 + 10 + 16 * np.cos(np.radians(40)) + 18 * 5.9 * np.sin(np.radians(40)))
