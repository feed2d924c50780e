"""The gates of a task's experts (MINGLE, arXiv 2505.11883): learned on its images, held off earlier tasks' inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from otmf_core.errors import InputError
from otmf_core.masks.adam import Adam
from otmf_core.methods.context import Context, Learning
from otmf_core.methods.experts import Experts
from otmf_core.methods.iterating import Row, learning_of
from otmf_core.methods.training import NOT_FINITE
from otmf_core.models.grown import Place, grown
from otmf_core.models.inputs import ENCODE_BATCH, batches
from otmf_core.models.task_vector import StateDict
from otmf_core.transport.distributions import divergence, log_probabilities

TEMPERATURE = 2.0  # of both softmaxes
SPREAD = 0.01  # the standard deviation of a gate's weights at the start; its bias starts at 0


@dataclass(frozen=True)
class Course:
    """How gates are learned: iterations, images of each, Adam's rate, and γ and β of what holds them off."""

    iterations: int
    batch: int
    lr: float
    gamma: float
    beta: float


class Gates:
    """The gate of the last expert of every matrix, while it is learned; the other gates stay as they are.

    A gradient g of its weight becomes g − (gU)·diag(exp(−γh))·Uᵀ, with U the directions of earlier tasks' inputs and
    h ← βh + (1 − β)·|gU|/‖g‖ from 0 at every task. Of the bias it stays as it is.
    """

    def __init__(self, experts: Mapping[Place, Experts], bases: Mapping[Place, Tensor], course: Course) -> None:
        self._experts, self._bases, self.course = experts, bases, course
        self.values: StateDict = {}
        self.pressure = {"/".join(place): basis.new_zeros(basis.shape[1]) for place, basis in bases.items()}
        for place, own in experts.items():
            self.values[_name(place, "weight")] = own.weights[-1].clone()
            self.values[_name(place, "bias")] = own.biases[-1].clone()
        self._adam = Adam(self.values)

    def experts(self) -> dict[Place, Experts]:
        """The experts with these gates, which gradients reach."""
        return {
            place: own.gated(self.values[_name(place, "weight")], self.values[_name(place, "bias")])
            for place, own in self._experts.items()
        }

    def step(self, loss: Callable[[Mapping[Place, Experts]], Tensor]) -> float:
        """One iteration on the loss of a model with these experts, returned; raises InputError if it is not finite."""
        for value in self.values.values():
            value.requires_grad_(True)
        total = loss(self.experts())
        if not math.isfinite(total.item()):
            raise InputError(NOT_FINITE)
        # of the gates alone: a weight of the network is none of its inputs
        gradients = torch.autograd.grad(total, list(self.values.values()), materialize_grads=True)
        self._adam.begin(self.course.lr)
        moved = dict(zip(self.values, gradients, strict=True))
        for place, basis in self._bases.items():
            name = _name(place, "weight")
            moved[name] = self._held_off("/".join(place), moved[name], basis)
        for name, value in self.values.items():
            self._adam.move(name, value.requires_grad_(False), moved[name])
        return total.item()

    def _held_off(self, place: str, gradient: Tensor, basis: Tensor) -> Tensor:
        along = gradient @ basis
        strength = along.abs() / gradient.norm().clamp(min=1e-12)
        self.pressure[place] = self.course.beta * self.pressure[place] + (1 - self.course.beta) * strength
        return gradient - basis @ (along * (-self.course.gamma * self.pressure[place]).exp())

    def state(self) -> StateDict:
        """Everything that training continues from."""
        pressures = {f"pressure/{place}": value for place, value in self.pressure.items()}
        return {**{f"gate/{name}": value for name, value in self.values.items()}, **pressures, **self._adam.state()}

    def load(self, state: StateDict) -> None:
        """Continue from `state()`, which may be on another device."""
        # copied, since products of matrices have other bits where memory is aligned otherwise, as in a mapped file
        self.values = {name: state[f"gate/{name}"].to(old.device, copy=True) for name, old in self.values.items()}
        self.pressure = {place: state[f"pressure/{place}"].to(old.device) for place, old in self.pressure.items()}
        self._adam.load(state)


def _name(place: Place, part: str) -> str:
    return "/".join((*place, part))


def drawn(columns: Mapping[Place, int], context: Context) -> dict[Place, tuple[Tensor, Tensor]]:
    """The weight (columns,) and the bias () that a new gate of every matrix starts with, from seed and step alone."""
    draws = np.random.default_rng([context.seed, context.step, 1])
    weights = {place: SPREAD * draws.standard_normal(size, dtype=np.float32) for place, size in columns.items()}
    return {place: (torch.from_numpy(weight), torch.zeros(())) for place, weight in weights.items()}


def train(gates: Gates, done: int, context: Context) -> Generator[Row, None, None]:
    """Learn, one iteration for each row of the loss curves that is asked for, after `done` of them.

    The loss is the divergence from the expert's class probabilities, at a temperature of 2, on images of its task; its
    gradient is that of the cross-entropy. The network is at θ⁰.
    """
    learning, course = learning_of(context), gates.course
    incoming = learning.calibration[-1]
    draws = np.random.default_rng([context.seed, context.step])
    rows = [draws.permutation(len(incoming))[: course.batch] for _ in range(course.iterations)]
    for iteration in range(done, course.iterations):
        loss = gates.step(lambda experts, at=rows[iteration]: _distance(experts, at, learning))
        yield {"iteration": iteration, "loss_pre": None, "loss_post": loss}


def _distance(experts: Mapping[Place, Experts], rows: np.ndarray, learning: Learning) -> Tensor:
    incoming, task = learning.calibration[-1], len(learning.calibration) - 1
    assert incoming.inputs is not None and incoming.teacher is not None  # as of every incoming task
    merged = grown(learning.tower, experts).encode(incoming.inputs[rows])
    at = torch.tensor([task], device=learning.tower.device)
    outputs = [
        log_probabilities(learning.class_vectors, features[None], at, TEMPERATURE)
        for features in (merged, incoming.teacher[rows])
    ]
    return divergence(*outputs)


@torch.no_grad()
def directions(experts: Mapping[Place, Experts], count: int, learning: Learning) -> dict[Place, Tensor]:
    """The leading eigenvectors (columns, count) of Σxxᵀ, of the tokens x of incoming images that reach each matrix."""
    moments = {place: own.right.new_zeros(own.right.shape[1], own.right.shape[1]) for place, own in experts.items()}

    def watched(place: Place, own: Experts) -> Callable[[Tensor], Tensor]:
        def add(x: Tensor) -> Tensor:
            tokens = x.flatten(0, -2).float()
            moments[place].addmm_(tokens.T, tokens)
            return own(x)

        return add

    inputs = learning.calibration[-1].inputs
    assert inputs is not None  # as of every incoming task
    tower = grown(learning.tower, {place: watched(place, own) for place, own in experts.items()})
    for batch in batches(inputs, ENCODE_BATCH):
        tower.encode(batch)
    return {place: torch.linalg.eigh(moment).eigenvectors[:, -count:] for place, moment in moments.items()}


def joined_bases(bases: Mapping[Place, Tensor], new: Mapping[Place, Tensor]) -> dict[Place, Tensor]:
    """An orthonormal basis of the earlier directions and the new ones, by QR, for every matrix."""
    return {place: torch.linalg.qr(torch.cat([basis, new[place]], 1)).Q for place, basis in bases.items()}
