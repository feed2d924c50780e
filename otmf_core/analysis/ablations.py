"""OTMF taken apart: rows of a grid that differ from its defaults in one thing each, by the part that they concern."""

from __future__ import annotations

from typing import Any

from otmf_core.analysis.grid import Entry
from otmf_core.analysis.standings import SHARED, changed
from otmf_core.config import MergeConfig


def _row(**settings: Any) -> Entry:
    return Entry(", ".join(changed(settings)), {"method": "otmf", **settings})


WHOLE = Entry("otmf", {"method": "otmf"})  # what the others are held against
ABLATIONS: dict[str, tuple[Entry, ...]] = {
    "loss": (
        _row(loss="sinkhorn"),
        _row(loss="unbalanced"),
        _row(loss="sliced"),
        _row(loss="exact"),
        _row(loss="energy"),
        _row(loss="mmd"),
        _row(loss="paired"),
        _row(loss="cosine"),
        _row(loss="podnet"),
        _row(loss="kl"),
        _row(loss="entropy"),
        *(_row(temperature=temperature) for temperature in (1.0, 2.0, 8.0)),
    ),
    # of the loss sinkhorn, which is there in every space: that of the defaults is of class probabilities alone
    "space": tuple(_row(loss="sinkhorn", space=space) for space in ("raw", "features", "softmax")),
    "masks": (
        # equation (1) with all masks at one: the paper's own isolation of its parts
        Entry("without masks", {"method": "task-arithmetic", "scaling": 0.2, "retained": True}),
        *(_row(masks=family) for family in ("row", "head", "low-rank", "singular", "layer", "task")),
    ),
    "retention": (
        *(_row(alpha_rule=rule) for rule in ("auto", "learned", "average", "root", "norm")),
        _row(start="filtered"),
    ),
    "training": (
        _row(update="alternating"),
        _row(schedule="constant"),
        _row(iterations=24),
        _row(iterations=144),
        _row(batch=32),
        _row(batch_earlier=4),
        _row(momentum=0.9),
    ),
    "images": (
        *(_row(memory=kept) for kept in (0, 16, 64, 128)),
        *(_row(views=count) for count in (1, 2, 8)),
        *(_row(calibration=seen) for seen in (16, 64)),
    ),
    "heads": (_row(heads="tuned"), _row(heads="last"), _row(memory=0, heads="tuned")),
}


def ablation_entries() -> list[Entry]:
    """OTMF with its defaults, then every row that takes a part of it away or exchanges it."""
    return [WHOLE, *(entry for part in ABLATIONS.values() for entry in part)]


def part_of(config: MergeConfig) -> str | None:
    """The part of OTMF that a merge's row is about, "whole" for the defaults; None where no ablation is like it."""
    found = _ROWS.get(_own(config))
    return found and found[0]


def ablation_name(config: MergeConfig) -> str | None:
    """The name of an ablation's row; None of another merge."""
    found = _ROWS.get(_own(config))
    return found and found[1]


def _own(config: MergeConfig) -> str:
    own = {name: value for name, value in config.flat().items() if name not in SHARED}
    return repr(sorted({**own, "method": config.method.name, "preset": config.preset}.items()))


def _content(entry: Entry) -> str:
    return _own(MergeConfig.build(tasks=("one", "other"), **entry.settings))


_ROWS = {  # part and name
    _content(WHOLE): ("whole", WHOLE.name),
    **{_content(entry): (part, entry.name) for part, entries in ABLATIONS.items() for entry in entries},
}
