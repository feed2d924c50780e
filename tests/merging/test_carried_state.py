"""What a method carries from step to step beside Δ_m: tensors and numbers, the same bits after any interruption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pytest
import torch
from pydantic import Field

from otmf_core.analysis.replay import replay
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError, Interrupted
from otmf_core.library.library import open_library
from otmf_core.merging.fold import Fold
from otmf_core.merging.inputs import open_inputs
from otmf_core.methods.base import Method, State
from otmf_core.methods.context import Context
from otmf_core.models.checkpoints import read_tensors
from otmf_core.models.task_vector import StateDict, combined, scaled
from otmf_core.runs.events import Emit, Event, Stopped
from otmf_core.runs.folder import create_run, load_run
from tests.tiny import TASKS, merge_config, never


class Momentum(Method):
    """A sum whose increments have momentum; made up, so that what is carried decides on what comes next."""

    title = "Momentum"
    about = "a sum of task vectors with momentum"

    name: Literal["momentum"] = "momentum"
    decay: Annotated[float, Field(ge=0, le=1, description="share kept of the velocity")] = 0.3
    seen: ClassVar[list[State]] = []

    def begin(self, incoming: StateDict, context: Context) -> State:
        return State(scaled(incoming, 1.0), self._tensors(scaled(incoming, 1.0)), {"norm": 1 / 3, "steps": 1})

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        self.seen.append(state)
        velocity = {name: state.tensors[f"velocity.{name}"].float() for name in incoming}
        velocity = combined(velocity, incoming, self.decay, 1.0)
        norm = state.numbers["norm"] * 1.1 + 0.1
        delta = combined(state.delta, velocity, 1.0, norm)
        return State(delta, self._tensors(velocity), {"norm": norm, "steps": state.numbers["steps"] + 1})

    def _tensors(self, velocity: StateDict) -> StateDict:
        tensors = {f"velocity.{name}": tensor.double() for name, tensor in velocity.items()}
        return {**tensors, "counts": torch.arange(3), "none": torch.zeros(0)}


class Counting(Method):
    """Carries numbers alone."""

    title = "Counting"
    about = "the sum, and how many there were"

    name: Literal["counting"] = "counting"

    def begin(self, incoming: StateDict, context: Context) -> State:
        return State(scaled(incoming, 1.0), numbers={"third": 1 / 3, "least": 5e-324, "most": 1.7976931348623157e308})

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        third = state.numbers["third"] / 7
        return State(combined(state.delta, incoming, 1.0, third), numbers={**state.numbers, "third": third})


class Holding(Counting):
    """Carries a tensor alone."""

    title = "Holding"
    about = "the sum, and the last task vector"

    def begin(self, incoming: StateDict, context: Context) -> State:
        return State(scaled(incoming, 1.0), tensors={"last": torch.full((2,), torch.pi, dtype=torch.float64)})

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        last = state.tensors["last"] * torch.pi
        return State(combined(state.delta, incoming, 1.0, last[0].item()), tensors={"last": last})


METHODS = pytest.mark.parametrize(
    "method", [Momentum(decay=0.4), Counting(), Holding()], ids=lambda method: method.title
)


def config_of(tiny: Path, method: Method) -> MergeConfig:
    """The tiny merge with a method that is not in the table."""
    return merge_config(tiny, method="average").model_copy(update={"method": method})


def fold(config: MergeConfig, path: Path, emit: Emit = lambda event: None, stop: Callable[[], bool] = never) -> Fold:
    """A process's part of the run in this folder."""
    if not path.exists():
        create_run(path, config.model_copy(update={"method": merge_config(Path(config.library)).method}))
    return Fold(config, open_inputs(config), path, emit, stop)


def is_same(state: State, other: State) -> bool:
    """Whether two states are the same, bit for bit."""
    parts = ((state.delta, other.delta), (state.tensors, other.tensors))
    return state.numbers == other.numbers and all(
        one.keys() == two.keys() and all(one[n].dtype == two[n].dtype and torch.equal(one[n], two[n]) for n in one)
        for one, two in parts
    )


@METHODS
@pytest.mark.parametrize("step", [1, 2])
def test_the_state_is_read_back_as_it_was_and_leads_to_the_same_end(
    method: Method, step: int, tiny: Path, tmp_path: Path
):
    config = config_of(tiny, method)
    through = fold(config, tmp_path / "through")
    through.run()
    assert through.state is not None

    def stop() -> bool:
        return (tmp_path / f"run/resume/step-0{step}").is_dir()

    events: list[Event] = []
    before = fold(config, tmp_path / "run", events.append, stop)
    with pytest.raises(Interrupted):
        before.run()
    assert isinstance(events[-1], Stopped)
    assert (tmp_path / f"run/resume/step-0{step}/carried.safetensors").is_file()

    after = fold(config, tmp_path / "run")
    assert before.state is not None and after.state is not None
    assert after.state is not before.state
    assert is_same(after.state, before.state)
    after.run()
    assert is_same(after.state, through.state)
    merged = (tmp_path / "run/merged.safetensors").read_bytes()
    assert merged == (tmp_path / "through/merged.safetensors").read_bytes()


def test_the_end_is_the_recursion_by_hand_in_float64(tiny: Path, tmp_path: Path):
    run = fold(config_of(tiny, Momentum(decay=0.4)), tmp_path / "run")
    run.run()
    vectors = [open_library(str(tiny)).task_vector(task) for task in TASKS]
    merged = read_tensors(tmp_path / "run/merged.safetensors")
    for name, tensor in merged.items():
        first, second, third = (vector[name].double() for vector in vectors)
        one = 0.4 * first + second
        two = 0.4 * one + third
        expected = first + (1.1 / 3 + 0.1) * one + ((1.1 / 3 + 0.1) * 1.1 + 0.1) * two
        torch.testing.assert_close(tensor.double(), expected, atol=1e-6, rtol=1e-5)


def test_what_is_carried_reaches_the_next_step_and_goes_with_the_last(tiny: Path, tmp_path: Path):
    Momentum.seen.clear()
    fold(config_of(tiny, Momentum()), tmp_path / "run").run()
    assert [state.numbers["steps"] for state in Momentum.seen] == [1, 2]
    assert all(torch.equal(state.tensors["counts"], torch.arange(3)) for state in Momentum.seen)
    assert not list((tmp_path / "run").rglob("carried.safetensors"))  # of the steps before, and none of the last


def test_a_method_that_carries_nothing_leaves_no_such_file(tiny: Path, tmp_path: Path):
    config = merge_config(tiny, method="average")
    with pytest.raises(Interrupted):
        fold(config, tmp_path / "run", stop=lambda: (tmp_path / "run/resume/step-02").is_dir()).run()
    assert (tmp_path / "run/resume/step-02/merged.safetensors").is_file()
    assert not list((tmp_path / "run").rglob("carried.safetensors"))
    again = fold(config, tmp_path / "run").state
    assert again is not None
    assert (again.tensors, again.numbers) == ({}, {})


@pytest.mark.parametrize("damage", [b"", b"\0" * 99, b"no tensors"])
def test_a_damaged_file_of_what_is_carried_is_one_sentence(damage: bytes, tiny: Path, tmp_path: Path):
    config = config_of(tiny, Momentum())
    with pytest.raises(Interrupted):
        fold(config, tmp_path / "run", stop=lambda: (tmp_path / "run/resume/step-01").is_dir()).run()
    (tmp_path / "run/resume/step-01/carried.safetensors").write_bytes(damage)
    with pytest.raises(InputError, match=r"^a file must be valid safetensors: .*carried\.safetensors"):
        fold(config, tmp_path / "run")


def test_the_fold_is_replayed_with_what_is_carried(tiny: Path, tmp_path: Path):
    config = config_of(tiny, Momentum(decay=0.4))
    through = fold(config, tmp_path / "run")
    through.run()
    run = replace(load_run(tmp_path / "run"), config=config)
    *_, (_, merged) = replay(run, open_library(str(tiny)))
    assert through.state is not None
    assert all(torch.equal(merged.delta[name], tensor) for name, tensor in through.state.delta.items())
