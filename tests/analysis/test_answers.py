"""What a finished run's models answer, against the same computed by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from otmf_core.analysis.answers import MERGED, PRE_TRAINED, answer, experts, load_model
from otmf_core.errors import InputError
from otmf_core.library.library import open_library
from otmf_core.models.clip import build_encoder, preprocess
from tests.tiny import CONFIG, TASKS, is_one_sentence, merge_config, merged, pixels, vouch


@pytest.fixture(scope="module")
def run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return merged(merge_config(tiny, method="average"), tmp_path_factory.mktemp("answers"))


def by_hand(tiny: Path, delta: dict[str, torch.Tensor] | None) -> torch.nn.Module:
    """An encoder loaded through its own state dict: θ⁰ + Δ, the sum taken here."""
    stored = load_file(tiny / "backbone/weights.safetensors")
    state = {name.removeprefix("visual."): value for name, value in stored.items() if name.startswith("visual.")}
    if delta is not None:
        state = {name: value + delta[name].float() if name in delta else value for name, value in state.items()}
    encoder = build_encoder(CONFIG)
    encoder.load_state_dict(state)
    return encoder


def delta_of(model: str, tiny: Path, run: Path) -> dict[str, torch.Tensor] | None:
    if model == PRE_TRAINED:
        return None
    return load_file(run / "merged.safetensors" if model == MERGED else tiny / f"tasks/{model}/task_vector.safetensors")


@pytest.mark.parametrize("model", [PRE_TRAINED, MERGED, "green"])
def test_weights_are_the_sum_of_what_the_files_hold(model: str, tiny: Path, run: Path):
    expected = by_hand(tiny, delta_of(model, tiny, run)).state_dict()
    found = load_model(run, model).module.state_dict()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("model", [PRE_TRAINED, MERGED, "green"])
def test_probabilities_are_softmax_of_scaled_cosines(model: str, tiny: Path, run: Path):
    images = open_library(str(tiny)).examples("red", "test", 5)
    head = load_file(tiny / "tasks/red/head.safetensors")
    with torch.no_grad():
        features = by_hand(tiny, delta_of(model, tiny, run))(preprocess(pixels(images), CONFIG))
    cosines = F.cosine_similarity(features[:, None], head["weight"][None], dim=-1)
    powers = (head["logit_scale"] * cosines).exp()
    found = answer(run, model, load_model(run, model), "red", images.inputs)
    torch.testing.assert_close(found, powers / powers.sum(dim=1, keepdim=True), rtol=1e-5, atol=1e-6)


def test_answers_agree_with_the_runs_accuracies(tiny: Path, run: Path):
    record = json.loads((run / "record.json").read_text())
    for place, task in enumerate(TASKS):
        images = open_library(str(tiny)).examples(task, "test")
        measured = (record["matrix"][0][place], record["individual"][place], record["matrix"][-1][place])
        for model, expected in zip((PRE_TRAINED, task, MERGED), measured, strict=True):
            right = answer(run, model, load_model(run, model), task, images.inputs).argmax(dim=1) == images.labels
            assert 100 * right.double().mean().item() == pytest.approx(expected)


def test_every_expert_in_turn_answers_as_alone(tiny: Path, run: Path):
    images = open_library(str(tiny)).examples("blue", "test", 3).inputs
    for model, found in experts(run, TASKS, "blue", images):
        torch.testing.assert_close(found, answer(run, model, load_model(run, model), "blue", images))


def test_tuned_heads_are_the_merged_models_alone(tiny: Path, tmp_path: Path):
    tuned = merged(merge_config(tiny, method="average", heads="tuned"), tmp_path)
    record = json.loads((tuned / "record.json").read_text())
    images = open_library(str(tiny)).examples("red", "test")
    head = load_file(tuned / "heads.safetensors")["red"]
    tower = load_model(tuned, MERGED)
    with torch.no_grad():
        logits = F.normalize(tower.module(preprocess(pixels(images), CONFIG)), dim=-1) @ head.T
    found = answer(tuned, MERGED, tower, "red", images.inputs)
    torch.testing.assert_close(found, (20 * logits).softmax(dim=-1), rtol=1e-5, atol=1e-6)
    right = (found.argmax(dim=1) == images.labels).double().mean().item()
    assert 100 * right == pytest.approx(record["matrix"][-1][0])
    plain = answer(tuned, PRE_TRAINED, load_model(tuned, PRE_TRAINED), "red", images.inputs)
    own = (plain.argmax(dim=1) == images.labels).double().mean().item()
    assert 100 * own == pytest.approx(record["matrix"][0][0])


def test_an_unfinished_run_is_refused(run: Path, tmp_path: Path):
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    status = json.loads((copy / "status.json").read_text())
    (copy / "status.json").write_text(json.dumps({**status, "status": "stopped"}))
    with pytest.raises(InputError, match="when it is done: copy is stopped") as refusal:
        load_model(copy, MERGED)
    assert is_one_sentence(str(refusal.value))


def test_a_library_that_changed_is_refused(own_tiny: Path, tmp_path: Path):
    path = merged(merge_config(own_tiny, method="average"), tmp_path)
    (own_tiny / "note.txt").write_text("new")
    vouch(own_tiny)
    with pytest.raises(InputError, match="has changed since"):
        load_model(path, PRE_TRAINED)


def test_damaged_merged_weights_are_refused(run: Path, tmp_path: Path):
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    (copy / "merged.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match="must be valid safetensors"):
        load_model(copy, MERGED)
