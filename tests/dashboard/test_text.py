"""Texts that stand on any page."""

from __future__ import annotations

import math

import pytest

from dashboard.text import (
    chart_letters,
    duration,
    from_link,
    letters,
    number_text,
    plural,
    reason,
    rounded,
    sentence,
    size_text,
    with_minus,
    with_unit,
)
from otmf_core.errors import InputError

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
    ("text", "markdown"),
    [
        ("don't know", "don't know"),
        ("task_vector in /tmp/a_b/x.json: 3 of 4", "task_vector in /tmp/a_b/x.json: 3 of 4"),
        ("_a_ and __b__", r"\_a\_ and \_\_b\_\_"),
        ("C#", r"C\#"),
        ("$5 to $10", r"\$5 to \$10"),
        ("*a*, **b**, ~~c~~", r"\*a\*, \*\*b\*\*, \~\~c\~\~"),
        ("1. item", r"1\. item"),
        ("12) item, 3. item", r"12\) item, 3. item"),
        ("1.5 and -1", "1.5 and -1"),
        ("- item", r"\- item"),
        ("+ item", r"\+ item"),
        ("> said", r"\> said"),
        ("<b> &amp; `k`", r"\<b\> \&amp; \`k\`"),
        ("![i](a) [l](b)", r"!\[i\](a) \[l\](b)"),
        (":red[x] :small 12:30 a: b:", r"\:red\[x\] \:small 12\:30 a: b\:"),
        (":smile: x:y:", r":color[\:]smile: x:color[\:]y\:"),
        (":material/home: :material_home:", r":color[\:]material/home: :color[\:]material_home\:"),
        ("http://a.b www.c.d e@f.g", r"http:color[\:]//a.b www:color[\.]c.d e:color[\@]f.g"),
        ("a -> b <- c <-> d", r"a -:color[\>] b \<:color[\-] c \<:color[\-]\> d"),
        ("a -- b >= c <= d ~= e", r"a -:color[\-] b \>:color[\=] c \<:color[\=] d \~:color[\=] e"),
        ("C:\\x", r"C\:\\x"),
        ("    two\nlines\u2028more", "two lines more"),
        ("a\0b\ud800c\u202ed", r"a\\x00b\\ud800c\\u202ed"),
        ("", ""),
    ],
)
def test_markdown_shows_a_text_letter_by_letter(text: str, markdown: str):
    assert letters(text) == markdown


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("don't know", "don't know"),
        ("$5 *a* :red[b]", "$5 *a* :red[b]"),
        ("<b>x</b><br>", "&lt;b&gt;x&lt;/b&gt;&lt;br&gt;"),
        ("&lt; %{x}", "&amp;lt; %{x}"),
        ("a\nb\ud800", "a b\\ud800"),
    ],
)
def test_a_chart_shows_a_text_letter_by_letter(text: str, written: str):
    assert chart_letters(text) == written


def test_a_name_from_a_link_is_shortened_in_the_middle():
    assert from_link("20260101-000000-otmf-0000") == "20260101-000000-otmf-0000"
    assert from_link("a" * 50 + "*" + "b" * 5000) == "a" * 40 + "…" + "b" * 40


def test_a_reason_is_a_sentence_letter_by_letter():
    assert reason(InputError("a task is one of a (b), received '*'")) == r"A task is one of a (b), received '\*'."
    assert reason(InputError("x" * 5000)) == "X" + "x" * 199 + "…" + "x" * 200 + "."
