"""RECALL-like layer weights: by their formula in NumPy, and what can be said by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from otmf_core import layout
from otmf_core.analysis.replay import replay
from otmf_core.errors import InputError
from otmf_core.forecast.measure import measure
from otmf_core.library.library import open_library
from otmf_core.methods.base import State
from otmf_core.methods.context import Context
from otmf_core.methods.recall import Recall
from otmf_core.models.checkpoints import read_tensors
from otmf_core.models.hidden import layer_outputs
from otmf_core.models.tensor_names import locate
from otmf_core.runs.folder import load_run
from tests.fusion import context_of, random_vectors
from tests.tiny import merge_config, merged


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize(("temperature", "bandwidth", "images"), [(1.0, 1.0, 128), (0.2, 0.5, 4), (3.0, 2.0, 7)])
def test_every_layer_has_the_weights_of_the_formula(
    temperature: float, bandwidth: float, images: int, counted: bool, tmp_path: Path
):
    """In float64: k by its definition, s² as the mean over all pairs of two images, weights by hand."""
    context, learning, base = context_of(tmp_path)
    pre, post = random_vectors(base)
    settings = Recall(temperature=temperature, bandwidth=bandwidth, images=images, counted=counted)
    delta = settings.fuse(State(pre), post, context).delta
    inputs = learning.calibration[-1].inputs
    assert isinstance(inputs, torch.Tensor)
    outputs = []
    for vector in (pre, post):
        learning.tower.load(vector)
        found = layer_outputs(learning.tower, inputs[:images])
        outputs.append({layer: output.double().numpy() for layer, output in found.items()})
    weights = set()
    for name, place in locate(base).items():
        x, y = (output[place.layer] for output in outputs)
        pairs = [((y[i] - y[j]) ** 2).sum() for i in range(len(y)) for j in range(i)]
        width = 2 * bandwidth**2 * np.mean(pairs)
        k = np.mean(np.exp(-((x - y) ** 2).sum(axis=1) / width))
        earlier = (2 if counted else 1) * np.exp(k / temperature)  # in step 3
        w = earlier / (earlier + np.exp(1 / temperature))
        expected = w * pre[name].double().numpy() + (1 - w) * post[name].double().numpy()
        np.testing.assert_allclose(delta[name].numpy(), expected, atol=2e-6)
        weights.add(round(float(w), 4))
    assert len(weights) == 3 and 0 < min(weights) < max(weights) < (
        2 / 3 if counted else 0.5
    )  # stem, block and head differ


def test_models_that_are_alike_have_a_half_each(tmp_path: Path):
    context, _, base = context_of(tmp_path)
    _, post = random_vectors(base)
    state = State({name: tensor.float() for name, tensor in post.items()})
    delta = Recall(temperature=0.1).fuse(state, post, context).delta
    kept = read_tensors(tmp_path / layout.COEFFICIENTS)
    assert all(kept[name].tolist() == [0.5, 0.5] for name in base)
    assert all(torch.equal(delta[name], post[name].float()) for name in base)
    Recall(counted=True).fuse(state, post, context)
    counted = read_tensors(tmp_path / layout.COEFFICIENTS)
    assert all(counted[name].tolist() == pytest.approx([2 / 3, 1 / 3]) for name in base)


def test_a_high_temperature_averages_and_a_low_one_follows_the_incoming_model(tmp_path: Path):
    context, _, base = context_of(tmp_path)
    pre, post = random_vectors(base)
    Recall(temperature=100).fuse(State(pre), post, context)
    assert all(
        w[0].item() == pytest.approx(0.5, abs=0.003) for w in read_tensors(tmp_path / layout.COEFFICIENTS).values()
    )
    Recall(temperature=0.01, bandwidth=0.2).fuse(State(pre), post, context)
    assert all(w[0].item() < 0.01 for w in read_tensors(tmp_path / layout.COEFFICIENTS).values())


def test_images_that_are_all_alike_tell_equal_models_from_others(tmp_path: Path):
    context, learning, base = context_of(tmp_path)
    pre, post = random_vectors(base)
    *others, last = learning.calibration
    assert isinstance(last.inputs, torch.Tensor)
    for inputs in (last.inputs[:1], last.inputs[:1].repeat(4, 1, 1, 1)):
        alike = replace(learning, calibration=[*others, replace(last, inputs=inputs)])
        Recall().fuse(State(pre), post, replace(context, learning=alike))
        apart = read_tensors(tmp_path / layout.COEFFICIENTS)
        assert all(w[0].item() == pytest.approx(1 / (1 + np.e), abs=1e-6) for w in apart.values())
        Recall().fuse(State({n: t.float() for n, t in post.items()}), post, replace(context, learning=alike))
        assert all(w.tolist() == [0.5, 0.5] for w in read_tensors(tmp_path / layout.COEFFICIENTS).values())


def test_a_step_changes_nothing_that_it_got_and_is_replayed_exactly(tmp_path: Path):
    context, _, base = context_of(tmp_path)
    pre, post = random_vectors(base)
    copies = [{name: tensor.clone() for name, tensor in vector.items()} for vector in (pre, post)]
    delta = Recall().fuse(State(pre), post, context).delta
    assert all(torch.equal(vector[n], copy[n]) for vector, copy in zip((pre, post), copies, strict=True) for n in base)
    again = Recall().replay(State(pre), post, Context(3), tmp_path).delta
    assert all(torch.equal(again[name], delta[name]) for name in base)
    (tmp_path / layout.COEFFICIENTS).unlink()
    with pytest.raises(InputError, match="a file is missing"):
        Recall().replay(State(pre), post, Context(3), tmp_path)


def test_a_run_is_replayed_exactly_and_measured_without_a_trace(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = merge_config(tiny, method="recall", images=6)
    run = merged(config, tmp_path)
    *_, (_, last) = replay(load_run(run), open_library(str(tiny)))
    stored = read_tensors(run / layout.MERGED)
    assert all(torch.equal(last.delta[name], stored[name]) for name in stored)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "a fusion" in measure(config, open_library(str(tiny))).source
    assert not list((tmp_path / "elsewhere").iterdir())
