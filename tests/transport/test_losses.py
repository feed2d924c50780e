"""The other losses against POT, NumPy in float64 and closed forms; which of them see that images swapped places."""

from __future__ import annotations

import numpy as np
import ot
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.methods.otmf import Otmf
from otmf_core.methods.otmf_choices import BLURRED, CLASSES, LOSSES_TRADE, POWERED
from otmf_core.models.heads import Head
from otmf_core.transport.clouds import energy, exact, mmd, sinkhorn, sliced
from otmf_core.transport.distributions import log_probabilities
from otmf_core.transport.losses import LOSSES, Cost, alignment
from otmf_core.transport.pairs import cosine, podnet
from otmf_core.transport.spaces import ClassVectors

CLOUDS = ("sinkhorn", "unbalanced", "sliced", "exact", "energy", "mmd")
SHIFT = torch.tensor([3.0, -1.0, 0.5, 2.0]).double()


def cloud(seed: int, points: int = 9, dimensions: int = 4, batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, points, dimensions, generator=generator, dtype=torch.double)


def classes(seed: int, batch: int = 1) -> Tensor:
    return (3 * cloud(seed, batch=batch)).log_softmax(dim=-1)


def loss(name: str, x: Tensor, y: Tensor, **cost) -> float:
    return alignment(name, Cost(**cost))(x, y).item()


# --- all of them -----------------------------------------------------------------------------------------------------


def test_every_loss_is_a_setting_that_says_what_it_trades():
    assert Otmf.described()["loss"].values == tuple(LOSSES) == tuple(LOSSES_TRADE)
    assert set(CLOUDS) < set(LOSSES)
    assert all(Otmf.model_validate({"loss": name}).loss == name for name in LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_is_the_mean_of_its_clouds(name: str):
    make = classes if name in CLASSES else cloud
    x, y = make(1, batch=3), make(2, batch=3)
    alone = [loss(name, x[i : i + 1], y[i : i + 1], blur=0.5) for i in range(3)]
    assert len({round(value, 6) for value in alone}) == 3
    assert loss(name, x, y, blur=0.5) == pytest.approx(np.mean(alone), rel=5e-3)  # Sinkhorn anneals from the diameter


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "entropy"])
def test_what_agrees_costs_nothing_and_anything_else_something(name: str):
    make = classes if name in CLASSES else cloud
    x = make(1)
    assert loss(name, x, x, blur=0.05 if name in CLOUDS else 1e-4) == pytest.approx(0, abs=1e-9)
    assert loss(name, x, make(2), blur=0.5) > 1e-3


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "entropy"])
def test_clouds_let_images_swap_places_and_pairs_do_not(name: str):
    make = classes if name in CLASSES else cloud
    x, y = make(1), make(2)
    order = torch.tensor([1, 2, 0, 4, 3, 6, 7, 8, 5])
    swapped, straight = loss(name, x, y[:, order], blur=0.5), loss(name, x, y, blur=0.5)
    if name in CLOUDS:
        assert swapped == pytest.approx(straight, rel=1e-6)
        assert loss(name, x, x[:, order], blur=0.5) == pytest.approx(0, abs=1e-7)
    elif name == "sinkhorn-kl":
        assert swapped == pytest.approx(straight, rel=1e-6)
        assert loss(name, x, x[:, order], blur=1e-4) == pytest.approx(0, abs=1e-7)
    else:
        assert swapped != pytest.approx(straight, rel=1e-3)
        assert loss(name, x, x[:, order]) > 1e-3


@pytest.mark.parametrize("name", LOSSES)
def test_settings_are_read_by_the_losses_that_are_said_to_read_them(name: str):
    make = classes if name in CLASSES else cloud
    x, y = make(1), make(2)
    plain = loss(name, x, y, blur=0.5)
    assert (loss(name, x, y, blur=0.7) != plain) == (name in BLURRED)
    assert (loss(name, x, y, blur=0.5, p=1) != plain) == (name in POWERED)
    assert (loss(name, x, y, blur=0.5, reach=0.5) != plain) == (name == "unbalanced")
    assert (loss(name, x, y, blur=0.5, projections=32) != plain) == (name == "sliced")
    assert (loss(name, x, y, blur=0.5, draw=(1,)) != plain) == (name == "sliced")
    given = {each.name: each.shown.given for each in Otmf.described().values()}
    assert (given["blur"], given["p"]) == (("loss", BLURRED), ("loss", POWERED))
    assert (given["reach"], given["projections"]) == (("loss", ("unbalanced",)), ("loss", ("sliced",)))


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in ("unbalanced", "sinkhorn-kl")])
def test_the_gradient_is_that_of_finite_differences(name: str):
    make = classes if name in CLASSES else cloud
    x, y, step = make(1).requires_grad_(), make(2) + (0 if name in CLASSES else 0.3), 1e-5
    value = alignment(name, Cost(blur=0.7))
    (gradient,) = torch.autograd.grad(value(x, y), x)
    for point, axis in ((0, 0), (3, 2), (8, 3)):
        nudge = torch.zeros_like(x)
        nudge[0, point, axis] = step
        with torch.no_grad():
            slope = (value(x + nudge, y) - value(x - nudge, y)).item() / (2 * step)
        assert gradient[0, point, axis].item() == pytest.approx(slope, abs=1e-3 if name in BLURRED else 1e-6)


# --- clouds ----------------------------------------------------------------------------------------------------------


def unbalanced_cost(x: np.ndarray, y: np.ndarray, p: int, blur: float, reach: float) -> float:
    """min over P of <P, C> + ε·KL(P | a⊗b) + ρ·KL(P1 | a) + ρ·KL(Pᵀ1 | b), ρ = reach^p, by POT."""
    cost = np.linalg.norm(x[:, None] - y[None], axis=-1) ** p / p
    a, b = np.full(len(x), 1 / len(x)), np.full(len(y), 1 / len(y))
    plan = ot.unbalanced.sinkhorn_unbalanced(
        a, b, cost, reg=blur**p, reg_m=reach**p, method="sinkhorn", reg_type="kl", numItermax=5000, stopThr=1e-12
    )

    def divergence(found: np.ndarray, wanted: np.ndarray) -> float:
        return float((found * np.log(found / wanted) - found + wanted).sum())

    moved = float((plan * cost).sum()) + blur**p * divergence(plan, np.outer(a, b))
    return moved + reach**p * (divergence(plan.sum(1), a) + divergence(plan.sum(0), b))


@pytest.mark.parametrize(("p", "blur", "reach"), [(1, 1.0, 0.5), (2, 0.7, 0.5), (2, 0.5, 2.0)])
def test_unbalanced_transport_agrees_with_pot(p: int, blur: float, reach: float):
    for seed in range(2):
        x, y = cloud(seed), 0.5 * cloud(seed + 100) + 0.8
        a, b = x[0].numpy(), y[0].numpy()
        debias = unbalanced_cost(a, a, p, blur, reach) + unbalanced_cost(b, b, p, blur, reach)
        expected = unbalanced_cost(a, b, p, blur, reach) - debias / 2
        assert expected > 1e-3
        assert sinkhorn(p, blur, reach)(x, y).item() == pytest.approx(expected, rel=0.04)  # annealing


@pytest.mark.parametrize("distance", [0.3, 3.0, 30.0])
def test_one_point_each_costs_no_more_than_giving_it_up(distance: float):
    """With a single mass m moved, (ε + 2ρ)·(1 − e^(−C / (ε + 2ρ))) is the least of m·C and the penalties."""
    x, y, blur, reach = torch.zeros(1, 1, 2), torch.tensor([[[distance, 0.0]]]).requires_grad_(), 0.1, 1.0
    most = blur**2 + 2 * reach**2
    kept = np.exp(-(distance**2) / 2 / most)
    value = sinkhorn(2, blur, reach)(y, x)
    assert value.item() == pytest.approx(most * (1 - kept), rel=1e-3)
    (gradient,) = torch.autograd.grad(value, y)  # geomloss's, smaller by (ρ + ε/2) / (ρ + ε)
    assert gradient[0, 0, 0].item() == pytest.approx(distance * kept, rel=0.01, abs=1e-6)


def test_transport_that_reaches_far_is_balanced():
    x, y = cloud(1), cloud(2) + 0.5
    assert sinkhorn(2, 0.5, 1e4)(x, y).item() == pytest.approx(sinkhorn(2, 0.5)(x, y).item(), rel=1e-4)


@pytest.mark.parametrize("p", [1, 2])
def test_exact_transport_is_pots(p: int):
    x, y = cloud(1, points=14, batch=3), cloud(2, points=14, batch=3)
    costs = [ot.emd2(ot.unif(14), ot.unif(14), (torch.cdist(x[i], y[i]) ** p / p).numpy()) for i in range(3)]
    assert exact(p)(x, y).item() == pytest.approx(np.mean(costs), rel=1e-9)


def test_exact_transport_of_a_translation_is_its_length():
    x = cloud(1)
    assert exact(1)(x, x + SHIFT).item() == pytest.approx(SHIFT.norm().item())
    assert exact(2)(x, x[:, torch.randperm(9)] + SHIFT).item() == pytest.approx(SHIFT.square().sum().item() / 2)


@pytest.mark.parametrize("p", [1, 2])
def test_sliced_transport_is_pots_along_every_line(p: int):
    x, y, draw = cloud(1, batch=2), cloud(2, batch=2), (5, 2, 17)
    lines = np.random.default_rng(draw).standard_normal((4, 20))
    along = [np.array(ot.wasserstein_1d(a.numpy() @ lines, b.numpy() @ lines, p=p)) for a, b in zip(x, y, strict=True)]
    assert sliced(p, 20, draw)(x, y).item() == pytest.approx(np.mean(along) / p, rel=1e-9)


def test_sliced_transport_of_a_translation_is_its_length_in_the_mean():
    x = cloud(1)
    assert sliced(2, 200_000, (1,))(x, x + SHIFT).item() == pytest.approx(SHIFT.square().sum().item() / 2, rel=0.01)
    padded, moved = F.pad(x, (0, 6)), F.pad(x + SHIFT, (0, 6))  # dimensions that hold nothing
    assert sliced(2, 200_000, (2,))(padded, moved).item() == pytest.approx(SHIFT.square().sum().item() / 2, rel=0.01)


def test_the_energy_distance_and_mmd_are_means_over_pairs():
    x, y, blur = cloud(1), cloud(2) + 0.2, 0.6

    def mean(kernel, a: Tensor, b: Tensor) -> float:
        return kernel(np.linalg.norm(a[0].numpy()[:, None] - b[0].numpy()[None], axis=-1)).mean()

    for value, kernel in (
        (energy()(x, y), lambda apart: -apart),
        (mmd(blur)(x, y), lambda apart: np.exp(-(apart**2) / 2 / blur**2)),
    ):
        expected = (mean(kernel, x, x) + mean(kernel, y, y)) / 2 - mean(kernel, x, y)
        assert value.item() == pytest.approx(expected, rel=1e-3)


def test_mmd_does_not_see_how_far_apart_clouds_are_beyond_its_blur():
    x, y = cloud(1), cloud(2)
    assert mmd(0.05)(x, y + 5).item() == pytest.approx(mmd(0.05)(x, y + 50).item())
    assert mmd(20.0)(x, y + 50).item() > 2 * mmd(20.0)(x, y + 5).item()


# --- pairs -----------------------------------------------------------------------------------------------------------


def test_cosine_and_podnet_by_hand():
    x = torch.tensor([[[2.0, 0.0], [0.0, 3.0]]])
    y = torch.tensor([[[0.0, 5.0], [0.0, 1.0]]])  # at a right angle, and in the same direction
    assert cosine(x, y).item() == pytest.approx(1 / 2)
    assert podnet(x, y).item() == pytest.approx(2**0.5 / 2)


def test_cosine_is_half_the_square_of_what_podnet_takes():
    x, y = cloud(1, points=1), cloud(2, points=1)
    assert podnet(x, y).item() ** 2 / 2 == pytest.approx(cosine(x, y).item(), rel=1e-6)
    for measure in (cosine, podnet):
        assert measure(7 * x, y).item() == pytest.approx(measure(x, y).item(), rel=1e-6)


def test_kl_and_entropy_by_hand():
    merged = torch.tensor([[[0.5, 0.5], [0.9, 0.1]]]).log()
    teacher = torch.tensor([[[0.25, 0.75], [0.9, 0.1]]]).log()
    first = 0.25 * np.log(0.25 / 0.5) + 0.75 * np.log(0.75 / 0.5)
    assert loss("kl", merged, teacher) == pytest.approx(first / 2)
    second = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert loss("entropy", merged, teacher) == pytest.approx((np.log(2) + second) / 2)
    assert loss("entropy", merged, merged.roll(1)) == loss("entropy", merged, teacher)


def divergences(merged: np.ndarray, teacher: np.ndarray) -> np.ndarray:
    """KL(teacher_j ‖ merged_i) of log-probabilities (n, C) and (m, C)."""
    return (np.exp(teacher)[None] * (teacher[None] - merged[:, None])).sum(-1)


def entropic(cost: np.ndarray, blur: float) -> np.ndarray:
    """POT's plan between points of equal mass."""
    return np.asarray(ot.sinkhorn([], [], cost, blur, method="sinkhorn_log", numItermax=100_000, stopThr=1e-13))


@pytest.mark.parametrize("blur", [0.05, 0.2, 1.0])
def test_transport_of_classes_is_pots_at_the_cost_kl(blur: float):
    for seed in range(3):
        x, y = classes(seed), classes(seed + 50)
        cost = divergences(x[0].numpy(), y[0].numpy())
        plan = entropic(cost, blur)
        rel = 1e-4 if blur > 0.1 else 1e-2  # sharper plans settle more slowly
        assert loss("sinkhorn-kl", x, y, blur=blur) == pytest.approx((plan * cost).sum(), rel=rel)


def test_the_gradient_of_transport_of_classes_is_that_of_the_entropic_cost():
    """That of min <P, C> + ε·KL(P | a⊗b), by finite differences of POT's dual value."""
    x, y, blur, step = classes(1).requires_grad_(), classes(2), 0.3, 1e-4
    (gradient,) = torch.autograd.grad(alignment("sinkhorn-kl", Cost(blur=blur))(x, y), x)

    def value(x: np.ndarray) -> float:
        cost = divergences(x, y[0].numpy())
        plan = entropic(cost, blur)
        return float((plan * cost).sum() + blur * (plan * np.log(plan * plan.size)).sum())

    for point, axis in ((0, 0), (3, 2), (8, 3)):
        nudge = np.zeros((9, 4))
        nudge[point, axis] = step
        at = x[0].detach().numpy()
        assert gradient[0, point, axis].item() == pytest.approx(
            (value(at + nudge) - value(at - nudge)) / (2 * step), abs=1e-5
        )


@pytest.mark.parametrize("name", ("kl", "entropy"))
def test_losses_of_classes_see_each_tasks_own_head_at_its_own_scale(name: str):
    """Padded classes add nothing, and the logits are those that a head classifies by."""
    generator = torch.Generator().manual_seed(4)
    heads = [Head(F.normalize(torch.randn(count, 6, generator=generator), dim=-1), 30.0 + count) for count in (3, 5)]
    merged, teacher = torch.randn(2, 2, 7, 6, generator=generator)
    tasks = torch.tensor([0, 1])
    outputs = (log_probabilities(ClassVectors(heads), features, tasks) for features in (merged, teacher))
    expected = []
    for row, head in enumerate(heads):
        m, t = (head.logits(features[row]).double().softmax(dim=-1).numpy() for features in (merged, teacher))
        expected.append((t * np.log(t / m)).sum(-1).mean() if name == "kl" else -(m * np.log(m)).sum(-1).mean())
    assert alignment(name, Cost())(*outputs).item() == pytest.approx(np.mean(expected), rel=1e-4)


@pytest.mark.parametrize("name", CLASSES)
def test_losses_of_classes_let_finite_gradients_through_padding(name: str):
    heads = [Head(F.normalize(torch.randn(count, 6), dim=-1), 1000.0) for count in (2, 4)]
    features = torch.randn(2, 3, 6, requires_grad=True)
    tasks = torch.tensor([0, 1])
    outputs = log_probabilities(ClassVectors(heads), features, tasks)
    alignment(name, Cost())(outputs, outputs.detach().roll(1, dims=1)).backward()
    assert features.grad is not None and features.grad.isfinite().all()


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("space", ["raw", "features"])
def test_losses_of_classes_elsewhere_are_refused(name: str, space: str):
    with pytest.raises(InputError) as caught:
        MergeConfig.build(tasks=("a", "b"), loss=name, space=space)
    expected = f"the loss {name} is of class probabilities: space is logits or softmax, received {space}"
    assert str(caught.value) == expected
