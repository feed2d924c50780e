"""How large a library's work is: parameters, pictures and images, read from the headers of its files, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import inside
from otmf_core.library.library import Library, Split
from otmf_core.models.checkpoints import read_header


@dataclass(frozen=True)
class Sizes:
    """A model's parameters, bytes of a picture as uint8, and how many images each task has, by split."""

    parameters: int
    picture: int
    test: tuple[int, ...]
    calibration: tuple[int, ...]
    labelled: tuple[int, ...]


def sizes(library: Library, config: MergeConfig) -> Sizes:
    """The sizes of a merge's tasks, 0 images in the splits it does not read; raises InputError on a missing file."""
    tasks = config.tasks
    splits = {"test", *(["calibration"] * config.reads_images), *(["labelled"] * (config.heads == "tuned"))}
    side = library.backbone_config["preprocess_cfg"]["size"]
    height, width = (side, side) if isinstance(side, int) else side
    known: tuple[Split, ...] = ("test", "calibration", "labelled")
    counts = (tuple(_count(library, task, split) if split in splits else 0 for task in tasks) for split in known)
    return Sizes(_parameters(library), 3 * height * width, *counts)


def _count(library: Library, task: str, split: Split) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = library.task(task).files.get(split)
    if name is None:
        raise InputError(f"the library is incomplete: {task} names no {split} in {library.root / 'manifest.json'}")
    try:
        return pq.read_metadata(inside(library.root, name)).num_rows
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"images come as a Parquet table: {library.root / name} ({error})") from None


def _parameters(library: Library) -> int:
    """Entries of the image tower's floating-point tensors."""
    header = read_header(inside(library.root, library.manifest["backbone"].get("weights", "")))
    return sum(prod(shape) for name, (kind, shape) in header.items() if name.startswith("visual.") and "F" in kind)
