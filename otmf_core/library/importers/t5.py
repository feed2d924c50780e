"""T5 as transformers lays it out, of versions 4 and 5: one file, shards with their index, or a torch file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from otmf_core.errors import InputError
from otmf_core.files import read_object, shown
from otmf_core.library.importers.base import Checkpoint, Contents, floating, precision, unwrapped
from otmf_core.models.checkpoints import Header
from otmf_core.models.t5_config import T5Fields, t5_fields
from otmf_core.models.t5_names import ALIASES, HEAD, NAME, SHARED, UNREAD

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = "config.json"


class T5Checkpoint(Checkpoint):
    """A T5 of transformers, with the config.json beside it if there is one.

    Copies of the embedding under other names are left out. Raises InputError on keys that no T5 has, and on copies that
    differ from it.
    """

    family: ClassVar[str] = "t5"
    tower: ClassVar[str] = ""

    def __init__(self, contents: Contents) -> None:
        settings = contents.files[0].parent / CONFIG
        self.files = (*contents.files, *((settings,) if settings.is_file() else ()))
        self._contents = contents
        weights = floating(contents.header, self.where)
        names = unwrapped(weights)
        self._sources = {name: key for name, key in names.items() if name not in (*ALIASES, UNREAD)}
        for name, key in self._sources.items():
            if not NAME.fullmatch(name):
                raise InputError(f"a T5 has its keys alone: {shown(key)} is none of them in {self.where}")
        if not any(name.startswith("decoder.") for name in self._sources):
            raise InputError(f"a T5 has an encoder and a decoder: there is no decoder in {self.where}")
        self._header = {name: weights[key] for name, key in self._sources.items()}
        self.precision = precision(self._header)
        for alias in ALIASES:
            if alias in names and not self._same(names[alias]):
                raise InputError(f"a T5 has one embedding: {alias} is not {SHARED} in {self.where}")

    @property
    def header(self) -> Header:
        return self._header

    def read(self, name: str) -> Tensor:
        return self._contents.read(self._sources[name])

    @property
    def tied(self) -> bool:
        """Whether its lm_head is the embedding: is not there, or is the same."""
        return HEAD not in self._sources or self._same(self._sources[HEAD])

    def check(self, tower: Header) -> None:
        if HEAD not in tower and HEAD in self._header and self.tied:
            del self._header[HEAD], self._sources[HEAD]
        super().check(tower)

    def fields(self) -> T5Fields | None:
        """What the config.json beside it says, None where there is none; raises InputError on one of another model."""
        path = self.files[-1]
        return t5_fields(read_object(path), str(path)) if path.name == CONFIG else None

    def settings(self) -> dict[str, Any]:
        """All of that config.json; raises InputError where there is none."""
        path = self.files[-1]
        if path.name != CONFIG:
            raise InputError(f"a pre-trained T5 comes with its {CONFIG}: there is none beside {self.where}")
        return read_object(path)

    def _same(self, key: str) -> bool:
        """Whether the tensor of that key is the embedding, value for value."""
        import torch

        if SHARED not in self._sources:
            raise InputError(f"a T5 has an embedding: {SHARED} is missing in {self.where}")
        return torch.equal(self._contents.read(key), self.read(SHARED))
