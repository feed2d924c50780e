"""Task vectors in this program's own layout: the image tower's tensors, "visual." taken off, as differences from θ⁰."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from otmf_core.library.importers.base import Expert, precision
from otmf_core.models.checkpoints import Header, check_finite, check_header, read_header, read_tensor, read_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.models.task_vector import StateDict


class TaskVector(Expert):
    """A safetensors file that holds Δᵗ itself."""

    family = "task_vector"

    def __init__(self, path: Path) -> None:
        """Raises InputError when the file is missing or damaged."""
        self.files = (path,)
        self._header = read_header(path)
        self.precision = precision(self._header)

    def check(self, tower: Header) -> None:
        check_header(self._header, tower, str(self.files[0]))

    def difference(self, name: str, base: Tensor) -> Tensor:
        return read_tensor(self.files[0], name)

    def task_vector(self, base: Mapping[str, Tensor]) -> StateDict:
        """Δᵗ in the stored precision, mapped into memory."""
        delta = read_tensors(self.files[0])
        check_finite(delta, str(self.files[0]))
        return delta
