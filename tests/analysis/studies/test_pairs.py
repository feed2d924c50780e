"""Pairs of tasks: their merges, what is measured of them, and the warning that follows, by hand-computed values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from otmf_core.analysis.studies.pairs import PAIRS, Pair, pair_configs, rule_of
from otmf_core.errors import InputError
from otmf_core.library.library import open_library
from otmf_core.runs.folder import Run, load_run
from tests.made_runs import made_run
from tests.tiny import merge_config, merged


def test_every_pair_is_merged_as_its_orders_have_it_and_never_twice():
    configs = pair_configs([("a", "b", "c"), ("a", "c", "b")], {"seed": 1, "evaluate": "held-out"})
    assert [config.tasks for config in configs[::2]] == [("a", "b"), ("a", "c"), ("b", "c"), ("c", "b")]
    assert [config.method.settings()["loss"] for config in configs[:2]] == ["sinkhorn", "unbalanced"]
    assert {(config.seed, config.evaluate) for config in configs} == {(1, "seen")}


def pair_runs(tasks: tuple[str, str], plain: float, other: float) -> list[Run]:
    """Both merges of a pair whose experts are at 90 %, which lose so many points."""
    runs = []
    for config, lost in zip(pair_configs([tasks], {}), (plain, other), strict=True):
        matrix = ((30.0, 30.0), (80.0, 30.0), (90.0 - lost - 1, 90.0 - lost + 1))
        name = "-".join((*tasks, config.method.settings()["loss"]))
        runs.append(made_run(name, config, matrix=matrix, individual=(88.0, 92.0)))
    return runs


LOST = {("a", "b"): (8.0, 6.0), ("a", "c"): (7.0, 6.0), ("c", "b"): (2.0, 2.0), ("d", "a"): (1.0, 2.0)}
SIGNS = {("a", "b"): (0.1, 0.45), ("a", "c"): (0.2, 0.1), ("c", "b"): (0.8, 0.3), ("d", "a"): (0.6, 0.22)}


def made_study() -> tuple[list[Run], list[Pair]]:
    runs = [run for tasks, lost in LOST.items() for run in pair_runs(tasks, *lost)]
    signs = {run.id: SIGNS[run.config.tasks[0], run.config.tasks[1]] for run in runs}
    return runs, [Pair(run=run, left=0.5, cosine=c, domain=d) for run, (c, d) in signs.items()]


def test_what_pairs_lose_and_what_warns_of_it():
    found = PAIRS.found(*made_study())
    assert [(row["name"], row["lost"], row["lost_unbalanced"], row["remedy"], row["n"]) for row in found.rows] == [
        ("a + b", 8.0, 6.0, 2.0, 1),
        ("a + c", 7.0, 6.0, 1.0, 1),
        ("b + c", 2.0, 2.0, 0.0, 1),
        ("a + d", 1.0, 2.0, -1.0, 1),
    ]
    rule = rule_of(found.rows, "cosine")
    assert rule is not None and (rule.limit, rule.above) == (pytest.approx(0.4), False)
    # cosine: ranks 0, 1, 3, 2 against 3, 2, 1, 0: −0.8; domain: 3, 0, 2, 1 against them: 0.4
    # of the domain's limits 0.16 and 0.375 make one mistake each; without a + b or a + c the others get that one wrong
    assert found.finding == (
        "Accuracy lost over 4 pairs, by rank with cosine of the task vectors −0.80, domain distance +0.40. Warnings of "
        "more than 5 points: cosine of the task vectors below 0.4, wrong for 0% of pairs left out; domain distance "
        "above 0.375, wrong for 50% of pairs left out; without any, 50%. Unbalanced transport gives +0.5 points "
        "[−1.6, +2.6]."
    )
    assert len(found.finding) <= 400


def test_where_no_pair_loses_much_no_limit_is_learned():
    runs, measured = made_study()
    found = PAIRS.found(runs[4:], measured[4:])
    assert rule_of(found.rows, "cosine") is None
    assert "No pair loses more than 5 points, so no limit can be learned" in found.finding
    assert PAIRS.found(runs[:1], measured).rows == [], "merged under one loss alone"
    with pytest.raises(InputError, match="measures every merge: a-b-sinkhorn is missing"):
        PAIRS.found(runs, measured[1:])


def test_merges_are_measured_by_their_curves_vectors_and_images(tiny: Path, tmp_path: Path):
    configs = [merge_config(tiny, tasks=("red", "green"), loss=loss) for loss in ("sinkhorn", "unbalanced")]
    runs = [load_run(merged(config, tmp_path, config.method.settings()["loss"])) for config in configs]
    assert PAIRS.measure is not None
    rows = [Pair(**row.model_dump()) for row in PAIRS.measure(open_library(str(tiny)), runs, lambda line: None)]
    assert [row.run for row in rows] == ["sinkhorn", "unbalanced"]
    for row in rows:
        curves = pq.read_table(tmp_path / row.run / "steps/02/curves.parquet")
        losses = [curves[name].to_numpy() for name in ("loss_pre", "loss_post")]
        assert row.left == pytest.approx(np.mean(losses))  # of four iterations all count
    vectors = [load_file(tiny / "tasks" / task / "task_vector.safetensors") for task in ("red", "green")]
    a, b = (np.concatenate([vector[name].astype(float).ravel() for name in sorted(vector)]) for vector in vectors)
    assert rows[0].cosine == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-9)
    assert rows[0].domain == rows[1].domain > 0
