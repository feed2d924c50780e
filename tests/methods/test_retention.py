"""The rules for α, the filtered start and α that is learned, against their definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from otmf_core import layout
from otmf_core.errors import InputError, Interrupted
from otmf_core.files import write_tensors
from otmf_core.masks.base import shares
from otmf_core.masks.families import FAMILIES, Fusion
from otmf_core.masks.learned_shares import LearnedShares
from otmf_core.masks.report import read_factors
from otmf_core.methods import mask_training
from otmf_core.methods.base import State
from otmf_core.methods.nufilt import filtered
from otmf_core.methods.objectives import alignments, loss_of
from otmf_core.methods.otmf import Otmf
from otmf_core.methods.retention import factors
from otmf_core.models.checkpoints import read_tensors
from otmf_core.models.task_vector import StateDict
from otmf_core.tables import read_table
from tests.fusion import context_of, random_vectors
from tests.training import values

SHORT = {"iterations": 3, "batch": 6, "blur": 0.5}


@pytest.mark.parametrize(
    ("rule", "step", "expected"),
    [
        ("fixed", 4, (0.8, 0.2)),
        ("learned", 4, (0.8, 0.2)),
        ("average", 2, (0.5, 0.5)),
        ("average", 5, (0.8, 0.2)),
        ("root", 4, (0.5, 0.5)),
        ("root", 16, (0.75, 0.25)),
    ],
)
def test_the_factors_of_a_step(rule: str, step: int, expected: tuple[float, float]):
    found = factors(rule, 0.8, {"w": torch.ones(3)}, {"w": torch.ones(3)}, step)
    assert (found["pre"], found["post"]) == pytest.approx(expected)


def test_alpha_is_chosen_by_the_loss_before_masks_are_trained(tmp_path: Path):
    """Against the loss of every candidate by itself; experts are the teachers, so the better half of them wins."""
    context, learning, base = context_of(tmp_path)
    pre, post = random_vectors(base)
    settings = Otmf(**SHORT, alpha_rule="auto")
    masks, _ = mask_training.training(settings, pre, post, context)
    rows = np.arange(3)  # as many as the smallest task has
    sides = {"pre": (np.array([0, 1]), np.tile(rows, (2, 1))), "post": (np.array([2]), rows[None])}
    teachers = [seen.teacher for seen in learning.calibration]
    measured = {}
    for alpha in (0.5, 0.6, 2 / 3, 0.7, 0.8, 0.9):
        learning.tower.load({name: alpha * pre[name] + (1 - alpha) * post[name].float() for name in base})
        losses = alignments(sides, teachers, settings, learning, loss_of(settings, context, 0))
        measured[alpha] = 2 * losses["pre"].item() + losses["post"].item()
    assert len(set(measured.values())) == len(measured)
    assert masks.factor["pre"] == min(measured, key=lambda alpha: measured[alpha])
    assert masks.factor["post"] == 1 - masks.factor["pre"]


def test_the_norm_is_kept_of_orthogonal_vectors_and_of_equal_ones():
    first, second = {"w": torch.tensor([3.0, 0.0])}, {"w": torch.tensor([0.0, 3.0]).half()}
    for step in (2, 5):
        assert factors("norm", 0.8, first, second, step) == pytest.approx({"pre": 2**-0.5, "post": 2**-0.5})
        assert factors("norm", 0.8, first, first, step) == pytest.approx({"pre": 0.5, "post": 0.5})
    # of norms 3 and 1 at the third step the mean is 7/3
    found = factors("norm", 0.8, first, {"w": torch.tensor([0.0, 1.0])}, 3)
    assert found["pre"] == found["post"] == pytest.approx(7 / 3 / 10**0.5)
    assert factors("norm", 0.8, first, {"w": -first["w"]}, 2) == {"pre": 1.0, "post": 1.0}  # nothing is left to scale


def test_the_filter_takes_off_what_lies_in_leading_inputs():
    """Against NumPy in float64; biases stay, and so does all of it where no share is protected."""
    random = np.random.default_rng(3)
    name = "visual.transformer.resblocks.0.mlp.c_fc.weight"
    pre, post = (random.standard_normal((6, 8)) for _ in range(2))
    bias = torch.ones(6)

    def vector(values: np.ndarray) -> StateDict:
        return {name: torch.from_numpy(values).float(), f"{name[:-6]}bias": bias}

    found = filtered(vector(pre), vector(post), 0.25)
    kept = np.linalg.svd(pre)[2][:2].T
    np.testing.assert_allclose(found[name].numpy(), post - post @ kept @ kept.T, atol=1e-5)
    assert torch.equal(found[f"{name[:-6]}bias"], bias)
    assert torch.equal(filtered(vector(pre), vector(post), 0.0)[name], torch.from_numpy(post).float())


@pytest.mark.parametrize("family", FAMILIES)
def test_alpha_is_learned_by_its_own_gradient(family: str):
    """One iteration of Adam moves α by its rate, against ⟨G, M_pre ⊙ Δ_pre − M_post ⊙ Δ_post⟩."""
    base, pre, post = values(1), values(2, 0.1), values(3, 0.1)
    masks = LearnedShares(FAMILIES[family](Fusion(base, pre, post, shares(0.6))))
    weights = {name: torch.empty_like(tensor) for name, tensor in base.items()}
    masks.apply(weights)
    gradients = values(4)
    masks.begin(("pre", "post"), 0.05)
    for name, gradient in gradients.items():
        masks.consume(name, gradient, weights[name])
    masks.finish(weights)
    slope = sum(float((gradients[n].double() * (pre[n] - post[n]).double()).sum()) for n in base)
    assert masks.factor["pre"] == pytest.approx(0.6 - 0.005 * np.sign(slope), abs=1e-6)
    assert masks.factor["post"] == pytest.approx(1 - masks.factor["pre"])
    for name, delta in masks.merged().items():
        expected = masks.factor["pre"] * masks.part("pre", name) + masks.factor["post"] * masks.part("post", name)
        torch.testing.assert_close(delta, expected)
        torch.testing.assert_close(weights[name], base[name] + delta)


@pytest.mark.parametrize(
    "fields",
    [
        *({"masks": family} for family in FAMILIES),
        *({"alpha_rule": rule} for rule in ("auto", "learned", "average", "root", "norm")),
        {"start": "filtered"},
        {"start": "filtered", "masks": "singular", "alpha_rule": "learned"},
    ],
    ids=str,
)
def test_a_step_is_repeated_from_what_it_keeps(fields: dict, tmp_path: Path):
    context, _, base = context_of(tmp_path)
    pre, post = random_vectors(base)
    settings = Otmf(**SHORT, **fields)
    merged = settings.fuse(State(pre), post, context).delta
    again = settings.replay(State(pre), post, context, tmp_path).delta
    for name in base:
        torch.testing.assert_close(again[name], merged[name], atol=2e-4, rtol=2e-3)  # masks and Δ_m in float16
    kept = {path.name for path in tmp_path.iterdir()}
    by_itself = fields.get("masks") == "singular" or fields.get("start") == "filtered"
    assert (layout.MERGED in kept) == by_itself
    factor = read_factors(tmp_path / layout.MASKS)
    assert factor is not None
    curves = read_table(tmp_path / layout.CURVES, None, "curves", max_rows=10).to_pydict()
    if fields.get("alpha_rule") == "learned":
        assert curves["coefficient_pre"][-1] == factor["pre"] != curves["coefficient_pre"][0]
        assert factor["pre"] != 0.8
        assert factor["post"] == pytest.approx(1 - factor["pre"])
    elif fields.get("alpha_rule") == "auto":
        assert set(curves["coefficient_pre"]) == {factor["pre"]}
    else:
        assert "coefficient_pre" not in curves
    if "alpha_rule" not in fields:
        assert factor == pytest.approx({"pre": 0.8, "post": 0.2})
    assert {name.partition(".")[0] for name in read_tensors(tmp_path / layout.MASKS)} == {"pre", "post"}


@pytest.mark.parametrize("fields", [{"masks": "low-rank"}, {"masks": "head", "alpha_rule": "learned"}], ids=str)
def test_a_stopped_fusion_ends_with_the_same_bits(fields: dict, tmp_path: Path):
    settings = Otmf(**SHORT, **fields)
    context, _, base = context_of(tmp_path / "through")
    pre, post = random_vectors(base)
    expected = settings.fuse(State(pre), post, context).delta
    context, learning, _ = context_of(tmp_path / "stopped")
    asked: list[None] = []
    stopping = learning.__class__(**{**learning.__dict__, "should_stop": lambda: len(asked) or asked.append(None)})
    with pytest.raises(Interrupted):
        settings.fuse(State(pre), post, context.__class__(3, learning=stopping))
    merged = settings.fuse(State(pre), post, context).delta
    assert all(torch.equal(merged[name], expected[name]) for name in base)


@pytest.mark.parametrize(
    "written",
    ["", "{", "[0.8, 0.2]", '{"pre": 0.8}', '{"pre": NaN, "post": 0.2}', '{"pre": 1e999, "post": 0}', "[" * 5000],
)
def test_factors_from_elsewhere_are_two_finite_numbers(written: str, tmp_path: Path):
    path = tmp_path / layout.MASKS
    write_tensors(path, {"pre.w": torch.ones(2)}, {"factors": written})
    with pytest.raises(InputError, match="the factors beside masks are two finite numbers, received"):
        read_factors(path)
