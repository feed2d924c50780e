"""A library looked over: figures as another computation gives them, and trouble named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from otmf_core.library.library import open_library
from otmf_core.library.making import check
from otmf_core.library.making.add import NewTask, add_task
from otmf_core.library.making.check import check_library
from tests.hub import write_expert, write_folders


@pytest.fixture
def two(library: Path, shades: NewTask, base: Path, tmp_path: Path) -> Path:
    """A library of two tasks."""
    add_task(library, shades)
    write_expert(tmp_path / "other.safetensors", base, 5)
    add_task(library, replace(shades, name="Other", checkpoint=tmp_path / "other.safetensors", copy=True))
    return library


def test_figures_of_sound_tasks(two: Path):
    library = open_library(str(two))
    checked = check_library(library)
    assert checked.sound and checked.architecture == "ViT, width 32, 1 layers, patch 8"
    first, second = checked.tasks
    assert (first.format, second.format) == ("open clip", "task vector")
    one, other = ({n: t.double() for n, t in library.task_vector(task.task).items()} for task in checked.tasks)
    dot = sum(float((one[n] * other[n]).sum()) for n in one)
    norms = [sum(float(t.square().sum()) for t in delta.values()) ** 0.5 for delta in (one, other)]
    assert first.cosine == second.cosine == pytest.approx(dot / norms[0] / norms[1], abs=1e-6)
    base = sum(float(t.double().square().sum()) for t in library.base().values()) ** 0.5
    assert [task.norm for task in checked.tasks] == pytest.approx([norm / base for norm in norms])
    tower, head, examples = library.tower(torch.device("cpu")), library.head("other"), library.examples("other", "test")
    tower.load()
    logits = head.logits(tower.features(examples.inputs, "x"))
    assert second.zero_shot == pytest.approx(100 * float((logits.argmax(1) == examples.labels).double().mean()))
    assert first.images == second.images == 12


def test_without_images_there_are_no_accuracies(two: Path):
    checked = check_library(open_library(str(two)), images=0)
    assert checked.sound and all(task.zero_shot is None and task.norm for task in checked.tasks)


def test_trouble_is_named_and_the_other_tasks_are_checked(two: Path):
    path = two / "tasks/other/task_vector.safetensors"
    tensors = load_file(path)
    tensors["proj"][0, 0] = 7
    save_file(tensors, path)
    checked = check_library(open_library(str(two)))
    sound, broken = checked.tasks
    assert not checked.sound and not sound.trouble and sound.norm
    assert broken.trouble[0].startswith("a file must have the hash its manifest records: ")
    assert broken.norm is broken.cosine is broken.zero_shot is None


def test_accuracies_far_from_the_published_ones_are_trouble(
    library: Path, shades: NewTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data = write_folders(tmp_path / "svhn", {"train": 4, "test": 4}, classes=[str(digit) for digit in range(10)])
    words = {"classes": tuple("abcdefghij"), "templates": ("{}",)}  # that the tiny text tower does not read
    torch.save({"weight": torch.eye(16)[:10]}, tmp_path / "head.pt")
    add_task(library, replace(shades, name="SVHN", data=data, head=tmp_path / "head.pt", **words))
    opened = open_library(str(library))
    assert check_library(opened).sound  # of an architecture that nobody published
    monkeypatch.setattr(check, "architecture", lambda header: "ViT-B/32")
    [task] = check_library(opened).tasks
    assert (task.published_zero_shot, task.published_individual) == (31.63, 97.27)
    assert any(sentence.startswith("individual accuracy is ") for sentence in task.trouble)
