"""What methods that learn on unlabelled examples have in common: their settings, their iterations, what they leave."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from otmf_core import layout
from otmf_core.methods.base import JointMethod, Method, State
from otmf_core.models.task_vector import StateDict, combined, scaled
from otmf_core.settings import Shown

if TYPE_CHECKING:
    from otmf_core.methods.batches import Batch
    from otmf_core.methods.context import Context
    from otmf_core.methods.training import Learner, Plan

GROUP = "Learning"
ITERATIONS = Shown(group=GROUP, step=50)
BATCH = Shown(group=GROUP, step=8)
RATE = Shown(label="Rate", group=GROUP)
MEMORY = Shown(group=GROUP, step=8)


def scaled_sum(vectors: Sequence[StateDict], factor: float) -> StateDict:
    """factor · Σ Δᵗ in float32."""
    total = scaled(vectors[0], factor)
    for vector in vectors[1:]:
        total = combined(total, vector, 1.0, factor)
    return total


class Learned(Method):
    """A method whose fusions train something by Adam, mini-batch by mini-batch; no label is read."""

    reads = "calibration"
    timeless: ClassVar[tuple[str, ...]] = ()  # its own settings that change no iteration's time

    iterations: Annotated[int, Field(ge=1, le=100_000, description="iterations of each fusion"), ITERATIONS] = 300
    batch: Annotated[int, Field(ge=2, le=1024, description="examples of each side in a mini-batch"), BATCH] = 16
    lr: Annotated[float, Field(gt=0, le=1, description="Adam's rate"), RATE] = 0.001
    memory: Annotated[
        int, Field(ge=0, le=4096, description="unlabelled examples kept of every earlier task"), MEMORY
    ] = 64

    @abstractmethod
    def training(self, vectors: Sequence[StateDict], context: Context) -> tuple[Learner, Plan]:
        """What a fusion of these vectors trains, before its first iteration, and by which iterations."""

    def learned(self, vectors: Sequence[StateDict], context: Context) -> StateDict:
        """Δ_m of these vectors, learned; what `kept` goes by is left in the folder of the step."""
        from otmf_core.methods.iterating import learning_of
        from otmf_core.methods.training import learn

        learner, plan = self.training(vectors, context)
        merged = learn(learner, plan, context)
        learner.keep(learning_of(context).results, merged)
        return merged

    def kept(self, vectors: Sequence[StateDict], folder: Path) -> StateDict:
        """Δ_m of a step that learned once more; up to the rounding of float16 where it is not made of coefficients."""
        from otmf_core.methods.coefficients import combination, kept_coefficients
        from otmf_core.methods.iterating import kept_merged

        if (folder / layout.COEFFICIENTS).is_file():
            return combination(vectors, kept_coefficients(folder, vectors))
        return kept_merged(folder)

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        return State(self.learned((state.delta, incoming), context))

    def replay(self, state: State | None, incoming: StateDict, context: Context, folder: Path) -> State:
        if state is None:
            return self.begin(incoming, context)
        return State(self.kept((state.delta, incoming), folder))

    def iterate(self, state: State, incoming: StateDict, context: Context) -> Iterator[Any]:
        from otmf_core.methods.training import train

        learner, plan = self.training(context.vectors or (state.delta, incoming), context)
        return train(learner, plan, 0, context)

    def draws(self, context: Context) -> list[dict[str, Batch]]:
        """The mini-batches of a fusion: those of OTMF."""
        from otmf_core.methods.batches import draw_batches
        from otmf_core.methods.iterating import learning_of

        sizes = [len(seen) for seen in learning_of(context).calibration]
        drawn = draw_batches(sizes, iterations=self.iterations, batch=self.batch, seed=context.seed, step=context.step)
        return [{side: batch for side, batch in sides.items() if batch} for sides in drawn]

    @property
    def reads_answers(self) -> bool:
        return True

    @property
    def iterations_per_fusion(self) -> int:
        return self.iterations

    @property
    def kept_examples(self) -> int:
        return self.memory

    @property
    def kept_bytes(self) -> int:
        """Δ_m in float16; coefficients, which some methods keep instead, are few."""
        return 2

    @property
    def unfinished_bytes(self) -> int:
        """What is learned, and two moments of it, in float32."""
        return 12

    @property
    def batch_examples(self) -> int:
        return self.batch

    def pace(self) -> dict[str, Any]:
        without = ("iterations", "lr", *self.timeless)
        return {name: value for name, value in self.settings().items() if name not in without}


class JointLearned(JointMethod, Learned):
    """A joint method that learns on the images of all tasks, the same number of each."""

    batch: Annotated[
        int, Field(ge=2, le=1024, description="examples in a mini-batch, the same number of every task"), BATCH
    ] = 128
    memory: Annotated[int, Field(ge=1, le=4096, description="unlabelled examples of every task"), MEMORY] = 64
    every_step: Annotated[
        bool,
        Field(
            description="learn anew at every step, which takes as many times as long; else at the last step alone, "
            "and the rows of the matrix before it, and so BWT, are those of the start"
        ),
        Shown(label="Learn at every step", group=GROUP),
    ] = False

    @abstractmethod
    def start(self, vectors: Sequence[StateDict]) -> StateDict:
        """Δ_m before the first iteration, which is that of a step that does not learn."""

    def merged(self, vectors: Sequence[StateDict], context: Context) -> StateDict:
        return self.learned(vectors, context) if self._learns(context) else self.start(vectors)

    def replay(self, state: State | None, incoming: StateDict, context: Context, folder: Path) -> State:
        learned = (folder / layout.CURVES).is_file()
        return State(self.kept(context.vectors, folder) if learned else self.start(context.vectors))

    def iterates_at(self, step: int, tasks: int) -> bool:
        return step > 1 and (self.every_step or step == tasks)

    def draws(self, context: Context) -> list[dict[str, Batch]]:
        """The mini-batches of a fusion, of the first images of every task."""
        from otmf_core.methods.batches import draw_evenly
        from otmf_core.methods.iterating import learning_of

        sizes = [min(self.memory * self.example_views, len(seen)) for seen in learning_of(context).calibration]
        return list(
            draw_evenly(sizes, iterations=self.iterations, batch=self.batch, seed=context.seed, step=context.step)
        )

    def _learns(self, context: Context) -> bool:
        from otmf_core.methods.iterating import learning_of

        # the first step never learns, and an estimate begins without anything to learn on
        return context.step > 1 and self.iterates_at(context.step, len(learning_of(context).class_vectors.scales))

    @property
    def model_copies(self) -> int:
        """θ⁰, the network, what the step before left, and Δ_m."""
        return 4

    def pace(self) -> dict[str, Any]:
        return {name: value for name, value in super().pace().items() if name != "every_step"}
