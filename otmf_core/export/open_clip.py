"""Export a merged model in the layout of a hub repository, which open_clip loads back."""

from __future__ import annotations

import json
from pathlib import Path

from otmf_core.analysis.finished_run import finished_run
from otmf_core.export.model_card import model_card
from otmf_core.files import write_json, write_tensors, write_text
from otmf_core.layout import CARD, EXPORT, MERGED
from otmf_core.models.checkpoints import (
    TOWER,
    check_finite,
    check_floating,
    check_matches,
    read_header,
    read_tensors,
    without_buffers,
)

FACTS = ("run", "method", "settings", "tasks", "labels", "acc", "bwt")  # the file's metadata


def export_model(run_dir: Path, to: Path | None = None) -> Path:
    """Write the merged CLIP into folder `to` (default: <run>/export) and return it.

    open_clip_model.safetensors holds the pre-trained model with its image tower replaced by θ⁰ + Δ_m, in float32, and
    the run's figures as metadata; open_clip_config.json its configuration; README.md its model card.
    `open_clip.create_model("local-dir:<to>")` loads it, once `otmf_core.models.clip` is imported where the tower is
    ours.
    Raises InputError unless the run is done.
    """
    run, library = finished_run(run_dir, "a run is exported")
    assert run.record is not None  # as a finished run's never is
    weights = library.backbone("weights")
    check_floating(without_buffers(read_header(weights)), str(weights))
    model = read_tensors(weights)
    base = library.base()
    merged = read_tensors(run.path / MERGED)
    check_matches(merged, base, str(run.path / MERGED))
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in model.items()}
    state |= {f"{TOWER}{name}": base[name] + merged[name] for name in base}
    check_finite(state, f"the merged model of {run.id}")
    to = to or run.path / EXPORT
    card = model_card(run.config, run.record, library)
    facts = run.record.model_dump(mode="json", include=set(FACTS))
    write_tensors(to / "open_clip_model.safetensors", state, {key: json.dumps(facts[key]) for key in FACTS})
    write_json(to / "open_clip_config.json", library.backbone_config)
    write_text(to / CARD, card)  # last: where there is a card, the export is whole
    return to
