"""What the families of checkpoints share: tensors in a file, the same in open_clip's names, and Δᵗ from them.

A container (`Contents`) holds tensors by the names of its file: safetensors, or a torch file read without executing it.
A family (`Checkpoint`) maps them to open_clip's names, which the rest of the program speaks: the image tower under
"visual.", the text tower beside it. Nothing but headers is read before a value is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.models.checkpoints import TOWER, Header, check_finite, check_floating, check_header, without_buffers

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.models.task_vector import StateDict

Activation = Literal["gelu", "quick_gelu"]
WRAPPERS = ("module.", "model.", "base_model.model.", "clip_model.", "state_dict.", "_orig_mod.")
PROJECTION = "proj"  # of the image tower; experts of some families go without, and take the pre-trained model's


class Contents(ABC):
    """The tensors of one file, or of the shards of one, by the names that they have there."""

    files: tuple[Path, ...]  # all that is read, the one that was named first
    header: Header

    @abstractmethod
    def read(self, name: str) -> Tensor:
        """A tensor as it is stored, on the CPU; raises InputError on a damaged file."""


class Expert(ABC):
    """A fine-tuned model, of which nothing but headers has been read."""

    family: ClassVar[str]
    files: tuple[Path, ...]  # all that it is read from, the one that was named first
    precision: str  # the types of its weights: F32, F16, BF16, F64, or several joined by " + "
    activation: Activation | None = None  # of its MLPs, None where nothing tells it: weights do not
    base_model: str = ""  # the name or path of the pre-trained model that it names as its own, if any

    @abstractmethod
    def check(self, tower: Header) -> None:
        """Raise InputError, naming the key, unless it fits the image tower of that header ("visual." taken off)."""

    @abstractmethod
    def difference(self, name: str, base: Tensor) -> Tensor:
        """One tensor of Δᵗ = θᵗ − θ⁰, by its name in the image tower, given θ⁰'s; raises as `task_vector` does."""

    def task_vector(self, base: Mapping[str, Tensor]) -> StateDict:
        """Δᵗ = θᵗ − θ⁰ of exactly the keys of `base`, θ⁰'s image tower ("visual." taken off).

        Raises InputError, naming the key, on keys or shapes that are not θ⁰'s and on values that are not finite.
        """
        delta = {}
        for name, value in base.items():
            delta[name] = self.difference(name, value)
            check_finite({name: delta[name]}, str(self.files[0]))
        return delta


class Checkpoint(Expert):
    """A model of a family whose files hold whole weights, in open_clip's names."""

    tower: ClassVar[str] = TOWER  # what the names of the tensors that a merge changes begin with
    projected: bool = True  # whether the family keeps the image tower's projection in its files

    @property
    @abstractmethod
    def header(self) -> Header:
        """Type and shape of every floating-point tensor, by open_clip's name; buffers of whole numbers are left out."""

    @abstractmethod
    def read(self, name: str) -> Tensor:
        """A tensor by open_clip's name, in its stored precision, on the CPU."""

    @property
    def config(self) -> Mapping[str, Any] | None:
        """The open_clip configuration that its folder states, or None where it states none."""
        return None

    @property
    def where(self) -> str:
        """What sentences call it."""
        return str(self.files[0])

    def check(self, tower: Header) -> None:
        own = self._tower_header()
        if not own:
            raise InputError(f"a fine-tuned CLIP has an image tower: no key of one is in {self.where}")
        if PROJECTION in tower and PROJECTION not in own and not self.projected:
            own[PROJECTION] = tower[PROJECTION]
        check_header(own, tower, self.where)

    def difference(self, name: str, base: Tensor) -> Tensor:
        """θᵗ − θ⁰ in float32; zeros for a projection that the family does not keep."""
        if name == PROJECTION and not self.projected:
            return base.float() * 0
        if self.tower + name not in self.header:
            raise InputError(
                f"weights have exactly the keys of the pre-trained model: {shown(name)} is missing in {self.where}"
            )
        tensor = self.read(self.tower + name)
        if tensor.shape != base.shape:
            raise InputError(
                f"shapes follow the pre-trained model: {shown(name)} is {tuple(tensor.shape)}, expected "
                f"{tuple(base.shape)}, in {self.where}"
            )
        return tensor.float() - base.float()

    def _tower_header(self) -> Header:
        own = self.tower
        return {name.removeprefix(own): entry for name, entry in self.header.items() if name.startswith(own)}


def unwrapped(names: Iterable[str], more: tuple[str, ...] = ()) -> dict[str, str]:
    """The name of each tensor as its model has it → its name in the file, less the wrappers that all are in.

    Wrappers nest: module. of distributed training, base_model.model. of PEFT, model. of anyone's own class, and `more`.
    """
    stored = {name: name for name in names}
    while found := next((wrapper for wrapper in (*WRAPPERS, *more) if _all_begin(stored, wrapper)), None):
        stored = {name.removeprefix(found): original for name, original in stored.items()}
    return stored


def _all_begin(names: Collection[str], prefix: str) -> bool:
    return len(names) > 0 and all(name.startswith(prefix) for name in names)


def floating(header: Header, where: str) -> Header:
    """A header without buffers of whole numbers; raises InputError on types that weights do not have."""
    weights = without_buffers(header)
    check_floating(weights, where)
    return weights


def precision(header: Header) -> str:
    """The types in a header, the commonest first: "F32", "F16 + F32"."""
    kinds = [kind for kind, _ in header.values()]
    return " + ".join(sorted(set(kinds), key=lambda kind: (-kinds.count(kind), kind))) or "none"
