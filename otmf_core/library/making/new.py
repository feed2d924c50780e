"""A new library: a pre-trained model in this program's own layout, and no task yet."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError
from otmf_core.files import shown, write_json, write_tensors
from otmf_core.library.importers.base import Activation, Checkpoint
from otmf_core.library.importers.open_clip import config_from_shapes
from otmf_core.library.importers.opening import open_checkpoint
from otmf_core.library.importers.t5 import T5Checkpoint
from otmf_core.library.library import Library, open_library
from otmf_core.library.making.folder import begin, new_folder
from otmf_core.library.making.new_texts import files_beside, t5_entry, whole_t5
from otmf_core.library.making.reporting import Report, silent
from otmf_core.models.checkpoints import TOWER, check_finite, check_matches

if TYPE_CHECKING:
    from torch import Tensor

CONFIG, WEIGHTS = "backbone/config.json", "backbone/weights.safetensors"


def new_library(
    root: Path,
    backbone: Path,
    *,
    name: str = "",
    activation: Activation | None = None,
    base_model: str | None = None,
    report: Report = silent,
) -> Library:
    """Make the library `root` of the pre-trained CLIP or T5 in file or folder `backbone`, whose weights are copied.

    `activation` is needed where nothing beside the weights tells it. `base_model` is the hub's name of the model.
    Raises InputError, and leaves nothing, on anything but a whole CLIP, an image tower or a T5 of finite weights.
    """
    report("Reading the pre-trained model", 0.0)
    checkpoint = open_checkpoint(backbone)
    if not isinstance(checkpoint, Checkpoint):
        raise InputError(f"a pre-trained model has weights of its own: {checkpoint.family} has not, in {backbone}")
    texts = isinstance(checkpoint, T5Checkpoint)
    config = checkpoint.settings() if texts else _config(checkpoint, activation)
    beside = files_beside(checkpoint) if texts else {}
    new_folder(root)
    files = (CONFIG, WEIGHTS, *beside)
    try:
        weights = whole_t5(checkpoint) if texts else _weights(checkpoint, config)
        report("Writing the pre-trained model", 0.5)
        write_json(root / CONFIG, config)
        write_tensors(root / WEIGHTS, weights)
        for file, source in beside.items():
            shutil.copyfile(source, root / file)
        entry = {"config": CONFIG, "weights": WEIGHTS, "base_model": base_model or checkpoint.base_model or None}
        entry |= t5_entry(beside) if texts else {}
        begin(root, {"id": root.name, "name": name or root.name, "backbone": entry}, files)
    except BaseException:
        for file in files:
            (root / file).unlink(missing_ok=True)
        raise
    report("Done", 1.0)
    return open_library(str(root))


def _config(checkpoint: Checkpoint, activation: Activation | None) -> dict[str, Any]:
    told = checkpoint.activation
    if told and activation and told != activation:
        raise InputError(f"the activation is what the checkpoint says, {told}, received {activation}")
    config = checkpoint.config
    timm = bool(config and config["model_cfg"]["vision_cfg"].get("timm_model_name"))
    chosen = told or activation
    if chosen is None and not timm:
        raise InputError(
            "weights do not tell their activation: say quick_gelu (OpenAI's CLIP and all that descend from it) or "
            f"gelu, of {checkpoint.where}"
        )
    quick = chosen == "quick_gelu"
    if config is None:
        return config_from_shapes(checkpoint.header, quick, checkpoint.where)
    return {**config, "model_cfg": {**config["model_cfg"], "quick_gelu": quick}}


def _weights(checkpoint: Checkpoint, config: dict[str, Any]) -> dict[str, Tensor]:
    """All weights in open_clip's names, as stored; raises InputError unless they fit the configuration."""
    import torch

    from otmf_core.models.clip import build_encoder

    weights = {name: checkpoint.read(name).contiguous() for name in checkpoint.header}
    check_finite(weights, checkpoint.where)
    if not any(name.startswith(TOWER) for name in weights):
        raise InputError(f"a pre-trained CLIP has an image tower: {shown(checkpoint.where)} has none")
    with torch.device("meta"):
        drawn = build_encoder(config).state_dict()
    tower = {name.removeprefix(TOWER): t for name, t in weights.items() if name.startswith(TOWER)}
    check_matches(tower, {n: t for n, t in drawn.items() if t.is_floating_point()}, checkpoint.where)
    return weights
