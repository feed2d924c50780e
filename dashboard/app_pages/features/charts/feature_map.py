"""Features in two dimensions: a point per image and model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.colours import INK, MEAN, PALETTE, POST, PRE

MODELS = {"pre": "Before the step", "post": "Incoming expert", "merged": "Merged"}
COLOURS = {"pre": PRE, "post": POST, "merged": "#2a9d8f"}
SYMBOLS = {"pre": "circle-open", "post": "diamond-open", "merged": "circle"}
SIZES = {"pre": 7, "post": 7, "merged": 9}
VEIL = {"light": "rgba(255,255,255,0.7)", "dark": "rgba(18,20,28,0.7)"}
LABELLED = 16  # classes up to which their names stand in the picture


def points(
    places: Mapping[str, np.ndarray], answers: Mapping[str, np.ndarray], labels: np.ndarray, classes: Sequence[str]
) -> pd.DataFrame:
    """A row per image and model of MODELS: image (from 0), class, model, its answer, x and y.

    `places[model]` is (n, 2), `answers[model]` and `labels` (n,) are numbers of `classes`.
    """
    frames = [
        pd.DataFrame(
            {
                "image": range(len(labels)),
                "class": [classes[label] for label in labels],
                "model": model,
                "answer": [classes[answer] for answer in answers[model]],
                "x": places[model][:, 0],
                "y": places[model][:, 1],
            }
        )
        for model in MODELS
    ]
    return pd.concat(frames, ignore_index=True)


def feature_map(
    table: pd.DataFrame,
    classes: Sequence[str],
    *,
    by: str = "class",
    lines: bool = False,
    selected: Sequence[int] = (),
    limits: tuple[Sequence[float], Sequence[float]] | None = None,
    ground: str = "light",
) -> go.Figure:
    """The points of one step, a trace per model first (symbols), coloured by `by`: class or model.

    With `lines` a faint line leads every image from before the step to merged; images `selected` have a strong one
    that ends in a ring. `limits` are the ranges of x and y, the same for all steps; `ground` is light or dark.
    """
    figure = go.Figure()
    shades = {name: PALETTE[place % len(PALETTE)] for place, name in enumerate(classes)}
    of = {model: table[table["model"] == model].sort_values("image") for model in MODELS}
    hover = [
        f"<b>{row['class']}</b><br>" + "<br>".join(f"{MODELS[m]}: {of[m]['answer'].iloc[place]}" for m in MODELS)
        for place, (_, row) in enumerate(of["merged"].iterrows())
    ]
    for model, title in MODELS.items():
        part = of[model]
        colour = [shades[name] for name in part["class"]] if by == "class" else COLOURS[model]
        figure.add_scatter(
            x=part["x"], y=part["y"], mode="markers", name=title, legendgroup=model, showlegend=False,
            marker={"color": colour, "symbol": SYMBOLS[model], "size": SIZES[model]},
            opacity=0.9 if model == "merged" else 0.75,
            text=hover, hovertemplate="%{text}<extra>" + title + "</extra>",
        )  # fmt: skip
        figure.add_scatter(  # what the legend shows: the symbol, in grey where colour means the class
            x=[None], y=[None], mode="markers", name=title, legendgroup=model,
            marker={"color": MEAN if by == "class" else colour, "symbol": SYMBOLS[model], "size": SIZES[model]},
        )  # fmt: skip
    if lines:
        _paths(figure, of, range(len(of["merged"])), MEAN, 1, 0.5)
    marked = [image for image in selected if image < len(hover)]
    _paths(figure, of, marked, INK[ground][0], 3, 1.0)
    if marked:
        ends = of["merged"].iloc[marked]
        figure.add_scatter(
            x=ends["x"], y=ends["y"], mode="markers", hoverinfo="skip", showlegend=False, name="Selected",
            marker={"symbol": "circle-open", "size": 17, "color": INK[ground][0], "line": {"width": 2.5}},
        )  # fmt: skip
    if by == "class" and len(classes) <= LABELLED:
        centres = of["merged"].groupby("class")[["x", "y"]].median()
        label = {
            "showarrow": False,
            "yshift": 16,
            "font": {"size": 12, "color": INK[ground][0]},
            "bgcolor": VEIL[ground],
        }
        figure.update_layout(
            annotations=[
                {"x": row.x, "y": row.y, "text": name, **label}
                for name, row in zip(centres.index, centres.itertuples(), strict=True)
            ]
        )
    x, y = limits or (None, None)
    quiet = {"showticklabels": False, "ticks": "", "showgrid": False}
    figure.update_xaxes(title="First dimension (no unit)", range=x, **quiet)
    figure.update_yaxes(title="Second dimension (no unit)", range=y, **quiet)
    return figure.update_layout(height=560, dragmode="pan", clickmode="event+select", hovermode="closest")


def _paths(
    figure: go.Figure,
    of: Mapping[str, pd.DataFrame],
    images: Sequence[int],
    colour: str,
    width: float,
    opacity: float,
) -> None:
    """Lines from before the step to merged, all of them one trace."""
    x: list[float | None] = []
    y: list[float | None] = []
    for image in images:
        x += [of["pre"]["x"].iloc[image], of["merged"]["x"].iloc[image], None]
        y += [of["pre"]["y"].iloc[image], of["merged"]["y"].iloc[image], None]
    if x:
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": colour, "width": width}, opacity=opacity, hoverinfo="skip",
            name="From before to merged", showlegend=False,
        )  # fmt: skip


def limits(layout: np.ndarray) -> tuple[list[float], list[float]]:
    """Ranges of x and y that hold all finite points of (models, n, 2), with a margin of 4 %."""
    low, high = np.nanmin(layout, axis=(0, 1)), np.nanmax(layout, axis=(0, 1))
    margin = 0.04 * (high - low)
    (x0, y0), (x1, y1) = (low - margin).tolist(), (high + margin).tolist()
    return [x0, x1], [y0, y1]
