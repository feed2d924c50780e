"""A merge method: a value that holds its settings, says what it is, and maps a state and Δ_post to a state.

A method is one file of this folder and one line of the table in `table`. It imports torch inside its functions, since
command lines and forms read every method's settings before anything is computed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from otmf_core.models.task_vector import StateDict, scaled
from otmf_core.settings import Setting, Shown, settings_of

if TYPE_CHECKING:
    from torch import device

    from otmf_core.methods.context import Context
    from otmf_core.models.base import Tower

Reads = Literal["none", "calibration", "labels"]
ViewCount = Annotated[
    int,
    Field(ge=1, le=64, description="views of every unlabelled example: the example itself, and others drawn"),
    Shown(
        group="Masks",
        step=1,
        help="Views of every unlabelled example: itself, and others that are drawn: images turned, scaled, shifted or "
        "mixed a little, texts with some words hidden. More are harder to overfit; each takes the expert a forward "
        "pass. What is kept is the example.",
    ),
]
# What a method is told apart by, in the order of forms and tables.
KINDS = {
    "none": "One after another, without data",
    "calibration": "One after another, on unlabelled examples",
    "labels": "One after another, on labelled examples",
    "growing": "One after another, growing: no single checkpoint",
    "joint": "All at once",
}


@dataclass(frozen=True, eq=False)
class State:
    """A merge between two steps: Δ_m in float32, and named tensors and numbers that its method carries along.

    Where the model grows, these tensors are also what it computes with beside its weights.
    """

    delta: StateDict
    tensors: StateDict = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)

    def to(self, device: device) -> State:
        """The same on a device."""
        delta, tensors = ({n: t.to(device) for n, t in part.items()} for part in (self.delta, self.tensors))
        return State(delta, tensors, self.numbers)


class Method(BaseModel, ABC):
    """A merge method with its settings, which are the fields of its class; frozen, and written as JSON by `name`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    title: ClassVar[str]
    about: ClassVar[str]  # one line: what it does, and what that trades
    paper: ClassVar[str] = ""
    code: ClassVar[str] = ""  # where its authors' own stands, host and path
    differs: ClassVar[str] = ""  # where this differs from paper or code, in a sentence
    reads: ClassVar[Reads] = "none"
    joint: ClassVar[bool] = False  # whether a step sees all task vectors so far, not the incoming one alone
    grows: ClassVar[bool] = False  # whether the merged model has more than weights, and more at every step
    single: ClassVar[str] = ""  # of one that grows: the name of its form whose model is one checkpoint
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}  # name → the settings that differ from the defaults

    name: str

    def begin(self, incoming: StateDict, context: Context) -> State:
        """The state after step 1, from Δ¹ (any float type); by default Δ_m⁽¹⁾ = Δ¹."""
        return State(scaled(incoming, 1.0))

    @abstractmethod
    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        """The state after step t, from that after t−1 and Δᵗ (any float type); neither is changed.

        Raises Interrupted, after saving what the step resumes from, when it is asked to stop.
        """

    def replay(self, state: State | None, incoming: StateDict, context: Context, folder: Path) -> State:
        """A step of a finished run once more, without learning: the first where there is no state.

        `folder` has what the step left there.
        """
        return self.fuse(state, incoming, context) if state else self.begin(incoming, context)

    def iterate(self, state: State, incoming: StateDict, context: Context) -> Iterator[Any]:
        """The iterations of a fusion one by one, to be measured; writes nothing."""
        return iter(())

    def deployed(self, state: State, tower: Tower) -> Tower:
        """The merged model of a state, on the tower's own network: the tower at θ⁰ + Δ_m, with all that was grown."""
        tower.load(state.delta)
        return tower

    def variants(self) -> dict[str, Method]:
        """Other ways to deploy the same state, each evaluated once, after the last step."""
        return {}

    def parameters_beside(self, shapes: Mapping[str, tuple[int, ...]], tasks: int) -> int:
        """The parameters that a merge of so many tasks adds to those of a model of these shapes."""
        return 0

    @property
    def reads_answers(self) -> bool:
        """Whether it learns by the frozen heads: by class probabilities or by logits, not by features alone."""
        return False

    @property
    def iterations_per_fusion(self) -> int:
        """The number of iterations of a fusion; 0 where it is a formula."""
        return 0

    def iterates_at(self, step: int, tasks: int) -> bool:
        """Whether step t of a merge of so many tasks has these iterations; by default every one from 2 on has."""
        return step > 1

    @property
    def kept_examples(self) -> int:
        """The number of unlabelled examples that the method keeps of every earlier task."""
        return 0

    @property
    def example_views(self) -> int:
        """The views of every unlabelled example that it learns on, the example itself among them."""
        return 1

    @property
    def calibration_examples(self) -> int | None:
        """The number of unlabelled examples that a fusion sees of the incoming and the previous task; None for all."""
        return None

    @property
    def model_copies(self) -> int:
        """The tensors of a model's size that a fusion holds at once: θ⁰, the network, Δ_pre, Δ_post and Δ_m."""
        return 5

    @property
    def copies_per_task(self) -> int:
        """The tensors of a model's size that it holds of every task beside those: of a joint method, task vectors."""
        return 1 if self.joint else 0

    @property
    def kept_bytes(self) -> int:
        """The bytes that a fusion which iterates leaves on disk for each parameter of the model, at most."""
        return 0

    @property
    def unfinished_bytes(self) -> int:
        """The bytes that it saves for each parameter to go on from within a fusion, at most."""
        return 0

    @property
    def batch_examples(self) -> int:
        """The most examples of one task that an iteration draws; of a joint method, of all tasks together."""
        return 0

    @property
    def turns(self) -> int:
        """The number of kinds of iterations that take turns."""
        return 1

    @property
    def sides(self) -> int:
        """The mini-batches that an iteration encodes at once: of earlier tasks and of the incoming one, or one."""
        return 2 if self.turns == 1 and not self.joint else 1

    def images_per_iteration(self, earlier: int) -> int:
        """The examples that an iteration learns from where there are so many earlier tasks."""
        return self.sides * self.batch_examples

    def pace(self) -> dict[str, Any]:
        """The settings that decide how long an iteration takes; by default all."""
        return self.settings()

    @classmethod
    def kind(cls) -> str:
        """The one of KINDS that it belongs to."""
        return "joint" if cls.joint else "growing" if cls.grows else cls.reads

    @classmethod
    @cache
    def described(cls) -> dict[str, Setting]:
        """Every setting by its name."""
        return settings_of(cls, "name")

    @classmethod
    @cache
    def swept(cls) -> Setting | None:
        """The setting that a sweep varies, None where there is none."""
        return next((setting for setting in cls.described().values() if setting.shown.sweep), None)

    def settings(self) -> dict[str, Any]:
        """Every setting's value by its name, as JSON has it."""
        return self.model_dump(mode="json", exclude={"name"})

    def symbols(self) -> list[str]:
        """The settings that name a merge, such as α = 0.8."""
        values = self.settings()
        shown = [s for s in self.described().values() if s.shown.symbol and s.applies(values)]
        return [f"{s.shown.symbol} = {s.text(getattr(self, s.name))}" for s in shown]


class JointMethod(Method):
    """A method that merges all tasks at once, the reference of continual ones: row t of its matrix is of the first t.

    It starts anew at every step, from `context.vectors`, which are Δ¹…Δᵗ.
    """

    joint = True

    @abstractmethod
    def merged(self, vectors: Sequence[StateDict], context: Context) -> StateDict:
        """Δ_m in float32 of these task vectors (any float type), at least one; none is changed."""

    def begin(self, incoming: StateDict, context: Context) -> State:
        return State(self.merged(context.vectors, context))

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        return State(self.merged(context.vectors, context))
