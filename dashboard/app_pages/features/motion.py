"""A component that adds to the feature map pictures and lines at the point under the pointer, and points that move.

It is inline, fetches nothing and reports nothing back. It looks for the chart by its key: Streamlit draws a chart anew,
in another element, whenever its data change, so points start from where those of the step before were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from streamlit.components.v2 import component

JS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")

_motion = component("otmf_feature_motion", html="<span></span>", js=JS)


def feature_motion(
    chart: str, positions: Mapping[str, np.ndarray], pictures: Sequence[str], frame: str, ink: str
) -> None:
    """Let the feature map with the key `chart` show pictures, where there are any, and move its points.

    `positions[model]` is (n, 2) for each of MODELS, as in `points`; `pictures` has a data URI for each image or none;
    points move between two drawings of the same `frame` (the same examples in the same projection); lines have the
    colour `ink`.
    """
    data = {"chart": chart, "pictures": list(pictures), "frame": frame, "ink": ink}
    _motion(key=f"{chart}-motion", data={**data, "positions": {model: xy.tolist() for model, xy in positions.items()}})
