"""Numbers as they stand on the pages."""

from __future__ import annotations

import math

import pytest

from dashboard.text import with_unit


@pytest.mark.parametrize(
    ("value", "unit", "signed", "text"),
    [
        (67.64, "%", False, "67.6%"),
        (-4.23, "pt", True, "−4.2"),
        (4.12, "pt", True, "+4.1"),
        (-0.04, "pt", True, "0.0"),
        (4.7, "pt", False, "4.7"),
        (None, "%", False, None),
        (math.nan, "pt", True, None),
    ],
)
def test_a_value_has_its_unit_and_its_sign(value: float | None, unit: str, signed: bool, text: str | None):
    assert with_unit(value, unit, signed) == text
