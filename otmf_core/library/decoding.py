"""Pictures decoded and prepared, in this process where they are few and small, else in worker processes.

Workers load Pillow and NumPy alone. A decoder that crashes takes a worker with it, not a merge.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TYPE_CHECKING

from otmf_core.errors import InputError
from otmf_core.files import brief
from otmf_core.library.pictures import open_picture
from otmf_core.library.preparation import Preparation, prepare

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import numpy as np

MOST_WORKERS = 16
AHEAD = 2  # pieces of work in hand for every worker
PIECE = 16  # pictures in one
IDLE_SECONDS = 60  # after which a worker ends
SMALL = 32 << 10  # bytes of a picture's file; a chunk of such is decoded sooner than it is sent
HOME = os.getpid()  # of the process that loaded this
Named = tuple[bytes, str]  # a picture's file, and what a sentence calls it


def decoded(pictures: Iterable[Named], how: Preparation) -> Iterator[np.ndarray]:
    """The pictures in pieces of at most PIECE, in order: uint8 (n, height, width, 3).

    Pieces are prepared ahead of what is asked for. Raises InputError, naming the first, on a picture that is damaged.
    """
    import numpy as np

    for piece in _in_pieces(pictures, how):
        arrays = []
        for array in piece:
            if isinstance(array, str):
                raise InputError(array)
            arrays.append(array)
        yield np.stack(arrays)


def damaged(pictures: Iterable[Named], how: Preparation) -> Iterator[str | None]:
    """For every picture in order the sentence on what is wrong with it, or None."""
    for piece in _in_pieces(pictures, how):
        yield from (array if isinstance(array, str) else None for array in piece)


def _in_pieces(pictures: Iterable[Named], how: Preparation) -> Iterator[list[np.ndarray | str]]:
    source = iter(pictures)
    waiting: deque[list[np.ndarray | str] | Future[list[np.ndarray | str]]] = deque()
    while True:
        while len(waiting) < AHEAD * workers() and (piece := list(islice(source, PIECE))):
            waiting.append(_begun(piece, how))
            if isinstance(waiting[-1], list):
                break
        if not waiting:
            return
        first = waiting.popleft()
        try:
            yield first if isinstance(first, list) else first.result()
        except BrokenProcessPool:
            raise InputError(
                "pictures are decoded in processes of their own: one ended, for want of memory or by a "
                "picture that no decoder should be given"
            ) from None


def _begun(piece: list[Named], how: Preparation) -> list[np.ndarray | str] | Future[list[np.ndarray | str]]:
    small = sum(len(blob) for blob, _ in piece) < SMALL * len(piece) and how.width * how.height < 100 * 100
    alone = os.getpid() != HOME  # forked: the workers are its parent's
    return prepared(piece, how) if small or alone else _workers().submit(prepared, piece, how)


def prepared(pictures: list[Named], how: Preparation) -> list[np.ndarray | str]:
    """Every picture as uint8 (height, width, 3), or the sentence on what is wrong with it."""
    import numpy as np

    arrays: list[np.ndarray | str] = []
    for blob, where in pictures:
        try:
            arrays.append(np.asarray(prepare(open_picture(blob, where), how)))
        except InputError as error:
            arrays.append(str(error))
        except (ValueError, MemoryError) as error:
            arrays.append(f"a picture can be resized to what the model takes: {where} cannot ({brief(error)})")
    return arrays


def workers() -> int:
    """The number of processes that decode: as many as there are cores for this one, at most MOST_WORKERS."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


def _workers() -> Executor:
    """The workers of this process, begun when they are first needed, and ended when they have had nothing to do.

    They begin empty, as loky has it: they run nothing of the program that asks, which need not guard its main module.
    """
    from loky import get_reusable_executor

    return get_reusable_executor(workers(), timeout=IDLE_SECONDS)
