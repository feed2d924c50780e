"""Lengths of task vectors and the cosines between them. NumPy only, so that it opens fast."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from otmf_core.errors import InputError
from otmf_core.library.importers.base import Expert
from otmf_core.library.importers.task_vector import TaskVector
from otmf_core.library.library import Library
from otmf_core.models.checkpoints import side_by_side

CHUNK = 1 << 18  # columns that are widened to float64 at a time
ORTHOGONAL, FAR, UNEVEN = 0.03, 0.15, 3.0  # thresholds of `concerns`


@dataclass(frozen=True)
class Geometry:
    """Lengths and angles of T task vectors, in the order of `tasks`."""

    tasks: tuple[str, ...]
    norms: tuple[float, ...]  # ‖Δᵗ‖, Euclidean over all entries
    base_norm: float  # ‖θ⁰‖ over the same entries
    cosines: tuple[tuple[float, ...], ...]  # (T, T) in −1…1; NaN for a task vector of zeros

    @property
    def relative(self) -> tuple[float, ...]:
        """‖Δᵗ‖ / ‖θ⁰‖."""
        return tuple(norm / self.base_norm if self.base_norm else 0.0 for norm in self.norms)

    def only(self, tasks: Sequence[str]) -> Geometry:
        """The same of some of the tasks, in their order."""
        indices = [self.tasks.index(task) for task in tasks]
        cosines = tuple(tuple(self.cosines[i][j] for j in indices) for i in indices)
        return Geometry(tuple(tasks), tuple(self.norms[i] for i in indices), self.base_norm, cosines)


def geometry(library: Library, tasks: Sequence[str]) -> Geometry:
    """Norms of the task vectors Δᵗ = θᵗ − θ⁰ of `tasks`, of θ⁰, and cos(Δⁱ, Δʲ) = ⟨Δⁱ, Δʲ⟩ / (‖Δⁱ‖ ‖Δʲ‖).

    Sums in float64 over all floating-point entries that a merge changes; one tensor of every task is in memory at a
    time. Raises InputError when a file is missing, damaged, of other shapes or has values that are not finite.
    """
    experts = [library.expert(task) for task in tasks]
    gram = np.zeros((len(experts), len(experts)))
    shapes = {}
    for name, arrays in _side_by_side(library, experts):
        shapes[name] = arrays[0].shape
        flat = [array.reshape(-1) for array in arrays]
        for start in range(0, flat[0].size, CHUNK):
            rows = np.stack([values[start : start + CHUNK] for values in flat]).astype(np.float64)
            with np.errstate(all="ignore"):  # what is not finite is told below
                gram += rows @ rows.T  # (T, T)
    for expert, square in zip(experts, gram.diagonal(), strict=True):
        if not np.isfinite(square):
            raise InputError(f"weights must be finite: a task vector has NaN or infinite values in {expert.files[0]}")
    norms = np.sqrt(gram.diagonal())
    with np.errstate(invalid="ignore"):
        cosines = np.clip(gram / np.outer(norms, norms), -1, 1)
    return Geometry(
        tuple(tasks),
        tuple(norms.tolist()),
        _base_norm(library, shapes),
        tuple(tuple(row) for row in cosines.tolist()),
    )


def _side_by_side(library: Library, experts: Sequence[Expert]) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Every tensor of all task vectors, a name at a time."""
    if all(isinstance(expert, TaskVector) for expert in experts):
        yield from side_by_side([expert.files[0] for expert in experts])
        return
    for expert in experts:
        expert.check(library.tower_header)
    for name, value in library.base().items():  # loads torch: checkpoints of others are read with it
        yield name, [expert.difference(name, value).float().numpy() for expert in experts]


def _base_norm(library: Library, shapes: dict[str, tuple[int, ...]]) -> float:
    """‖θ⁰‖ over the entries that task vectors have; raises InputError where the pre-trained model has them not."""
    path, square, missing = library.backbone("weights"), 0.0, dict(shapes)
    for name, (values,) in side_by_side([path], buffers=True):
        own = name.removeprefix(library.prefix)
        if missing.get(own) == values.shape and name.startswith(library.prefix):
            del missing[own]
            square += float(np.square(values, dtype=np.float64).sum())
    if missing:
        name = min(missing)
        raise InputError(f"a task vector has the keys and shapes of the pre-trained model: {name} is not in {path}")
    return square**0.5


def concerns(geometry: Geometry, names: Mapping[str, str]) -> list[str]:
    """Reasons against merging these task vectors, a sentence each; empty where there are none. `names` are the tasks'.

    Nearly orthogonal: a mean cosine below 0.03 over all pairs. Far apart: one is longer than 15 % of θ⁰, beyond which
    fine-tuned models are no longer joined by a line of low loss, or three times as long as another.
    """
    sentences = []
    count = len(geometry.tasks)
    sentences += [
        f"{names[task]} does not differ from the pre-trained model"
        for task, norm in zip(geometry.tasks, geometry.norms, strict=True)
        if norm == 0
    ]
    cosines = (geometry.cosines[i][j] for i in range(count) for j in range(i))
    pairs = [cosine for cosine in cosines if cosine == cosine]
    mean = sum(pairs) / len(pairs) if pairs else 1.0
    if not mean >= ORTHOGONAL:
        sentences.append(f"task vectors are nearly orthogonal (mean cosine {mean:.2f}): one task helps another little")
    longest, shortest = max(geometry.relative), min(geometry.relative)
    if longest > FAR:
        task = geometry.tasks[geometry.relative.index(longest)]
        sentences.append(
            f"{names[task]} is far from the pre-trained model ({longest:.0%} of its norm): a mean of both may be poor"
        )
    if shortest and longest / shortest > UNEVEN:
        sentences.append(
            f"task vectors differ {longest / shortest:.1f} times in length: the longest outweigh the others"
        )
    return sentences
