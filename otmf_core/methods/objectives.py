"""What fusions minimise on unlabelled examples: the distance to the teachers' outputs, or the entropy of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from otmf_core.methods.batches import Batch, encode
from otmf_core.methods.context import Context, Learning
from otmf_core.methods.otmf_choices import CLASSES
from otmf_core.methods.transport_settings import TransportSettings
from otmf_core.transport.clouds import Loss
from otmf_core.transport.distributions import entropy, log_probabilities
from otmf_core.transport.losses import Cost, alignment

Teachers = Sequence[Tensor | None]
Compare = Callable[[Tensor, Tensor, Tensor], Tensor]  # features (b, n, d), their teachers', their tasks (b,): a scalar


def teachers_of(learning: Learning, pre: Mapping[str, Tensor]) -> list[Tensor | None]:
    """Teacher features of each task, constants of a fusion; where none were kept of the previous, those of θ⁰ + Δ_pre.

    The latter is equation (3) of arXiv 2511.19561; the tower is left at θ⁰ + Δ_pre then.
    """
    teachers = [seen.teacher for seen in learning.calibration]
    previous = learning.calibration[-2]
    if previous.teacher is None and previous.inputs is not None:
        learning.tower.load(pre)
        teachers[-2] = learning.tower.features(previous.inputs, "the previous task")
    return teachers


def side_weights(learning: Learning) -> dict[str, int]:
    """The tasks that the loss of a side, a mean over its tasks, stands for, so that each task weighs the same."""
    return {"pre": sum(1 for seen in learning.calibration[:-1] if len(seen)), "post": 1}


def distances(
    sides: Mapping[str, Batch], teachers: Teachers, learning: Learning, compare: Compare
) -> dict[str, Tensor]:
    """For every side of a mini-batch, how far merged features lie from the teachers', by one forward pass over all."""
    found = {}
    for side, (tasks, rows, merged) in encode(sides, learning).items():
        targets = []
        for task, own in zip(tasks, rows, strict=True):
            teacher = teachers[task]
            assert teacher is not None  # tasks without examples are not drawn
            targets.append(teacher[own])
        found[side] = compare(merged, torch.stack(targets), torch.from_numpy(tasks).to(learning.tower.device))
    return found


def loss_of(settings: TransportSettings, context: Context, iteration: int) -> Loss:
    """The loss of an iteration by these settings; calls raise InputError on outputs that are not finite."""
    draw = (context.seed, context.step, iteration)
    return alignment(settings.loss, Cost(settings.p, settings.blur, settings.reach, settings.projections, draw))


def alignments(
    sides: Mapping[str, Batch], teachers: Teachers, settings: TransportSettings, learning: Learning, loss: Loss
) -> dict[str, Tensor]:
    """For every side of a mini-batch the loss between merged and teacher outputs in the space of the settings.

    For OTMF L_pre and L_post, equations (3) and (4) of arXiv 2511.19561.
    """
    heads = learning.class_vectors

    def outputs(features: Tensor, tasks: Tensor) -> Tensor:
        if settings.loss in CLASSES:
            return log_probabilities(heads, features, tasks, settings.temperature)
        return heads.outputs(features, tasks, settings.space)

    def compare(merged: Tensor, teacher: Tensor, tasks: Tensor) -> Tensor:
        return loss(outputs(merged, tasks), outputs(teacher, tasks))

    return distances(sides, teachers, learning, compare)


def entropies(sides: Mapping[str, Batch], learning: Learning) -> dict[str, Tensor]:
    """For every side of a mini-batch, the mean entropy of the frozen heads' class probabilities, in nats."""
    found = {}
    for side, (tasks, _, features) in encode(sides, learning).items():
        at = torch.from_numpy(tasks).to(learning.tower.device)
        found[side] = entropy(log_probabilities(learning.class_vectors, features, at))
    return found
