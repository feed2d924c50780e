"""θ⁰ as a merge reads it: held in memory, or, of a large network, left in its file and read tensor by tensor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from otmf_core.errors import InputError
from otmf_core.files import mark
from otmf_core.models.checkpoints import TOWER, check_finite, parameters, read_tensor, read_tensors, tower_header
from otmf_core.models.inputs import LARGE

if TYPE_CHECKING:
    from torch import Tensor


class Stored(Mapping[str, "Tensor"]):
    """Tensors of a safetensors file, each read anew whenever it is asked for: float32, and nobody else's.

    What is asked for at every iteration is better held: `dict(stored)`.
    """

    def __init__(self, path: Path, names: Iterable[str], prefix: str = "") -> None:
        """`prefix` is what the names have in the file before those given here."""
        self.path, self.prefix = path, prefix
        self._names = dict.fromkeys(names)
        self._mark = mark(path)

    def __getitem__(self, name: str) -> Tensor:
        """Raises InputError when the file is missing, damaged or has changed since it was opened."""
        if name not in self._names:
            raise KeyError(name)
        if mark(self.path) != self._mark:
            raise InputError(f"a file stays as it is while it is read: {self.path} has changed")
        return read_tensor(self.path, f"{self.prefix}{name}").float()

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def read_tower(path: Path, prefix: str = TOWER) -> Mapping[str, Tensor]:
    """θ⁰: the image tower's tensors in a CLIP's weights, in float32, without buffers of whole numbers.

    With another `prefix` those whose names begin with it, which is taken off. Of a large network they stay `Stored`.
    Raises InputError when there are none, on types that are neither, and on values that are not finite.
    """
    header = tower_header(path, prefix)
    if parameters(header) >= LARGE:
        stored = Stored(path, header, prefix)
        check_finite(stored, str(path))
        return stored
    tensors = {name: tensor for name, tensor in read_tensors(path, prefix=prefix).items() if name in header}
    check_finite(tensors, str(path))
    return {name: tensor.float() for name, tensor in tensors.items()}
