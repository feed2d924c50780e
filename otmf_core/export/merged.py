"""What every layout of an export is made from: a finished run, θ⁰, Δ_m, and the facts that stand beside the weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from otmf_core.analysis.finished_run import finished_run
from otmf_core.errors import InputError
from otmf_core.export.layouts import not_exported
from otmf_core.export.model_card import Kind, model_card
from otmf_core.files import not_written, write_text
from otmf_core.layout import CARD, EXPORTS, MERGED
from otmf_core.library.library import Library
from otmf_core.models.checkpoints import (
    check_finite,
    check_floating,
    check_matches,
    read_header,
    read_tensors,
    without_buffers,
)
from otmf_core.models.task_vector import StateDict
from otmf_core.runs.folder import Run
from otmf_core.runs.record import RunRecord

PT = {"format": "pt"}  # without which some versions of transformers refuse a file that has other metadata
FACTS = ("run", "method", "settings", "tasks", "labels", "acc", "bwt")  # the file's metadata


@dataclass(frozen=True, eq=False)
class MergedModel:
    """A finished run, the library it was made with, θ⁰ and Δ_m: float32, in the names of what was merged."""

    run: Run
    record: RunRecord
    library: Library
    base: Mapping[str, Tensor]
    delta: StateDict

    def weights(self) -> StateDict:
        """The whole pre-trained CLIP in open_clip's names with its image tower at θ⁰ + Δ_m, or a T5 at it, in float32.

        Raises InputError on types that no weight has and on values that are not finite.
        """
        path = self.library.backbone("weights")
        check_floating(without_buffers(read_header(path)), str(path))
        state = {
            name: tensor.float() if tensor.is_floating_point() else tensor
            for name, tensor in read_tensors(path).items()
        }
        state |= {f"{self.library.prefix}{name}": self.base[name] + self.delta[name] for name in self.base}
        check_finite(state, f"the merged model of {self.run.id}")
        return state

    def metadata(self) -> dict[str, str]:
        """The record's facts that stand beside the weights, as JSON by name."""
        facts = self.record.model_dump(mode="json", include=set(FACTS))
        return {key: json.dumps(facts[key]) for key in FACTS}

    def card(self, kind: Kind) -> str:
        """The model card of an export of that kind."""
        return model_card(self.run.config, self.record, self.library, kind)

    def folder(self, layout: str, to: Path | None) -> Path:
        """Folder `to`, by default the run's own for that layout, without the card of an earlier export.

        Where there is a card, an export is whole: it goes first and is written last, by `finish`. Raises InputError
        where the disk does not let it.
        """
        folder = to or self.run.path / EXPORTS[layout]
        try:
            (folder / CARD).unlink(missing_ok=True)
        except OSError as error:
            raise not_written(error, folder / CARD) from error
        return folder


def finish(folder: Path, card: str) -> Path:
    """Write the card, after all else, and return the folder."""
    write_text(folder / CARD, card)
    return folder


def merged_model(run_dir: Path) -> MergedModel:
    """Read a run for its export.

    Raises InputError unless it is done, its library unchanged, its model one checkpoint and its weights whole.
    """
    run, library = finished_run(run_dir, "a run is exported")
    assert run.record is not None  # as a finished run's never is
    if reason := not_exported(run.config.method):
        raise InputError(reason)
    base = library.base()
    delta = read_tensors(run.path / MERGED)
    check_matches(delta, base, str(run.path / MERGED))
    return MergedModel(run, run.record, library, base, {name: tensor.float() for name, tensor in delta.items()})
