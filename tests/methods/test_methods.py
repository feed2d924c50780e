"""The methods: closed forms of the formulas, OTMF's batches, and what a fusion of OTMF does and refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from otmf_core.analysis.replay import deviation
from otmf_core.errors import InputError, Interrupted
from otmf_core.files import write_tensors
from otmf_core.masks import families
from otmf_core.masks.base import shares
from otmf_core.masks.packed import PackedMasks
from otmf_core.masks.shared import SharedMasks
from otmf_core.methods import mask_training
from otmf_core.methods.average import Average
from otmf_core.methods.base import Method, State
from otmf_core.methods.context import Calibration, Context, Learning
from otmf_core.methods.mask_training import batches_of
from otmf_core.methods.objectives import alignments
from otmf_core.methods.otmf import FamilyName, Otmf
from otmf_core.methods.table import METHODS, TABLE
from otmf_core.methods.task_arithmetic import TaskArithmetic
from otmf_core.methods.transport_settings import LossName
from otmf_core.models.checkpoints import read_tensors
from otmf_core.models.task_vector import StateDict
from otmf_core.transport.clouds import sinkhorn
from tests.fusion import context_of, random_vectors

Update = Literal["joint", "alternating"]

# --- average and task arithmetic -------------------------------------------------------------------------------------


def random_deltas(count: int) -> list[StateDict]:
    generator = torch.Generator().manual_seed(5)
    return [
        {"a": torch.randn(4, 3, generator=generator).half(), "b": torch.randn(6, generator=generator).half()}
        for _ in range(count)
    ]


def fold(method: Method, deltas: list[StateDict]) -> StateDict:
    state = method.begin(deltas[0], Context(step=1))
    for t, delta in enumerate(deltas[1:], start=2):
        state = method.fuse(state, delta, Context(step=t))
    return state.delta


def test_the_continual_average_is_the_mean_of_all_task_vectors():
    deltas = random_deltas(5)
    merged = fold(Average(), deltas)
    for name in ("a", "b"):
        mean = np.mean([delta[name].numpy().astype(np.float64) for delta in deltas], axis=0)
        assert merged[name].dtype == torch.float32
        np.testing.assert_allclose(merged[name].numpy(), mean, atol=1e-6)


@pytest.mark.parametrize("scaling", [0.0, 0.3, 1.5])
def test_task_arithmetic_is_the_scaled_sum_of_all_task_vectors(scaling: float):
    deltas = random_deltas(4)
    merged = fold(TaskArithmetic(scaling=scaling), deltas)
    for name in ("a", "b"):
        total = scaling * np.sum([delta[name].numpy().astype(np.float64) for delta in deltas], axis=0)
        assert merged[name].dtype == torch.float32
        np.testing.assert_allclose(merged[name].numpy(), total, atol=1e-6)


@pytest.mark.parametrize("method", [Average(), TaskArithmetic(scaling=0.4)], ids=lambda method: method.name)
def test_a_formula_changes_neither_the_state_nor_the_vector_and_is_replayed_as_itself(method: Method, tmp_path: Path):
    first, second = random_deltas(2)
    state = method.begin(first, Context(step=1))
    fused = method.fuse(state, second, Context(step=2))
    replayed = method.replay(state, second, Context(step=2), tmp_path)
    assert all(torch.equal(fused.delta[name], replayed.delta[name]) for name in fused.delta)
    for given, expected in zip((first, second), random_deltas(2), strict=True):
        assert all(torch.equal(given[name], expected[name]) for name in expected)
    again = method.begin(first, Context(step=1))
    assert all(torch.equal(state.delta[name], again.delta[name]) for name in first)
    assert list(method.iterate(state, second, Context(step=2))) == []


def test_every_method_says_what_it_is():
    for name, method in zip(METHODS, TABLE, strict=True):
        assert method.title and method.about
        assert method.reads in ("none", "calibration", "labels")
        settings = method.described()
        assert all(setting.description for setting in settings.values())
        assert set(settings) == set(method.model_fields) - {"name"}
        for fields in method.presets.values():
            assert method(**fields).settings() == {**method(name=name).settings(), **fields}


def test_what_otmf_holds_and_takes():
    joint, alternating = Otmf(memory=7, batch=9, iterations=11), Otmf(update="alternating")
    assert (joint.kept_examples, joint.batch_examples, joint.iterations_per_fusion) == (7, 9, 11)
    assert (joint.model_copies, joint.turns) == (7, 1)
    assert (alternating.model_copies, alternating.turns) == (10, 2)
    own = {"kept_examples", "batch_examples", "iterations_per_fusion"}
    assert {name: getattr(Average(), name) for name in own} == dict.fromkeys(own, 0)
    assert (Average().model_copies, Average().turns) == (5, 1)


def test_the_pace_of_otmf_leaves_out_what_changes_no_iterations_time():
    timeless = {"alpha", "lr", "momentum", "schedule", "iterations", "reach", "calibration", "filter_share"}
    assert set(Otmf().settings()) - set(Otmf().pace()) == timeless
    assert TaskArithmetic(scaling=0.2).pace() == {"scaling": 0.2, "rescaled": False, "retained": False}


# --- the batches of a fusion -----------------------------------------------------------------------------------------


def batches(sizes: list[int], step: int = 2, seed: int = 0, **fields) -> list[dict]:
    return list(batches_of(Otmf(**{"iterations": 30, **fields}), sizes, seed, step))


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
    for sides in batches([8, 8, 20, 20], iterations=200):
        for tasks, images in sides.values():
            for task, row in zip(tasks.tolist(), images.tolist(), strict=True):
                seen.setdefault(task, set()).update(row)
    assert {task: len(images) for task, images in seen.items()} == {0: 8, 1: 8, 2: 20, 3: 20}


def test_every_earlier_task_is_in_every_batch_or_as_many_as_two_images_of_each_fit():
    sizes = [9] * 6 + [20]
    for sides in batches(sizes, batch=5, batch_earlier=3):
        assert sides["pre"][0].tolist() == [0, 1, 2, 3, 4, 5] and sides["pre"][1].shape == (6, 3)
        assert sides["post"][1].shape == (1, 5)
    assert {sides["pre"][1].shape for sides in batches(sizes, batch=12, batch_earlier=None)} == {(6, 2)}
    drawn = batches(sizes, batch=7, batch_earlier=None)  # two of each of 7 // 2 = 3 tasks
    assert {sides["pre"][1].shape for sides in drawn} == {(3, 2)}
    assert {task for sides in drawn for task in sides["pre"][0].tolist()} == set(range(6))


@pytest.mark.parametrize(
    ("fields", "images"),
    [
        ({"batch_earlier": None}, 6 + 6),
        ({"batch_earlier": 5}, 2 * 5 + 6),
        ({"batch_earlier": 5, "update": "alternating"}, 2 * 5),
        ({"batch_earlier": 2, "update": "alternating"}, 6),
    ],
)
def test_an_iteration_encodes_so_many_images(fields: dict, images: int):
    assert Otmf(batch=6, **fields).images_per_iteration(2) == images
    drawn = batches([40, 40, 40], batch=6, **fields)
    assert max(sum(part[1].size for part in sides.values() if part) for sides in drawn) == images


def test_even_iterations_train_the_pre_mask_and_odd_ones_the_post_mask():
    drawn = batches([40, 40], update="alternating")
    assert all(sides["pre"] is not None and sides["post"] is None for sides in drawn[0::2])
    assert all(sides["pre"] is None and sides["post"] is not None for sides in drawn[1::2])


# --- a fusion -------------------------------------------------------------------------------------------------------


def fuse(settings: Otmf, pre: StateDict, post: StateDict, context: Context) -> StateDict:
    return settings.fuse(State(pre), post, context).delta


def test_masks_of_the_default_family_have_an_entry_for_every_entry(tmp_path: Path):
    context, _, base = context_of(tmp_path)
    pre, post = random_vectors(base)
    masks = mask_training.new_masks(Otmf(alpha=0.3), pre, post, context)
    assert type(masks) is PackedMasks
    assert masks.factor == {"pre": 0.3, "post": 0.7}
    assert all(masks.mask(side, name).shape == base[name].shape for side in ("pre", "post") for name in base)


@pytest.mark.parametrize("masks", [name for name in families.FAMILIES if name != "task"])  # two numbers, too few here
def test_training_lowers_the_loss(masks: FamilyName, tmp_path: Path):
    rows: list = []
    paper: dict[str, Any] = {
        **Otmf.presets["paper"],
        "update": "joint",
        "iterations": 25,
        "batch": 10,
        "lr": 0.05,
        "blur": 0.5,
    }
    context, _, base = context_of(tmp_path, rows)
    fuse(Otmf(**paper, masks=masks), *random_vectors(base), context)
    total = [row["loss_pre"] + row["loss_post"] for row in rows]
    assert len(total) == 25
    assert np.mean(total[-5:]) < (0.98 if masks == "layer" else 0.9) * np.mean(total[:5])


def test_each_task_that_is_seen_weighs_the_same(tmp_path: Path, monkeypatch):
    """The weight gradient of a joint fusion is that of n·L_pre + L_post, by autograd, with n earlier tasks seen."""
    settings = Otmf(iterations=1, batch=6, loss="sinkhorn")
    arrived: dict[str, torch.Tensor] = {}
    monkeypatch.setattr(PackedMasks, "consume", lambda self, name, grad, weight: arrived.update({name: grad.clone()}))
    for kept, count in ((3, 2), (0, 1)):  # images of the first of two earlier tasks
        context, learning, base = context_of(tmp_path / str(kept), kept=kept)
        pre, post = random_vectors(base)
        fuse(settings, pre, post, context)

        SharedMasks(base, pre, post, shares(settings.alpha)).apply(learning.tower.weights())
        sizes = [len(seen) for seen in learning.calibration]
        (drawn,) = batches_of(settings, sizes, context.seed, context.step)
        assert drawn["pre"] is not None and drawn["post"] is not None
        sides = {"pre": drawn["pre"], "post": drawn["post"]}
        teachers = [seen.teacher for seen in learning.calibration]
        loss = sinkhorn(settings.p, settings.blur)
        losses = alignments(sides, teachers, settings, learning, loss)
        (count * losses["pre"] + losses["post"]).backward()
        for name, parameter in learning.tower.module.named_parameters():
            if parameter.grad is not None:
                torch.testing.assert_close(arrived[name], parameter.grad, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("masks", families.FAMILIES)
def test_alpha_one_and_zero_silence_one_side(masks: FamilyName, tmp_path: Path):
    for alpha, silent in ((1.0, "post"), (0.0, "pre")):
        settings = Otmf(iterations=2, batch=6, alpha=alpha, masks=masks)
        context, _, base = context_of(tmp_path / silent)
        pre, post = random_vectors(base)
        noise = {name: torch.full_like(tensor, 3.0) for name, tensor in post.items()}
        loud = fuse(settings, pre, post, context)
        context, _, base = context_of(tmp_path / f"{silent}-changed")
        other = fuse(settings, pre, noise, context) if silent == "post" else fuse(settings, noise, post, context)
        assert all(torch.equal(loud[name], other[name]) for name in base)


def test_without_a_kept_teacher_the_merged_model_so_far_teaches(tmp_path: Path):
    """Equation (3): with all masks at one and α = 1 the student is the teacher, so that the first loss is 0."""
    rows: list = []
    settings = Otmf(**{**Otmf.presets["paper"], "iterations": 2, "alpha": 1.0, "space": "features", "blur": 0.5})
    context, learning, base = context_of(tmp_path, rows)
    _, previous, incoming = learning.calibration
    assert previous.inputs is not None
    calibration = [Calibration(), Calibration(previous.inputs), incoming]
    learning = replace(learning, calibration=calibration)
    context = replace(context, learning=learning)
    pre, post = random_vectors(base)
    fuse(settings, pre, post, context)
    assert rows[0]["loss_pre"] == pytest.approx(0.0, abs=1e-6)
    assert rows[0]["loss_post"] is None

    learning.tower.load(pre)
    expected = learning.tower.features(previous.inputs, "green")
    masks = mask_training.new_masks(settings, pre, post, context)
    teacher = mask_training.teachers_of(learning, masks.delta["pre"])[-2]
    assert teacher is not None
    assert torch.allclose(teacher, expected)


@pytest.mark.parametrize("loss", ["sinkhorn", "sinkhorn-kl", "paired"])
def test_outputs_that_are_not_finite_end_the_fusion(loss: LossName, tmp_path: Path):
    context, learning, base = context_of(tmp_path)
    pre, post = random_vectors(base)
    teacher = learning.calibration[-1].teacher
    assert teacher is not None
    teacher[:] = torch.nan
    with pytest.raises(InputError, match="outputs must stay finite while masks are trained"):
        fuse(Otmf(iterations=3, loss=loss), pre, post, context)
    assert all(parameter.grad is None for parameter in learning.tower.module.parameters())
    assert not any(p._post_accumulate_grad_hooks for p in learning.tower.module.parameters())


@pytest.mark.parametrize("masks", families.FAMILIES)
@pytest.mark.parametrize("update", ["joint", "alternating"])
@pytest.mark.parametrize("after", [0, 1, 3, 5])
def test_a_fusion_that_is_stopped_goes_on_bit_for_bit(masks: FamilyName, update: Update, after: int, tmp_path: Path):
    settings = Otmf(iterations=6, batch=6, masks=masks, update=update)
    through: list = []
    context, _, base = context_of(tmp_path / "through", through)
    pre, post = random_vectors(base)
    expected = fuse(settings, pre, post, context)

    rows: list = []
    context, learning, _ = context_of(tmp_path / "run", rows)
    stopping = replace(context, learning=replace(learning, should_stop=lambda: len(rows) == after))
    with pytest.raises(Interrupted, match=f"^stopped at step 3, iteration {after} of 6$") as interruption:
        fuse(settings, pre, post, stopping)
    assert interruption.value.iteration == after == len(rows)
    context, _, _ = context_of(tmp_path / "run", rows)
    merged = fuse(settings, pre, post, context)
    assert rows == through
    assert all(torch.equal(merged[name], expected[name]) for name in base)


def test_iterations_to_be_measured_are_those_of_the_fusion_and_write_nothing(tmp_path: Path):
    settings = Otmf(iterations=4, batch=6)
    context, learning, base = context_of(tmp_path / "measured")
    pre, post = random_vectors(base)
    measured = list(settings.iterate(State(pre), post, context))
    assert not (tmp_path / "measured").exists()
    assert not any(p._post_accumulate_grad_hooks for p in learning.tower.module.parameters())
    rows: list = []
    context, _, _ = context_of(tmp_path / "fused", rows)
    fuse(settings, pre, post, context)
    assert measured == rows


@pytest.mark.parametrize("masks", [name for name in families.FAMILIES if name != "singular"])  # keeps Δ_m
def test_a_replayed_fusion_is_the_sum_of_what_its_stored_masks_keep(masks: FamilyName, tmp_path: Path):
    settings = Otmf(iterations=4, batch=6, alpha=0.7, masks=masks)
    context, _, base = context_of(tmp_path)
    pre, post = random_vectors(base)
    merged = fuse(settings, pre, post, context)
    replayed = settings.replay(State(pre), post, Context(step=3), tmp_path).delta
    stored = read_tensors(tmp_path / "masks.safetensors")
    for name in base:
        parts = ((0.7, stored[f"pre.{name}"], pre[name]), (0.3, stored[f"post.{name}"], post[name]))
        by_hand = sum(share * mask.double() * delta.double() for share, mask, delta in parts)
        torch.testing.assert_close(replayed[name].double(), by_hand, atol=1e-7, rtol=1e-5)
    assert 0 < deviation(replayed, merged) < 1e-3


def test_masks_that_are_not_all_there_are_not_replayed(tmp_path: Path):
    context, _, base = context_of(tmp_path)
    pre, post = random_vectors(base)
    settings = Otmf(iterations=1, batch=6)
    fuse(settings, pre, post, context)
    file = tmp_path / "masks.safetensors"
    stored = read_tensors(file)
    del stored["post.proj"]
    write_tensors(file, stored)
    with pytest.raises(InputError) as caught:
        settings.replay(State(pre), post, Context(step=3), tmp_path)
    assert str(caught.value) == f"a fusion keeps a mask of every tensor: post.proj is missing in {file}"


def test_labels_are_no_argument_of_a_fusion_that_does_not_ask_for_them():
    """A fusion sees calibration examples: inputs and teachers' features, and else what its method says it reads."""
    assert set(Calibration.__dataclass_fields__) == {"inputs", "teacher"}
    assert set(Context.__dataclass_fields__) == {"step", "seed", "learning", "vectors"}
    assert set(Learning.__dataclass_fields__) == {
        "tower", "calibration", "class_vectors", "results", "unfinished", "save_seconds", "report", "should_stop",
        "labelled",
    }  # fmt: skip
