"""Pre-train the miniature T5 on restored words, other tasks, and a few items of the tasks' own kind."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from torch import Tensor

from otmf_core.files import write_tensors
from otmf_core.minitext.encode import END, IGNORED, encode, padded
from otmf_core.minitext.items import Row, TextTask
from otmf_core.minitext.model import build_t5, parameters
from otmf_core.minitext.recipe import Recipe
from otmf_core.minitext.train import Batch, train
from otmf_core.minitext.vocabulary import SENTINELS
from otmf_core.minizoo.recipe import fingerprint, watch
from otmf_core.models.checkpoints import read_tensors

SPAN = 3  # words' pieces that are blanked at once, at most
LONGEST = 20  # pieces of a sentence to be restored

Pair = tuple[list[int], list[int]]  # a prompt's pieces and the target's


def pretrain(
    tasks: Sequence[TextTask],
    further: Sequence[TextTask],
    sentences: Sequence[str],
    tokenizer: Tokenizer,
    config: dict[str, Any],
    recipe: Recipe,
    seed: int,
    work: Path,
) -> dict[str, Tensor]:
    """θ⁰ in half precision by tensor; made once from the same inputs and kept in `work`."""
    settings = {key: value for key, value in asdict(recipe).items() if not key.startswith("finetune")}
    mixture = [(task.prompt, task.answers, task.rows["pretraining"]) for task in tasks]
    mixture += [(task.prompt, task.answers, _seen(task)) for task in further]
    stage = fingerprint(settings, config, seed, mixture, list(sentences), tokenizer.to_str())
    stored = work / f"pretrained-{stage}.safetensors"
    if not stored.is_file():
        model = build_t5(config, seed)
        draw = Mixture(tasks, further, sentences, tokenizer, recipe, seed)
        steps = watch(range(recipe.pretrain_steps), "Pre-training")
        train(model, draw, steps, recipe.pretrain_steps, recipe.pretrain_rate)
        write_tensors(stored, {name: value.detach().half() for name, value in parameters(model).items()})
    return read_tensors(stored)


def _seen(task: TextTask) -> list:
    return task.rows["pretraining"] + task.rows["train"]


class Mixture:
    """Batches of which every example is of any task, or a sentence."""

    def __init__(
        self,
        tasks: Sequence[TextTask],
        further: Sequence[TextTask],
        sentences: Sequence[str],
        tokenizer: Tokenizer,
        recipe: Recipe,
        seed: int,
    ) -> None:
        self.own = [_pairs(tokenizer, task, task.rows["pretraining"], recipe.length) for task in tasks]
        self.further = [_pairs(tokenizer, task, _seen(task), recipe.length) for task in further]
        pieces = (one.ids[:-1][:LONGEST] for one in tokenizer.encode_batch(list(sentences)))
        self.sentences = [ids for ids in pieces if len(ids) > 2 * SPAN]
        ids = tokenizer.get_vocab()
        self.sentinels = [ids[sentinel] for sentinel in SENTINELS]
        self.recipe = recipe
        self.draws = random.Random(f"{seed}/pretrain")

    def __call__(self) -> Batch:
        pairs = [self._pair() for _ in range(self.recipe.pretrain_batch)]
        return padded([prompt for prompt, _ in pairs], 0), padded([target for _, target in pairs], IGNORED)

    def _pair(self) -> Pair:
        chance, spans = self.draws.random(), self.recipe.spans_share
        if chance < spans:
            return blanked(self.draws.choice(self.sentences), self.sentinels, self.draws)
        task = self.draws.choice(self.own if chance < spans + self.recipe.own_share else self.further)
        return self.draws.choice(task)


def _pairs(tokenizer: Tokenizer, task: TextTask, rows: Sequence[Row], length: int) -> list[Pair]:
    encoded = encode(tokenizer, task, rows, length)
    prompts = ([piece for piece in prompt if piece] for prompt in encoded.prompts.tolist())
    answers = encoded.answers[encoded.labels].tolist()
    return [(prompt, [answer, END]) for prompt, answer in zip(prompts, answers, strict=True)]


def blanked(ids: list[int], sentinels: list[int], draws: random.Random) -> Pair:
    """The sentence with one or two stretches of up to SPAN pieces behind sentinels, and these stretches."""
    count = 1 if len(ids) < 10 else 2
    kept: list[int] = []
    asked: list[int] = []
    end = 0
    for i, sentinel in enumerate(sentinels[:count]):
        low, high = i * len(ids) // count, (i + 1) * len(ids) // count
        width = draws.randint(1, SPAN)
        first = draws.randrange(low, high - width)
        kept += [*ids[end:first], sentinel]
        asked += [sentinel, *ids[first : first + width]]
        end = first + width
    return [*kept, *ids[end:], END], [*asked, END]
