"""Export the merged task vector as a LoRA adapter: every weight matrix of it at its best approximation of low rank.

What such an adapter cannot hold (biases, norms, embeddings) stays at θ⁰, and how far it is from the merged model is
measured and said.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from otmf_core.errors import InputError
from otmf_core.export.clip_config import vision_config
from otmf_core.export.front_matter import is_hub_name
from otmf_core.export.layouts import check_layout
from otmf_core.export.merged import MergedModel, finish, merged_model
from otmf_core.export.model_card import FOLDER, Kind
from otmf_core.export.transformers_names import image_tensors
from otmf_core.files import write_json, write_tensors
from otmf_core.models.task_vector import StateDict

if TYPE_CHECKING:
    from torch import Tensor

# Of the image tower alone, so that a whole CLIPModel takes the adapter, too: its text tower has layers of these names.
LAYERS = r"vision_model\.encoder\.layers\.\d+\.(self_attn\.(q|k|v|out)_proj|mlp\.fc[12])|visual_projection"
PREFIX = "base_model.model."  # of every name in an adapter's file
ADAPTER = {
    "peft_type": "LORA",
    "task_type": None,
    "target_modules": LAYERS,
    "lora_dropout": 0.0,
    "bias": "none",
    "fan_in_fan_out": False,
    "use_rslora": False,
    "use_dora": False,
    "init_lora_weights": True,
    "inference_mode": True,
}


@dataclass(frozen=True)
class Errors:
    """‖Δ_m − BA‖ / ‖Δ_m‖ in the Frobenius norm, 0 for Δ_m = 0."""

    rank: int
    error: float  # over all of Δ_m: whatever the adapter cannot hold is missing whole
    matrix_error: float  # over the matrices that it holds


def export_model(run_dir: Path, rank: int, to: Path | None = None) -> tuple[Path, Errors]:
    """Write the adapter into folder `to` (default: <run>/export-lora); returns the folder and how far it is off.

    adapter_model.safetensors holds, for q, k, v and output of attention, both layers of the MLPs and the projection, A
    (rank, inputs) and B (outputs, rank) in float32, with the run's figures and the errors as metadata;
    adapter_config.json is peft's, with alpha = rank, so that B·A is added as it is; README.md is the model card. Raises
    InputError unless the run is done, for a backbone that transformers' CLIP cannot express, and for a rank that its
    matrices do not have.
    """
    merged = merged_model(run_dir)
    check_layout("lora", merged.library.of_texts)
    vision_config(merged.library.backbone_config, str(merged.library.backbone("config")))
    adapter, errors = approximate(image_tensors(merged.delta), rank)
    base = merged.library.manifest.backbone.base_model
    card = merged.card(_kind(merged, errors))

    folder = merged.folder("lora", to)
    facts = {name: json.dumps(value) for name, value in asdict(errors).items()}
    write_tensors(folder / "adapter_model.safetensors", adapter, {"format": "pt", **merged.metadata(), **facts})
    config = {**ADAPTER, "base_model_name_or_path": base, "r": rank, "lora_alpha": rank}
    write_json(folder / "adapter_config.json", config)
    return finish(folder, card), errors


def approximate(delta: StateDict, rank: int) -> tuple[StateDict, Errors]:
    """Δ of an image tower by transformers' names -> the tensors of an adapter by peft's, and the relative errors.

    Raises InputError unless the rank is one of every matrix's.
    """
    held = {name: value for name, value in delta.items() if re.fullmatch(LAYERS, name.removesuffix(".weight"))}
    most = min(min(value.shape) for value in held.values())
    if not 1 <= rank <= most:
        raise InputError(f"a LoRA adapter has a rank of 1 to {most}, the shorter side of the matrices, received {rank}")
    adapter: StateDict = {}
    lost = 0.0
    for name, value in held.items():
        b, a = factors(value, rank)
        layer = PREFIX + name.removesuffix(".weight")
        adapter |= {f"{layer}.lora_A.weight": a, f"{layer}.lora_B.weight": b}
        lost += _square(value - b @ a)
    matrices = sum(_square(value) for value in held.values())
    others = sum(_square(value) for name, value in delta.items() if name not in held)
    return adapter, Errors(rank, _ratio(lost + others, matrices + others), _ratio(lost, matrices))


def factors(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """B (m, rank) and A (rank, n) in float32 whose product is the best approximation of a matrix (m, n) of that rank.

    By the singular vectors of its shorter side, the eigenvectors of its Gram matrix in float64: several times faster
    than a whole decomposition, and equal (Eckart and Young, 1936).
    """
    import torch

    wide = matrix.shape[0] <= matrix.shape[1]
    values = matrix.double() if wide else matrix.double().T
    vectors = torch.linalg.eigh(values @ values.T).eigenvectors[:, -rank:]  # eigenvalues ascend
    b, a = vectors, vectors.T @ values
    if not wide:
        b, a = a.T, b.T
    return b.float().contiguous(), a.float().contiguous()


def _square(tensor: Tensor) -> float:
    return tensor.double().square().sum().item()


def _ratio(lost: float, whole: float) -> float:
    return (lost / whole) ** 0.5 if whole else 0.0


def _kind(merged: MergedModel, errors: Errors) -> Kind:
    known = merged.library.manifest.backbone.base_model
    base = known if is_hub_name(known) else "path/of/the/pre-trained/model"
    return Kind(
        library="peft",
        title="{tasks} merged, as a LoRA adapter",
        what=f"A LoRA adapter of rank {errors.rank} for the image tower of the pre-trained CLIP of {{library}}, which "
        "comes near what the merge of {models} adds to it. What it leaves out, ‖Δ − BA‖ / ‖Δ‖, is "
        f"{errors.error:.4f} over all of the merged task vector and {errors.matrix_error:.4f} over the weight "
        "matrices, which the adapter holds; biases, norms and embeddings stay as pre-trained.",
        code=f"""from peft import PeftModel
from transformers import CLIPVisionModelWithProjection

base = CLIPVisionModelWithProjection.from_pretrained("{base}")
model = PeftModel.from_pretrained(base, "{FOLDER}")""",
        adapter=True,
    )
