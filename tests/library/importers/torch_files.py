"""Torch files for tests: archives written by hand, and modules pickled under the names of task arithmetic."""

from __future__ import annotations

import sys
import types
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.transform import image_transform
from torch import Tensor, nn

from tests.tiny import CONFIG

QUICK = {**CONFIG["model_cfg"], "quick_gelu": True}
OLD_NAMES = {  # open_clip 2.0.2 had its towers in open_clip.model
    b"copen_clip.transformer\nVisionTransformer\n": b"copen_clip.model\nVisualTransformer\n",
    b"copen_clip.transformer\n": b"copen_clip.model\n",
    b"copen_clip.transform\nMaybeConvertMode\n": b"copen_clip.transform\n_convert_to_rgb\n",
}


class ImageEncoder(nn.Module):
    """CLIP without its text transformer, and what transforms its images."""

    def __init__(self, model: open_clip.CLIP) -> None:
        super().__init__()
        self.model = model
        self.train_preprocess = image_transform(16, is_train=True)
        self.val_preprocess = image_transform(16, is_train=False)
        self.cache_dir = None
        delattr(self.model, "transformer")

    def forward(self, images: Tensor) -> Tensor:
        return self.model.encode_image(images)


class ClassificationHead(nn.Linear):
    """Rows that carry the logit scale, on features of unit norm."""

    def __init__(self, weight: Tensor, normalize: bool = True) -> None:
        super().__init__(weight.shape[1], weight.shape[0])
        self.normalize = normalize
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(torch.zeros(weight.shape[0]))


def encoder(seed: int = 0, config: dict[str, Any] = QUICK) -> ImageEncoder:
    """A tiny image encoder with weights of that seed."""
    torch.manual_seed(seed)
    return ImageEncoder(open_clip.CLIP(**config)).eval()


def save_module(path: Path, module: nn.Module, under: str = "src.modeling") -> Path:
    """Pickle a module whole, as a class of the module of that name, which is gone again afterwards."""
    kind, home = type(module), type(module).__module__
    parents = [".".join(under.split(".")[:depth]) for depth in range(1, under.count(".") + 2)]
    for name in parents:
        sys.modules[name] = types.ModuleType(name)
    setattr(sys.modules[under], kind.__name__, kind)
    kind.__module__ = under
    try:
        torch.save(module, path)
    finally:
        kind.__module__ = home
        for name in parents:
            del sys.modules[name]
    return path


def rename(path: Path, names: Mapping[bytes, bytes]) -> Path:
    """Replace names in a file's pickle."""
    data, records = unpacked(path)
    for old, new in names.items():
        data = data.replace(old, new)
    return write_archive(path, data, records)


def unpacked(path: Path) -> tuple[bytes, dict[str, bytes]]:
    """The pickle of a torch file, and its other records."""
    with zipfile.ZipFile(path) as archive:
        records = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    return records.pop("data.pkl"), records


def write_archive(path: Path, data: bytes, records: Mapping[str, bytes] = {}, how: int = zipfile.ZIP_STORED) -> Path:
    """A torch file of a pickle and other records."""
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in {"data.pkl": data, "version": b"3\n", "byteorder": b"little", **records}.items():
            archive.writestr(f"archive/{name}", content)
    return path


def text(value: str) -> bytes:
    """The step that pushes a text."""
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


def number(value: int) -> bytes:
    """The step that pushes a whole number."""
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


def numbers(*values: int) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(
    count: int, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], kind: str = "FloatStorage"
) -> bytes:
    """The steps that push a tensor of the storage in record 0."""
    storage = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text("0") + text("cpu") + number(count) + b"tQ"
    view = storage + number(offset) + numbers(*shape) + numbers(*stride) + b"\x89}"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + view + b"tR"


def state_dict(**entries: bytes) -> bytes:
    """A pickle of a dictionary, of the steps that push its values."""
    return b"\x80\x02}(" + b"".join(text(name) + steps for name, steps in entries.items()) + b"u."
