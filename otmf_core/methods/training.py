"""How a fusion learns on unlabelled examples: batch by batch, from the gradient of every weight as it comes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from otmf_core.errors import InputError
from otmf_core.masks.base import MaskPair
from otmf_core.masks.measures import SIDES
from otmf_core.methods.batches import Batch, in_parts
from otmf_core.methods.context import Context
from otmf_core.methods.gradients import consumed
from otmf_core.methods.iterating import Row, iterate, keep_merged, learning_of, write_curves
from otmf_core.methods.objectives import side_weights
from otmf_core.models.task_vector import StateDict

NOT_FINITE = "outputs must stay finite while a fusion learns: lower lr or the number of iterations"


class Learner(ABC):
    """What a fusion trains: parameters that Δ_m is made of.

    An iteration is `begin`, then `consume` once for each weight as its gradient arrives, then `finish`. OTMF's masks
    (`MaskPair`) are trained likewise, either side by itself where they take turns.
    """

    @abstractmethod
    def begin(self, rate: float, sides: tuple[str, ...] = SIDES) -> None:
        """Start an iteration at Adam's `rate`, whose losses are of `sides`."""

    @abstractmethod
    def consume(self, name: str, grad: Tensor, weight: Tensor) -> None:
        """Take in G = dL/dθ_m of one tensor; may write the new θ_m into `weight` at once."""

    def finish(self, weights: StateDict) -> None:  # noqa: B027  some have nothing left to do
        """End an iteration: write the weights that were not written as their gradients came."""

    @abstractmethod
    def apply(self, weights: StateDict) -> None:
        """Write θ_m into every weight."""

    @abstractmethod
    def merged(self) -> StateDict:
        """Δ_m in float32; training is over then."""

    @abstractmethod
    def state(self) -> StateDict:
        """Everything that training continues from."""

    @abstractmethod
    def load(self, state: StateDict) -> None:
        """Continue from `state()`, which may be on another device."""

    def keep(self, folder: Path, merged: StateDict) -> None:
        """Leave in the folder of the step what Δ_m is made of once more: Δ_m itself, in float16."""
        keep_merged(folder, merged)


@dataclass(frozen=True)
class Plan:
    """The iterations of a fusion: a mini-batch each, the losses of its sides, and Adam's rate.

    `columns` are what an iteration adds to its row of the curves, always by the same names.
    """

    batches: Sequence[Mapping[str, Batch]]
    losses: Callable[[int, Mapping[str, Batch]], dict[str, Tensor]]  # by the number of the iteration
    rate: Callable[[int], float]
    columns: Callable[[int], Row] = lambda _: {}


def learn(learner: Learner | MaskPair, plan: Plan, context: Context) -> StateDict:
    """Δ_m of a learner after all iterations of the plan; its curves are left in the folder of the step.

    Raises Interrupted, within one iteration, after saving what the fusion resumes from, and InputError when a loss is
    no longer finite.
    """
    training = partial(train, learner, plan, context=context)
    curves = iterate(len(plan.batches), context, training, learner.state, learner.load)
    write_curves(learning_of(context).results, curves)
    return learner.merged()


def train(learner: Learner | MaskPair, plan: Plan, done: int, context: Context) -> Generator[Row, None, None]:
    """Train, one iteration for each row of the loss curves that is asked for, after `done` of them."""
    learning = learning_of(context)
    weights = learning.tower.weights()
    learner.apply(weights)
    weighs = side_weights(learning)
    with consumed(learning.tower, learner.consume) as backward:
        for iteration in range(done, len(plan.batches)):
            sides = plan.batches[iteration]
            found = dict.fromkeys(sides, 0.0)
            parts = in_parts(sides, learning.tower.most_at_once)
            for number, part in enumerate(parts, start=1):
                shares = {side: len(tasks) / len(sides[side][0]) for side, (tasks, _) in part.items()}
                losses = {side: shares[side] * loss for side, loss in plan.losses(iteration, part).items()}
                total = torch.stack([weighs[side] * loss for side, loss in losses.items()]).sum()
                if not math.isfinite(total.item()):
                    raise InputError(NOT_FINITE)
                backward.last = number == len(parts)
                if backward.last:
                    learner.begin(rate=plan.rate(iteration), sides=tuple(sides))
                total.backward()
                for side, loss in losses.items():
                    found[side] += loss.item()
            learner.finish(weights)
            row: Row = {"iteration": iteration}
            row |= {f"loss_{side}": found.get(side) for side in SIDES}
            yield row | plan.columns(iteration)


def decaying(rate: float, iterations: int) -> Callable[[int], float]:
    """The rate of every iteration: from `rate` towards 0, by half a cosine."""
    return lambda iteration: rate * (1 + math.cos(math.pi * iteration / iterations)) / 2
