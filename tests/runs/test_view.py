"""Events folded into a view, and the time left, against values worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from otmf_core.errors import InputError
from otmf_core.files import write_json, write_table
from otmf_core.runs.folder import create_run, load_run, set_status
from otmf_core.runs.view import JobView, advance, eta_seconds, fraction_done, stored_view


def started(tasks: int = 3, steps: int = 4) -> JobView:
    ids = [f"t{place}" for place in range(1, tasks + 1)]
    return advance(JobView("r"), {"type": "started", "tasks": ids, "fusions": tasks - 1, "steps": steps})


def row(view: JobView, step: int, seconds: float) -> JobView:
    return advance(view, {"type": "row", "step": step, "row": [50.0] * len(view.tasks), "seconds": seconds})


def mask_step(view: JobView, step: int, iteration: int, seconds: float = 1.0, pre: float | None = 2.0) -> JobView:
    event = {"type": "mask_step", "step": step, "iteration": iteration, "of": view.steps, "step_seconds": seconds}
    return advance(view, {**event, "loss_pre": pre, "loss_post": 3.0, "mask_pre_mean": None, "mask_post_mean": 1.5})


def test_started_makes_an_empty_matrix_of_one_row_more_than_tasks():
    view = started()
    assert view.tasks == ("t1", "t2", "t3")
    assert view.matrix == (None, None, None, None)
    assert fraction_done(view) == 0


def test_losses_stand_at_their_iteration_and_gaps_are_none():
    view = mask_step(mask_step(started(), 2, 0), 2, 1, pre=None)
    assert view.fusions[2].loss_pre == (2.0, None)
    assert view.fusions[2].loss_post == (3.0, 3.0)
    assert (view.fusions[2].mask_pre, view.fusions[2].mask_post) == (None, 1.5)
    assert (view.step, view.iteration) == (2, 2)
    resumed = mask_step(started(), 2, 2)  # the first two were taken by another process
    assert resumed.fusions[2].loss_pre == (None, None, 2.0)


def test_an_event_told_twice_counts_once():
    once = row(mask_step(started(), 2, 0), 1, 1.0)
    twice = row(mask_step(once, 2, 0), 1, 1.0)
    assert twice == once


def test_mean_of_masks_stays_until_the_next_report():
    view = mask_step(started(), 2, 0)
    event = {
        "type": "mask_step",
        "step": 2,
        "iteration": 1,
        "of": 4,
        "step_seconds": 1.0,
        "loss_pre": 1,
        "loss_post": 1,
    }
    assert advance(view, {**event, "mask_pre_mean": None, "mask_post_mean": None}).fusions[2].mask_post == 1.5


def test_fraction_counts_mask_steps_and_rows():
    view = mask_step(row(row(started(), 0, 1.0), 1, 2.0), 2, 0)
    assert fraction_done(view) == pytest.approx((1 + 2) / (4 * 2 + 4))


def test_time_left_from_mask_steps_and_what_lies_beside_them():
    view = row(row(started(), 0, 1.0), 1, 3.0)  # a step without masks took 2 s
    assert eta_seconds(view, 3.0) is None  # no mask step was measured yet
    for iteration in range(4):
        view = mask_step(view, 2, iteration, seconds=0.5)
    view = row(view, 2, 9.0)  # 6 s, of which 4 × 0.5 s in mask steps: 4 s beside them
    # left: four mask steps of 0.5 s, and one row with (2 + 4) / 2 = 3 s beside its mask steps
    assert eta_seconds(view, 9.0) == pytest.approx(4 * 0.5 + 3)


def test_time_left_without_masks_counts_down_from_the_last_row():
    view = row(row(started(tasks=4), 0, 1.0), 1, 3.0)
    assert eta_seconds(view, 3.0) is None
    view = row(view, 2, 5.0)
    assert eta_seconds(view, 5.5) == pytest.approx(2 * 2.0 - 0.5)
    assert eta_seconds(view, 60.0) == 0


@pytest.fixture
def stopped_run(tmp_path: Path) -> Path:
    path = tmp_path / "stopped"
    create_run(path, {"tasks": ["a", "b"], "steps": 3, "method": "otmf"})
    set_status(path, "stopped")
    write_json(path / "progress.json", {"matrix": [[10.0, 20.0], [80.0, 21.0]], "individual": [90.0], "seconds": 4.5})
    curves = {
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
    assert view.fusions[2].loss_pre == (1.0, None)
    assert (view.fusions[2].mask_pre, view.fusions[2].mask_post) == (1.0, 1.2)
    assert view.fusions[2].means_post[-1] == 1.2
    assert (view.status, view.elapsed, view.step) == ("stopped", 4.5, 1)


@pytest.mark.parametrize(
    "name, content",
    [
        ("progress.json", '{"matrix": [[1.0]]}'),
        ("progress.json", '{"matrix": 3}'),
        ("progress.json", "[]"),
        ("config.json", '{"tasks": ["a", "b"]}'),
        ("config.json", "[]"),
        ("steps/02/curves.parquet", "no table"),
    ],
)
def test_a_damaged_run_is_one_sentence(stopped_run: Path, name: str, content: str):
    (stopped_run / name).write_text(content)
    with pytest.raises(InputError, match="stopped"):
        stored_view(load_run(stopped_run))


def test_means_of_masks_are_kept_mask_step_by_mask_step():
    view = JobView("r")
    for iteration, mean in enumerate((1.0, None, 1.3)):
        event = {"type": "mask_step", "step": 2, "iteration": iteration, "loss_pre": 0.1, "loss_post": 0.2}
        event |= {"step_seconds": 0.1, "mask_pre_mean": mean, "mask_post_mean": None}
        view = advance(view, event)
    assert view.fusions[2].means_pre == (1.0, None, 1.3)
    assert view.fusions[2].means_post == (None, None, None)
    assert (view.fusions[2].mask_pre, view.fusions[2].mask_post) == (1.3, None)
