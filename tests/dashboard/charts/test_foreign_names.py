"""Names from files stand letter by letter in charts; the charts' own markup keeps its meaning."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard.app_pages.features.charts.feature_map import feature_map
from dashboard.charts.geometry import cosine_matrix
from dashboard.charts.look import dressed
from dashboard.charts.matrix import accuracy_matrix

NAME = "<b>x</b>"
SHOWN = "&lt;b>x&lt;/b>"


def test_names_on_axes_and_in_hovers():
    chart: Any = dressed(accuracy_matrix([[1.0, 2.0], [3.0, None], [4.0, 5.0]], [NAME, "y"]), "light")
    assert chart.layout.xaxis.ticktext == (SHOWN, "y")
    assert chart.layout.yaxis.ticktext[1] == f"1 · {SHOWN}"
    assert chart.data[0].customdata[1][0][0] == SHOWN
    assert NAME not in str(chart.to_json())
    cosines = dressed(cosine_matrix([[1.0, 0.1], [0.1, 1.0]], [NAME, "y"], "light"), "light")
    assert NAME not in str(cosines.to_json())


def test_markup_of_our_own_stays():
    table = pd.DataFrame(
        {
            "model": ["pre", "post", "merged"],
            "image": [0, 0, 0],
            "class": [NAME] * 3,
            "answer": [NAME] * 3,
            "x": [0.0, 1.0, 2.0],
            "y": [0.0, 1.0, 2.0],
        }
    )
    chart: Any = dressed(feature_map(table, [NAME]), "light")
    assert chart.data[0].text[0].startswith(f"<b>{SHOWN}</b><br>")
