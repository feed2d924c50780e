"""The command that compares, on the tiny library: what it runs, what it runs again, what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from otmf_core.analysis.ablations import ABLATIONS, WHOLE
from otmf_core.analysis.results import read_results
from otmf_core.cli.main import main
from otmf_core.config import MergeConfig
from otmf_core.jobs.queue import JobQueue
from otmf_core.library.orders import shuffled
from otmf_core.runs.folder import list_runs

GRID = ["--tasks", "red,green", "--orders", "43-44", "--methods", "average,task-arithmetic", "--device", "cpu"]


def command(tiny: Path, out: Path, *more: str) -> list[str]:
    return ["compare", *GRID, "--library", str(tiny), "--out", str(out), *more]


def test_a_grid_is_run_once_and_its_table_is_of_matched_differences(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(command(tiny, tmp_path, "--json", "--against", "average", "--results", str(tmp_path / "r.json"))) == 0
    out, err = capsys.readouterr()
    table = json.loads(out)
    assert "0 of 4 merges are there, 4 to begin" in err
    assert err.count("ACC") == 4
    runs = list_runs(tmp_path)[0]
    assert {run.id for run in runs} == set(table["runs"])
    assert {run.config.evaluate for run in runs} == {"held-out"}
    rows = {row["name"]: row for row in table["rows"]}
    own = {n: [r.record.acc or 0 for r in runs if r.record and r.config.method.name == n] for n in rows}
    for name, row in rows.items():
        assert row["acc"] == pytest.approx(sum(own[name]) / 2)
        assert (row["n"], row["labels"], row["images_kept"]) == (2, "none", 0)
        assert row["held_out"] is not None
    assert rows["average"]["difference"] is None
    difference = rows["task-arithmetic"]["acc"] - rows["average"]["acc"]
    assert rows["task-arithmetic"]["difference"] == pytest.approx(difference)
    assert sum(map(int, rows["task-arithmetic"]["win_tie_loss"].split("/"))) == 2
    assert {run.id for run in read_results(tmp_path / "r.json").runs} == set(table["runs"])

    assert main(command(tiny, tmp_path)) == 0
    out, err = capsys.readouterr()
    assert "4 of 4 merges are there" in err
    assert "win/tie/loss" in out
    assert len(list_runs(tmp_path)[0]) == 4


def test_a_dry_run_runs_nothing(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(command(tiny, tmp_path / "runs", "--dry-run")) == 0
    assert "4 to begin" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_grid_on_a_cluster_takes_up_what_goes_on_there(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    begun, closed = [], []

    class Cluster(JobQueue):
        def __init__(self, out: Path, address: str):
            super().__init__(out)
            print(f"{address} lost a node")  # as Ray does
            tasks = shuffled(("red", "green"), 44)
            own = {"library": str(tiny), "evaluate": "held-out", "method": "average", "device": "cpu"}
            begun.append(self.submit(MergeConfig.build(tasks=tasks, **own)))

        def close(self, timeout: float = 0.0) -> None:
            closed.append(self)

    monkeypatch.setattr("otmf_core.jobs.ray.RayQueue", Cluster)
    assert main(command(tiny, tmp_path, "--json", "--on", "head:1")) == 0
    out, err = capsys.readouterr()
    assert begun[0] in json.loads(out)["runs"] and len(json.loads(out)["runs"]) == 4
    assert "0 of 4 merges are there, 1 are under way, 3 to begin" in err and "head:1 lost a node" in err
    assert len(list_runs(tmp_path)[0]) == 4 and closed


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--on", "nowhere"], "a Ray cluster is auto, ray://HOST:PORT or HOST:PORT, received 'nowhere'"),
        (["--on", "auto", "--track", "tensorboard"], "leave one of the two out"),
    ],
)
def test_a_cluster_that_is_none_gets_a_sentence(
    more: list[str], sentence: str, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(command(tiny, tmp_path / "runs", *more)) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_ablations_are_held_against_the_whole_part_by_part(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    rows = [WHOLE, *ABLATIONS["images"][:1], *ABLATIONS["masks"][:2]]
    monkeypatch.setattr("otmf_core.cli.compare.ablation_entries", lambda: rows)
    given = [*GRID[:-4], "--device", "cpu", "--library", str(tiny), "--out", str(tmp_path), "--json"]
    assert main(["compare", *given, "--preset", "ablations"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["command"] == "otmf compare --tasks red,green --orders 43-44 --preset ablations --seed 0"
    assert [(row["part"], row["name"]) for row in table["rows"]] == [
        ("whole", "otmf"),
        ("masks", "masks row"),
        ("masks", "without masks"),
        ("images", "memory 0"),
    ]
    assert [row["difference"] is None for row in table["rows"]] == [True, False, False, False]


def test_rows_are_listed_or_made_already_never_both(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(command(tiny, tmp_path, "--preset", "ablations"))
    assert "not allowed with argument --methods" in capsys.readouterr().err


def test_a_failed_run_is_said_and_the_others_are_compared(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    from otmf_core.methods.average import Average

    def fail(self: object, *_: object) -> None:
        raise ValueError("no average today")

    monkeypatch.setattr(Average, "fuse", fail)
    assert main(command(tiny, tmp_path, "--json")) == 1
    out, err = capsys.readouterr()
    assert [row["name"] for row in json.loads(out)["rows"]] == ["task-arithmetic"]
    assert len(json.loads(out)["failed"]) == 2
    assert "failed: ValueError: no average today" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--orders", "x"], "orders are seeds"),
        (["--methods", "magic"], "a method to compare is one of"),
        (["--against", "otmf"], "the method to hold against is one of"),
    ],
)
def test_bad_arguments_get_a_sentence(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
):
    assert main(command(tiny, tmp_path, *options)) == 2
    assert message in capsys.readouterr().err
