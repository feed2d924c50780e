"""Events folded into a view, and the time left, against values worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import write_json, write_table
from otmf_core.runs.events import (
    Arrived,
    Evaluated,
    Evaluating,
    Event,
    Failed,
    Finished,
    Fused,
    Iterated,
    Phase,
    Started,
    Stopped,
)
from otmf_core.runs.folder import create_run, load_run, set_status
from otmf_core.runs.view import Fusion, RunView, advance, eta_seconds, fraction_done, new_view, stored_view
from tests.made_runs import made_run


def asked(tasks: int = 3, **settings) -> RunView:
    ids = tuple(f"t{place}" for place in range(1, tasks + 1))
    return new_view("r", MergeConfig.build(tasks=ids, **settings))


def started(tasks: int = 3, iterations: int = 4) -> RunView:
    view = asked(tasks)
    return advance(view, Started(tasks=view.tasks, iterations=iterations, device="cpu"))


def row(view: RunView, step: int, seconds: float) -> RunView:
    return advance(view, Evaluated(step=step, row=(50.0,) * len(view.tasks), seconds=seconds))


def iterated(view: RunView, step: int, iteration: int, seconds: float = 1.0, pre: float | None = 2.0) -> RunView:
    losses = {"iteration": iteration, "loss_pre": pre, "loss_post": 3.0, "mask_pre_mean": None, "mask_post_mean": 1.5}
    return advance(view, Iterated(step=step, iteration=iteration, duration=seconds, row=losses))


def test_started_makes_an_empty_matrix_of_one_row_more_than_tasks():
    view = started()
    assert view.tasks == ("t1", "t2", "t3")
    assert view.matrix == (None, None, None, None)
    assert fraction_done(view) == 0


def test_losses_stand_at_their_iteration_and_gaps_are_none():
    view = iterated(iterated(started(), 2, 0), 2, 1, pre=None)
    assert view.fusions[2].curve("loss_pre") == (2.0, None)
    assert view.fusions[2].curve("loss_post") == (3.0, 3.0)
    assert view.fusions[2].curve("mask_pre_mean") == (None, None)
    assert view.fusions[2].curve("mask_post_mean") == (1.5, 1.5)
    assert view.fusions[2].durations == (1.0, 1.0)
    assert (view.step, view.iteration) == (2, 2)
    resumed = iterated(started(), 2, 2)  # the first two were taken by another process
    assert resumed.fusions[2].curve("loss_pre") == (None, None, 2.0)
    assert resumed.fusions[2].durations == (None, None, 1.0)


def test_curves_have_the_names_that_the_method_gave_them_and_any_other_is_empty():
    view = advance(started(), Iterated(step=2, iteration=0, duration=1.0, row={"iteration": 0, "zeal": 4.0}))
    assert view.fusions[2].curves == {"zeal": (4.0,)}
    assert view.fusions[2].curve("loss_pre") == ()
    assert Fusion().curve("zeal") == ()


def test_an_event_told_twice_counts_once():
    once = row(iterated(started(), 2, 0), 1, 1.0)
    twice = row(iterated(once, 2, 0), 1, 1.0)
    assert twice == once


def test_fraction_counts_iterations_and_rows():
    view = iterated(row(row(started(), 0, 1.0), 1, 2.0), 2, 0)
    assert fraction_done(view) == pytest.approx((1 + 2) / (4 * 2 + 4))


def test_a_row_fills_in_beside_the_matrix_of_whole_rows():
    view = advance(row(started(), 0, 1.0), Evaluating(step=1, row=(81.0, None, None)))
    assert (view.step, view.row) == (1, (81.0, None, None))
    assert view.matrix == ((50.0,) * 3, None, None, None)
    assert view.cells == ((50.0,) * 3, (81.0, None, None), None, None)
    assert fraction_done(view) == pytest.approx((1 + 1 / 3) / (4 * 2 + 4))
    assert eta_seconds(view, 2.0) == eta_seconds(row(started(), 0, 1.0), 2.0)
    whole = row(view, 1, 3.0)
    assert whole == row(row(started(), 0, 1.0), 1, 3.0)
    assert whole.cells == whole.matrix


@pytest.mark.parametrize("ending", [Stopped(step=0, iteration=0), Failed(message="no luck")])
def test_a_row_in_part_ends_with_its_process(ending: Event):
    view = started()
    assert advance(advance(view, Evaluating(step=0, row=(10.0, None, None))), ending) == view


def test_time_left_from_iterations_and_what_lies_beside_them():
    view = row(row(started(), 0, 1.0), 1, 3.0)  # a step without masks took 2 s
    assert eta_seconds(view, 3.0) is None  # no iteration was measured yet
    for iteration in range(4):
        view = iterated(view, 2, iteration, seconds=0.5)
    view = row(view, 2, 9.0)  # 6 s, of which 4 × 0.5 s in iterations: 4 s beside them
    # left: four iterations of 0.5 s, and one row with (2 + 4) / 2 = 3 s beside its iterations
    assert eta_seconds(view, 9.0) == pytest.approx(4 * 0.5 + 3)


def test_time_left_without_masks_counts_down_from_the_last_row():
    view = row(row(started(tasks=4), 0, 1.0), 1, 3.0)
    assert eta_seconds(view, 3.0) is None
    view = row(view, 2, 5.0)
    assert eta_seconds(view, 5.5) == pytest.approx(2 * 2.0 - 0.5)
    assert eta_seconds(view, 60.0) == 0


def test_a_run_that_is_asked_for_waits_with_an_empty_matrix():
    view = asked(4)
    assert (view.run, view.status, view.phase, view.record) == ("r", "queued", "Waiting", None)
    assert view.matrix == (None,) * 5
    assert fraction_done(view) == 0
    assert eta_seconds(view, 1.0) is None


def test_events_fill_in_what_they_tell():
    view = advance(asked(), Phase(text="Reading"))
    assert view.phase == "Reading"
    view = advance(view, Started(tasks=view.tasks, iterations=7, device="cuda:0"))
    assert (view.iterations, view.device) == (7, "cuda:0")
    view = advance(iterated(view, 2, 3), Arrived(step=3, task="t3", individual=91.5))
    assert (view.step, view.iteration, view.individual) == (3, 0, {"t3": 91.5})
    view = advance(view, Evaluated(step=1, row=(1.0, 2.0, None), seconds=4.0))
    assert view.matrix == (None, (1.0, 2.0, None), None, None)
    record = made_run("r", view.config).record
    assert record is not None
    assert advance(view, Finished(record=record)).record is record


def test_events_that_change_nothing_shown_leave_the_view_as_it_is():
    view = started()
    for event in (Fused(step=2, task="t2", duration=1.0), Stopped(step=2, iteration=1), Failed(message="no luck")):
        assert advance(view, event) == view


@pytest.fixture
def stopped_run(tmp_path: Path) -> Path:
    path = tmp_path / "stopped"
    create_run(path, MergeConfig.build(tasks=("a", "b"), iterations=3))
    set_status(path, "stopped")
    matrix = [[10.0, 20.0], [80.0, 21.0]]
    write_json(path / "progress.json", {"step": 1, "matrix": matrix, "individual": [90.0], "seconds": 4.5})
    curves = {
        "iteration": [0, 1],
        "loss_pre": [1.0, None],
        "loss_post": [2.0, 3.0],
        "mask_pre_mean": [1.0, None],
        "mask_post_mean": [1.1, 1.2],
    }
    write_table(path / "steps/02/curves.parquet", curves)
    return path


def test_a_stored_view_has_what_the_folder_has(stopped_run: Path):
    view = stored_view(load_run(stopped_run))
    assert view.matrix == ((10.0, 20.0), (80.0, 21.0), None)
    assert view.individual == {"a": 90.0}
    assert view.fusions == {
        2: Fusion({"loss_pre": (1.0, None), "loss_post": (2.0, 3.0), "mask_pre_mean": (1.0, None),
                   "mask_post_mean": (1.1, 1.2)})
    }  # fmt: skip
    assert view.fusions[2].curve("mask_post_mean")[-1] == 1.2
    assert (view.status, view.elapsed, view.step, view.iterations) == ("stopped", 4.5, 1, 3)
    assert view.config == MergeConfig.build(tasks=("a", "b"), iterations=3)


@pytest.mark.parametrize(
    "name, content",
    [
        ("progress.json", '{"matrix": [[1.0]]}'),
        ("progress.json", '{"matrix": 3}'),
        ("progress.json", "[]"),
        ("config.json", '{"tasks": ["a"]}'),
        ("config.json", "[]"),
        ("steps/02/curves.parquet", "no table"),
    ],
)
def test_a_damaged_run_is_one_sentence(stopped_run: Path, name: str, content: str):
    (stopped_run / name).write_text(content)
    with pytest.raises(InputError, match="stopped"):
        stored_view(load_run(stopped_run))


def test_a_method_that_is_a_formula_takes_no_iterations(tmp_path: Path):
    create_run(tmp_path / "run", MergeConfig.build(tasks=("a", "b"), method="average"))
    assert stored_view(load_run(tmp_path / "run")).iterations == 0


def test_means_of_masks_are_kept_iteration_by_iteration():
    view = started()
    for iteration, mean in enumerate((1.0, None, 1.3)):
        losses = {"loss_pre": 0.1, "loss_post": 0.2, "mask_pre_mean": mean, "mask_post_mean": None}
        view = advance(view, Iterated(step=2, iteration=iteration, duration=0.1, row=losses))
    assert view.fusions[2].curve("mask_pre_mean") == (1.0, None, 1.3)
    assert view.fusions[2].curve("mask_post_mean") == (None, None, None)
