"""The steps of the fold: closed forms of the trivial ones; OTMF's loop, for masks of any granularity, by autograd."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from otmf_core.backbone import build_encoder, preprocess
from otmf_core.config import MergeConfig
from otmf_core.context import Context, View
from otmf_core.errors import InputError
from otmf_core.masks import SIDES, ElementMasks
from otmf_core.methods import average, otmf, task_arithmetic
from otmf_core.methods.otmf import draw_batches
from otmf_core.task_vector import StateDict, apply, weights
from otmf_core.transport import ClassVectors, sinkhorn
from tests.tiny import CONFIG, never

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


# --- families of masks, driven by the real loop ----------------------------------------------------------------------


class Scales:
    """A family whose masks `grow` from parameters of any shape.

    Gradients are gathered in `consume` and weights written in `finish`, as families that span several weights have to.
    """

    def __init__(self, base: StateDict, pre: StateDict, post: StateDict, alpha: float) -> None:
        self.base, self.delta, self.factor = base, {"pre": pre, "post": post}, {"pre": alpha, "post": 1 - alpha}
        self.parameters = {side: self.start() for side in SIDES}
        self.optimisers: dict[tuple[str, ...], torch.optim.Adam] = {}

    def start(self) -> dict[str, Tensor]:
        raise NotImplementedError

    def grow(self, parameters: dict[str, Tensor], name: str) -> Tensor:
        raise NotImplementedError

    def begin(self, sides: tuple[str, ...], rate: float) -> None:
        trained = [p.requires_grad_() for side in sides for p in self.parameters[side].values()]
        self.sides = sides
        self.optimiser = self.optimisers.setdefault(sides, torch.optim.Adam(trained))
        self.optimiser.param_groups[0]["lr"] = rate
        self.optimiser.zero_grad()

    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        for side in self.sides:
            gradient = self.factor[side] * self.delta[side][name].float() * grad
            with torch.enable_grad():  # the engine calls from within its backward pass
                self.grow(self.parameters[side], name).expand_as(grad).backward(gradient)

    @torch.no_grad()
    def finish(self, weights: StateDict) -> None:
        self.optimiser.step()
        self.apply(weights)

    @torch.no_grad()
    def apply(self, weights: StateDict) -> None:
        delta = self.merged()
        for name, weight in weights.items():
            torch.add(self.base[name], delta[name], out=weight)

    @torch.no_grad()
    def mask(self, side: str, name: str) -> Tensor:
        return self.grow(self.parameters[side], name)

    @torch.no_grad()
    def merged(self) -> StateDict:
        return {
            name: sum(self.factor[side] * self.mask(side, name) * self.delta[side][name].float() for side in SIDES)
            for name in self.base
        }

    def state(self) -> StateDict:
        return {f"{side}/{key}": p.detach() for side in SIDES for key, p in self.parameters[side].items()}

    def load(self, state: StateDict) -> None:
        raise NotImplementedError("these tests do not resume")


class Rows(Scales):
    """One scale for every row (output) of a tensor."""

    def start(self):
        return {name: torch.ones(t.shape[:1] + (1,) * (t.dim() - 1)) for name, t in self.base.items()}

    def grow(self, parameters, name):
        return parameters[name]


class Layers(Scales):
    """One scale for every tensor."""

    def start(self):
        return {name: torch.ones(()) for name in self.base}

    def grow(self, parameters, name):
        return parameters[name]


class Task(Scales):
    """One scale for all tensors."""

    def start(self):
        return {"scale": torch.ones(())}

    def grow(self, parameters, name):
        return parameters["scale"]


class LowRank(Scales):
    """M = 1 + U Vᵀ of rank 2 for matrices, one scale for everything else."""

    def start(self):
        generator = torch.Generator().manual_seed(3)
        found = {}
        for name, tensor in self.base.items():
            if tensor.dim() == 2:
                found[f"{name}/u"] = torch.zeros(len(tensor), 2)
                found[f"{name}/v"] = torch.randn(tensor.shape[1], 2, generator=generator)
            else:
                found[name] = torch.ones(())
        return found

    def grow(self, parameters, name):
        if name in parameters:
            return parameters[name]
        return 1 + parameters[f"{name}/u"] @ parameters[f"{name}/v"].T


def context_of(folder: Path, config: MergeConfig, events: list[dict] | None = None) -> tuple[Context, StateDict]:
    """Step 3 of a fold over random tasks, with three images of the first kept, and θ⁰."""
    torch.manual_seed(9)
    encoder = build_encoder(CONFIG)
    base = {name: tensor.clone() for name, tensor in weights(encoder).items()}
    pixels = [torch.randint(0, 256, (count, 16, 16, 3), dtype=torch.uint8) for count in (3, 10, 10)]
    heads = [(torch.nn.functional.normalize(torch.randn(classes, 16), dim=-1), 10.0) for classes in (3, 5, 2)]
    context = Context(
        config=config,
        step=3,
        device=torch.device("cpu"),
        encoder=encoder,
        preprocess=lambda images: preprocess(images, CONFIG),
        views=[View(images, torch.randn(len(images), 16)) for images in pixels],
        heads=ClassVectors(heads),
        within=folder / "within.safetensors",
        results=folder,
        emit=(events if events is not None else []).append,
        should_stop=never,
    )
    return context, base


def random_vectors(base: StateDict) -> tuple[StateDict, StateDict]:
    generator = torch.Generator().manual_seed(2)
    pre, post = ({n: 0.05 * torch.randn(t.shape, generator=generator) for n, t in base.items()} for _ in range(2))
    return pre, {name: tensor.half() for name, tensor in post.items()}


def by_autograd(
    base: StateDict, pre: StateDict, post: StateDict, context: Context, family: type[Scales]
) -> tuple[StateDict, list[float]]:
    """Δ_m and the sums of losses of a fusion, written as the paper writes it: masks in the graph, Adam on them."""
    config = context.config
    masks = family(base, pre, post, config.alpha)
    leaves = {side: {key: p.clone().requires_grad_() for key, p in masks.parameters[side].items()} for side in SIDES}
    optimisers: dict[tuple[str, ...], torch.optim.Adam] = {}
    loss = sinkhorn(config.p, config.blur)

    def merged() -> StateDict:
        def part(side: str, name: str) -> Tensor:
            return masks.factor[side] * masks.grow(leaves[side], name) * masks.delta[side][name].float()

        return {name: part("pre", name) + part("post", name) for name in base}

    losses = []
    for iteration, drawn in enumerate(draw_batches([len(view.pixels) for view in context.views], config, context.step)):
        sides = tuple(side for side in SIDES if drawn[side] is not None)
        fresh = torch.optim.Adam([p for side in sides for p in leaves[side].values()])
        optimiser = optimisers.setdefault(sides, fresh)
        optimiser.param_groups[0]["lr"] = config.lr * (1 + np.cos(np.pi * iteration / config.steps)) / 2
        theta = {name: base[name] + delta for name, delta in merged().items()}
        total = torch.zeros(())
        for side in sides:
            tasks, images = drawn[side]
            clouds = []
            for task, rows in zip(tasks, images, strict=True):
                features = functional_call(
                    context.encoder, theta, (context.preprocess(context.views[task].pixels[rows]),)
                )
                clouds.append((features, context.views[task].teacher[rows]))
            at = torch.from_numpy(tasks)
            merged_out, teacher_out = (
                context.heads.outputs(torch.stack(each), at, config.space) for each in zip(*clouds, strict=True)
            )
            total = total + loss(merged_out, teacher_out)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        losses.append(total.item())
    return {name: tensor.detach() for name, tensor in merged().items()}, losses


@pytest.mark.parametrize("family", [Rows, Layers, Task, LowRank])
@pytest.mark.parametrize("update", ["joint", "alternating"])
def test_masks_of_any_granularity_go_through_the_loop(family: type[Scales], update: str, tmp_path: Path):
    config = MergeConfig.build(
        tasks=("a", "b", "c"),
        update=update,
        steps=4,
        batch=6,
        lr=0.02,
        schedule="cosine",
        space="softmax",
        blur=0.1,
        p=2,
    )
    events: list[dict] = []
    context, base = context_of(tmp_path, config, events)
    pre, post = random_vectors(base)
    expected, losses = by_autograd(base, pre, post, context, family)
    merged = otmf.step(base, pre, post, context, family=family)
    for name in base:
        torch.testing.assert_close(merged[name], expected[name], atol=2e-5, rtol=1e-3)
    found = [sum(event[f"loss_{side}"] or 0.0 for side in SIDES) for event in events if event["type"] == "mask_step"]
    assert found == pytest.approx(losses, rel=1e-4)
    untrained = family(base, pre, post, config.alpha).merged()
    assert max((merged[name] - untrained[name]).abs().max().item() for name in base) > 1e-3


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
    nothing, previous, incoming = context.views
    context.views[:] = [View(nothing.pixels[:0], None), View(previous.pixels, None), incoming]
    pre, post = random_vectors(base)
    otmf.step(base, pre, post, context)
    first = next(event for event in events if event["type"] == "mask_step")
    assert first["loss_pre"] == pytest.approx(0.0, abs=1e-6)
    assert first["loss_post"] is None

    apply(context.encoder, base, pre)
    expected = context.features(previous.pixels)
    assert torch.allclose(otmf._teachers(base, pre, context)[-2], expected)


def test_outputs_that_are_not_finite_end_the_fusion(tmp_path: Path):
    config = MergeConfig.build(tasks=("a", "b", "c"), steps=3)
    context, base = context_of(tmp_path, config)
    pre, post = random_vectors(base)
    context.views[-1].teacher[:] = torch.nan
    with pytest.raises(InputError, match="outputs must stay finite while masks are trained"):
        otmf.step(base, pre, post, context)
    assert all(parameter.grad is None for parameter in context.encoder.parameters())
    assert not any(p._post_accumulate_grad_hooks for p in context.encoder.parameters())


def test_labels_are_no_argument_of_a_step():
    """A step sees views: pictures and teachers' features, and nothing else of a task."""
    assert set(View.__dataclass_fields__) == {"pixels", "teacher"}
