"""The mini-batches of a method that learns on unlabelled examples: which are drawn, and their features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from torch import Tensor

from otmf_core.methods.context import Learning

Batch = tuple[np.ndarray, np.ndarray]  # tasks (b,), image indices (b, n)


class Encoded(NamedTuple):
    """One side of a mini-batch under the present weights: features (b, n, d), with gradient."""

    tasks: np.ndarray  # (b,)
    rows: np.ndarray  # (b, n)
    features: Tensor


def draw_batches(
    sizes: list[int],
    *,
    iterations: int,
    batch: int,
    seed: int,
    step: int,
    in_turns: bool = False,
    batch_earlier: int | None = None,
) -> Iterator[dict[str, Batch | None]]:
    """The mini-batches of a fusion, all drawn from (seed, step) alone, so that a resumed step sees the same ones.

    `sizes[i]` images can be seen of task i, the incoming one last; tasks of size 0 are not drawn. The pre side holds
    `batch_earlier` images of every earlier task; by default `batch` in all, equally many of each, two at least: of some
    of them, at random, where these are too few for all. With `in_turns` one side is None, the pre side in odd
    iterations.
    """
    random = np.random.default_rng([seed, step])
    earlier = np.array([task for task, size in enumerate(sizes[:-1]) if size])
    groups = len(earlier) if batch_earlier else min(max(1, batch // 2), len(earlier))
    each = min(batch_earlier or max(2, batch // groups), min(sizes[task] for task in earlier))
    for iteration in range(iterations):
        tasks = np.sort(random.permutation(earlier)[:groups])
        pre = (tasks, np.stack([random.permutation(sizes[task])[:each] for task in tasks]))
        post = (np.array([len(sizes) - 1]), random.permutation(sizes[-1])[None, :batch])
        if not in_turns:
            yield {"pre": pre, "post": post}
        else:
            yield {"pre": pre, "post": None} if iteration % 2 == 0 else {"pre": None, "post": post}


def draw_evenly(sizes: list[int], *, iterations: int, batch: int, seed: int, step: int) -> Iterator[dict[str, Batch]]:
    """The mini-batches of a fusion of all tasks at once, likewise drawn: as many images of each task, `batch` in all.

    The last task is the post side. Where `batch` is less than two for each, earlier tasks take turns at random.
    """
    random = np.random.default_rng([seed, step])
    earlier, last = np.arange(len(sizes) - 1), len(sizes) - 1
    each = min(max(2, batch // len(sizes)), *sizes)
    groups = min(len(earlier), max(1, batch // each - 1))
    for _ in range(iterations):
        tasks = np.sort(random.permutation(earlier)[:groups])
        pre = (tasks, np.stack([random.permutation(sizes[task])[:each] for task in tasks]))
        yield {"pre": pre, "post": (np.array([last]), random.permutation(sizes[last])[None, :each])}


def in_parts(sides: Mapping[str, Batch], most: int | None) -> list[dict[str, Batch]]:
    """A mini-batch in parts of at most `most` images, or of one task: each task whole, as losses are means over tasks.

    With None, or where it has no more, it is one part.
    """
    if most is None or sum(rows.size for _, rows in sides.values()) <= most:
        return [dict(sides)]
    parts: list[dict[str, Batch]] = []
    room = 0
    for side, (tasks, rows) in sides.items():
        for task in range(len(tasks)):
            if rows.shape[1] > room:
                parts.append({})
                room = most
            room -= rows.shape[1]
            first = task - len(parts[-1][side][0]) if side in parts[-1] else task
            parts[-1][side] = (tasks[first : task + 1], rows[first : task + 1])
    return parts


def encode(sides: Mapping[str, Batch], learning: Learning) -> dict[str, Encoded]:
    """Every side of a mini-batch under the present weights, by one forward pass over all its images."""
    images = []
    for tasks, rows in sides.values():
        for task, own in zip(tasks, rows, strict=True):
            inputs = learning.calibration[task].inputs
            assert inputs is not None  # tasks without examples are not drawn
            images.append(inputs[own])
    features = learning.tower.encode_in_lanes(learning.tower.join(images))
    encoded, start = {}, 0
    for side, (tasks, rows) in sides.items():
        encoded[side] = Encoded(tasks, rows, features[start : start + rows.size].view(*rows.shape, -1))
        start += rows.size
    return encoded
