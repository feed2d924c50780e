"""The making of the text library from tasks to a folder, every stage stored so that a later call continues."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from otmf_core.minitext.finetune import task_vector
from otmf_core.minitext.items import TextTask
from otmf_core.minitext.model import t5_config
from otmf_core.minitext.package import splits, write_folder
from otmf_core.minitext.pretrain import pretrain
from otmf_core.minitext.recipe import Recipe
from otmf_core.minitext.regime import Judge, regime
from otmf_core.minitext.vocabulary import train_vocabulary
from otmf_core.minizoo.regime import Regime, summary

PACKAGES = ("torch", "transformers", "tokenizers", "numpy")
VOCABULARY_ROWS = 4_000  # of a task, and ten times as many sentences, that the vocabulary is learnt from


def build(
    tasks: Sequence[TextTask],
    rehearsed: Sequence[TextTask],
    further: Sequence[TextTask],
    sentences: Sequence[str],
    out: Path,
    work: Path,
    *,
    name: str,
    recipe: Recipe,
    seed: int,
    sources: dict[str, str],
    licences: str,
) -> Regime:
    """Learn a vocabulary, pre-train, fine-tune on each task in turn, write the library to `out`; its test figures.

    What `work` holds is not made again. The manifest's recipe records `sources` (package -> version), all
    hyper-parameters, and the figures that the stored numbers have on the test rows.
    """
    torch.set_flush_denormal(True)  # vanishing second moments would slow every step many times over
    torch.set_num_threads(1)  # so that nothing depends on the number of cores
    answers = sorted({answer for task in (*rehearsed, *further) for answer in task.answers})
    texts = (*sentences[: 10 * VOCABULARY_ROWS], *_texts((*rehearsed, *further)))
    tokenizer = train_vocabulary(texts, answers, recipe.vocabulary)
    config = t5_config(tokenizer.get_vocab_size(), recipe.width, recipe.inner, recipe.layers, recipe.heads)
    weights = pretrain(rehearsed, further, sentences, tokenizer, config, recipe, seed, work)
    base = {key: value.float() for key, value in weights.items()}
    vectors = {task.id: task_vector(task, config, base, tokenizer, recipe, seed, work) for task in tasks}
    contents = [(task, vectors[task.id], splits(task, recipe)) for task in tasks]
    judge = Judge(config, base, tokenizer, [(task, parts["test"]) for task, _, parts in contents], recipe.length)
    figures = regime(judge, vectors, "test")
    recipe_made = {
        "seed": seed,
        "hyper_parameters": asdict(recipe),
        "parameters": sum(value.numel() for value in base.values()),
        "relative_norms": {id: round(_relative_norm(vector, base), 4) for id, vector in vectors.items()},
        "figures": {
            **summary(figures),
            "by_task": {
                id: {"zero_shot": round(figures.zero_shot[id], 1), "individual": round(figures.individual[id], 1)}
                for id in vectors
            },
        },
        "sources": sources,
        "versions": {package: version(package) for package in PACKAGES} | {"python": platform.python_version()},
    }
    about = {
        "id": out.name,
        "name": name,
        "description": "A miniature T5 pre-trained on questions about words, fine-tuned on tasks of texts.",
        "recipe": recipe_made,
    }
    write_folder(out, config, weights, tokenizer, contents, about, licences, recipe.length)
    return figures


def _texts(tasks: Sequence[TextTask]) -> Iterator[str]:
    for task in tasks:
        yield from (task.text(row) for row in task.rows["train"][:VOCABULARY_ROWS])


def _relative_norm(vector: dict[str, Tensor], base: dict[str, Tensor]) -> float:
    """‖Δ‖ / ‖θ⁰‖ over all tensors."""
    norms = [torch.stack([tensors[name].float().norm() for name in base]).norm() for tensors in (vector, base)]
    return (norms[0] / norms[1]).item()
