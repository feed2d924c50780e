"""The heads of tasks as a library has them: a file of a task of images, the answers of a task of texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from otmf_core.errors import InputError
from otmf_core.models.checkpoints import check_finite, check_floating, read_header, read_tensors

if TYPE_CHECKING:
    from otmf_core.models.heads import Head
    from otmf_core.models.verbalizers import Verbalizers

MAX_SCALE = 1000.0  # of logits; CLIP's own is at most 100
NORM_TOLERANCE = 0.01  # of the rows of a head, which have length one


def answers_head(weights: Path, answers: Verbalizers) -> Head:
    """The rows of the pre-trained lm_head in `weights` for the answers' first tokens, (tokens, d)."""
    from otmf_core.models.heads import Head
    from otmf_core.models.t5 import output_rows

    return Head(output_rows(read_tensors(weights), answers.first), 1.0, answers)


def read_head(path: Path, classes: int, width: int) -> Head:
    """A head's (classes, width) rows of unit norm, and its logit scale; raises InputError on anything else."""
    from otmf_core.models.heads import Head

    check_floating(read_header(path), str(path))
    tensors = read_tensors(path)
    check_finite(tensors, str(path))
    missing = {"weight", "logit_scale"} - tensors.keys()
    if missing:
        raise InputError(f"a head has a weight and a logit_scale: {missing.pop()} is missing in {path}")
    weight = tensors["weight"].float()
    if weight.shape != (classes, width):
        raise InputError(
            f"a head is (classes, features): {tuple(weight.shape)}, expected {(classes, width)}, in {path}"
        )
    lengths = weight.norm(dim=-1)
    row = int((lengths - 1).abs().argmax())
    if abs(float(lengths[row]) - 1) > NORM_TOLERANCE:
        raise InputError(f"the rows of a head have length one: row {row} has {float(lengths[row]):.3g} in {path}")
    scale = tensors["logit_scale"]
    if scale.numel() != 1 or not 0 < float(scale) <= MAX_SCALE:
        received = f"{float(scale):g}" if scale.numel() == 1 else f"{scale.numel()} values"
        raise InputError(f"a logit_scale is one number above 0, at most {MAX_SCALE:g}: received {received} in {path}")
    return Head(weight, float(scale))
