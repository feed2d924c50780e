"""Torch files as containers of tensors: state dicts and pickled modules, read without executing anything.

What their pickle says is inert (see `inert`); tensors are read from the records of the archive, whose table of contents
is checked whole before.
"""

from __future__ import annotations

import os
import re
import struct
import zipfile
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError
from otmf_core.files import brief, directory_bytes, shown
from otmf_core.library.importers.base import Contents
from otmf_core.library.importers.inert import Made, Stored, read_inert

if TYPE_CHECKING:
    from torch import Tensor

MAX_ENTRIES = 100_000
MAX_DIRECTORY_BYTES = 32 << 20  # of the archive's own table of contents
MAX_PICKLE_BYTES = 64 << 20
MAX_DEPTH = 64  # of modules in modules
ZIP, LOCAL, OLD = b"PK\x03\x04", 30, re.compile(rb"\x80|.{257}ustar", re.DOTALL)
TYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "BOOL": "bool", "U8": "uint8"}
TYPES |= {"I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8"}
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "BOOL": 1, "U8": 1, "I64": 8, "I32": 4, "I16": 2, "I8": 1}
WRAPPERS = ("state_dict", "model_state_dict", "model")
LINEARISED = re.compile(r"(^|\.)(params0|func0|jvp)(\.|$)")  # keys of first-order expansions

SETS = ("__builtin__.set", "builtins.set")
ENCODERS = ("src.modeling.ImageEncoder", "src.models.modeling.ImageEncoder", "modeling.ImageEncoder")
HEADS = ("src.modeling.ClassificationHead", "src.models.modeling.ClassificationHead", "modeling.ClassificationHead")
QUICK_GELU = ("open_clip.model.QuickGELU", "open_clip.transformer.QuickGELU")
GELU = "torch.nn.modules.activation.GELU"
# The names in files of task arithmetic, of open_clip 2.0 to 3: in open_clip.model first, in open_clip.transformer later
TOWERS = ("Transformer", "ResidualAttentionBlock", "LayerNorm", "QuickGELU")
NAMES = frozenset(
    {
        *SETS,
        *ENCODERS,
        *HEADS,
        *(f"open_clip.model.{name}" for name in ("CLIP", "VisualTransformer", *TOWERS)),
        *(f"open_clip.transformer.{name}" for name in ("VisionTransformer", "LayerNormFp32", "Attention", *TOWERS)),
        *(f"open_clip.transform.{name}" for name in ("_convert_to_rgb", "MaybeConvertMode", "MaybeToTensor")),
        GELU,
        "torch.nn.modules.activation.MultiheadAttention",
        "torch.nn.modules.container.ModuleList",
        "torch.nn.modules.container.Sequential",
        "torch.nn.modules.conv.Conv2d",
        "torch.nn.modules.linear.Identity",
        "torch.nn.modules.linear.Linear",
        "torch.nn.modules.linear._LinearWithBias",  # its name before torch 1.9
        "torch.nn.modules.linear.NonDynamicallyQuantizableLinear",
        "torch.nn.modules.normalization.LayerNorm",
        "torch.nn.modules.sparse.Embedding",
        "torch.Size",
        "torchvision.transforms.functional.InterpolationMode",
        *(
            f"torchvision.transforms.transforms.{name}"
            for name in ("CenterCrop", "Compose", "Normalize", "RandomResizedCrop", "Resize", "ToTensor")
        ),
    }
)


class TorchContents(Contents):
    """The tensors of a torch file in zip form: a state dict, also wrapped in another, or a pickled module.

    `modules` has the modules of a pickled one by their dotted path, itself under "". Raises InputError on an archive
    that is not as torch.save writes it, on code other than CLIP's, and on linearised models.
    """

    def __init__(self, path: Path) -> None:
        self.files = (path,)
        self.modules: dict[str, Made] = {}
        with _opened(path) as file:
            records = _records(file, path)
            self._tensors = self._state_dict(read_inert(_pickle(file, records, path), NAMES, str(path)))
            self._begin = {name: _located(file, name, each, records, path) for name, each in self._tensors.items()}
        self.header = {name: (tensor.storage.kind, tensor.shape) for name, tensor in self._tensors.items()}

    def read(self, name: str) -> Tensor:
        import torch

        tensor = self._tensors[name]
        size = SIZES[tensor.storage.kind]
        data = bytearray(tensor.extent * size)
        with _opened(self.files[0]) as file:
            file.seek(self._begin[name] + tensor.offset * size)
            if file.readinto(data) < len(data):
                raise InputError(f"a torch file is whole: {shown(name)} ends early in {self.files[0]}")
        kind = getattr(torch, TYPES[tensor.storage.kind])
        if not data:
            return torch.empty(tensor.shape, dtype=kind)
        return torch.frombuffer(data, dtype=kind).as_strided(tensor.shape, tensor.stride).contiguous()

    def _state_dict(self, value: Any) -> dict[str, Stored]:
        where = self.files[0]
        for _ in WRAPPERS:  # wrappers nest, and no deeper than there are kinds of them
            wrapped = [value[key] for key in WRAPPERS if key in value] if type(value) is dict else []
            value = next((each for each in wrapped if type(each) in (dict, Made)), value)
        if type(value) is Made:
            tensors = self._walked(value)
        elif type(value) is dict:
            tensors = {key: each for key, each in value.items() if type(key) is str and type(each) is Stored}
        else:
            raise InputError(f"a checkpoint is a state dict or a module, received {type(value).__name__} in {where}")
        if not tensors:
            raise InputError(f"a checkpoint has tensors by name: none is in {where}")
        linear = next((key for key in tensors if LINEARISED.search(key)), None)
        if linear is not None:
            raise InputError(
                f"an expert's weights are θ⁰ + Δ: {shown(linear)} is of a linearised model, whose outputs are a "
                f"first-order expansion, in {where}"
            )
        return tensors

    def _walked(self, root: Made) -> dict[str, Stored]:
        """The state dict of a module, by its tree; keeps the modules."""
        where = self.files[0]
        tensors: dict[str, Stored] = {}
        ahead: list[tuple[str, Any, int]] = [("", root, 0)]
        while ahead:
            prefix, module, depth = ahead.pop()
            if type(module) is not Made or depth > MAX_DEPTH or len(self.modules) == MAX_ENTRIES:
                raise InputError(
                    f"a pickled module holds modules, {MAX_ENTRIES:,} at most and {MAX_DEPTH} deep: "
                    f"{shown(prefix)} is beyond in {where}"
                )
            self.modules[prefix.removesuffix(".")] = module
            left_out = _texts(module.attributes.get("_non_persistent_buffers_set"))
            parts = {part: module.attributes.get(part) or {} for part in ("_parameters", "_buffers", "_modules")}
            if any(type(part) is not dict or any(type(key) is not str for key in part) for part in parts.values()):
                raise InputError(f"a pickled module has its parts by name: {shown(prefix)} has not in {where}")
            buffers = {key: value for key, value in parts["_buffers"].items() if key not in left_out}
            for key, value in (*parts["_parameters"].items(), *buffers.items()):
                if value is None:
                    continue
                if type(value) is not Stored or prefix + key in tensors:
                    raise InputError(f"a module's weights are tensors: {shown(prefix + key)} is none in {where}")
                tensors[prefix + key] = value
            children = [(f"{prefix}{key}.", child, depth + 1) for key, child in parts["_modules"].items()]
            ahead += [each for each in children[::-1] if each[1] is not None]
        return tensors


def _texts(value: Any) -> set[str]:
    """The texts of a pickled set, which is made of a list."""
    if type(value) is not Made or value.name not in SETS or not value.arguments:
        return set()
    return {each for each in value.arguments[0] if type(each) is str} if type(value.arguments[0]) is list else set()


def _opened(path: Path) -> BufferedReader:
    if not os.path.isfile(path):
        raise InputError(f"a file is missing: {path}")
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"a file must be readable: {path} ({error.strerror})") from None


def _records(file: BufferedReader, path: Path) -> dict[str, zipfile.ZipInfo]:
    """The records of a torch archive by their name in its folder, each stored plainly and once."""
    start = file.read(512)
    if OLD.match(start):
        raise InputError(f"a torch file is a zip, as torch 1.6 and later write it: re-save as safetensors {path}")
    if not start.startswith(ZIP):
        raise InputError(f"a torch file is a zip, as torch.save writes it, received another in {path}")
    if directory_bytes(file) > MAX_DIRECTORY_BYTES:
        raise InputError(f"a torch file has at most {MAX_ENTRIES:,} records, received a longer table in {path}")
    size = os.fstat(file.fileno()).st_size
    try:
        entries = zipfile.ZipFile(file).infolist()
    except (zipfile.BadZipFile, NotImplementedError, struct.error, OSError, ValueError, LookupError) as error:
        raise InputError(f"a torch file is a whole zip: {path} is damaged ({brief(error)})") from None
    if len(entries) > MAX_ENTRIES:
        raise InputError(f"a torch file has at most {MAX_ENTRIES:,} records, received {len(entries):,} in {path}")
    records: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        name = entry.orig_filename
        folder, _, record = name.partition("/")
        if entry.flag_bits & 1 or entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise InputError(f"a torch file's records are stored plainly: {shown(name)} is not in {path}")
        if not folder or not record or ".." in name.split("/") or "\\" in name or "\0" in name or record in records:
            raise InputError(f"a torch file's records have plain names, once each: {shown(name)} is none in {path}")
        if folder != entries[0].orig_filename.partition("/")[0]:
            raise InputError(f"a torch file's records lie in one folder: {shown(name)} does not in {path}")
        if not 0 <= entry.header_offset <= size - LOCAL - entry.file_size:
            raise InputError(f"a torch file's records lie inside it: {shown(name)} does not in {path}")
        records[record] = entry
    if sum(entry.file_size for entry in entries) > size:
        raise InputError(f"a torch file's records lie side by side: they have more bytes than {path} has")
    return records


def _pickle(file: BufferedReader, records: dict[str, zipfile.ZipInfo], path: Path) -> bytes:
    if "constants.pkl" in records:
        raise InputError(f"a checkpoint holds weights, received a TorchScript program: {path}")
    if "data.pkl" not in records:
        raise InputError(f"a torch file has a data.pkl, which is missing in {path}")
    if records["data.pkl"].file_size > MAX_PICKLE_BYTES:
        raise InputError(f"a torch file's data.pkl has at most {MAX_PICKLE_BYTES >> 20} MiB: {path} has more")
    order = records.get("byteorder")
    if order is not None and (order.file_size > 16 or _content(file, order, path) != b"little"):
        raise InputError(f"a torch file's numbers begin with their low byte: those of {path} do not")
    return _content(file, records["data.pkl"], path)


def _content(file: BufferedReader, entry: zipfile.ZipInfo, path: Path) -> bytes:
    file.seek(_begin(file, entry, path))
    return file.read(entry.file_size)


def _begin(file: BufferedReader, entry: zipfile.ZipInfo, path: Path) -> int:
    """Where the bytes of a record begin: behind its own header, whose length that header states."""
    file.seek(entry.header_offset)
    header = file.read(LOCAL)
    if len(header) < LOCAL or not header.startswith(ZIP):
        raise InputError(f"a torch file is a whole zip: {shown(entry.orig_filename)} is damaged in {path}")
    return entry.header_offset + LOCAL + sum(struct.unpack_from("<HH", header, 26))


def _located(file: BufferedReader, name: str, tensor: Stored, records: dict[str, zipfile.ZipInfo], path: Path) -> int:
    """Where the bytes of a tensor's storage begin in the file."""
    entry = records.get(f"data/{tensor.storage.record}")
    if entry is None:
        raise InputError(f"a tensor has its values in the file: those of {shown(name)} are missing in {path}")
    needed = tensor.storage.count * SIZES[tensor.storage.kind]
    if needed > entry.file_size:
        raise InputError(
            f"a tensor's storage is as large as its record: that of {shown(name)} has {needed:,} bytes, "
            f"the record {entry.file_size:,}, in {path}"
        )
    begin = _begin(file, entry, path)
    if begin + entry.file_size > os.fstat(file.fileno()).st_size:
        raise InputError(f"a torch file's records lie inside it: {shown(entry.orig_filename)} does not in {path}")
    return begin
