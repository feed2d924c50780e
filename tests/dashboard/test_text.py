"""Texts that stand on any page."""

from __future__ import annotations

import math

import pytest

from dashboard.text import (
    chart_letters,
    duration,
    letters,
    number_text,
    plural,
    rounded,
    said,
    sentence,
    size_text,
    with_minus,
    with_unit,
)

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


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("Devanagari letters", "Devanagari letters"),
        ("20261127-003546-otmf-0c91 · ACC 67.9% (8 tasks)", "20261127-003546-otmf-0c91 · ACC 67.9% (8 tasks)"),
        ("a_b *c* `d`", r"a\_b \*c\* \`d\`"),
        ("![x](http://h/t.png)", "!\\[x\\](http:\u2060//h/t.png)"),
        ("$5 <b> &lt; ~~s~~", r"\$5 \<b\> \&lt; \~\~s\~\~"),
        (":smile: :red[r] ::a", ":\u2060smile: :\u2060red\\[r\\] :\u2060:\u2060a"),
        ("# heading", r"\# heading"),
        ("1. item", r"1\. item"),
        ("- item\n- another", r"\- item - another"),
        ("www.h.org a@b.c", "www\u2060.h.org a@\u2060b.c"),
        ("a -> b", "a -\u2060\\> b"),
        ("a\u202eb\0c", "a\ufffdb\ufffdc"),
        ("x" * 2000, "x" * 999 + "…"),
    ],
)
def test_foreign_letters_are_escaped(text: str, escaped: str):
    assert letters(text) == escaped


def test_what_the_engine_says_is_a_sentence_of_letters():
    assert said("a task is one of *these*") == r"A task is one of \*these\*."


def test_charts_read_no_tags_in_names():
    assert chart_letters("R&D <b>x</b> &lt; a & b") == "R&D &lt;b>x&lt;/b> &amp;lt; a & b"
