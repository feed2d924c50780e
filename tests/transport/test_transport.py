"""The losses against POT, NumPy and closed forms; the spaces they are measured in."""

from __future__ import annotations

import numpy as np
import ot
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from otmf_core.errors import InputError
from otmf_core.models.heads import Head
from otmf_core.transport.clouds import sinkhorn
from otmf_core.transport.losses import LOSSES, Cost, alignment
from otmf_core.transport.pairs import paired
from otmf_core.transport.spaces import COSINE_SCALE, ClassVectors


def cloud(seed: int, points: int = 9, dimensions: int = 4, batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, points, dimensions, generator=generator, dtype=torch.double)


# --- the divergence --------------------------------------------------------------------------------------------------


def entropic_cost(x: np.ndarray, y: np.ndarray, p: int, blur: float) -> float:
    """min over plans P of <P, C> + ε·KL(P | a⊗b), with C = |x−y|^p / p and ε = blur^p, by POT in the log domain."""
    cost = np.linalg.norm(x[:, None] - y[None], axis=-1) ** p / p
    a, b = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
    plan = ot.bregman.sinkhorn_log(a, b, cost, reg=blur**p, numItermax=2_000, stopThr=1e-11)
    return float((plan * cost).sum() + blur**p * (plan * np.log(plan / np.outer(a, b))).sum())


def divergence_by_pot(x: np.ndarray, y: np.ndarray, p: int, blur: float) -> float:
    debias = entropic_cost(x, x, p, blur) + entropic_cost(y, y, p, blur)
    return entropic_cost(x, y, p, blur) - debias / 2


@pytest.mark.parametrize(("p", "blur"), [(1, 0.5), (1, 1.0), (2, 0.5), (2, 1.0)])
def test_agrees_with_pot_as_far_as_annealing_converges(p: int, blur: float):
    for seed in range(3):
        x, y = cloud(seed), 0.5 * cloud(seed + 100) + 0.4
        expected = divergence_by_pot(x[0].numpy(), y[0].numpy(), p, blur)
        assert expected > 1e-3
        assert sinkhorn(p, blur)(x, y).item() == pytest.approx(expected, rel=0.002 if blur == 1 else 0.02)


@pytest.mark.parametrize("p", [1, 2])
def test_approaches_exact_transport_as_blur_vanishes(p: int):
    for seed in range(4):
        x, y = cloud(seed), 0.5 * cloud(seed + 100) + 0.4
        cost = (torch.cdist(x[0], y[0]) ** p / p).numpy()
        exact = ot.emd2(ot.unif(len(cost)), ot.unif(len(cost)), cost)
        assert sinkhorn(p, 0.005)(x, y).item() == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("blur", [0.01, 0.5])
def test_one_point_each_costs_the_distance(blur: float):
    x, y = torch.tensor([[[0.0, 1.0, 2.0]]]), torch.tensor([[[2.0, 3.0, 3.0]]])  # at distance 3
    assert sinkhorn(1, blur)(x, y).item() == pytest.approx(3.0, abs=1.1e-4)  # geomloss smooths |x−y| at 0 by 1e-4
    assert sinkhorn(2, blur)(x, y).item() == pytest.approx(9 / 2, rel=1e-6)


@pytest.mark.parametrize(("p", "blur"), [(1, 0.01), (1, 0.5), (2, 0.01), (2, 0.5)])
def test_a_cloud_is_at_distance_zero_from_itself_in_any_order(p: int, blur: float):
    x = cloud(1)
    assert sinkhorn(p, blur)(x, x).item() == pytest.approx(0.0, abs=1e-12)
    assert sinkhorn(p, blur)(x, x[:, torch.randperm(9)]).item() == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("p", [1, 2])
def test_points_that_all_coincide_cost_nothing(p: int):
    x = torch.full((2, 5, 3), 0.25, requires_grad=True)
    divergence = sinkhorn(p, 0.05)(x, torch.full((2, 5, 3), 0.25))
    divergence.backward()
    assert divergence.item() == 0
    assert x.grad is not None
    assert x.grad.abs().max() == 0


@pytest.mark.parametrize(("p", "blur"), [(1, 0.3), (2, 0.3)])
def test_a_translation_of_both_changes_nothing_and_of_one_costs_its_length_for_p_2(p: int, blur: float):
    x, y, shift = cloud(1), cloud(2), torch.tensor([3.0, -1.0, 0.5, 2.0]).double()
    together = sinkhorn(p, blur)
    assert together(x + shift, y + shift).item() == pytest.approx(together(x, y).item(), abs=1e-9)
    if p == 2:  # S(x, x + v) = |v|²/2, whatever ε
        assert together(x, x + shift).item() == pytest.approx(shift.square().sum().item() / 2, rel=1e-3)


@pytest.mark.parametrize(("p", "blur"), [(1, 1.0), (2, 0.7)])
def test_the_gradient_is_that_of_finite_differences(p: int, blur: float):
    x, y, step = cloud(1).requires_grad_(), cloud(2) + 0.3, 1e-5
    divergence = sinkhorn(p, blur)
    (gradient,) = torch.autograd.grad(divergence(x, y), x)
    for point, axis in ((0, 0), (3, 2), (8, 3)):
        nudge = torch.zeros_like(x)
        nudge[0, point, axis] = step
        with torch.no_grad():
            slope = (divergence(x + nudge, y) - divergence(x - nudge, y)).item() / (2 * step)
        assert gradient[0, point, axis].item() == pytest.approx(slope, abs=1e-3)


def test_a_batch_is_the_mean_of_its_clouds():
    x, y = cloud(1, batch=3), cloud(2, batch=3)
    divergence = sinkhorn(2, 0.5)
    alone = [divergence(x[i : i + 1], y[i : i + 1]).item() for i in range(3)]
    assert len({round(value, 6) for value in alone}) == 3
    assert divergence(x, y).item() == pytest.approx(np.mean(alone), rel=5e-3)


# --- the paired loss -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_pairs_cost_the_mean_of_their_distances(p: int, dtype: torch.dtype):
    x, y = cloud(1, batch=3), 0.5 * cloud(2, batch=3) + 0.4
    distances = np.sqrt(((x.numpy() - y.numpy()) ** 2).sum(axis=-1))  # (3, 9)
    assert paired(p)(x.to(dtype), y.to(dtype)).item() == pytest.approx((distances**p / p).mean(), rel=1e-6)


@pytest.mark.parametrize("p", [1, 2])
def test_pairs_by_hand(p: int):
    x = torch.tensor([[[0.0, 0.0], [1.0, 1.0]]])
    y = torch.tensor([[[3.0, 4.0], [1.0, 1.0]]])  # at distances 5 and 0
    assert paired(p)(x, y).item() == pytest.approx({1: 5 / 2, 2: 25 / 4}[p])


@pytest.mark.parametrize("p", [1, 2])
def test_pairs_are_not_free_to_change_partners(p: int):
    x = cloud(1)
    swapped = x[:, torch.tensor([1, 0, *range(2, 9)])]
    expected = 2 / 9 * (x[0, 0] - x[0, 1]).norm().item() ** p / p
    assert paired(p)(x, swapped).item() == pytest.approx(expected)
    assert sinkhorn(p, 0.005)(x, swapped).item() == pytest.approx(0.0, abs=1e-3)
    assert paired(p)(x, x).item() == 0


@pytest.mark.parametrize("p", [1, 2])
def test_for_points_far_apart_transport_without_blur_is_that_of_the_pairs(p: int):
    """Every point's own partner is by far the nearest, so that the plan of least cost is the identity."""
    x = 50 * torch.eye(7).double()[None].repeat(2, 1, 1)
    y = x + cloud(3, points=7, dimensions=7, batch=2) - 0.5
    cost = (torch.cdist(x[1], y[1]) ** p / p).numpy()
    plan = ot.emd(ot.unif(7), ot.unif(7), cost)
    np.testing.assert_allclose(plan, np.eye(7) / 7)
    exact = np.mean([np.trace((torch.cdist(x[i], y[i]) ** p / p).numpy()) / 7 for i in range(2)])
    assert paired(p)(x, y).item() == pytest.approx(exact, rel=1e-9)
    assert sinkhorn(p, 0.001)(x, y).item() == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("p", [1, 2])
def test_the_gradient_of_pairs_is_the_closed_form(p: int):
    x, y = cloud(1, batch=2).requires_grad_(), cloud(2, batch=2) + 0.3
    (gradient,) = torch.autograd.grad(paired(p)(x, y), x)
    apart = (x - y).detach()
    expected = apart / apart.norm(dim=-1, keepdim=True) if p == 1 else apart
    torch.testing.assert_close(gradient, expected / 18)


@pytest.mark.parametrize("p", [1, 2])
def test_the_gradient_of_pairs_that_coincide_is_zero(p: int):
    x = cloud(1).requires_grad_()
    (gradient,) = torch.autograd.grad(paired(p)(x, x.detach().clone()), x)
    assert (gradient == 0).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("side", ["merged", "teacher"])
def test_every_loss_refuses_points_that_are_not_finite(loss: str, p: int, value: float, side: str):
    clouds = {"merged": cloud(1), "teacher": cloud(2)}
    clouds[side][0, 2, 1] = value
    with pytest.raises(InputError) as caught:
        alignment(loss, Cost(p, 0.5))(clouds["merged"], clouds["teacher"])
    sentence = "outputs must stay finite while masks are trained: lower lr or the number of iterations"
    assert str(caught.value) == sentence


# --- the spaces ------------------------------------------------------------------------------------------------------


def heads(*classes: int) -> list[Head]:
    generator = torch.Generator().manual_seed(4)
    rows = [F.normalize(torch.randn(count, 6, generator=generator), dim=-1) for count in classes]
    return [Head(weight, 5.0 + number) for number, weight in enumerate(rows)]


FEATURES = torch.randn(2, 7, 6, generator=torch.Generator().manual_seed(8))  # of two tasks, seven images each
TASKS = torch.tensor([2, 0])


def test_raw_and_normalised_features():
    vectors = ClassVectors(heads(3, 5, 2))
    assert torch.equal(vectors.outputs(FEATURES, TASKS, "raw"), FEATURES)
    features = vectors.outputs(FEATURES, TASKS, "features")
    torch.testing.assert_close(features, FEATURES / FEATURES.square().sum(dim=-1, keepdim=True).sqrt())


def test_each_task_is_seen_by_its_own_head():
    chosen = heads(3, 5, 2)
    logits = ClassVectors(chosen).outputs(FEATURES, TASKS, "logits")
    softmax = ClassVectors(chosen).outputs(FEATURES, TASKS, "softmax")
    for row, task in enumerate(TASKS.tolist()):
        weight, scale, _ = chosen[task]
        cosines = F.cosine_similarity(FEATURES[row][:, None], weight[None], dim=-1)
        torch.testing.assert_close(logits[row, :, : len(weight)], COSINE_SCALE * cosines)
        torch.testing.assert_close(softmax[row, :, : len(weight)], (scale * cosines).softmax(dim=-1))


@pytest.mark.parametrize("space", ["logits", "softmax"])
def test_padded_classes_add_nothing(space: str):
    chosen = heads(3, 5, 2)
    outputs = ClassVectors(chosen).outputs(FEATURES, TASKS, space)
    assert outputs.shape == (2, 7, 5)
    for row, task in enumerate(TASKS.tolist()):
        alone = ClassVectors([chosen[task]]).outputs(FEATURES[row : row + 1], torch.tensor([0]), space)
        classes = len(chosen[task][0])
        assert alone.shape == (1, 7, classes)
        torch.testing.assert_close(outputs[row, :, :classes], alone[0])
        assert (outputs[row, :, classes:] == 0).all()
    if space == "softmax":
        torch.testing.assert_close(outputs.sum(dim=-1), torch.ones(2, 7))


def test_padding_lets_finite_gradients_through():
    features = FEATURES.clone().requires_grad_()
    outputs = ClassVectors(heads(3, 5, 2)).outputs(features, TASKS, "softmax")
    sinkhorn(1, 0.01)(outputs, outputs.detach().roll(1, dims=1)).backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()
