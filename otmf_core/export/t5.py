"""Export a merged T5 in the layout of Hugging Face's transformers, so that versions 4 and 5 read it alike."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from otmf_core.errors import InputError
from otmf_core.export.merged import PT, MergedModel, finish
from otmf_core.export.model_card import FOLDER, Kind
from otmf_core.files import not_written, write_json, write_tensors
from otmf_core.models.t5_config import T5Fields
from otmf_core.models.t5_names import HEAD, SHARED
from otmf_core.models.task_vector import StateDict

GENERATION = "generation_config.json"
# Of config.json: what is said anew, or tells of the file that was read.
WITHOUT = ("scale_decoder_outputs", "torch_dtype", "transformers_version", "_name_or_path")
KIND = Kind(
    library="transformers",
    pipeline="text2text-generation",
    title="{tasks} merged",
    what="The pre-trained T5 of {library} with {models} merged into it, one after another, as transformers has it.",
    code=f"""from transformers import AutoTokenizer, T5ForConditionalGeneration

model = T5ForConditionalGeneration.from_pretrained("{FOLDER}")  # transformers 4.57 or later, but not 5.0
tokenizer = AutoTokenizer.from_pretrained("{FOLDER}")""",
)


def write(merged: MergedModel, to: Path | None) -> Path:
    """Write the merged T5 into folder `to` (default: <run>/export-huggingface) and return it.

    config.json, model.safetensors in float32 with the run's figures as metadata, generation_config.json, the tokenizer
    of the library and the model card. Raises InputError for a T5 that no version but 5 expresses.
    """
    library, fields = merged.library, merged.library.t5
    state, tied = laid_out(merged.weights(), fields)
    config = {name: value for name, value in library.backbone_config.items() if name not in WITHOUT}
    config |= {"architectures": ["T5ForConditionalGeneration"], "tie_word_embeddings": tied, "dtype": "float32"}
    config |= {"decoder_start_token_id": fields.start}
    names = [library.backbone_file("tokenizer"), *library.manifest.backbone.beside]
    beside = {PurePosixPath(name).name: library.path(name) for name in names}
    card = merged.card(KIND)

    folder = merged.folder("huggingface", to)
    write_tensors(folder / "model.safetensors", state, {**PT, **merged.metadata()})
    write_json(folder / "config.json", config)
    if GENERATION not in beside:
        write_json(folder / GENERATION, generation(fields))
    for name, path in beside.items():
        try:
            shutil.copyfile(path, folder / name)
        except OSError as error:
            raise not_written(error, folder / name) from error
    return finish(folder, card)


def laid_out(state: StateDict, fields: T5Fields) -> tuple[StateDict, bool]:
    """The tensors of a file, and whether its config.json says that they are tied, which also says that outputs scale.

    An embedding that is lm_head and does not scale is written twice. Raises InputError on an lm_head of its own behind
    an output that is scaled, which version 4 has no word for.
    """
    if not fields.scaled:
        return {**state, HEAD: state[HEAD] if HEAD in state else state[SHARED].clone()}, False
    if HEAD in state:
        raise InputError(
            "versions of transformers read a T5 alike whose decoder's output is scaled only if lm_head is the "
            "embedding: this one's is a matrix of its own"
        )
    return state, True


def generation(fields: T5Fields) -> dict[str, Any]:
    """What transformers generates by, where the library brings no file of it."""
    return {
        "decoder_start_token_id": fields.start,
        "eos_token_id": fields.eos_token_id,
        "pad_token_id": fields.pad_token_id,
    }
