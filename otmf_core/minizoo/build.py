"""The making of a library from banks of images to a folder, every stage stored so that a later call continues."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from otmf_core.files import read_object, write_json
from otmf_core.library.library import Library, open_library
from otmf_core.minizoo.augment import TASK, TINTED
from otmf_core.minizoo.finetune import task_vector
from otmf_core.minizoo.package import Made, package
from otmf_core.minizoo.pretrain import Captioned, pretrain
from otmf_core.minizoo.recipe import Recipe
from otmf_core.minizoo.regime import regime, summary
from otmf_core.minizoo.tasks import Task
from otmf_core.models.checkpoints import TOWER
from otmf_core.models.clip import build_clip, tokenizer, zero_shot_head
from otmf_core.models.heads import Head

PACKAGES = ("torch", "timm", "open_clip_torch", "numpy", "pillow")


def build(
    tasks: list[Task],
    captioned: Captioned,
    out: Path,
    work: Path,
    *,
    name: str,
    recipe: Recipe,
    seed: int,
    sources: dict[str, str],
    licences: str,
    further_texts: list[str],
) -> Library:
    """Pre-train, fine-tune on each task in turn, and write the library to `out`; what `work` holds is not made again.

    The manifest's recipe records `sources` (package -> version), all hyper-parameters, and the figures the finished
    library has on its test images. The vocabulary also knows `further_texts`.
    """
    torch.set_flush_denormal(True)  # vanishing second moments would slow every step many times over
    texts = [template.format(label) for task in tasks for template in task.templates for label in task.classes]
    config, weights = pretrain(captioned, texts + further_texts, recipe, seed, work)
    model = build_clip(config)
    model.load_state_dict(weights)
    base = {key.removeprefix(TOWER): value.float() for key, value in weights.items() if key.startswith(TOWER)}
    scale = model.logit_scale.exp().item()
    torch.set_num_threads(1)  # so that task vectors do not depend on the number of cores
    made = []
    for task in tasks:
        head = Head(zero_shot_head(model, tokenizer(config), task.classes, task.templates), scale)
        made.append(Made(task, task_vector(task, config, base, head, recipe, seed, work), head))
    record = {
        "seed": seed,
        "hyper_parameters": asdict(recipe),
        "domains": {"tinted": asdict(TINTED), "task": asdict(TASK)},
        "pretraining_images": sum(len(images) for _, images, _ in captioned),
        "pretraining_captions": len({text for _, _, texts_ in captioned for text in texts_}),
        "relative_norms": {one.task.id: round(_relative_norm(one.vector, base), 4) for one in made},
        "sources": sources,
        "versions": {package_: version(package_) for package_ in PACKAGES} | {"python": platform.python_version()},
    }
    package(out, name, config, weights, made, recipe, seed, licences)
    library = open_library(str(out))
    record["figures"] = [summary(regime(library, suite, "test")) for suite in library.suites]
    write_json(out / "manifest.json", read_object(out / "manifest.json") | {"recipe": record})
    return open_library(str(out))


def _relative_norm(vector: dict[str, Tensor], base: dict[str, Tensor]) -> float:
    """‖Δ‖ / ‖θ⁰‖ over all tensors of the image tower."""
    norms = [torch.stack([tensors[name].float().norm() for name in base]).norm() for tensors in (vector, base)]
    return (norms[0] / norms[1]).item()
