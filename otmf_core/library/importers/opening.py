"""A fine-tuned model from the path that a user named: the container and the family, both told by content.

What a user names may be a link, and so may the files of a folder: the caches of hubs are made of them.
"""

from __future__ import annotations

import os
from pathlib import Path

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.library.importers import huggingface_config, open_clip
from otmf_core.library.importers.base import Checkpoint, Contents, Expert, unwrapped
from otmf_core.library.importers.huggingface import HuggingFaceCheckpoint, is_huggingface
from otmf_core.library.importers.open_clip import OpenClipCheckpoint, is_open_clip
from otmf_core.library.importers.safetensors_files import SafetensorsContents
from otmf_core.library.importers.t5 import T5Checkpoint
from otmf_core.models.checkpoints import is_safetensors, without_buffers
from otmf_core.models.t5_names import is_t5

ACCEPTED = "a model is a safetensors file, a torch file, an index of shards, or a folder with one"
ADAPTER = "adapter_config.json"
INDEX = "model.safetensors.index.json"
# The weights that each library looks for beside its configuration, in its order.
OF_OPEN_CLIP = (
    "open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth", "model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth",
)  # fmt: skip
OF_TRANSFORMERS = ("model.safetensors", INDEX, "pytorch_model.bin")
TORCH = (b"PK\x03\x04", b"\x80")  # a zip, a pickle
MOST_NAMED = 3  # files in a sentence


def open_checkpoint(path: Path) -> Expert:
    """The model in a file or a folder, of which headers alone are read.

    Raises InputError when there is none or several, on other formats and families, and as the families do.
    """
    if os.path.isdir(path):
        if (path / ADAPTER).is_file():
            from otmf_core.library.importers.lora import LoraAdapter

            return LoraAdapter(path)
        path = _weights(path)
    contents = _contents(path)
    if family := _task_arithmetic(contents):
        return family
    names = list(unwrapped(without_buffers(contents.header)))
    if is_t5(names):
        return T5Checkpoint(contents)
    if is_huggingface(names):
        return HuggingFaceCheckpoint(contents)
    if is_open_clip(names):
        return OpenClipCheckpoint(contents)
    found = shown(next(iter(contents.header), "no tensor"))
    raise InputError(
        f"a model is a CLIP with the names of open_clip or of transformers, or a T5, received {found} in {path}"
    )


def _task_arithmetic(contents: Contents) -> Checkpoint | None:
    """The pickled image encoder in a torch file, if that is what it holds."""
    if isinstance(contents, SafetensorsContents):
        return None
    from otmf_core.library.importers.pickles import TorchContents
    from otmf_core.library.importers.task_arithmetic import TaskArithmeticCheckpoint, is_image_encoder

    assert isinstance(contents, TorchContents)  # there is no third
    return TaskArithmeticCheckpoint(contents) if is_image_encoder(contents) else None


def _weights(folder: Path) -> Path:
    """The file in a folder that the library which wrote the folder would read, else the only one of weights."""
    names = OF_OPEN_CLIP if (folder / open_clip.CONFIG).is_file() else ()
    names += OF_TRANSFORMERS if (folder / huggingface_config.CONFIG).is_file() else (INDEX,)
    for name in names:
        if (folder / name).is_file():
            return folder / name
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise InputError(f"a folder must be readable: {folder} ({error.strerror})") from None
    found = [path for path in files if is_safetensors(path) or _is_torch(path)]
    if not found:
        raise InputError(f"{ACCEPTED}: none is in {folder}")
    if len(found) > 1:
        more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        first = ", ".join(shown(path.name, 40) for path in found[:MOST_NAMED])
        raise InputError(f"a folder has one file of weights, or is named with the file: {folder} has {first}{more}")
    return found[0]


def _contents(path: Path) -> Contents:
    if not os.path.isfile(path):
        raise InputError(f"a file is missing: {path}")
    if is_safetensors(path):
        return SafetensorsContents(path)
    if _is_torch(path):
        from otmf_core.library.importers.pickles import TorchContents

        return TorchContents(path)
    if path.suffix == ".safetensors" or _start(path).lstrip().startswith(b"{"):  # a damaged one, or an index
        return SafetensorsContents(path)
    raise InputError(f"{ACCEPTED}, received another in {path}")


def _is_torch(path: Path) -> bool:
    return _start(path).startswith(TORCH)


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError as error:
        raise InputError(f"a file must be readable: {path} ({error.strerror})") from None
