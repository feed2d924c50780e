"""Features in two dimensions: a point per example and model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.colours import INK, MEAN, PALETTE, POST, PRE
from dashboard.text import chart_letters

MODELS = {"pre": "Before the step", "post": "Incoming expert", "merged": "Merged"}
COLOURS = {"pre": PRE, "post": POST, "merged": "#2a9d8f"}
SYMBOLS = {"pre": "circle-open", "post": "diamond-open", "merged": "circle"}
SIZES = {"pre": 7, "post": 7, "merged": 9}
VEIL = {"light": "rgba(255,255,255,0.7)", "dark": "rgba(18,20,28,0.7)"}
NO_ANSWER = "none of these"
LINE, LINES = 46, 3  # characters in a line of a prompt under the pointer, and lines
MOST_CLASS_NAMES = 16  # classes up to which their names stand in the chart


def points(
    positions: Mapping[str, np.ndarray],
    answers: Mapping[str, np.ndarray],
    labels: np.ndarray,
    classes: Sequence[str],
    prompts: Sequence[str] = (),
) -> pd.DataFrame:
    """A row per example and model of MODELS: image (from 0), class, model, its answer, x and y; of texts their prompt.

    `positions[model]` is (n, 2), `answers[model]` and `labels` (n,) are indices of `classes`, −1 for an answer that is
    none of them.
    """
    frames = [
        pd.DataFrame(
            {
                "image": range(len(labels)),
                "class": [classes[label] for label in labels],
                "model": model,
                "answer": [answer_text(classes, answer) for answer in answers[model]],
                "x": positions[model][:, 0],
                "y": positions[model][:, 1],
                **({"prompt": list(prompts)} if prompts else {}),
            }
        )
        for model in MODELS
    ]
    return pd.concat(frames, ignore_index=True)


def answer_text(classes: Sequence[str], answer: int) -> str:
    """An answer by its name."""
    return classes[answer] if answer >= 0 else NO_ANSWER


def feature_map(
    table: pd.DataFrame,
    classes: Sequence[str],
    *,
    by: str = "class",
    lines: bool = False,
    selected: Sequence[int] = (),
    limits: tuple[Sequence[float], Sequence[float]] | None = None,
    theme: str = "light",
) -> go.Figure:
    """The points of one step, a trace per model first (symbols), coloured by `by`: class or model.

    With `lines` a faint line leads every image from before the step to merged; images `selected` have a strong one
    that ends in a ring. `limits` are the ranges of x and y, the same for all steps; `theme` is light or dark.
    """
    chart = go.Figure()
    shades = {name: PALETTE[label % len(PALETTE)] for label, name in enumerate(classes)}
    by_model = {model: table.loc[table["model"] == model].sort_values("image") for model in MODELS}
    merged = by_model["merged"]
    hovers = [
        f"<b>{chart_letters(name)}</b><br>{_prompt(merged, image)}"
        + "<br>".join(
            f"{title}: {chart_letters(by_model[model]['answer'].iloc[image])}" for model, title in MODELS.items()
        )
        for image, name in enumerate(merged["class"])
    ]
    for model, title in MODELS.items():
        rows = by_model[model]
        colour = [shades[name] for name in rows["class"]] if by == "class" else COLOURS[model]
        chart.add_scatter(
            x=rows["x"],
            y=rows["y"],
            mode="markers",
            name=title,
            legendgroup=model,
            showlegend=False,
            marker={"color": colour, "symbol": SYMBOLS[model], "size": SIZES[model]},
            opacity=0.9 if model == "merged" else 0.75,
            text=hovers,
            hovertemplate="%{text}<extra>" + title + "</extra>",
        )
        chart.add_scatter(  # what the legend shows: the symbol, in grey where colour means the class
            x=[None],
            y=[None],
            mode="markers",
            name=title,
            legendgroup=model,
            marker={"color": MEAN if by == "class" else colour, "symbol": SYMBOLS[model], "size": SIZES[model]},
        )
    if lines:
        _add_paths(chart, by_model, range(len(merged)), MEAN, 1, 0.5)
    images = [image for image in selected if image < len(hovers)]
    _add_paths(chart, by_model, images, INK[theme][0], 3, 1.0)
    if images:
        ends = merged.iloc[images]
        chart.add_scatter(
            x=ends["x"],
            y=ends["y"],
            mode="markers",
            hoverinfo="skip",
            showlegend=False,
            name="Selected",
            marker={"symbol": "circle-open", "size": 17, "color": INK[theme][0], "line": {"width": 2.5}},
        )
    if by == "class" and len(classes) <= MOST_CLASS_NAMES:
        chart.update_layout(annotations=_class_names(merged, theme))
    x, y = limits or (None, None)
    quiet = {"showticklabels": False, "ticks": "", "showgrid": False}
    chart.update_xaxes(title="First dimension (no unit)", range=x, **quiet)
    chart.update_yaxes(title="Second dimension (no unit)", range=y, **quiet)
    return chart.update_layout(height=560, dragmode="pan", clickmode="event+select", hovermode="closest")


def _prompt(merged: pd.DataFrame, image: int) -> str:
    """The prompt of a text in a few lines; nothing of an image."""
    if "prompt" not in merged:
        return ""
    lines = wrap(merged["prompt"].iloc[image], LINE, max_lines=LINES, placeholder=" …")
    return "".join(f"<i>{chart_letters(line)}</i><br>" for line in lines)


def _class_names(merged: pd.DataFrame, theme: str) -> list[dict[str, object]]:
    """The name of every class above the middle of its points."""
    centres = merged.groupby("class")[["x", "y"]].median()
    font = {"size": 12, "color": INK[theme][0]}
    label = {"showarrow": False, "yshift": 16, "font": font, "bgcolor": VEIL[theme]}
    return [
        {"x": x, "y": y, "text": chart_letters(name), **label}
        for name, x, y in zip(centres.index, centres["x"], centres["y"], strict=True)
    ]


def _add_paths(
    chart: go.Figure,
    by_model: Mapping[str, pd.DataFrame],
    images: Iterable[int],
    colour: str,
    width: float,
    opacity: float,
) -> None:
    """Draw lines from before the step to merged, all of them one trace."""
    x: list[float | None] = []
    y: list[float | None] = []
    for image in images:
        for values, axis in ((x, "x"), (y, "y")):
            values += [by_model["pre"][axis].iloc[image], by_model["merged"][axis].iloc[image], None]
    if x:
        chart.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": colour, "width": width},
            opacity=opacity,
            hoverinfo="skip",
            name="From before to merged",
            showlegend=False,
        )


def limits(layout: np.ndarray) -> tuple[list[float], list[float]]:
    """Ranges of x and y that hold all finite points of (models, n, 2), with a margin of 4 %."""
    low, high = np.nanmin(layout, axis=(0, 1)), np.nanmax(layout, axis=(0, 1))
    margin = 0.04 * (high - low)
    (x0, y0), (x1, y1) = (low - margin).tolist(), (high + margin).tolist()
    return [x0, x1], [y0, y1]
