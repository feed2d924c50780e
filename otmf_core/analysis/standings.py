"""How the rows of a grid stand: to each other, order by order, and among those that read and keep the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from otmf_core.analysis.comparison import SAVING, Row, by_library, leaderboard, pools
from otmf_core.analysis.matched import Matched, matched
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.methods.base import KINDS
from otmf_core.runs.folder import Run

# What a row is not named by: what all rows of a grid share, and where and how they were run.
SHARED = {"tasks", "library", "seed", "device", "evaluate", "preset", "method", SAVING}


class Footing(NamedTuple):
    """What a method may see: one of KINDS, and the examples kept of every earlier task. Ranks hold on one footing."""

    kind: str
    kept: int

    @property
    def text(self) -> str:
        """The footing in words."""
        kept = f", {self.kept} kept of each task" if self.kept else ""
        return KINDS[self.kind] + kept


def footing(run: Run) -> Footing:
    """The footing of a run: that of labels where heads are tuned on them, one for all that see every task at once."""
    config = run.config
    if config.method.joint:
        return Footing("joint", 0)
    kind = "labels" if config.reads_labels else config.method.kind()
    return Footing(kind, config.method.kept_examples)


def footings(runs: Sequence[Run]) -> list[Footing]:
    """The footings of these runs, each once: by kind in the order of KINDS, then by the examples kept."""
    kinds = list(KINDS)
    return sorted({footing(run) for run in runs}, key=lambda each: (kinds.index(each.kind), each.kept))


def is_grid(runs: Sequence[Run]) -> bool:
    """Whether these are rows over orders: one set of tasks of one library, two orders or more, and two rows or more."""
    orders = {run.config.tasks for run in runs}
    alike = len({frozenset(order) for order in orders}) == 1 and len(by_library(runs)) == 1
    return alike and len(orders) > 1 and len(pools(runs)) > 1


def row_name(config: MergeConfig) -> str:
    """A row's name: its method, its preset, and every setting that differs from that preset's."""
    plain = MergeConfig.build(config.preset, tasks=config.tasks, method=config.method.name).flat()
    own = {name: value for name, value in config.flat().items() if name not in SHARED and value != plain[name]}
    if config.heads == "none":
        own = {name: value for name, value in own.items() if name not in ("head_fraction", "head_lr")}
    parts = [config.preset] if config.method.presets and config.preset != "default" else []
    return ", ".join([config.method.title, *parts, *(changed(own))])


def changed(settings: Mapping[str, Any]) -> list[str]:
    """Settings in words, as rows are named by them: memory 0, heads tuned."""
    return [f"{name.replace('_', ' ')} {value}" for name, value in settings.items()]


def names_of(runs: Sequence[Run]) -> dict[str, str]:
    """The name of each run's row, by run id; of rows that would share one, the second is called so, and on."""
    names: dict[str, str] = {}
    for group in pools(runs):
        name, taken = row_name(group[0].config), set(names.values())
        number = next(k for k in range(1, len(taken) + 2) if (name if k == 1 else f"{name} ({k})") not in taken)
        names |= {run.id: name if number == 1 else f"{name} ({number})" for run in group}
    return names


def standings(
    runs: Sequence[Run], names: Mapping[str, str], against: str | None = None
) -> tuple[list[Row], list[list[Run]]]:
    """A row per row of the grid, and its runs, best ACC first: a leaderboard's, and how each stands to `against`.

    `names` is by run id, the same for all runs of a row; without `against` the best one is the reference. Beside a
    leaderboard's: `images_kept`, `held_out_before` (percent), `rank` within its footing; of models that grew,
    `parameters` and `encode_ms`, milliseconds an image; and of the differences in ACC from the reference, in points,
    `difference`, `low`, `high`, `win_tie_loss` and `differences`, which are None in the reference's own row. Raises
    InputError where `against` is not there.
    """
    by_run = {run.id: names[run.id] for run in runs}
    rows, groups = leaderboard(pools(runs), by_run)
    of_name = {by_run[group[0].id]: group for group in groups}
    reference = of_name.get(against) if against else next(iter(groups), None)
    if reference is None and groups:
        raise InputError(f"the method to hold against is one of {', '.join(of_name)}, received {against}")
    ranks: dict[Footing, int] = {}
    for row, group in zip(rows, groups, strict=True):
        on = footing(group[0])
        ranks[on] = ranks.get(on, 0) + 1
        row |= {"name": by_run[group[0].id], "rank": ranks[on]}
        row["images_kept"] = group[0].config.method.kept_examples
        row["held_out_before"] = _held_out_before(group)
        row |= _growth(group)
        row |= _difference(None if reference is None or group is reference else matched(group, reference))
    return rows, groups


def _held_out_before(group: Sequence[Run]) -> float | None:
    means = [run.record and run.record.held_out_means() for run in group]
    before = [each[0] for each in means if each]
    return fmean(before) if len(before) == len(group) else None


def _growth(group: Sequence[Run]) -> Row:
    grown = [run.record.growth for run in group if run.record and run.record.growth]
    if len(grown) < len(group):
        return {"parameters": None, "encode_ms": None}
    return {
        "parameters": fmean(each.parameters[1] for each in grown),
        "encode_ms": fmean(each.encode_ms[1] for each in grown),
    }


def _difference(held: Matched | None) -> Row:
    if held is None:
        return dict.fromkeys(("difference", "low", "high", "win_tie_loss", "differences"))
    return {
        "difference": held.mean,
        "low": held.low,
        "high": held.high,
        "win_tie_loss": f"{held.wins}/{held.ties}/{held.losses}",
        "differences": held.differences,
    }
