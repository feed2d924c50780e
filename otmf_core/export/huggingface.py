"""Export a merged model in the layout of Hugging Face's transformers: a CLIPModel, its image tower alone, or a T5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from otmf_core.export import t5
from otmf_core.export.clip_config import image_processor, text_config, vision_config
from otmf_core.export.merged import PT, finish, merged_model
from otmf_core.export.model_card import FOLDER, Kind
from otmf_core.export.tokenizer import is_clips_own, tokenizer_files
from otmf_core.export.transformers_names import image_tensors, text_tensors
from otmf_core.files import write_json, write_tensors
from otmf_core.library.making.zero_shot import has_text_tower
from otmf_core.models.checkpoints import TOWER

TITLE = "{tasks} merged"
WHAT = "The pre-trained CLIP of {library} with the image towers of {models} merged into its own, one after another, as "
WHOLE = Kind(
    library="transformers",
    pipeline="zero-shot-image-classification",
    title=TITLE,
    what=WHAT + "transformers has it. The text tower is the pre-trained one.",
    code=f"""from transformers import CLIPModel, CLIPProcessor

model = CLIPModel.from_pretrained("{FOLDER}")
processor = CLIPProcessor.from_pretrained("{FOLDER}")""",
)
UNREAD = Kind(  # texts are tokenised by a vocabulary that is not CLIP's own
    library="transformers",
    title=TITLE,
    what=WHAT + "transformers has it. The text tower is the pre-trained one, and so is its vocabulary, which comes "
    "with the library and not with this folder.",
    code=f"""from transformers import CLIPImageProcessor, CLIPModel

model = CLIPModel.from_pretrained("{FOLDER}")
processor = CLIPImageProcessor.from_pretrained("{FOLDER}")""",
)
IMAGES = Kind(
    library="transformers",
    pipeline="image-feature-extraction",
    title=TITLE,
    what=WHAT + "transformers has its image tower. There is no text tower.",
    code=f"""from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

model = CLIPVisionModelWithProjection.from_pretrained("{FOLDER}")
processor = CLIPImageProcessor.from_pretrained("{FOLDER}")""",
)


def export_model(run_dir: Path, to: Path | None = None) -> Path:
    """Write the merged model into folder `to` (default: <run>/export-huggingface) and return it.

    A CLIPModel with its tokenizer where the backbone has a text tower, CLIPVisionModelWithProjection otherwise:
    config.json, model.safetensors in float32 with the run's figures as metadata, preprocessor_config.json and the
    model card. Of texts a T5, as `t5.write` has it. Raises InputError unless the run is done, and, naming the field,
    for a backbone that transformers' CLIP cannot express.
    """
    merged = merged_model(run_dir)
    if merged.library.of_texts:
        return t5.write(merged, to)
    backbone, where = merged.library.backbone_config, str(merged.library.backbone("config"))
    files: dict[str, dict[str, Any]] = {"preprocessor_config.json": image_processor(backbone, where)}
    vision = vision_config(backbone, where)
    weights = {name: value for name, value in merged.weights().items() if value.is_floating_point()}
    state = image_tensors(
        {name.removeprefix(TOWER): value for name, value in weights.items() if name.startswith(TOWER)}
    )
    texts = {name: value for name, value in weights.items() if not name.startswith(TOWER)}
    if has_text_tower(merged.library):
        text = text_config(backbone, where)
        files["config.json"] = {
            "architectures": ["CLIPModel"],
            "model_type": "clip",
            "projection_dim": vision["projection_dim"],
            "logit_scale_init_value": texts["logit_scale"].item(),
            "text_config": text,
            "vision_config": vision,
            "dtype": "float32",
        }
        state |= text_tensors(texts)
        own = is_clips_own(backbone["model_cfg"]["text_cfg"])
        files |= tokenizer_files(text["max_position_embeddings"]) if own else {}
        kind = WHOLE if own else UNREAD
    else:
        files["config.json"] = {"architectures": ["CLIPVisionModelWithProjection"], **vision, "dtype": "float32"}
        kind = IMAGES
    card = merged.card(kind)

    folder = merged.folder("huggingface", to)
    write_tensors(folder / "model.safetensors", state, {**PT, **merged.metadata()})
    for name, fields in files.items():
        write_json(folder / name, fields)
    return finish(folder, card)
