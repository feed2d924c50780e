"""Pairs of tasks that merge badly: what tells them beforehand, and whether unbalanced transport is a remedy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from statistics import fmean

from otmf_core.analysis.comparison import Row
from otmf_core.analysis.grid import Entry, grid
from otmf_core.analysis.matched import interval
from otmf_core.analysis.studies.base import Found, MeasuredRow, Orders, Shared, Study, signed
from otmf_core.analysis.studies.threshold import Rule, learned, leave_one_out, rank_correlation
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.library.geometry import geometry
from otmf_core.library.library import Library
from otmf_core.runs.folder import Run
from otmf_core.runs.state import Real, Text
from otmf_core.runs.view import stored_view

ENTRIES = tuple(Entry(loss, {"loss": loss}) for loss in ("sinkhorn", "unbalanced"))
LOST = 5.0  # points of accuracy, beyond which a pair is worth a warning
LAST = 10  # iterations of a fusion, over which what is left of its losses is averaged
IMAGES = 256  # of every task at most, that its domain is known by
SIGNS = {"cosine": "cosine of the task vectors", "domain": "domain distance"}  # what is known beforehand


class Pair(MeasuredRow):
    """What was measured of a merge of two tasks, by the id of its run.

    `left` is the mean of both losses over the last iterations; `cosine` is of the task vectors; `domain` is the
    Sinkhorn divergence between both tasks' calibration images, as normalised features of the pre-trained model.
    """

    run: Text
    left: Real
    cosine: Real
    domain: Real


def pair_configs(orders: Orders, shared: Shared) -> list[MergeConfig]:
    """Every pair of tasks under both losses, in the place that either has in each order; no merge twice."""
    tasks = [pair for order in orders for pair in combinations(order, 2)]
    return grid(ENTRIES, dict.fromkeys(tasks), {**shared, "evaluate": "seen"})


def rule_of(rows: Sequence[Row], sign: str) -> Rule | None:
    """The warning that a sign gives of these pairs; None where all of them lose too much, or none."""
    bad = [row["lost"] > LOST for row in rows]
    return learned([row[sign] for row in rows], bad) if len(set(bad)) == 2 else None


def _measure(library: Library, runs: Sequence[Run], report: Callable[[str], None]) -> list[Pair]:
    tasks = list(dict.fromkeys(task for run in runs for task in run.config.tasks))
    shape = geometry(library, tasks)
    distances = _domains(library, tasks, {frozenset(run.config.tasks) for run in runs}, report)
    rows = []
    for run in runs:
        first, second = (tasks.index(task) for task in run.config.tasks)
        left = _left(run)
        cosine, domain = shape.cosines[first][second], distances[frozenset(run.config.tasks)]
        rows.append(Pair(run=run.id, left=left, cosine=cosine, domain=domain))
    return rows


def _left(run: Run) -> float:
    fusion = stored_view(run).fusions.get(2)
    curves = [fusion.curve(name)[-LAST:] if fusion else () for name in ("loss_pre", "loss_post")]
    values = [[value for value in curve if value is not None] for curve in curves]
    if not all(values):
        raise InputError(f"a study of pairs reads both loss curves of a fusion: they are missing in {run.path}")
    return fmean(map(fmean, values))


def _domains(
    library: Library, tasks: Sequence[str], pairs: set[frozenset[str]], report: Callable[[str], None]
) -> dict[frozenset[str], float]:
    import numpy as np
    import torch
    from torch.nn import functional as F

    from otmf_core.transport.losses import Cost, alignment

    tower, distance = library.tower(torch.device("cpu")), alignment("sinkhorn", Cost())
    features = {}
    for task in tasks:
        report(f"features of {task}")
        inputs = library.examples(task, "calibration").inputs
        drawn = np.sort(np.random.default_rng(0).permutation(len(inputs))[:IMAGES])
        features[task] = F.normalize(tower.features(inputs[torch.from_numpy(drawn)], task), dim=-1)[None]
    return {pair: distance(*(features[task] for task in sorted(pair))).item() for pair in pairs}


def _found(runs: Sequence[Run], measured: Sequence[Pair]) -> Found:
    by_run = {row.run: row for row in measured}
    if missing := [run.id for run in runs if run.id not in by_run]:
        raise InputError(f"a study of pairs measures every merge: {missing[0]} is missing")
    by_pair: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        by_pair.setdefault(tuple(sorted(run.config.tasks)), []).append(run)
    rows = [row for pair, group in by_pair.items() if (row := _row(pair, group, by_run))]
    rows.sort(key=lambda row: -row["lost"])
    return Found(rows, _finding(rows), rows)


def _row(pair: tuple[str, ...], group: Sequence[Run], by_run: dict[str, Pair]) -> Row | None:
    """A pair over its orders and seeds, of which both losses have a merge; None where one has none."""
    lost: dict[str, dict[tuple, float]] = {entry.name: {} for entry in ENTRIES}
    left: dict[str, list[float]] = {entry.name: [] for entry in ENTRIES}
    for run in group:
        loss = run.config.method.settings()["loss"]
        lost[loss][run.config.tasks, run.config.seed] = fmean(run.individual) - _final(run)
        left[loss].append(by_run[run.id].left)
    plain, other = (lost[entry.name] for entry in ENTRIES)
    both = [draw for draw in plain if draw in other]
    if not both:
        return None
    return {
        "name": " + ".join(pair),
        "cosine": by_run[group[0].id].cosine,
        "domain": by_run[group[0].id].domain,
        "left": fmean(left[ENTRIES[0].name]),
        "lost": fmean(plain[draw] for draw in both),
        "lost_unbalanced": fmean(other[draw] for draw in both),
        "remedy": fmean(plain[draw] - other[draw] for draw in both),
        "n": len(both),
    }


def _final(run: Run) -> float:
    values = [value for value in run.matrix[-1] if value is not None]
    return fmean(values)


def _finding(rows: Sequence[Row]) -> str:
    if not rows:
        return "No pair was merged under both losses."
    lost = [row["lost"] for row in rows]
    signs = {**SIGNS, "left": "transport cost left"}
    found = {text: rank_correlation([row[sign] for row in rows], lost) for sign, text in signs.items()}
    parts = [f"{text} {signed(value, 2)}" for text, value in found.items() if value is not None]
    sentences = [f"Accuracy lost over {len(rows)} pairs, by rank with {', '.join(parts)}"] if parts else []
    low, high = interval([row["remedy"] for row in rows])
    bounds = "" if low is None or high is None else f" [{signed(low)}, {signed(high)}]"
    mean = fmean(row["remedy"] for row in rows)
    return ". ".join([*sentences, _warning(rows), f"Unbalanced transport gives {signed(mean)} points{bounds}"]) + "."


def _warning(rows: Sequence[Row]) -> str:
    bad = [row["lost"] > LOST for row in rows]
    if len(set(bad)) == 1:
        return f"{'Every' if bad[0] else 'No'} pair loses more than {LOST:g} points, so no limit can be learned"
    parts = []
    for sign, text in SIGNS.items():
        values = [row[sign] for row in rows]
        limit, above = learned(values, bad)
        error = leave_one_out(values, bad)
        parts.append(f"{text} {'above' if above else 'below'} {limit:.3g}, wrong for {error:.0%} of pairs left out")
    commonest = min(sum(bad), len(bad) - sum(bad)) / len(bad)
    return f"Warnings of more than {LOST:g} points: {'; '.join(parts)}; without any, {commonest:.0%}"


PAIRS = Study(
    name="pairs",
    title="Unlike pairs",
    question="Which pairs of tasks lose most when they are merged, and is it seen before, or cured by unbalanced OT?",
    found=_found,
    suite="8",
    configs=pair_configs,
    label=lambda config: f"{' + '.join(config.tasks)}, {config.method.settings()['loss']}",
    measured=Pair,
    measure=_measure,
)
