"""Runs for Weights & Biases: offline, unless the user's environment has a mode or a key."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from otmf_core.tracking.base import Axis, End, Opening, Outcome, Points, check_folder, needs

AXES: dict[Axis, str] = {"iteration": "iteration", "step": "merge_step"}  # by the names that it keeps them under
EXIT_CODES: dict[End, int] = {"done": 0, "stopped": 130, "failed": 1}


def check(folder: Path) -> None:
    """Raise InputError unless the package is there and its folder can be written."""
    needs("wandb", "wandb")
    check_folder(folder)


def open_tracker(opening: Opening) -> WandbRun:
    """A tracked run: a new one, or by its id that of an earlier part."""
    wandb, environment = import_module("wandb"), os.environ
    name = opening.previous or f"{opening.run}-{secrets.token_hex(2)}"
    run = wandb.init(
        project=environment.get("WANDB_PROJECT", "otmf"),
        dir=environment.get("WANDB_DIR", str(opening.folder.parent)),  # where it makes its folder, wandb
        mode=environment.get("WANDB_MODE") or ("online" if environment.get("WANDB_API_KEY") else "offline"),
        id=name,
        name=opening.run,
        resume="allow",
        reinit="create_new",  # beside other runs of this process
        config=dict(opening.settings),
        settings=wandb.Settings(console="off", silent=True, x_disable_stats=True),
    )
    for axis in AXES.values():
        run.define_metric(axis, hidden=True)
    return WandbRun(wandb, run, name, bool(opening.previous))


class WandbRun:
    """A run of wandb's, each scalar over its own axis."""

    def __init__(self, wandb: Any, run: Any, name: str, resumed: bool) -> None:
        self.id, self.resumed = name, resumed
        self._wandb, self._run = wandb, run
        self._defined: set[str] = set()

    def write(self, points: Sequence[Points]) -> None:
        for each in points:
            axis = AXES[each.axis]
            for name in each.values.keys() - self._defined:
                self._run.define_metric(name, step_metric=axis)
                self._defined.add(name)
            self._run.log({axis: each.at, **each.values})

    def finish(self, outcome: Outcome) -> None:
        table = self._wandb.Table(columns=["step", *outcome.tasks], data=outcome.rows())
        self._run.log({"accuracy matrix": table, "accuracy matrix, drawn": self._wandb.Image(outcome.picture)})
        card = self._wandb.Artifact(f"card-{self.id}", type="model-card")
        with card.new_file("README.md", mode="w", encoding="utf-8") as file:
            file.write(outcome.card)
        self._run.log_artifact(card)

    def close(self, end: End) -> None:
        self._run.finish(exit_code=EXIT_CODES[end])
