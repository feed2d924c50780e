"""Tensors in safetensors: one file, or the shards that an index names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError
from otmf_core.files import read_object, shown
from otmf_core.library.importers.base import Contents
from otmf_core.models.checkpoints import Header, is_safetensors, read_header, read_tensor

if TYPE_CHECKING:
    from torch import Tensor

MAP = "weight_map"  # of an index: the shard of every tensor


class SafetensorsContents(Contents):
    """A safetensors file, or all that an index of shards names; told apart by content, whatever their names.

    Raises InputError when a file is missing or damaged, or an index is not its shards'.
    """

    def __init__(self, path: Path) -> None:
        if not os.path.isfile(path):
            raise InputError(f"a file is missing: {path}")
        if path.suffix == ".safetensors" or is_safetensors(path):
            self.files = (path,)
            self.header = read_header(path)
            self._shards = dict.fromkeys(self.header, path)
        else:
            self._shards = _shards(path)
            self.files = (path, *dict.fromkeys(self._shards.values()))
            self.header = _joined(self._shards, path)

    def read(self, name: str) -> Tensor:
        return read_tensor(self._shards[name], name)


def _shards(index: Path) -> dict[str, Path]:
    """The file of every tensor of an index, each beside it: a link there is followed, a path out is not."""
    names: Any = read_object(index).get(MAP)
    if not isinstance(names, dict) or not names:
        raise InputError(f"an index of shards has a {MAP} of tensor names to files, which is missing in {index}")
    for shard in names.values():
        if not isinstance(shard, str) or shard in ("", ".", "..") or any(mark in shard for mark in "/\\:\0"):
            raise InputError(f"a shard is a file beside its index, received {shown(shard)} in {index}")
    return {name: index.parent / shard for name, shard in names.items()}


def _joined(shards: dict[str, Path], index: Path) -> Header:
    expected: dict[Path, list[str]] = {}
    for name, path in shards.items():
        expected.setdefault(path, []).append(name)
    header: Header = {}
    for path, names in expected.items():
        own, where = read_header(path), f"{shown(path.name)} of {index}"
        for name in own:
            if name in header:
                raise InputError(f"a tensor is in one shard: {shown(name)} is in another and in {where}")
            if name not in shards:
                raise InputError(f"an index names every tensor of its shards: not so {shown(name)} in {where}")
        for name in names:
            if name not in own:
                raise InputError(f"a tensor is in the shard that its index names: {shown(name)} is not in {where}")
        header |= own
    return header
