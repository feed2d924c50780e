"""Texts that stand on any page."""

from __future__ import annotations

import math

import pytest

from dashboard.text import duration, number_text, plural, rounded, sentence, size_text, with_minus, with_unit

MIB = 2**20


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("a merge needs two tasks", "A merge needs two tasks."),
        ("Done.", "Done."),
        ("α is in 0…1", "Α is in 0…1."),
        ("", ""),
    ],
)
def test_a_message_becomes_a_sentence(message: str, text: str):
    assert sentence(message) == text


def test_only_one_is_no_plural():
    assert [plural(count, "other merge") for count in (0, 1, 2)] == [
        "0 other merges",
        "1 other merge",
        "2 other merges",
    ]


@pytest.mark.parametrize(
    ("value", "digits", "signed", "text"),
    [
        (-4.23, 1, False, "−4.2"),
        (4.12, 1, True, "+4.1"),
        (4.12, 0, False, "4"),
        (-0.04, 1, True, "0.0"),
        (0.04, 1, True, "0.0"),
        (-0.004, 2, False, "0.00"),
        (0.0, 1, True, "0.0"),
        (math.nan, 1, False, "nan"),
    ],
)
def test_a_number_has_a_minus_sign_and_a_rounded_zero_none(value: float, digits: int, signed: bool, text: str):
    assert number_text(value, digits, signed) == text


def test_numbers_of_other_formats_get_a_minus_sign():
    assert with_minus(f"{-0.0123:.3g}") == "−0.0123"


def test_a_rounded_zero_is_never_negative():
    assert math.copysign(1.0, rounded(-0.02, 1)) == 1.0
    assert rounded(-0.06, 1) == -0.1


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


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (7.24, "7.2 s"),
        (9.99, "10.0 s"),
        (48.4, "48 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3600, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_a_duration_has_the_unit_that_suits_it(seconds: float, text: str):
    assert duration(seconds) == text


def test_sizes_are_in_mebibytes_until_a_thousand():
    assert [size_text(count) for count in (640 * MIB, 999 * MIB, 1000 * MIB, 1536 * MIB)] == [
        "640 MiB",
        "999 MiB",
        "1.0 GiB",
        "1.5 GiB",
    ]
