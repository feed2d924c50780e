"""What all methods that learn by the common loop do: stop and go on, replay, be measured, learn where they say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from otmf_core import layout
from otmf_core.analysis.replay import deviation, replay
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError, Interrupted
from otmf_core.forecast.measure import measure
from otmf_core.forecast.sizes import Sizes
from otmf_core.forecast.work import work
from otmf_core.library.library import open_library
from otmf_core.methods.base import State
from otmf_core.methods.batches import draw_evenly
from otmf_core.methods.context import Calibration, Context
from otmf_core.methods.learned import JointLearned, Learned
from otmf_core.methods.table import METHODS, TABLE
from otmf_core.models.checkpoints import read_tensors
from otmf_core.models.task_vector import StateDict
from otmf_core.runs.events import Evaluated, Iterated, Started
from otmf_core.runs.folder import load_run
from otmf_core.runs.view import advance, eta_seconds, fraction_done, new_view
from tests.fusion import context_of, random_vectors
from tests.tiny import TASKS, merge_config, merged, never, results, stopped_within

LEARNED = [method for method in TABLE if issubclass(method, Learned)]
JOINT = [method for method in LEARNED if issubclass(method, JointLearned)]
each = pytest.mark.parametrize("method", LEARNED, ids=lambda method: method.model_fields["name"].default)
each_joint = pytest.mark.parametrize("method", JOINT, ids=lambda method: method.model_fields["name"].default)


def short(method: type[Learned], **fields) -> Learned:
    name = method.model_fields["name"].default
    return method(**{"name": name, "iterations": 6, "batch": 6, "memory": 5, **fields})


def asked(folder: Path, rows: list | None = None) -> tuple[Context, State, StateDict]:
    """Step 3 of a fold over three random task vectors, what was merged before, and the incoming vector."""
    context, _, base = context_of(folder, rows)
    pre, post = random_vectors(base)
    first = {name: tensor.flip(0).half() for name, tensor in pre.items()}
    return replace(context, vectors=(first, {n: t.half() for n, t in pre.items()}, post)), State(pre), post


def fuse(settings: Learned, context: Context, state: State, incoming: StateDict) -> StateDict:
    sequential = not isinstance(settings, JointLearned)
    return settings.fuse(state, incoming, replace(context, vectors=()) if sequential else context).delta


def vectors_of(settings: Learned, context: Context, state: State, incoming: StateDict) -> Sequence[StateDict]:
    return context.vectors if isinstance(settings, JointLearned) else (state.delta, incoming)


@each
@pytest.mark.parametrize("after", [0, 1, 5])
def test_a_fusion_that_is_stopped_goes_on_bit_for_bit(method: type[Learned], after: int, tmp_path: Path):
    through: list = []
    settings = short(method)
    expected = fuse(settings, *asked(tmp_path / "through", through))
    assert len(through) == 6

    rows: list = []
    context, state, incoming = asked(tmp_path / "run", rows)
    assert context.learning is not None
    stopping = replace(context, learning=replace(context.learning, should_stop=lambda: len(rows) == after))
    with pytest.raises(Interrupted, match=f"^stopped at step 3, iteration {after} of 6$"):
        fuse(settings, stopping, state, incoming)
    delta = fuse(settings, *asked(tmp_path / "run", rows))
    assert rows == through
    assert all(torch.equal(delta[name], expected[name]) for name in expected)


@each
def test_a_run_that_is_stopped_within_a_fusion_goes_on_bit_for_bit(method: type[Learned], tiny: Path, tmp_path: Path):
    from otmf_core.merging.merge import resume_merge

    name = method.model_fields["name"].default
    config = merge_config(tiny, method=name)
    expected = results(merged(config, tmp_path, "through"))
    stopped_within(config, tmp_path)
    resume_merge(tmp_path / "run", emit=lambda event: None, should_stop=never)
    assert results(tmp_path / "run") == expected
    *_, (_, last) = replay(load_run(tmp_path / "run"), open_library(str(tiny)))
    assert deviation(last.delta, read_tensors(tmp_path / "run" / layout.MERGED)) < 1e-3


@each
def test_iterations_to_be_measured_are_those_of_the_fusion_and_write_nothing(method: type[Learned], tmp_path: Path):
    settings = short(method)
    context, state, incoming = asked(tmp_path / "measured")
    if not isinstance(settings, JointLearned):
        context = replace(context, vectors=())
    assert context.learning is not None
    measured = list(settings.iterate(state, incoming, context))
    assert not (tmp_path / "measured").exists()
    module = context.learning.tower.module
    assert not any(parameter._post_accumulate_grad_hooks for parameter in module.parameters())
    rows: list = []
    fuse(settings, *asked(tmp_path / "fused", rows))
    assert measured == rows


@each
def test_a_step_is_replayed_from_what_it_left(method: type[Learned], tmp_path: Path):
    settings = short(method)
    context, state, incoming = asked(tmp_path)
    delta = fuse(settings, context, state, incoming)
    again = settings.replay(state, incoming, Context(3, vectors=context.vectors), tmp_path).delta
    if (tmp_path / layout.COEFFICIENTS).is_file():
        assert all(torch.equal(again[name], delta[name]) for name in delta)
        (tmp_path / layout.COEFFICIENTS).unlink()
    else:
        assert 0 < deviation(again, delta) < 1e-3
        (tmp_path / layout.MERGED).unlink()
    with pytest.raises(InputError, match="a file is missing"):
        settings.replay(state, incoming, Context(3, vectors=context.vectors), tmp_path)


@each
def test_vectors_and_state_stay_as_they_were(method: type[Learned], tmp_path: Path):
    context, state, incoming = asked(tmp_path)
    copies = [{n: t.clone() for n, t in vector.items()} for vector in (*context.vectors, state.delta)]
    fuse(short(method), context, state, incoming)
    for vector, copy in zip((*context.vectors, state.delta), copies, strict=True):
        assert all(torch.equal(vector[name], copy[name]) for name in copy)


@each
def test_a_loss_that_is_not_finite_ends_the_fusion(method: type[Learned], tmp_path: Path):
    context, state, incoming = asked(tmp_path)
    for vector in (*context.vectors, state.delta):
        vector["proj"][:] = torch.nan
    with pytest.raises(InputError, match=r"^outputs must stay finite while"):
        fuse(short(method), context, state, incoming)


@each
def test_a_measurement_takes_iterations_and_leaves_nothing(
    method: type[Learned], tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    rates = measure(merge_config(tiny, method=method.model_fields["name"].default), open_library(str(tiny)))
    assert "an iteration" in rates.source
    assert list(tmp_path.iterdir()) == []


@each
def test_the_pace_leaves_out_what_changes_no_iterations_time(method: type[Learned]):
    settings = short(method)
    assert {"batch", "memory"} <= set(settings.pace()) <= set(settings.settings()) - {"iterations", "lr", "every_step"}
    assert not set(settings.pace()) & set(settings.timeless)
    assert set(settings.timeless) <= set(settings.settings())


# --- all tasks at once -----------------------------------------------------------------------------------------------


@each_joint
def test_only_the_last_step_learns_unless_every_one_is_asked_to(method: type[JointLearned], tiny: Path, tmp_path: Path):
    name = method.model_fields["name"].default
    once = merged(merge_config(tiny, method=name), tmp_path, "once")
    always = merged(merge_config(tiny, method=name, every_step=True), tmp_path, "always")
    taken = [sorted(path.parent.name for path in run.glob("steps/*/curves.parquet")) for run in (once, always)]
    assert taken == [["03"], ["02", "03"]]
    assert read_tensors(once / layout.MERGED).keys() == read_tensors(always / layout.MERGED).keys()
    last = [read_tensors(run / layout.MERGED) for run in (once, always)]
    assert all(torch.equal(last[0][tensor], last[1][tensor]) for tensor in last[0])  # each step starts anew
    library = open_library(str(tiny))
    vectors = [library.task_vector(task) for task in TASKS]
    method_asked = load_run(once).config.method
    assert isinstance(method_asked, JointLearned)
    for t, (_, state) in enumerate(list(replay(load_run(once), library))[:2], start=1):
        start = method_asked.start(vectors[:t])
        assert all(torch.equal(state.delta[tensor], start[tensor]) for tensor in start)


@each_joint
def test_images_beyond_those_asked_for_change_nothing(method: type[JointLearned], tmp_path: Path):
    settings = short(method, memory=3)
    found = []
    for name, changed in (("all", False), ("changed", True)):
        context, state, incoming = asked(tmp_path / name)
        assert context.learning is not None
        tower, views, generator = context.learning.tower, settings.example_views, torch.Generator().manual_seed(4)
        calibration = []
        for number, seen in enumerate(context.learning.calibration):
            assert isinstance(seen.inputs, torch.Tensor)
            images, teacher = seen.inputs, torch.randn(len(seen) * views, 16, generator=generator)
            if changed:
                images[3:] = 0
                teacher[3 * views :] = 0
            inputs = tower.views(images, views, (7, number)) if views > 1 else images
            calibration.append(Calibration(inputs, teacher))
        context = replace(context, learning=replace(context.learning, calibration=calibration))
        found.append(fuse(settings, context, state, incoming))
    assert all(torch.equal(tensor, found[1][name]) for name, tensor in found[0].items())


def test_work_and_progress_count_the_steps_that_iterate():
    tasks = ("a", "b", "c", "d")
    size = Sizes(1000, 12, (1,) * 4, (1,) * 4, (0,) * 4)
    counts = {}
    for every in (False, True):
        config = MergeConfig.build(tasks=tasks, method="adamerging-joint", iterations=10, every_step=every)
        counts[every] = work(config, size).iterations
        view = advance(new_view("r", config), Started(tasks=tasks, iterations=10, device="cpu"))
        for step in range(4):  # of which none took iterations; the last is to come
            view = advance(view, Evaluated(step=step, row=(50.0,) * 4, seconds=float(step)))
        assert fraction_done(view) == pytest.approx((20 * every + 4) / (10 * (1 + 2 * every) + 5))
        assert (eta_seconds(view, 3.0) is None) is not every
        for iteration in range(10):
            row = {"iteration": iteration, "loss_pre": 1.0, "loss_post": 1.0}
            view = advance(view, Iterated(step=4, iteration=iteration, duration=2.0, row=row))
        assert fraction_done(view) == pytest.approx((20 * every + 14) / (10 * (1 + 2 * every) + 5))
    assert counts == {False: 10, True: 30}


def test_memory_counts_task_vectors_and_what_is_held_of_each():
    size = Sizes(1000, 0, (1,) * 4, (1,) * 4, (0,) * 4)
    config = MergeConfig.build(tasks=("a", "b", "c", "d"), method="adamerging-joint")
    assert work(config, size).tensors == 4 * 1000 * (4 + 4)  # θ⁰, the network, Δ_pre and Δ_m; four task vectors
    assert METHODS["adamerging-joint"](name="adamerging-joint").copies_per_task == 1


@pytest.mark.parametrize("sizes", [[40, 40], [8, 8, 40, 40], [5, 5, 5, 5, 5, 5, 7, 9], [1, 3, 2]])
@pytest.mark.parametrize("batch", [2, 7, 32, 1024])
def test_even_batches_hold_as_many_images_of_each_task_and_no_image_twice(sizes: list[int], batch: int):
    last, seen = len(sizes) - 1, set()
    for sides in draw_evenly(sizes, iterations=60, batch=batch, seed=0, step=2):
        (pre, rows), (post, own) = sides["pre"], sides["post"]
        assert post.tolist() == [last] and rows.shape[1] == own.shape[1] >= 1
        assert len(set(pre.tolist())) == len(pre) >= 1 and (pre < last).all()
        assert rows.size + own.size <= max(batch, 4)
        if batch >= 2 * len(sizes):
            assert len(pre) == last and rows.shape[1] == min(batch // len(sizes), *sizes)
        for task, drawn in [*zip(pre.tolist(), rows.tolist(), strict=True), (last, own[0].tolist())]:
            assert len(set(drawn)) == len(drawn) and max(drawn) < sizes[task]
            seen |= {(task, image) for image in drawn}
    if batch >= 32:
        assert len(seen) == sum(sizes)
