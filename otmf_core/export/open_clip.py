"""Export a merged model in the layout of a hub repository, which open_clip loads back."""

from __future__ import annotations

from pathlib import Path

from otmf_core.errors import InputError
from otmf_core.export.layouts import check_layout
from otmf_core.export.merged import finish, merged_model
from otmf_core.export.model_card import FOLDER, Kind
from otmf_core.files import write_json, write_tensors
from otmf_core.library.making.zero_shot import has_text_tower

KIND = Kind(
    library="open_clip",
    pipeline="zero-shot-image-classification",
    title="{tasks} merged",
    what="The pre-trained CLIP of {library} with the image towers of {models} merged into its own, one after another. "
    "The text tower is the pre-trained one.",
    code=f"""import open_clip
import otmf_core.models.clip  # where the image tower is this project's

model, _, preprocess = open_clip.create_model_and_transforms("local-dir:{FOLDER}")""",
)


def export_model(run_dir: Path, to: Path | None = None) -> Path:
    """Write the merged CLIP into folder `to` (default: <run>/export) and return it.

    open_clip_model.safetensors holds the pre-trained model with its image tower replaced by θ⁰ + Δ_m, in float32, and
    the run's figures as metadata; open_clip_config.json its configuration; README.md its model card.
    `open_clip.create_model("local-dir:<to>")` loads it, once `otmf_core.models.clip` is imported where the tower is
    ours. Raises InputError unless the run is done, and where the backbone lacks a text tower, which open_clip needs.
    """
    merged = merged_model(run_dir)
    check_layout("open_clip", merged.library.of_texts)
    if not has_text_tower(merged.library):
        raise InputError(
            f"open_clip loads a CLIP with a text tower, which {merged.library.name} has not: the layouts huggingface, "
            "task-vector and lora need none"
        )
    state, card = merged.weights(), merged.card(KIND)
    folder = merged.folder("open_clip", to)
    write_tensors(folder / "open_clip_model.safetensors", state, merged.metadata())
    write_json(folder / "open_clip_config.json", merged.library.backbone_config)
    return finish(folder, card)
