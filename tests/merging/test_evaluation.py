"""Accuracy by hand, and that nothing but evaluation reads a test split."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch

import otmf_core
from otmf_core.library.library import open_library
from otmf_core.merging import evaluation
from otmf_core.merging.evaluation import Evaluator
from otmf_core.models.clip import ClipTower
from otmf_core.models.heads import Head
from otmf_core.runs.folder import load_run
from tests.tiny import merge_config, merged, pixels

ENGINE = Path(otmf_core.__file__).parent


def test_accuracy_counts_the_class_with_the_largest_cosine():
    head = Head(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), 50.0)
    features = torch.tensor([[5.0, 1.0], [0.1, 0.2], [-3.0, 1.0], [2.0, 3.0]])  # classes 0, 1, 2, 1
    assert head.accuracy(features, torch.tensor([0, 1, 2, 1])) == 100
    assert head.accuracy(features, torch.tensor([0, 1, 0, 0])) == 50
    assert head.accuracy(features, torch.tensor([1, 2, 0, 0])) == 0
    assert head.accuracy(features[:3], torch.tensor([0, 0, 0])) == pytest.approx(100 / 3)


def test_the_evaluator_asks_for_features_of_the_test_images_and_reads_them_once(tiny: Path):
    library = open_library(str(tiny))
    head = library.head("red")
    expected = library.examples("red", "test")
    asked = []

    class AtItsClass(ClipTower):
        def features(self, inputs: torch.Tensor, of: str) -> torch.Tensor:
            asked.append(inputs)
            return head.weight[expected.labels]  # every image at its own class

    evaluator, tower = Evaluator(library), AtItsClass(torch.nn.Identity(), {}, torch.device("cpu"), {})
    assert evaluator.accuracy("red", head, tower) == 100
    assert evaluator.accuracy("red", head, tower) == 100
    assert torch.equal(asked[0], pixels(expected))
    assert asked[0] is asked[1]


def test_models_that_no_merge_changes_are_evaluated_once_in_a_process(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(evaluation, "_unmerged", {})
    counted: list[str] = []
    plain = Evaluator.accuracy

    def accuracy(self: Evaluator, task_id: str, head: Head, tower: ClipTower) -> float:
        counted.append(task_id)
        return plain(self, task_id, head, tower)

    monkeypatch.setattr(Evaluator, "accuracy", accuracy)
    config = merge_config(tiny, method="average", evaluate="all")
    first, second = (load_run(merged(config, tmp_path, name)).state for name in ("a", "b"))
    tasks = len(config.tasks)
    assert len(counted) == 2 * tasks + 2 * tasks**2  # by θ⁰ and by its expert, then a row after every step, twice
    assert (first.matrix, first.individual) == (second.matrix, second.individual)
    monkeypatch.setattr(evaluation, "_unmerged", {})
    assert load_run(merged(config, tmp_path, "c")).state.matrix == first.matrix


def mentions_of_the_test_split(path: Path) -> list[int]:
    """Lines on which "test" stands as an argument of a call or a value that may become one."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value == "test"]


def test_only_evaluation_reads_a_test_split():
    makers = {"minizoo", "minitext", "making", "importers"}  # which sort pictures into splits
    engine = [path for path in ENGINE.rglob("*.py") if not makers.intersection(path.parts)]
    assert len(engine) > 20
    reads = {path.name: lines for path in engine if (lines := mentions_of_the_test_split(path))}
    # examples: the split's name, the exemption from two classes; manifest: its part; config: checks of
    # the file; sizes: how many images there are; features: pictures of a finished run, nothing is learnt from them;
    # inputs: whether it can be read; results: which split calibration was of;
    # model_card: the split's name in a card of images and in one of texts;
    # fold, config, manifest: whether calibration images were drawn from it
    allowed = {
        "evaluation.py": 1,
        "examples.py": 1,
        "labels.py": 1,
        "manifest.py": 3,
        "config.py": 2,
        "sizes.py": 2,
        "features.py": 1,
    }
    allowed |= {"fold.py": 1, "model_card.py": 2, "inputs.py": 1, "results.py": 1}
    assert {name: len(lines) for name, lines in reads.items()} == allowed
