"""Runs for TensorBoard, read back by its own reader of events."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from otmf_core.errors import InputError
from tests.tiny import merge_config, stopped_within
from tests.tracking.expected import Series, at_iteration, check, engine, resumed, stopped, stopped_and_resumed, tracked

pytest.importorskip("tensorboard", reason="tensorboard is not installed")


def accumulated(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "tensors": 0}).Reload()


def scalars(folder: Path) -> Series:
    events = accumulated(folder)
    return {name: [(each.step, each.value) for each in events.Scalars(name)] for name in events.Tags()["scalars"]}


def text(events: Any, name: str) -> str:
    return events.Tensors(f"{name}/text_summary")[-1].tensor_proto.string_val[0].decode()


def test_a_run_has_its_scalars_settings_matrix_and_card(tiny: Path, tmp_path: Path):
    run = tracked(merge_config(tiny), tmp_path, "tensorboard")
    folder = tmp_path / "tensorboard/run"
    check(scalars(folder), run)
    events = accumulated(folder)
    assert '"alpha": 0.8' in text(events, "settings")
    assert "# Tiny, 3 tasks merged" in text(events, "model card")
    assert text(events, "status") == "done"
    [picture] = events.Images("accuracy matrix")
    assert picture.width > 100 and picture.encoded_image_string.startswith(b"\x89PNG")


@pytest.mark.parametrize("step", [2, 3])
def test_a_resumed_run_goes_on_in_its_folder_and_has_nothing_twice(tiny: Path, tmp_path: Path, step: int):
    run = stopped_and_resumed(merge_config(tiny), tmp_path, at_iteration(step, 1), "tensorboard")
    assert [path.name for path in (tmp_path / "tensorboard").iterdir()] == ["run"]
    check(scalars(tmp_path / "tensorboard/run"), run)


def test_a_run_that_is_tracked_from_its_resume_on_has_what_went_before(tiny: Path, tmp_path: Path):
    stopped_within(merge_config(tiny), tmp_path)
    run = resumed(tmp_path, "tensorboard")
    found = scalars(tmp_path / "tensorboard/run")
    found["seconds/iteration"] = [(at, 0.0) for at in range(1, 9)]  # which no file has of those before
    check(found, run)


def test_a_tracked_run_whose_folder_is_gone_is_told_from_the_beginning(tiny: Path, tmp_path: Path):
    stopped(merge_config(tiny), tmp_path, at_iteration(3, 1), "tensorboard")
    shutil.rmtree(tmp_path / "tensorboard")
    run = resumed(tmp_path, "tensorboard")
    found = scalars(tmp_path / "tensorboard/run")
    found["seconds/iteration"] = [(at, 0.0) for at in range(1, 9)]
    check(found, run)


def test_a_folder_of_another_run_of_that_name_is_left_alone(tiny: Path, tmp_path: Path):
    tracked(merge_config(tiny), tmp_path, "tensorboard")
    shutil.rmtree(tmp_path / "run")
    run = tracked(merge_config(tiny), tmp_path, "tensorboard")
    check(scalars(tmp_path / "tensorboard/run-2"), run)
    assert sorted(path.name for path in (tmp_path / "tensorboard").iterdir()) == ["run", "run-2"]


def test_a_folder_that_cannot_be_written_is_said_before_the_run(tmp_path: Path):
    (tmp_path / "tensorboard").write_text("a file")
    with pytest.raises(
        InputError, match=r"^the folder must be writable: .*tensorboard was not written \(File exists\)$"
    ):
        engine(tmp_path, ["tensorboard"])
    assert [path.name for path in tmp_path.iterdir()] == ["tensorboard"]
