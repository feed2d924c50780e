"""What a report is made of: sections of charts and of HTML, in which every text is shown letter by letter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NewType

import plotly.graph_objects as go

from dashboard.text import html_letters

Html = NewType("Html", str)  # made by the functions below alone


@dataclass(frozen=True)
class Chart:
    """A chart under its title and what it measured; `draw` makes it in the look of a theme, light or dark."""

    title: str
    measured: str
    draw: Callable[[str], go.Figure]


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; printed, it begins a page or, a short one, follows the one before."""

    title: str
    parts: Sequence[Html | Chart]
    short: bool = False


def paragraph(text: str, kind: str = "") -> Html:
    """A paragraph, of a class of the style sheet where one is named; lines stay lines."""
    lines = "<br>".join(map(html_letters, text.splitlines()))
    return Html(f'<p class="{kind}">{lines}</p>' if kind else f"<p>{lines}</p>")


def facts(pairs: Iterable[tuple[str, object]]) -> Html:
    """Names and values, a line each; a value that is empty is left out."""
    lines = (
        f"<tr><th>{html_letters(name)}</th><td>{html_letters(str(value))}</td></tr>"
        for name, value in pairs
        if value not in (None, "")
    )
    return Html(f'<table class="facts">{"".join(lines)}</table>')


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], numbers: Iterable[int] = ()) -> Html:
    """A table; the columns at `numbers` are set to the right, None is a dash."""
    right = {*numbers}

    def line(kind: str, cells: Iterable[object]) -> str:
        texts = ("–" if cell is None else str(cell) for cell in cells)
        marks = (' class="number"' if at in right else "" for at in range(len(headings)))
        cell = (f"<{kind}{mark}>{html_letters(text)}</{kind}>" for mark, text in zip(marks, texts, strict=True))
        return f"<tr>{''.join(cell)}</tr>"

    body = "".join(line("td", row) for row in rows)
    return Html(f'<div class="wide"><table><thead>{line("th", headings)}</thead><tbody>{body}</tbody></table></div>')


def metrics(values: Iterable[tuple[str, str, str]]) -> Html:
    """Large numbers: name, value and definition of each."""
    cards = (
        f"<div><dt>{html_letters(name)}</dt><dd>{html_letters(value)}</dd><p>{html_letters(about)}</p></div>"
        for name, value, about in values
    )
    return Html(f'<dl class="metrics">{"".join(cards)}</dl>')


def commands(lines: Iterable[str]) -> Html:
    """Command lines, to be copied."""
    return Html(f"<pre>{chr(10).join(map(html_letters, lines))}</pre>")
