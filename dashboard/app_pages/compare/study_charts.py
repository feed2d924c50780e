"""Which series and axes show what a study found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

from dashboard.app_pages.compare.charts.studies import Axis, Series
from dashboard.charts.colours import MEAN, PALETTE, method_colour
from otmf_core.analysis.comparison import Row
from otmf_core.analysis.studies.base import Found
from otmf_core.analysis.studies.mask_memory import NONE
from otmf_core.analysis.studies.pairs import LOST, SIGNS, rule_of
from otmf_core.analysis.studies.transport_cost import NAMES
from otmf_core.methods.otmf_choices import FAMILIES

KINDS = [(space, heads) for heads in ("none", "tuned") for space in ("features", "logits")]
COSTS = (
    ("seconds", "limit_seconds", "Time", "s", "time"),
    ("memory_mib", "limit_mib", "Peak memory", "MiB", "memory"),
)
APART = 0.08  # between rows that keep as many images
DASHES = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True)
class Drawing:
    """A chart of a study: its title, what was measured, its series and its axes."""

    title: str
    measured: str
    series: Sequence[Series]
    x: Axis
    y: Axis


def drawings(study: str, found: Found) -> list[Drawing]:
    """The charts of the study of that name."""
    return _BY_STUDY[study](found)


def colour(study: str, row: Row) -> str | None:
    """The colour of a row of a study in its charts; None where rows have none of their own."""
    if study == "recursion":
        return method_colour(row["method"])
    order = {"mask-memory": [*FAMILIES, NONE], "transport": NAMES}.get(study, ())
    if study == "heads":
        return PALETTE[KINDS.index((row["space"], row["heads"]))]
    return PALETTE[order.index(row["name"])] if row.get("name") in order else None


def _transport(found: Found) -> list[Drawing]:
    widths = sorted({row["d"] for row in found.points})
    charts = []
    for figure, limit, title, unit, reason in COSTS:
        series = []
        for (name, d), rows in _groups(found.points, "name", "d").items():
            own = [row for row in rows if row[figure] is not None]
            dash = DASHES[widths.index(d) % len(DASHES)]
            x, y = [row["points"] for row in own], [row[figure] for row in own]
            series.append(Series(f"{name}, d = {d}", _coloured("transport", rows[0]), x, y, dash=dash))
        stopped = [row for row in found.points if row["stopped"] == reason]
        if stopped:
            x, y = [row["points"] for row in stopped], [row[limit] for row in stopped]
            series.append(Series("Stopped at the limit", MEAN, x, y, mode="markers", symbol="x"))
        measured = "forward and backward, one process a point"
        charts.append(Drawing(title, measured, series, Axis("Points n", log=True), Axis(f"{title} ({unit})", log=True)))
    return charts


def _mask_memory(found: Found) -> list[Drawing]:
    series = [
        Series(
            row["name"],
            _coloured("mask-memory", row),
            [row["entries"]],
            [row["acc"]],
            [row["acc_std"] or 0.0],
            [row["name"]],
            "markers",
        )
        for row in found.points
        if row["entries"]
    ]
    without = next((row["acc"] for row in found.points if row["name"] == NONE), None)
    y = Axis("ACC (%)", line=without, line_name="Without masks")
    x = Axis("Mask entries trained in a fusion", log=True)
    return [Drawing("Accuracy against mask entries", "test images; mean ± std over orders", series, x, y)]


def _heads(found: Found) -> list[Drawing]:
    kept = sorted({row["memory"] for row in found.points})
    series = [
        Series(
            name,
            _coloured("heads", rows[0]),
            [kept.index(row["memory"]) + APART * (KINDS.index((row["space"], row["heads"])) - 1.5) for row in rows],
            [row["acc"] for row in rows],
            [row["acc_std"] or 0.0 for row in rows],
            mode="markers",
            symbol="star" if rows[0]["heads"] == "tuned" else "circle",
        )
        for (name,), rows in _groups(found.points, "name").items()
    ]
    x = Axis("", texts={float(at): f"{each or 'No'} images kept" for at, each in enumerate(kept)})
    measured = "test images; mean ± std over orders; stars read labels"
    return [Drawing("Heads against logits", measured, series, x, Axis("ACC (%)"))]


def _recursion(found: Found) -> list[Drawing]:
    series = []
    seen: dict[str, int] = {}
    for (name, method), rows in _groups(found.points, "name", "method").items():
        dash = DASHES[seen.get(method, 0) % len(DASHES)]
        seen[method] = seen.get(method, 0) + 1
        x, y = [row["step"] for row in rows], [100 * row["kept"] for row in rows]
        series.append(Series(name, method_colour(method), x, y, mode="lines", dash=dash))
    measured = "gain over the pre-trained model, mean over tasks and orders"
    y = Axis("Share of the gain kept (%)")
    return [Drawing("What is kept of a task's gain", measured, series, Axis("Merges after its own"), y)]


def _pairs(found: Found) -> list[Drawing]:
    charts = []
    for sign, text in SIGNS.items():
        series = [
            Series(
                name, shade, [row[sign] for row in found.points], [row[lost] for row in found.points], mode="markers"
            )
            for name, shade, lost in (("Sinkhorn", PALETTE[0], "lost"), ("Unbalanced", PALETTE[1], "lost_unbalanced"))
        ]
        rule = rule_of(found.points, sign)
        title = f"{text[0].upper()}{text[1:]}"
        x = Axis(title, line=rule.limit if rule and isfinite(rule.limit) else None, line_name="Warning")
        y = Axis("Accuracy lost (pt)", line=LOST, line_name=f"{LOST:g} points")
        charts.append(Drawing(title, "individual less merged, test images; pairs share tasks", series, x, y))
    return charts


def _coloured(study: str, row: Row) -> str:
    return colour(study, row) or PALETTE[0]


def _groups(rows: Sequence[Row], *names: str) -> dict[tuple, list[Row]]:
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return groups


_BY_STUDY: dict[str, Callable[[Found], list[Drawing]]] = {
    "transport": _transport,
    "mask-memory": _mask_memory,
    "heads": _heads,
    "recursion": _recursion,
    "pairs": _pairs,
}
