"""Reading back what a fusion left of its masks: statistics of every tensor, and slices of the masks themselves.

Nothing here loads torch, and no mask is read whole where a slice will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core import layout
from otmf_core.errors import InputError
from otmf_core.files import brief, inside
from otmf_core.masks.measures import BINS, SIDES
from otmf_core.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

STATISTICS = "mask statistics come as a Parquet table with a row per tensor and side"
MAX_TENSORS = 200_000  # rows of it
LARGEST = 1e15  # of any figure in it


@dataclass(frozen=True)
class SideStatistics:
    """One side's masks, a row per tensor: histogram (n, 128) over −2…4, and figures (n,).

    `common` is the histogram of min(|M_pre|, |M_post|) over 0…4 and `drift` the mean of |mask − 1|; both are None in
    runs from before they were stored.
    """

    entries: NDArray[np.int64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    histogram: NDArray[np.int64]
    common: NDArray[np.int64] | None
    drift: NDArray[np.float64] | None


@dataclass(frozen=True)
class MaskStatistics:
    """Both sides' masks of one fusion; row i of either is tensors[i]."""

    tensors: tuple[str, ...]
    pre: SideStatistics
    post: SideStatistics


def mask_steps(run: Path) -> list[int]:
    """The steps of a run whose masks are stored, ascending."""
    names = [path.parent.name for path in run.glob(layout.every_step(layout.MASK_STATISTICS))]
    return sorted(int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 6)


def has_masks(run: Path) -> bool:
    """Whether the masks of the run's first fusion are stored, without looking for those of the others."""
    return (run / layout.step_folder(2) / layout.MASK_STATISTICS).is_file()


def read_statistics(run: Path, step: int) -> MaskStatistics:
    """The statistics of a step; raises InputError when the file is missing, damaged or not one of ours."""
    import numpy as np
    import pyarrow as pa

    path = _file(run, step, layout.MASK_STATISTICS)
    try:
        table = read_table(path, None, STATISTICS, max_rows=MAX_TENSORS)
        sides = np.asarray(table["side"].to_pylist())
        rows = {side: table.filter(pa.array(sides == side)) for side in SIDES}
        tensors = tuple(map(str, rows["pre"]["tensor"].to_pylist()))
        if not tensors or tensors != tuple(rows["post"]["tensor"].to_pylist()):
            raise ValueError("each tensor needs a row per side")

        def column(side: str, name: str) -> NDArray[Any]:
            values = np.asarray(rows[side][name].to_numpy(), float if name != "entries" else np.int64)
            if not (np.abs(values) < LARGEST).all():
                raise ValueError(f"{name} is not finite")
            return values

        def histogram(side: str, name: str) -> NDArray[np.int64]:
            lists = rows[side][name].combine_chunks()
            counts = np.asarray(lists.flatten(), np.int64).reshape(len(tensors), BINS)
            if (counts < 0).any() or (counts > LARGEST).any() or not counts.sum(1).all():
                raise ValueError(f"{name} has a row without entries")
            return counts

        def side_of(side: str) -> SideStatistics:
            return SideStatistics(
                entries=column(side, "entries"),
                mean=column(side, "mean"),
                std=column(side, "std"),
                low=column(side, "min"),
                high=column(side, "max"),
                histogram=histogram(side, "histogram"),
                common=histogram(side, "common") if "common" in table.column_names else None,
                drift=column(side, "drift") if "drift" in table.column_names else None,
            )

        return MaskStatistics(tensors, side_of("pre"), side_of("post"))
    except InputError:
        raise
    except (pa.ArrowException, AttributeError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{STATISTICS}: {path} ({brief(error)})") from None


def matrix_shape(run: Path, step: int, side: str, tensor: str) -> tuple[int, int]:
    """Rows and columns under which `read_block` shows a mask: leading ones dropped, trailing dimensions flattened."""
    with _mask(run, step, side, tensor) as stored:
        _, rows, columns = _as_matrix(stored.get_shape())
    return rows, columns


def read_block(
    run: Path, step: int, side: str, tensor: str, rows: tuple[int, int], columns: tuple[int, int]
) -> NDArray[np.floating]:
    """Entries of a mask in half-open ranges of rows and columns, float16, read as a slice of its file.

    Raises InputError when the file is missing or damaged, when it has no such mask, or when a range leaves the matrix.
    """
    with _mask(run, step, side, tensor) as stored:
        shape = stored.get_shape()
        leading, height, width = _as_matrix(shape)
        for (first, last), size, what in ((rows, height, "rows"), (columns, width, "columns")):
            if not 0 <= first < last <= size:
                raise InputError(f"{what} of {tensor} lie in 0…{size}, received {first} to {last}")
        if len(shape) - leading <= 1:  # a vector is one row
            return stored[(*[slice(0, 1)] * leading, slice(*columns))[: len(shape)]].reshape(1, -1)
        index = (*[slice(0, 1)] * leading, slice(*rows))
        if len(shape) - leading == 2:
            return stored[(*index, slice(*columns))].reshape(rows[1] - rows[0], -1)
        return stored[index].reshape(rows[1] - rows[0], -1)[:, slice(*columns)]


def block_size(height: int, width: int, cells: int) -> int:
    """The smallest k for which blocks of k × k entries, ragged at the far edges, are no more than `cells`."""
    size = 1
    while -(-height // size) * -(-width // size) > cells:
        size += 1
    return size


def block_means(entries: NDArray[np.floating], size: int) -> NDArray[np.float32]:
    """Means over blocks of k × k entries, at the far edges over what is left of one: (h, w) -> (⌈h/k⌉, ⌈w/k⌉)."""
    import numpy as np

    means = entries.astype(np.float32)
    for axis, length in enumerate(entries.shape):
        starts = np.arange(0, length, size)
        counts = np.diff([*starts, length]).astype(np.float32)
        means = (np.add.reduceat(means, starts, axis) / np.expand_dims(counts, 1 - axis)).astype(np.float32)
    return means


def _file(run: Path, step: int, name: str) -> Path:
    path = inside(run, f"{layout.step_folder(step)}/{name}")
    if not path.is_file():
        raise InputError(f"step {step} has no stored masks: {path} is missing")
    return path


@contextmanager
def _mask(run: Path, step: int, side: str, tensor: str) -> Iterator[Any]:
    """One stored mask, unread."""
    from safetensors import SafetensorError, safe_open

    path = _file(run, step, layout.MASKS)
    try:
        with safe_open(path, framework="numpy") as file:
            yield file.get_slice(f"{side}.{tensor}")
    except (SafetensorError, OSError, ValueError, TypeError, OverflowError, AttributeError) as error:
        raise InputError(f"masks come as a safetensors file with {side}.{tensor}: {path} ({brief(error)})") from None


def _as_matrix(shape: Sequence[int]) -> tuple[int, int, int]:
    """The number of leading dimensions of one entry to drop, and the rows and columns of what is left."""
    leading = 0
    while leading < len(shape) - 1 and shape[leading] == 1:
        leading += 1
    rest = [*shape[leading:]] or [1]
    if len(rest) == 1:
        return leading, 1, rest[0]
    columns = 1
    for length in rest[1:]:
        columns *= length
    return leading, rest[0], columns
