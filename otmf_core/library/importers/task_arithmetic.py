"""Checkpoints of the task-arithmetic family: pickled image encoders, and heads whose rows carry the logit scale."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.library.importers.base import Activation, Checkpoint, floating, precision
from otmf_core.library.importers.pickles import ENCODERS, GELU, HEADS, QUICK_GELU, TorchContents
from otmf_core.models.checkpoints import Header, check_finite, check_floating, read_tensors

if TYPE_CHECKING:
    from torch import Tensor

WRAPPER = "model."  # what an image encoder's names of CLIP begin with
NORM_TOLERANCE = 0.01  # by which the rows of a head may differ in length
MAX_SCALE = 1000.0


class TaskArithmeticCheckpoint(Checkpoint):
    """A pickled image encoder of a fine-tuned CLIP, with what is left of its text tower.

    Raises InputError when the module is another.
    """

    family = "task_arithmetic"

    def __init__(self, contents: TorchContents) -> None:
        self.files = contents.files
        if not is_image_encoder(contents):
            root = contents.modules.get("")
            received = "a state dict" if root is None else shown(str(root.name))
            raise InputError(f"a checkpoint of task arithmetic is an ImageEncoder, received {received} in {self.where}")
        self._contents = contents
        ours = {name.removeprefix(WRAPPER): each for name, each in contents.header.items() if name.startswith(WRAPPER)}
        self._header = floating(ours, self.where)
        self.precision = precision(self._header)
        self.activation = _activation(contents)

    @property
    def header(self) -> Header:
        return self._header

    def read(self, name: str) -> Tensor:
        return self._contents.read(WRAPPER + name)


def is_image_encoder(contents: TorchContents) -> bool:
    """Whether a torch file holds the pickled image encoder of this family."""
    root = contents.modules.get("")
    return root is not None and root.name in ENCODERS


def _activation(contents: TorchContents) -> Activation | None:
    inner = [module.name for path, module in contents.modules.items() if path.startswith("model.visual.")]
    if any(name in QUICK_GELU for name in inner):
        return "quick_gelu"
    return "gelu" if GELU in inner else None


def read_head(path: Path) -> tuple[Tensor, float]:
    """The classifier in a torch file (a pickled head or its state dict) or in safetensors: rows and their scale.

    Weights as float32 (classes, d), rows of unit norm; the scale of the logits is the length that the rows had, times
    "logit_scale" where the file has one. Raises InputError unless rows are equally long to 1 %, on a scale out of
    range, a bias that is not zero, and a head that does not normalise its features.
    """
    tensors = read_tensors(path) if path.suffix == ".safetensors" else _pickled_head(path)
    if "weight" not in tensors:
        raise InputError(f"a head has a weight, which is missing in {path}")
    unknown = sorted(tensors.keys() - {"weight", "bias", "logit_scale"})
    if unknown:
        raise InputError(f"a head has a weight, and a bias or a logit_scale: received {shown(unknown[0])} in {path}")
    check_finite(tensors, str(path))
    if "bias" in tensors and tensors["bias"].any():
        raise InputError(
            f"a head has no bias but zero: its largest is {float(tensors['bias'].abs().max()):.3g} in {path}"
        )
    weight = tensors["weight"]
    if weight.dim() != 2 or not weight.numel() or not weight.is_floating_point():
        raise InputError(f"a head's weight is of floats (classes, features): {tuple(weight.shape)} in {path}")
    weight = weight.float()
    lengths = weight.norm(dim=-1)
    scale = float(lengths.double().mean())
    row = int((lengths - scale).abs().argmax())
    if not abs(float(lengths[row]) - scale) <= NORM_TOLERANCE * scale:
        raise InputError(
            f"the rows of a head are equally long: row {row} has {float(lengths[row]):.4g}, their mean {scale:.4g}, "
            f"in {path}"
        )
    stated = tensors.get("logit_scale")
    if stated is not None:
        if stated.numel() != 1:
            raise InputError(f"a logit_scale is one number, received {stated.numel()} in {path}")
        scale *= float(stated)
    if not 0 < scale <= MAX_SCALE:
        raise InputError(f"the scale of a head is above 0, at most {MAX_SCALE:g}: received {scale:g} in {path}")
    return weight / lengths[:, None], scale


def _pickled_head(path: Path) -> dict[str, Tensor]:
    contents = TorchContents(path)
    root = contents.modules.get("")
    if root is not None:
        if root.name not in HEADS:
            raise InputError(f"a head is a ClassificationHead, received {shown(str(root.name))} in {path}")
        if root.attributes.get("normalize") is not True:
            raise InputError(
                f"a head normalises its features: its normalize is {shown(root.attributes.get('normalize'))} in {path}"
            )
    check_floating(contents.header, str(path))
    return {name: contents.read(name) for name in contents.header}
