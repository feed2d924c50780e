"""The fold again, without learning: Δ_m after every step, from what a finished run keeps."""

from __future__ import annotations

from collections.abc import Iterator

from otmf_core import layout
from otmf_core.library.library import Library
from otmf_core.methods.base import State
from otmf_core.methods.context import Context
from otmf_core.models.task_vector import StateDict
from otmf_core.runs.folder import Run


def replay(run: Run, library: Library) -> Iterator[tuple[StateDict, StateDict]]:
    """Yield (Δᵗ, Δ_m⁽ᵗ⁾) for t = 1…T, on CPU: Δᵗ as stored, Δ_m in float32.

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
        yield incoming, state.delta


def deviation(replayed: StateDict, stored: StateDict) -> float:
    """‖replayed − stored‖ / ‖stored‖ over all entries."""
    difference = norm = 0.0
    for name, tensor in stored.items():
        difference += (replayed[name].double() - tensor.double()).square().sum().item()
        norm += tensor.double().square().sum().item()
    return (difference / norm) ** 0.5 if norm else difference**0.5
