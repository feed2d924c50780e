"""What a link to a view says: which slide, how far, how fast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import streamlit as st

SPEEDS = (0.1, 20.0)  # steps in a second and a half, at least and at most


def linked_view(slides: Sequence[str], steps: int) -> dict[str, Any]:
    """The slide, the step (0…`steps`, with fractions within one) and the speed of the link; the first ones by default.

    What a link says of none of these is as if it said nothing.
    """
    chart = st.query_params.get("chart")
    return {
        "chart": chart if chart in slides else slides[0],
        "step": _number("step", 0.0, (0.0, float(steps))),
        "speed": _number("speed", 1.0, SPEEDS),
    }


def _number(name: str, default: float, limits: tuple[float, float]) -> float:
    try:
        value = float(st.query_params.get(name, default))
    except ValueError:
        return default
    return min(max(value, limits[0]), limits[1]) if math.isfinite(value) else default
