"""The file of a report: one page of HTML with its style, its data, plotly.js and the script that draws.

Nothing in it executes but plotly.js and `drawing.js`, whose hashes a Content-Security-Policy names, and the policy lets
nothing be fetched. Charts are stored once, in the light look, with what differs in the dark one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from dashboard.charts.look import MODEBAR
from dashboard.report.parts import Chart, Html, Section
from dashboard.text import html_letters
from otmf_core.errors import InputError

BEGINNING = "<!doctype html>\n<!-- A report of OTMF -->\n"
MOST_BYTES = 6_000_000
DIGITS = 6  # of a number in a chart, that count
STYLE, DRAWING = (Path(__file__).with_name(name) for name in ("report.css", "drawing.js"))
POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def html_file(title: str, about: Html, sections: Sequence[Section]) -> str:
    """The whole file; raises InputError where it would have more than MOST_BYTES."""
    figures: list[dict[str, Any]] = []
    body = []
    for section in sections:
        parts = [part if isinstance(part, str) else _figure(part, figures) for part in section.parts]
        begun = '<section class="short">' if section.short else "<section>"
        body.append(f"{begun}<h2>{html_letters(section.title)}</h2>{''.join(parts)}</section>")
    scripts = [_plotly(), DRAWING.read_text(encoding="utf-8")]
    policy = POLICY.format(scripts=" ".join(map(_hash, scripts)))
    text = (
        f'{BEGINNING}<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><title>{html_letters(title)}</title><style>{STYLE.read_text(encoding="utf-8")}</style>'
        f"</head><body><header><h1>{html_letters(title)}</h1>{about}</header><main>{''.join(body)}</main>"
        f'<noscript><p class="note">Figures are drawn by scripts, which are off here.</p></noscript>'
        f'<script type="application/json" id="figures">{_inert(figures)}</script>'
        f"{''.join(f'<script>{script}</script>' for script in scripts)}</body></html>\n"
    )
    size = len(text.encode())
    if size > MOST_BYTES:
        raise InputError(
            f"a report has at most {MOST_BYTES / 1e6:.0f} MB, received runs that take {size / 1e6:.1f} MB: choose fewer"
        )
    return text


def differences(one: Any, other: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[list[str | int], Any]]:
    """What makes the JSON value `other` of `one`: paths, and the values that stand there."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from differences(one[key], other[key], (*path, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from differences(a, b, (*path, index))
    elif one != other:
        yield [*path], other


def _figure(chart: Chart, figures: list[dict[str, Any]]) -> str:
    """The place of a chart on the page; what is drawn there joins `figures`."""
    light, dark = (_as_json(chart.draw(theme)) for theme in ("light", "dark"))
    config = {**MODEBAR, "toImageButtonOptions": {"format": "png", "filename": _stem(chart.title), "scale": 2}}
    figures.append({"light": light, "dark": list(differences(light, dark)), "config": config})
    height = light["layout"]["height"]
    title, measured = html_letters(chart.title), html_letters(chart.measured)
    return (
        f'<figure><figcaption><b>{title}</b> <span>{measured}</span></figcaption><div class="chart" role="img" '
        f'aria-label="{title}, {measured}" style="height:{height:.0f}px"></div></figure>'
    )


def _as_json(chart: go.Figure) -> dict[str, Any]:
    return _rounded(json.loads(chart.to_json()))  # pyright: ignore[reportArgumentType]  a text where it is not written


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return {key: _rounded(each) for key, each in value.items()} if isinstance(value, dict) else value


def _inert(value: Any) -> str:
    """JSON in which no browser sees a tag or the end of a script."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs  # five megabytes, read once a report is asked for

    text = get_plotlyjs().replace("\r\n", "\n")  # as a browser reads it, or its hash is another
    return re.sub(r"</(script)", r"<\\/\1", text, flags=re.IGNORECASE)


@cache
def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _stem(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "chart"
