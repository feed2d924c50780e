"""The layouts in which a merged model is exported, by the names that commands and pages give them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.methods.base import Method
from otmf_core.runs.folder import load_run


@dataclass(frozen=True)
class Layout:
    """What a layout is called, and what it is on one line."""

    title: str
    about: str


RANK = 16  # of a LoRA adapter, unless another is asked for
LAYOUTS = {
    "open_clip": Layout("open_clip", "the merged CLIP, in a folder that open_clip loads"),
    "huggingface": Layout("Hugging Face", "the merged CLIP or T5, in a folder that transformers loads; of plain ViTs"),
    "task-vector": Layout("Task vector", "what the merge adds to the pre-trained model, in one file"),
    "lora": Layout("LoRA", "the same at a low rank, an adapter that peft loads; an approximation, of plain ViTs"),
}


@dataclass(frozen=True)
class Exported:
    """The folder that was written, its layout, and of a LoRA adapter rank, error and matrix_error."""

    folder: Path
    layout: str
    facts: dict[str, float] = field(default_factory=dict)


OF_TEXTS = {  # the layouts that a T5 has
    "huggingface": Layout("Hugging Face", "the merged T5, in a folder that transformers loads"),
    "task-vector": LAYOUTS["task-vector"],
}


def not_exported(method: Method) -> str:
    """Why merged models of this method are not exported, in a sentence; empty where they are."""
    if not method.grows:
        return ""
    return (
        f"one checkpoint is exported, and a model merged by {method.title} is none, since it grows with every task: "
        f"merge by {method.single} for one that is"
    )


def layouts_of(noun: str) -> dict[str, Layout]:
    """The layouts of a model merged on images or on texts, by name; the first is the one that is meant without one."""
    return OF_TEXTS if noun == "texts" else LAYOUTS


def check_layout(layout: str, of_texts: bool) -> None:
    """Raise InputError for a layout that models of texts do not have."""
    if of_texts and layout not in OF_TEXTS:
        raise InputError(f"a merged T5 is exported as {' or '.join(OF_TEXTS)}, received {shown(layout)}")


def export_run(run_dir: Path, layout: str | None = None, to: Path | None = None, rank: int | None = None) -> Exported:
    """Export a finished run's merged model into folder `to`, by default one in the run's own, and in the first layout
    that its kind of model has.

    Raises InputError for a layout that there is none of, a rank without LoRA (RANK where none is given), a model that
    is `not_exported`, and as the layout does.
    """
    from otmf_core.export import huggingface, low_rank, open_clip, task_vector  # torch

    if layout is None:
        layout = next(iter(layouts_of(load_run(run_dir).noun)))
    if layout == "lora":
        folder, errors = low_rank.export_model(run_dir, RANK if rank is None else rank, to)
        return Exported(folder, layout, asdict(errors))
    if rank is not None:
        raise InputError(f"a rank goes with the layout lora only, received {rank} with {layout}")
    exports = {"open_clip": open_clip, "huggingface": huggingface, "task-vector": task_vector}
    if layout not in exports:
        raise InputError(f"a layout is one of {', '.join(LAYOUTS)}, received {shown(layout)}")
    return Exported(exports[layout].export_model(run_dir, to), layout)
