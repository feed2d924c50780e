"""The fold again, without learning: the state after every step, from what a finished run keeps."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from otmf_core import layout
from otmf_core.library.library import Library
from otmf_core.methods.base import State
from otmf_core.methods.context import Context
from otmf_core.models.task_vector import StateDict
from otmf_core.runs.folder import Run


def replay(run: Run, library: Library) -> Iterator[tuple[StateDict, State]]:
    """Yield Δᵗ and the state after step t, for t = 1…T, on CPU: Δᵗ as stored, the state in float32.

    As exact as the method's own replay. Raises InputError when a file is missing or damaged.
    """
    method = run.config.method
    state: State | None = None
    vectors: list[StateDict] = []
    for t, task in enumerate(run.config.tasks, start=1):
        incoming = library.task_vector(task)
        if method.joint:
            vectors.append(incoming)
        context = Context(t, run.config.seed, vectors=tuple(vectors))
        state = method.replay(state, incoming, context, run.path / layout.step_folder(t))
        yield incoming, state


def state_deviation(replayed: State, stored: State) -> float:
    """That of Δ_m and, where the model grew, of what it grew: the larger one."""
    grown = {name: stored.tensors[name] for name in replayed.tensors.keys() & stored.tensors.keys()}
    if any(tensor.shape != replayed.tensors[name].shape for name, tensor in grown.items()):
        return inf
    return max(deviation(replayed.delta, stored.delta), deviation(replayed.tensors, grown))


def deviation(replayed: StateDict, stored: StateDict) -> float:
    """‖replayed − stored‖ / ‖stored‖ over all entries."""
    difference = norm = 0.0
    for name, tensor in stored.items():
        difference += (replayed[name].double() - tensor.double()).square().sum().item()
        norm += tensor.double().square().sum().item()
    return (difference / norm) ** 0.5 if norm else difference**0.5
