"""Data sets as NumPy arrays: an .npz, or .npy files in a folder, of images and of labels, per split or of one split."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from otmf_core.errors import InputError
from otmf_core.files import brief, shown
from otmf_core.library.importers.splits import MAX_BYTES, SPLITS, Dataset, Rows, check_rows, in_order

if TYPE_CHECKING:
    import numpy as np

LAYOUT = "NumPy arrays"
RULE = "arrays of a data set are images and labels, numbers that no code makes"
IMAGES, LABELS = {"x", "images", "image", "data"}, {"y", "labels", "label", "targets"}
Part = Literal["images", "labels"]


def find(files: Sequence[str]) -> set[str]:
    """The folders that hold such arrays."""
    return {""} if any(file.endswith(".npz") or (file.endswith(".npy") and _part(file)) for file in files) else set()


def open_arrays(path: Path, files: Sequence[str], config: str | None) -> Dataset:
    """The data set in the arrays of a folder, or in one .npz; without names of splits all is train.

    Raises InputError when images or labels lack each other, and on other types, shapes or lengths.
    """
    found: dict[tuple[str, Part], tuple[Path, str, int]] = {}  # where each array is, and at which row of its file
    for name in filter(reads, files):
        file = path / name if path.is_dir() else path
        first = 0
        for part, split, key, rows in _contents(file, name):
            if (split, part) in found:
                raise InputError(f"a split is there once: {split} has {part} twice in {path}")
            found[split, part] = (file, key, first)
            first += rows if part == "images" else 0
    splits = {}
    for split in {split for split, _ in found}:
        for part in ("images", "labels"):
            if (split, part) not in found:
                names = ", ".join(sorted(key for _, key, _ in found.values()))
                raise InputError(f"a split has images and labels: {split} has no {part} in {path} ({shown(names)})")
        file, key, first = found[split, "images"]
        labels_file, labels_key, _ = found[split, "labels"]
        rows, labels = _shape(file, key)[0], _shape(labels_file, labels_key)[0]
        if labels != rows:
            raise InputError(f"each image has a label: {split} has {rows:,} and {labels:,} in {path}")
        splits[split] = Rows([(file, first, _labels(labels_file, labels_key))])
    if not splits:
        raise InputError(f"arrays of a data set are named x_train, y_train or images, labels: none is so in {path}")
    return Dataset(LAYOUT, path, (), in_order(splits))


def reads(name: str) -> bool:
    return name.endswith((".npz", ".npy"))


def read(file: Path, rows: Sequence[int]) -> Iterator[bytes]:
    """Rows of the images in a file, in the order of its arrays, as PNG."""
    import numpy as np

    first, places = 0, []
    for part, _, key, count in _contents(file, file.name):
        if part == "images":
            places.append((range(first, first + count), key))
            first += count
    held, pixels = range(0), np.empty(0)
    for row in rows:
        if row not in held:
            held, key = next((place for place in places if row in place[0]), (held, ""))
            if not key:
                raise InputError(f"a data set stays as it was listed: {file} has {first:,} rows now, not {row:,}")
            pixels = _load(file, key)
        picture = np.asarray(pixels[row - held.start])
        if picture.dtype != np.uint8:
            if not (picture.min() >= 0 and picture.max() <= 1):
                raise InputError(f"images of floating point are of 0 to 1: row {row} of {file} has others")
            picture = np.rint(picture.astype(np.float64) * 255).astype(np.uint8)
        yield png(_channels_last(picture))


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of 8-bit grey (height, width) or RGB (height, width, 3)."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _channels_last(picture: np.ndarray) -> np.ndarray:
    if picture.ndim == 3 and picture.shape[-1] not in (1, 3):
        picture = picture.transpose(1, 2, 0)
    return picture[..., 0] if picture.ndim == 3 and picture.shape[-1] == 1 else picture


def _part(name: str) -> tuple[Part, str] | None:
    """What an array holds, by its name: images or labels, and of which split, by its folder's if need be."""
    *folders, own = name.lower().removesuffix(".npy").split("/")
    words = {*re.split(r"[^a-z]+", own)}
    splits = {SPLITS[word] for word in words if word in SPLITS} or {SPLITS.get((folders or [""])[-1], "train")}
    if len(splits) > 1 or not words & (IMAGES | LABELS):
        return None
    return "labels" if words & LABELS else "images", splits.pop()


def _contents(file: Path, name: str) -> Iterator[tuple[Part, str, str, int]]:
    """Part, split, key and number of rows of each array of a file, checked by their headers."""
    named = [name] if name.endswith(".npy") else [key.removesuffix(".npy") for key in _keys(file)]
    for key in named:
        found = _part(key)
        if found is None:
            continue
        part, split = found
        if name.endswith(".npz") and split == "train":  # an archive may be of one split
            split = SPLITS.get(Path(name).stem.lower(), split)
        shape = _shape(file, key)
        if part == "images":
            _check_images(shape, file, key)
        yield part, split, key, shape[0]


def _keys(file: Path) -> list[str]:
    with _readable(file), zipfile.ZipFile(file) as archive:
        return sorted(name for name in archive.namelist() if name.endswith(".npy"))


def _check_images(shape: tuple[int, ...], file: Path, key: str) -> None:
    check_rows(shape[0], file)
    colours = shape[1:] if len(shape) == 4 else ()
    if len(shape) not in (3, 4) or (colours and colours[-1] not in (1, 3) and colours[0] not in (1, 3)):
        raise InputError(f"images are (n, height, width), perhaps with 1 or 3 channels: {key} is {shape} in {file}")


def _shape(file: Path, key: str) -> tuple[int, ...]:
    """The shape that an array's header states; raises InputError on what is no array of numbers, or too large."""
    import numpy as np

    with _opened(file, key) as opened:
        version = np.lib.format.read_magic(opened)
        if version not in ((1, 0), (2, 0)):
            raise InputError(f"{RULE}: {shown(key)} is of version {version} in {file}")
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = read_header(opened)
    if kind.hasobject:
        raise InputError(f"{RULE}: {shown(key)} has pickled objects in {file}")
    if kind != np.uint8 and kind.kind != "f" and (_part(key) or ("",))[0] == "images":
        raise InputError(f"images are bytes or floating point: {shown(key)} is {kind} in {file}")
    if not shape or prod(shape) * kind.itemsize > MAX_BYTES:
        raise InputError(f"an array has rows, and at most {MAX_BYTES >> 30} GiB: {shown(key)} is {shape} in {file}")
    return shape


def _load(file: Path, key: str) -> np.ndarray:
    import numpy as np

    with _readable(file):
        if file.suffix == ".npy":
            return np.load(file, mmap_mode="r", allow_pickle=False)
        with np.load(file, allow_pickle=False) as arrays:
            return arrays[key]


def _labels(file: Path, key: str) -> Sequence[int]:
    values = _load(file, key)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "iub":
        raise InputError(f"labels are whole numbers, (n,): {shown(key)} is {values.dtype} {values.shape} in {file}")
    return values.tolist()


@contextmanager
def _opened(file: Path, key: str) -> Iterator[IO[bytes]]:
    with _readable(file):
        if file.suffix == ".npy":
            with file.open("rb") as opened:
                yield opened
        else:
            with zipfile.ZipFile(file) as archive, archive.open(f"{key}.npy") as member:
                yield member


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # zip, zlib and NumPy, each with its own: whatever they raise, the file is damaged
        raise InputError(f"{RULE}: {file} ({brief(error)})") from None
