"""The steps of the fold: closed forms of the trivial ones, OTMF's batches, and what an OTMF fusion does and refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.masks.element import ElementMasks
from otmf_core.methods import average, otmf, task_arithmetic
from otmf_core.methods.context import Calibration
from otmf_core.methods.otmf import draw_batches
from otmf_core.models.task_vector import StateDict
from otmf_core.transport.losses import sinkhorn
from tests.fusion import context_of, random_vectors

# --- average and task arithmetic -------------------------------------------------------------------------------------


class Bare:
    """As much of a context as the methods without images look at."""

    def __init__(self, config: MergeConfig, step: int) -> None:
        self.config, self.step = config, step


def random_deltas(count: int) -> list[StateDict]:
    generator = torch.Generator().manual_seed(5)
    return [
        {"a": torch.randn(4, 3, generator=generator).half(), "b": torch.randn(6, generator=generator).half()}
        for _ in range(count)
    ]


def fold(method, config: MergeConfig, deltas: list[StateDict]) -> StateDict:
    merged = method.first(deltas[0], config)
    for t, delta in enumerate(deltas[1:], start=2):
        merged = method.step({}, merged, delta, Bare(config, t))
    return merged


def test_the_continual_average_is_the_mean_of_all_task_vectors():
    deltas = random_deltas(5)
    merged = fold(average, MergeConfig.build(tasks=("a", "b")), deltas)
    for name in ("a", "b"):
        mean = np.mean([delta[name].numpy().astype(np.float64) for delta in deltas], axis=0)
        assert merged[name].dtype == torch.float32
        np.testing.assert_allclose(merged[name].numpy(), mean, atol=1e-6)


@pytest.mark.parametrize("scaling", [0.0, 0.3, 1.5])
def test_task_arithmetic_is_the_scaled_sum_of_all_task_vectors(scaling: float):
    deltas = random_deltas(4)
    merged = fold(task_arithmetic, MergeConfig.build(tasks=("a", "b"), scaling=scaling), deltas)
    for name in ("a", "b"):
        total = scaling * np.sum([delta[name].numpy().astype(np.float64) for delta in deltas], axis=0)
        assert merged[name].dtype == torch.float32
        np.testing.assert_allclose(merged[name].numpy(), total, atol=1e-6)


# --- the batches of a fusion -----------------------------------------------------------------------------------------


def batches(sizes: list[int], step: int = 2, **fields) -> list[dict]:
    return list(draw_batches(sizes, MergeConfig.build(**{"tasks": ("a", "b"), "steps": 30, **fields}), step))


def flat(drawn: list[dict]) -> list:
    return [[None if part is None else [p.tolist() for p in part] for part in sides.values()] for sides in drawn]


def test_batches_follow_from_seed_and_step_alone():
    sizes = [8, 8, 40, 40]
    assert flat(batches(sizes)) == flat(batches(sizes))
    assert flat(batches(sizes)) != flat(batches(sizes, seed=1))
    assert flat(batches(sizes)) != flat(batches(sizes, step=3))


@pytest.mark.parametrize("update", ["joint", "alternating"])
@pytest.mark.parametrize("sizes", [[40, 40], [0, 0, 40, 40], [8, 8, 40, 40], [5, 5, 5, 5, 5, 5, 7, 9], [1, 3, 2]])
@pytest.mark.parametrize("batch", [2, 7, 32, 1024])
def test_batches_hold_only_what_may_be_seen_and_no_image_twice(update: str, sizes: list[int], batch: int):
    for sides in batches(sizes, update=update, batch=batch):
        assert list(sides) == ["pre", "post"]
        for side, part in sides.items():
            if part is None:
                continue
            tasks, images = part
            assert images.shape[0] == len(tasks) == len(set(tasks.tolist()))
            assert images.shape[1] >= 1
            incoming = len(sizes) - 1
            assert (tasks == incoming).all() if side == "post" else (tasks < incoming).all()
            for task, row in zip(tasks, images, strict=True):
                assert len(set(row.tolist())) == len(row)
                assert row.min() >= 0
                assert row.max() < sizes[task]


def test_every_image_that_may_be_seen_is_drawn():
    seen: dict[int, set[int]] = {}
    for sides in batches([8, 8, 20, 20], steps=200):
        for tasks, images in sides.values():
            for task, row in zip(tasks.tolist(), images.tolist(), strict=True):
                seen.setdefault(task, set()).update(row)
    assert {task: len(images) for task, images in seen.items()} == {0: 8, 1: 8, 2: 20, 3: 20}


def test_even_steps_train_the_pre_mask_and_odd_steps_the_post_mask():
    drawn = batches([40, 40], update="alternating")
    assert all(sides["pre"] is not None and sides["post"] is None for sides in drawn[0::2])
    assert all(sides["pre"] is None and sides["post"] is not None for sides in drawn[1::2])


# --- a fusion -------------------------------------------------------------------------------------------------------


def test_element_masks_with_equal_gradients_are_what_the_loop_trains_by_default(tmp_path: Path):
    config = MergeConfig.build(tasks=("a", "b", "c"), steps=3, batch=6)
    pre, post = random_vectors(context_of(tmp_path, config)[1])
    context, base = context_of(tmp_path / "default", config)
    default = otmf.step(base, pre, post, context)
    context, base = context_of(tmp_path / "named", config)
    named = otmf.step(base, pre, post, context, family=ElementMasks)
    assert all(torch.equal(default[name], named[name]) for name in base)


def test_training_lowers_the_loss(tmp_path: Path):
    events: list[dict] = []
    config = MergeConfig.build(
        "paper", tasks=("a", "b", "c"), update="joint", steps=25, batch=10, lr=0.05, p=2, blur=0.5
    )
    context, base = context_of(tmp_path, config, events)
    otmf.step(base, *random_vectors(base), context)
    total = [event["loss_pre"] + event["loss_post"] for event in events if event["type"] == "mask_step"]
    assert np.mean(total[-5:]) < 0.9 * np.mean(total[:5])


def test_each_task_that_is_seen_weighs_the_same(tmp_path: Path, monkeypatch):
    """The weight gradient of a joint step is that of n·L_pre + L_post, by autograd, with n earlier tasks to be seen."""
    config = MergeConfig.build(tasks=("a", "b", "c"), steps=1, batch=6)
    arrived: dict[str, torch.Tensor] = {}
    monkeypatch.setattr(ElementMasks, "consume", lambda self, name, grad, weight: arrived.update({name: grad.clone()}))
    for kept, count in ((3, 2), (0, 1)):  # images of the first of two earlier tasks
        context, base = context_of(tmp_path / str(kept), config)
        first = context.calibration[0]
        context.calibration[0] = Calibration(first.inputs[:kept] if kept else None, first.teacher)
        pre, post = random_vectors(base)
        otmf.step(base, pre, post, context)

        ElementMasks(base, pre, post, config.alpha).apply(context.tower.weights())
        (drawn,) = draw_batches([len(seen) for seen in context.calibration], config, context.step)
        teachers = [seen.teacher for seen in context.calibration]
        losses = otmf._losses(drawn, teachers, context, sinkhorn(config.p, config.blur))
        (count * losses["pre"] + losses["post"]).backward()
        for name, parameter in context.tower.module.named_parameters():
            if parameter.grad is not None:
                torch.testing.assert_close(arrived[name], parameter.grad, rtol=1e-4, atol=1e-7)


def test_alpha_one_and_zero_silence_one_side(tmp_path: Path):
    for alpha, silent in ((1.0, "post"), (0.0, "pre")):
        config = MergeConfig.build(tasks=("a", "b", "c"), steps=2, batch=6, alpha=alpha)
        context, base = context_of(tmp_path / silent, config)
        pre, post = random_vectors(base)
        noise = {name: torch.full_like(tensor, 3.0) for name, tensor in post.items()}
        loud = otmf.step(base, pre, post, context)
        context, base = context_of(tmp_path / f"{silent}-changed", config)
        other = otmf.step(base, pre, noise, context) if silent == "post" else otmf.step(base, noise, post, context)
        assert all(torch.equal(loud[name], other[name]) for name in base)


def test_without_a_kept_teacher_the_merged_model_so_far_teaches(tmp_path: Path):
    """Equation (3): with all masks at one and α = 1 the student is the teacher, so that the first loss is 0."""
    events: list[dict] = []
    config = MergeConfig.build("paper", tasks=("a", "b", "c"), steps=2, alpha=1.0, space="features", blur=0.5)
    context, base = context_of(tmp_path, config, events)
    _, previous, incoming = context.calibration
    context.calibration[:] = [Calibration(), Calibration(previous.inputs), incoming]
    pre, post = random_vectors(base)
    otmf.step(base, pre, post, context)
    first = next(event for event in events if event["type"] == "mask_step")
    assert first["loss_pre"] == pytest.approx(0.0, abs=1e-6)
    assert first["loss_post"] is None

    context.tower.load(pre)
    expected = context.tower.features(previous.inputs)
    assert torch.allclose(otmf._teachers(pre, context)[-2], expected)


def test_outputs_that_are_not_finite_end_the_fusion(tmp_path: Path):
    config = MergeConfig.build(tasks=("a", "b", "c"), steps=3)
    context, base = context_of(tmp_path, config)
    pre, post = random_vectors(base)
    context.calibration[-1].teacher[:] = torch.nan
    with pytest.raises(InputError, match="outputs must stay finite while masks are trained"):
        otmf.step(base, pre, post, context)
    assert all(parameter.grad is None for parameter in context.tower.module.parameters())
    assert not any(p._post_accumulate_grad_hooks for p in context.tower.module.parameters())


def test_labels_are_no_argument_of_a_step():
    """A step sees calibration examples: inputs and teachers' features, and nothing else of a task."""
    assert set(Calibration.__dataclass_fields__) == {"inputs", "teacher"}
