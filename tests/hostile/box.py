"""The place where one hostile input is tried: a copy of something sound, runs, and a folder that nobody may touch."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.tiny import merge_config, merged


@dataclass(frozen=True)
class Box:
    """`library` and `runs` hold what is damaged; `outside` is what a damaged path would like to reach."""

    root: Path

    def __post_init__(self) -> None:
        self.outside.mkdir(parents=True)
        (self.outside / "head.safetensors").write_bytes(b"nobody reads this")

    @property
    def library(self) -> Path:
        return self.root / "library"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def outside(self) -> Path:
        return self.root / "outside"

    def put_library(self, sound: Path) -> Path:
        return Path(shutil.copytree(sound, self.library))

    def put_run(self, sound: Path) -> Path:
        return Path(shutil.copytree(sound, self.runs / sound.name))


def made_run(library: Path, out: Path, name: str = "20261122-100000-otmf-0001") -> Path:
    """A finished run of that library with everything that a run folder may hold."""
    from otmf_core.analysis.features import take_features
    from otmf_core.export.open_clip import export_model
    from otmf_core.runs.folder import set_notes

    run = merged(merge_config(library, iterations=2), out, name)
    take_features(run)
    export_model(run)
    set_notes(run, "A name", "A note")
    return run
