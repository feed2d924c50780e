"""The likeness of a fine-tuned model to its library's pre-trained one: whether it comes of it, and how far it lies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.library.geometry import FAR
from otmf_core.library.importers.base import Expert
from otmf_core.library.importers.t5 import T5Checkpoint
from otmf_core.library.library import Library
from otmf_core.library.making.new_texts import TOKENIZER
from otmf_core.library.texts import open_tokenizer

if TYPE_CHECKING:
    from torch import Tensor

STRANGE = 0.5  # ‖Δ‖ / ‖θ⁰‖: fine-tuning moves a model by a few percent, two models of their own differ by more than all


def check_likeness(
    library: Library, expert: Expert, base: Mapping[str, Tensor], delta: Mapping[str, Tensor]
) -> tuple[float, list[str]]:
    """‖Δᵗ‖ / ‖θ⁰‖, and what is to be said of the pair; `base` is θ⁰.

    Raises InputError when the two do not differ, when another activation was trained, and when θᵗ lies so far from θ⁰
    that it was fine-tuned from another model.
    """
    where = expert.files[0]
    base_norm = sum(float(tensor.double().square().sum()) for tensor in base.values()) ** 0.5
    norm = sum(float(tensor.double().square().sum()) for tensor in delta.values()) ** 0.5
    relative = norm / base_norm if base_norm else float("inf")
    if norm == 0:
        raise InputError(
            f"a fine-tuned model differs from the pre-trained one: {where} is the pre-trained model itself"
        )
    if relative > STRANGE:
        raise InputError(
            f"a fine-tuned model lies near its pre-trained one: {where} is {relative:.0%} of the pre-trained model's "
            f"norm away from that of {library.name}, so it comes of another; experts of two families do not mix"
        )
    if library.of_texts:
        _check_fields(library, expert)
    else:
        _check_activation(library, expert)
    notes = []
    if relative > FAR:
        notes.append(f"it lies far from the pre-trained model, {relative:.0%} of its norm: a mean of both may be poor")
    named, ours = expert.base_model, library.manifest.backbone.base_model
    if named and ours and named.rstrip("/").split("/")[-1] != ours.rstrip("/").split("/")[-1]:
        notes.append(f"it names {shown(named)} as its pre-trained model, the library's is {shown(ours)}")
    return relative, notes


def _check_activation(library: Library, expert: Expert) -> None:
    model = library.backbone_config["model_cfg"]
    own = "quick_gelu" if model.get("quick_gelu") else "gelu"
    if expert.activation and expert.activation != own and "timm_model_name" not in model["vision_cfg"]:
        raise InputError(
            f"a fine-tuned model has the activation of {library.name}, {own}: {expert.files[0]} has {expert.activation}"
        )


def _check_fields(library: Library, expert: Expert) -> None:
    """Raise InputError where a T5 computes otherwise than the pre-trained one, which its weights do not tell."""
    if not isinstance(expert, T5Checkpoint):
        return
    _check_tokenizer(library, expert.files[0].parent / TOKENIZER)
    fields = expert.fields()
    for name in ("feed_forward_proj", "scaled", "num_heads", "relative_attention_max_distance"):
        own, found = getattr(library.t5, name), getattr(fields, name, None)
        if fields is not None and found != own:
            raise InputError(
                f"a fine-tuned model computes as {library.name} does, its {name} {own}: it is {found} in "
                f"{expert.files[-1]}"
            )


def _check_tokenizer(library: Library, path: Path) -> None:
    """Raise InputError where the tokenizer beside a fine-tuned model, if there is one, gives tokens other ids."""
    if not path.is_file():
        return
    ours, theirs = library.tokenizer, open_tokenizer(path, library.t5)
    for token, own in theirs.vocabulary.items():
        if ours.vocabulary.get(token, own) != own:
            raise InputError(
                f"a fine-tuned model reads texts as its library does: {shown(token, 40)} is {own} in {path}, "
                f"{ours.vocabulary[token]} in {library.name}"
            )
