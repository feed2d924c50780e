"""Runs for TensorBoard: one folder of event files per run."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

from otmf_core.tracking.base import End, Opening, Outcome, Points, check_folder, needs


def check(folder: Path) -> None:
    """Raise InputError unless the package is there and its folder can be written."""
    needs("tensorboard", "tensorboard")
    check_folder(folder)


def open_tracker(opening: Opening) -> TensorBoard:
    """A folder of events for a run: a new one, or that of an earlier part of it."""
    resumed = bool(opening.previous) and (opening.folder / opening.previous).is_dir()
    names = itertools.chain([opening.run], (f"{opening.run}-{number}" for number in itertools.count(2)))
    name = opening.previous if resumed else next(name for name in names if not (opening.folder / name).exists())
    tracker = TensorBoard(opening.folder, name, resumed)
    if not resumed:
        text = json.dumps(dict(opening.settings), indent=1, ensure_ascii=False)
        tracker.text("settings", "\n".join(f"    {line}" for line in text.splitlines()))  # indented: code in Markdown
    return tracker


class TensorBoard:
    """A folder of event files; every part of a run adds one."""

    def __init__(self, folder: Path, name: str, resumed: bool) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self.id, self.resumed = name, resumed
        self._writer = SummaryWriter(str(folder / name))

    def text(self, name: str, markdown: str) -> None:
        """Keep a text."""
        self._writer.add_text(name, markdown)
        self._writer.flush()

    def write(self, points: Sequence[Points]) -> None:
        for each in points:
            for name, value in each.values.items():
                self._writer.add_scalar(name, value, each.at)
        self._writer.flush()

    def finish(self, outcome: Outcome) -> None:
        last = len(outcome.matrix) - 1
        self._writer.add_image("accuracy matrix", outcome.picture, last, dataformats="HWC")
        self._writer.add_text("model card", outcome.card, last)
        self._writer.flush()

    def close(self, end: End) -> None:
        self._writer.add_text("status", end)
        self._writer.close()
