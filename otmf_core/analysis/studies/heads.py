"""What tuning heads on labels gives, held against measuring transport between logits, which reads none."""

from __future__ import annotations

from collections.abc import Sequence

from otmf_core.analysis.comparison import Row
from otmf_core.analysis.grid import Entry, grid
from otmf_core.analysis.matched import Matched, matched
from otmf_core.analysis.studies.base import Found, Study, acc_figures, signed
from otmf_core.config import MergeConfig
from otmf_core.runs.folder import Run

SPACES, HEADS, MEMORY = ("features", "logits"), ("none", "tuned"), (0, 64)
PLAIN = (SPACES[0], HEADS[0])  # what the others are held against, at the same memory
WORDS = {
    ("logits", "none"): "logits alone",
    ("features", "tuned"): "tuned heads alone",
    ("logits", "tuned"): "both",
}

ENTRIES = tuple(
    # of the loss sinkhorn: that of the defaults is of class probabilities, and not there between features
    Entry(
        f"{space}, heads {heads}, memory {kept}",
        {"loss": "sinkhorn", "space": space, "heads": heads, "memory": kept},
    )
    for kept in MEMORY
    for space in SPACES
    for heads in HEADS
)

Kind = tuple[str, str, int]  # space, heads, images kept


def kind(config: MergeConfig) -> Kind:
    """Which row of this study a merge belongs to."""
    own = config.method.settings()
    return own["space"], config.heads, own["memory"]


def _found(runs: Sequence[Run], measured: Sequence[object]) -> Found:
    groups: dict[Kind, list[Run]] = {}
    for run in runs:
        groups.setdefault(kind(run.config), []).append(run)
    held = {of: matched(group, groups.get((*PLAIN, of[2]), [])) for of, group in groups.items() if of[:2] != PLAIN}
    rows = [_row(of, group, held.get(of)) for of, group in sorted(groups.items(), key=lambda each: each[0][2])]
    return Found(rows, _finding(rows), rows)


def _row(of: Kind, group: Sequence[Run], held: Matched | None) -> Row:
    space, heads, kept = of
    return {
        "name": f"{space}, heads {heads}",
        "space": space,
        "heads": heads,
        "memory": kept,
        **acc_figures(group, held),
    }


def _finding(rows: Sequence[Row]) -> str:
    sentences = []
    for kept in sorted({row["memory"] for row in rows}):
        gains = {(row["space"], row["heads"]): row for row in rows if row["memory"] == kept}
        held = {of: row for of in WORDS if (row := gains.get(of)) and row["difference"] is not None}
        parts = [f"{WORDS[of]} {_gain(row)}" for of, row in held.items()]
        if parts:
            sentences.append(f"with {kept or 'no'} images kept, {', '.join(parts)}")
    if not sentences:
        return "No two rows share an order."
    return f"Over features with frozen heads, in points of ACC: {'; '.join(sentences)}."


def _gain(row: Row) -> str:
    interval = "" if row["low"] is None else f" [{signed(row['low'])}, {signed(row['high'])}]"
    return f"{signed(row['difference'])}{interval}"


HEADS_STUDY = Study(
    name="heads",
    title="Heads or logits",
    question="Is what tuning heads on labels gives already in transport between logits, which reads no label?",
    found=_found,
    suite="8",
    configs=lambda orders, shared: grid(ENTRIES, orders, shared),
    label=lambda config: "{}, heads {}, memory {}".format(*kind(config)),
)
