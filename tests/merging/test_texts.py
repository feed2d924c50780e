"""Merges of a tiny library of texts: every method, presets, stop and resume, scoring, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from otmf_core.cli.main import main
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.library.library import open_library
from otmf_core.merging.merge import resume_merge, run_merge
from otmf_core.methods.table import METHODS
from otmf_core.models.checkpoints import read_tensors
from tests import t5s
from tests.tiny import is_one_sentence, merge_config, merged, never, results, stopped_within

TASKS = ("mood", "same", "scale")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    return t5s.write_library(folder / "library", folder / "sources")


def config(library: Path, **changes: Any) -> MergeConfig:
    return merge_config(library, tasks=TASKS, **changes)


def record(run: Path) -> dict[str, Any]:
    return json.loads((run / "record.json").read_text())


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if not method.grows])
def test_every_method_merges_texts(library: Path, tmp_path: Path, method: str):
    found = record(merged(config(library, method=method), tmp_path))
    assert found["status"] == "done" and found["scoring"] == "likelihood"
    assert found["labels"] in ("none", "unlabelled texts")
    assert None not in found["matrix"][-1]
    delta = read_tensors(tmp_path / "run/merged.safetensors")
    assert delta.keys() == open_library(str(library)).tower_header.keys()
    assert all(tensor.isfinite().all() for tensor in delta.values())
    assert any(tensor.any() for tensor in delta.values())


@pytest.mark.parametrize(
    "changes", [{"preset": "paper"}, {"text_features": "encoder", "space": "features", "loss": "sinkhorn"}]
)
def test_features_alone_are_enough(library: Path, tmp_path: Path, changes: dict[str, Any]):
    run = merged(config(library, **changes), tmp_path)
    masks = read_tensors(run / "steps/02/masks.safetensors")
    moved = {name for name, mask in masks.items() if (mask != 1).any()}
    stacks = {"decoder" in name for name in moved}
    assert stacks == ({False} if "text_features" in changes else {True, False})
    assert not any("lm_head" in name for name in moved)


@pytest.mark.parametrize("family", ["row", "head", "low-rank", "singular", "layer", "task"])
def test_every_family_of_masks_merges_texts(library: Path, tmp_path: Path, family: str):
    assert record(merged(config(library, masks=family, iterations=2), tmp_path))["status"] == "done"


def test_a_merge_that_was_stopped_ends_as_one_that_was_not(library: Path, tmp_path: Path):
    own = config(library)
    whole = results(merged(own, tmp_path / "whole"))
    stopped_within(own, tmp_path / "stopped")
    resume_merge(tmp_path / "stopped/run", emit=lambda event: None, should_stop=never)
    assert results(tmp_path / "stopped/run") == whole
    assert results(merged(own, tmp_path / "again")) == whole


def test_the_accuracies_are_those_of_the_weights(library: Path, tmp_path: Path):
    """θ⁰ + Δ_m written as a checkpoint of transformers and asked there, answer by answer."""
    from transformers import T5ForConditionalGeneration

    found = record(merged(config(library, method="task-arithmetic"), tmp_path))
    opened = open_library(str(library))
    delta = read_tensors(tmp_path / "run/merged.safetensors")
    state = {name: base + delta[name].float() for name, base in opened.base().items()}
    model: Any = T5ForConditionalGeneration.from_pretrained(t5s.write_folder(tmp_path / "model", state))
    for column, task in enumerate(("mood", "same")):
        test, head = opened.examples(task, "test"), opened.head(task)
        assert head.verbalizers is not None
        tokens: Any = test.inputs
        scores = torch.zeros(len(test), len(head.verbalizers.tokens))
        for place, answer in enumerate(head.verbalizers.tokens):
            labels = torch.tensor([answer] * len(test))
            with torch.no_grad():
                logits = model(input_ids=tokens.ids.long(), attention_mask=tokens.mask.long(), labels=labels).logits
            scores[:, place] = logits.log_softmax(-1).gather(2, labels[..., None]).sum((1, 2))
        expected = 100 * (scores.argmax(1) == test.labels).double().mean().item()
        assert found["matrix"][-1][column] == pytest.approx(expected)


def test_answers_that_are_generated_are_stamped(library: Path, tmp_path: Path):
    run = merged(config(library, method="average", scoring="generation"), tmp_path)
    found = record(run)
    assert found["scoring"] == "generation"
    assert json.loads((run / "config.json").read_text())["scoring"] == "generation"
    assert found["individual"][0] < 50.0  # weights that are drawn seldom write a whole answer


def test_bfloat16_is_asked_for(library: Path, tmp_path: Path):
    exact = merged(config(library), tmp_path / "exact")
    half = merged(config(library, text_precision="bfloat16"), tmp_path / "half")
    first, second = (read_tensors(run / "merged.safetensors") for run in (exact, half))
    differences = [(first[name].float() - second[name].float()).abs().max().item() for name in first]
    assert 0 < max(differences) < 0.2


def test_the_command_line_merges_texts(library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    options = ["--method", "ties", "--scoring", "generation", "--device", "cpu", "--out", str(tmp_path), "--json"]
    assert main(["merge", "--library", str(library), "--suite", "3", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["scoring"], found["tasks"]) == ("generation", list(TASKS))
    assert main(["show", found["run"], "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "answers by generation" in shown and "image" not in shown


def refusal(own: MergeConfig, out: Path) -> str:
    with pytest.raises(InputError) as caught:
        run_merge(own, out, emit=lambda event: None, should_stop=never)
    assert not out.exists() or not list(out.iterdir())
    assert is_one_sentence(str(caught.value))
    return str(caught.value)


def test_what_texts_have_not_is_refused_before_anything_is_written(library: Path, tmp_path: Path):
    assert "rows of lm_head" in refusal(config(library, heads="tuned"), tmp_path / "out")
    assert "mingle-static" in refusal(config(library, method="mingle"), tmp_path / "out")
    encoder = config(library, text_features="encoder")
    assert "text_features is decoder" in refusal(encoder, tmp_path / "out")


def test_answers_that_begin_alike_are_refused_where_first_tokens_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(t5s.PARTS, "same", {**t5s.SAME, "classes": ("not good", "yes", "not really")})
    monkeypatch.setitem(t5s.SAME, "classes", ("not good", "yes", "not really"))
    library = t5s.write_library(tmp_path / "library", tmp_path / "sources", ("mood", "same"))
    own: dict[str, Any] = {"tasks": ("mood", "same")}
    sentence = refusal(merge_config(library, **own), tmp_path / "out")
    assert "'not good', 'not really' of 'same' begin alike" in sentence
    assert record(merged(merge_config(library, preset="paper", **own), tmp_path / "paper"))["status"] == "done"


def test_a_tied_model_that_scales_merges_too(tmp_path: Path):
    library = t5s.write_library(tmp_path / "library", tmp_path / "sources", tied=True, tie_word_embeddings=True)
    assert "lm_head.weight" not in open_library(str(library)).tower_header
    assert record(merged(config(library), tmp_path))["status"] == "done"
