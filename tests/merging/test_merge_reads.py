"""What a merge reads and keeps: no test image, no label that it does not say, no more than two task vectors."""

from __future__ import annotations

import sys
import weakref
from pathlib import Path
from typing import ClassVar

import pyarrow.parquet as pq
import pytest
import torch

from otmf_core.library.examples import Split
from otmf_core.library.library import Library, open_library
from otmf_core.merging.merge import run_merge
from otmf_core.merging.seen import Seen
from otmf_core.methods import mask_training, objectives
from otmf_core.methods.base import State
from otmf_core.methods.context import Context
from otmf_core.methods.otmf import Otmf
from otmf_core.methods.task_arithmetic import TaskArithmetic
from otmf_core.models.clip import build_encoder, preprocess
from otmf_core.models.task_vector import StateDict, combined, scaled
from otmf_core.models.views import Views
from otmf_core.runs.folder import load_run
from tests.tiny import CONFIG, TASKS, merge_config, merged, never, pixels, vouch, write_images


def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int | None]]:
    """From now on, what is read of every split, in order."""
    log: list[tuple[str, str, int | None]] = []
    original = Library.examples

    def examples(self: Library, task_id: str, split: Split, first: int | None = None):
        if split == "test":
            caller = sys._getframe(1).f_code.co_filename
            assert Path(caller).name == "evaluation.py", f"the test split was read by {caller}"
        log.append((task_id, split, first))
        return original(self, task_id, split, first)

    monkeypatch.setattr(Library, "examples", examples)
    return log


def test_the_test_split_is_read_by_evaluation_alone(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    log = reads(monkeypatch)
    merged(merge_config(tiny, heads="tuned"), tmp_path)
    assert {split for _, split, _ in log} == {"calibration", "labelled", "test"}


@pytest.mark.parametrize("views", [1, 3])
@pytest.mark.parametrize(("memory", "seen"), [(0, [(24,), (24, 24), (0, 24, 24)]), (5, [(24,), (24, 24), (5, 24, 24)])])
def test_a_step_sees_its_two_tasks_and_what_is_kept_of_earlier_ones(
    memory: int, seen: list, views: int, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Each task's images are decoded once, and of those that no later step may see nothing stays; no view is kept."""
    log, sizes, held = reads(monkeypatch), [], []
    calibration = Seen.calibration

    def look(self: Seen, t: int):
        found = calibration(self, t)
        sizes.append(tuple(len(each) for each in found))
        held.append({task: len(inputs) for task, inputs in self.inputs.items()})
        return found

    monkeypatch.setattr(Seen, "calibration", look)
    merged(merge_config(tiny, memory=memory, views=views), tmp_path)
    assert sizes == [tuple(images * views for images in step) for step in seen]
    assert [(task, first) for task, split, first in log if split == "calibration"] == [(task, None) for task in TASKS]
    red, green, blue = TASKS
    assert held[2] == {green: 24, blue: 24} | ({red: memory} if memory else {})


def test_so_many_calibration_images_are_read_of_a_task(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    log = reads(monkeypatch)
    merged(merge_config(tiny, calibration=7), tmp_path)
    assert [(task, first) for task, split, first in log if split == "calibration"] == [(task, 7) for task in TASKS]


def test_teachers_are_the_experts_with_memory_and_the_merged_model_without(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Of three views of every image, the image first."""
    library = open_library(str(tiny))
    seen: dict[tuple[int, int], list] = {}
    original, memory = objectives.teachers_of, 0

    def teachers(learning, pre):
        kept = original(learning, pre)
        step = len(learning.calibration)
        seen[memory, step] = [kept, [len(each) for each in learning.calibration], pre]
        return kept

    def expected(task: str, delta: dict, images: int | None = None) -> torch.Tensor:
        encoder = build_encoder(CONFIG)
        encoder.load_state_dict({name: tensor + delta[name].float() for name, tensor in library.base().items()})
        views = Views(pixels(library.examples(task, "calibration", images)), 3, (0, TASKS.index(task) + 1))
        with torch.no_grad():
            return encoder(preprocess(views[:], CONFIG))

    monkeypatch.setattr(mask_training, "teachers_of", teachers)
    for memory in (0, 5):
        merged(merge_config(tiny, memory=memory, views=3), tmp_path, f"memory-{memory}")
    experts = {task: library.task_vector(task) for task in TASKS}

    kept, sizes, pre = seen[0, 3]
    assert sizes == [0, 72, 72]
    assert kept[0] is None
    torch.testing.assert_close(kept[1], expected("green", pre))
    torch.testing.assert_close(kept[2], expected("blue", experts["blue"]))

    kept, sizes, pre = seen[5, 3]
    assert sizes == [15, 72, 72]
    torch.testing.assert_close(kept[0], expected("red", experts["red"], 5))
    torch.testing.assert_close(kept[1], expected("green", experts["green"]))
    torch.testing.assert_close(kept[2], expected("blue", experts["blue"]))


def test_neither_labels_nor_test_images_touch_the_weights(default: tuple[Path, list], own_tiny: Path, tmp_path: Path):
    for channel, task in enumerate(TASKS):
        folder = own_tiny / "tasks" / task
        for split in ("calibration", "labelled"):
            table = pq.read_table(folder / f"{split}.parquet")
            labels = table["label"].to_pylist()
            wrong = table.set_column(1, "label", [[(label + 1 + i % 2) % 3 for i, label in enumerate(labels)]])
            pq.write_table(wrong, folder / f"{split}.parquet")
        write_images(folder / "test.parquet", [0, 1, 2] * 4, (channel + 1) % 3, seed=99)
    vouch(own_tiny)
    run = merged(merge_config(own_tiny), tmp_path)
    assert (run / "merged.safetensors").read_bytes() == (default[0] / "merged.safetensors").read_bytes()
    assert load_run(run).state.test_images == (12, 12, 12)


@pytest.mark.parametrize("method", ["otmf", "average", "task-arithmetic"])
def test_one_task_vector_is_loaded_at_a_time(method: str, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Beside the merged vector; so that two are in memory, whatever the number of tasks."""
    alive: list[weakref.ref] = []
    most = 0
    original = Library.task_vector

    def task_vector(self: Library, task_id: str) -> dict:
        nonlocal most
        delta = original(self, task_id)
        name = max(delta, key=lambda name: delta[name].numel())
        alive.append(weakref.ref(delta[name]))
        most = max(most, sum(reference() is not None for reference in alive))
        return delta

    monkeypatch.setattr(Library, "task_vector", task_vector)
    merged(merge_config(tiny, method=method), tmp_path)
    assert len(alive) == 3
    assert most == 1
    assert not any(reference() is not None for reference in alive)


def test_a_fusion_forgets_the_vector_merged_before(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    merged_before: list[weakref.ref] = []
    original = Otmf.fuse

    def fuse(self, state, incoming, context):
        name = max(state.delta, key=lambda name: state.delta[name].numel())
        assert not any(reference() is not None for reference in merged_before)
        merged_before.append(weakref.ref(state.delta[name]))
        return original(self, state, incoming, context)

    monkeypatch.setattr(Otmf, "fuse", fuse)
    merged(merge_config(tiny), tmp_path)
    assert len(merged_before) == 2


class Counted(TaskArithmetic):
    """Made up: scales every task vector by the share of its labelled examples that are of class 0."""

    title = "Counted"
    about = "a sum that depends on labels and on the seed"
    reads = "labels"
    seen: ClassVar[list[tuple[int, int, list[int]]]] = []

    def begin(self, incoming: StateDict, context: Context) -> State:
        return self.fuse(State(scaled(incoming, 0.0)), incoming, context)

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        assert context.learning is not None and context.learning.labelled is not None
        labels = context.learning.labelled.labels
        self.seen.append((context.step, context.seed, labels.tolist()))
        share = (labels == 0).float().mean().item()
        return State(combined(state.delta, incoming, 1.0, share))


def test_a_method_that_reads_labels_gets_those_of_the_incoming_task_and_its_results_say_so(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = merge_config(tiny, method="task-arithmetic", seed=7).model_copy(update={"method": Counted()})
    log = reads(monkeypatch)
    Counted.seen.clear()
    record = run_merge(config, tmp_path, emit=lambda event: None, should_stop=never)
    library = open_library(str(tiny))
    expected = [(t, 7, library.examples(task, "labelled").labels.tolist()) for t, task in enumerate(TASKS, start=1)]
    assert Counted.seen == expected
    assert [task for task, split, _ in log if split == "labelled"][: len(TASKS)] == list(TASKS)
    assert config.splits == ("test", "calibration", "labelled")
    assert record.labels == "labelled images" and record.calibration_split == "train"
    assert config.model_copy(update={"heads": "tuned"}).stamp()["labels"] == "labelled images, labelled heads (25%)"
