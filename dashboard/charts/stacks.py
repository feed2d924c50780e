"""What tells the parts of a T5 apart in its map: its two stacks, and the kinds of tensors by their use."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import plotly.graph_objects as go

from dashboard.charts.colours import MEAN

USES = {
    "Embedding": ("tokens",),
    "Self-attention": ("distance", "norm1.weight", "q.weight", "k.weight", "v.weight", "proj.weight"),
    "Cross-attention": tuple(f"cross_{kind}.weight" for kind in ("norm", "q", "k", "v", "proj")),
    "Feed-forward": ("norm2.weight", "fc1.weight", "gate.weight", "fc2.weight"),
    "Output": ("last_norm.weight", "out.weight"),
}
BELOW = 30  # pixels for the names of uses under the map


def has_stacks(layers: Sequence[str]) -> bool:
    """Whether these layers are those of an encoder and a decoder."""
    return any(layer.startswith("Encoder ") for layer in layers)


def tell_stacks_apart(chart: go.Figure, layers: Sequence[str], kinds: Sequence[str]) -> None:
    """Draw lines between both stacks and between uses, whose names stand below the map."""
    stacks = [layer.split()[0] for layer in layers]
    columns = [next((use for use, own in USES.items() if kind in own), "") for kind in kinds]
    line = {"color": MEAN, "width": 1, "dash": "dot"}
    for _, end in _spans(stacks)[:-1]:
        chart.add_shape(type="line", x0=-0.5, x1=len(kinds) - 0.5, y0=end - 0.5, y1=end - 0.5, line=line)
    for start, end in _spans(columns):
        if start:
            chart.add_shape(type="line", x0=start - 0.5, x1=start - 0.5, y0=-0.5, y1=len(layers) - 0.5, line=line)
        chart.add_annotation(
            x=(start + end - 1) / 2,
            y=len(layers) - 0.5,
            yshift=-14,
            text=columns[start],
            showarrow=False,
            font={"size": 11},
        )


def _spans(names: Sequence[str]) -> list[tuple[int, int]]:
    """The half-open ranges over which a name stays the same."""
    spans, start = [], 0
    for _, group in groupby(names):
        end = start + len(list(group))
        spans.append((start, end))
        start = end
    return spans
