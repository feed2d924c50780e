"""Features of a run of texts: the answers that go with them are those that its accuracies count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from otmf_core.analysis.features import read_features, take_features
from otmf_core.models.heads import Head
from otmf_core.models.verbalizers import Verbalizers
from tests import t5s
from tests.tiny import merge_config, merged


@pytest.mark.parametrize("scoring", ["likelihood", "generation"])
def test_answers_are_those_that_are_counted_though_they_begin_alike(
    scoring: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(t5s.SAME, "classes", ("no", "not really", "not very"))
    library = t5s.write_library(tmp_path / "library", tmp_path / "sources", ("mood", "same"))
    run = merged(merge_config(library, tasks=("mood", "same"), method="average", scoring=scoring), tmp_path)
    take_features(run)
    record: dict[str, Any] = json.loads((run / "record.json").read_text())
    for column, task in enumerate(record["tasks"]):
        found = read_features(run, task)
        assert len(found.labels) == record["test_images"][column]  # so few that all are taken
        accuracies = 100 * (found.answers == found.labels).mean(axis=1)
        wanted = [record["matrix"][0][column], *(row[column] for row in record["matrix"][1:])]
        for step, accuracy in enumerate(wanted):
            assert accuracy is None or accuracies[step] == pytest.approx(accuracy)
        assert accuracies[len(record["tasks"]) + 1 + column] == pytest.approx(record["individual"][column])


def test_numbers_are_of_the_class_of_the_nearest_answer():
    scale = Verbalizers("scale", ("0", "2", "10"), ((1, 0), (2, 0), (3, 0)), str, numeric=True)
    head = Head(torch.zeros(3, 2), 1.0, scale)
    assert head.classes(torch.tensor([-1.0, 0.9, 1.1, 5.9, 6.1, 99.0])).tolist() == [0, 0, 1, 1, 2, 2]
    words = Head(torch.zeros(3, 2), 1.0, Verbalizers("mood", ("a", "b", "c"), ((1,), (2,), (3,)), str))
    assert words.classes(torch.tensor([2, -1])).tolist() == [2, -1]
