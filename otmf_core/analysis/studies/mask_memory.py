"""How much accuracy the number of trained mask entries buys: OTMF with every family of masks, and without masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from otmf_core.analysis.ablations import ABLATIONS, WHOLE
from otmf_core.analysis.comparison import Row
from otmf_core.analysis.grid import grid
from otmf_core.analysis.matched import matched
from otmf_core.analysis.studies.base import Found, MeasuredRow, Study, acc_figures
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.library.library import Library
from otmf_core.runs.folder import Run
from otmf_core.runs.state import Text, Whole

if TYPE_CHECKING:
    from otmf_core.models.task_vector import StateDict

NONE = "none"  # equation (1) with all masks at one
ELEMENT = "element"  # what the others are held against
CLOSE = 1.0  # points of ACC from the best, within which fewer entries are preferred


class Entries(MeasuredRow):
    """A family of masks, and the entries of it that a fusion trains, of both masks together."""

    family: Text
    entries: Whole


def family(config: MergeConfig) -> str:
    """The family of masks of a merge of this study."""
    return config.method.settings().get("masks", NONE)


def count_entries(base: StateDict, heads: int) -> dict[str, int]:
    """By family, the entries that a fusion trains on a network of these weights and attention heads, of both masks.

    Counted in the masks themselves, which are made for it; α, which is not trained here, is none of them.
    """
    from otmf_core.masks.base import shares
    from otmf_core.masks.families import FAMILIES, Fusion

    fusion = Fusion(base, base, base, shares(0.5), heads)
    return {NONE: 0, **{name: make(fusion).entries() for name, make in FAMILIES.items()}}


def _measure(library: Library, runs: Sequence[Run], report: Callable[[str], None]) -> list[Entries]:
    import torch

    tower = library.tower(torch.device("cpu"))
    entries = count_entries(tower.weights(), tower.attention_heads)
    return [Entries(family=name, entries=n) for name, n in entries.items()]


def _found(runs: Sequence[Run], measured: Sequence[Entries]) -> Found:
    entries = {row.family: row.entries for row in measured}
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(family(run.config), []).append(run)
    missing = groups.keys() - entries.keys()
    if missing:
        raise InputError(f"a study of masks counts the entries of every family: {min(missing)} is missing")
    rows = [_row(name, entries[name], group, groups.get(ELEMENT, [])) for name, group in groups.items()]
    rows.sort(key=lambda row: -row["entries"])
    return Found(rows, _finding(rows), rows)


def _row(name: str, entries: int, group: Sequence[Run], reference: Sequence[Run]) -> Row:
    held = None if name == ELEMENT else matched(group, reference)
    return {"name": name, "entries": entries, **acc_figures(group, held)}


def _finding(rows: Sequence[Row]) -> str:
    best = max(rows, key=lambda row: row["acc"])
    close = [row for row in rows if row["acc"] >= best["acc"] - CLOSE]
    lean = min(close, key=lambda row: row["entries"])
    parts = [f"Highest ACC: {_text(best)}"]
    if lean is not best:
        parts.append(f"with the fewest entries within {CLOSE:g} point of it: {_text(lean)}")
    without = [row for row in rows if row["name"] == NONE and row not in (best, lean)]
    parts += [f"without masks {row['acc']:.1f}%" for row in without]
    return f"{'; '.join(parts)}."


def _text(row: Mapping) -> str:
    return f"{row['name']}, {row['acc']:.1f}% with {row['entries']:,} entries"


MASK_MEMORY = Study(
    name="mask-memory",
    title="Mask memory",
    question="How much accuracy do trained mask entries buy, from none to two for every weight?",
    found=_found,
    suite="8",
    configs=lambda orders, shared: grid((WHOLE, *ABLATIONS["masks"]), orders, shared),
    label=family,
    measured=Entries,
    measure=_measure,
)
