"""Trained entries by family, counted by hand on a made network; accuracy against them."""

from __future__ import annotations

import pytest
import torch

from otmf_core.analysis.studies.mask_memory import MASK_MEMORY, Entries, count_entries, family
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.runs.folder import Run
from tests.made_runs import made_run

BLOCK = "transformer.resblocks.0."
# a stem, one block with two attention heads of width 3, and a projection
SHAPES = {
    "conv1.weight": (6, 3, 2, 2),
    f"{BLOCK}attn.in_proj_weight": (18, 6),
    f"{BLOCK}attn.in_proj_bias": (18,),
    f"{BLOCK}attn.out_proj.weight": (6, 6),
    f"{BLOCK}ln_1.weight": (6,),
    "proj": (6, 4),
}
ORDERS = (("a", "b"), ("b", "a"))


def test_entries_are_counted_by_hand():
    torch.manual_seed(0)
    counts = count_entries({name: torch.randn(shape) for name, shape in SHAPES.items()}, 2)
    one_side = {
        "element": 72 + 108 + 18 + 36 + 6 + 24,
        "row": 6 + 18 + 18 + 6 + 6 + 6,
        "head": 1 + 2 + 1 + 1,  # the stem; q, k, v, their biases and the projection by head; a norm; the projection
        "low-rank": 4 * (6 + 12) + 4 * (18 + 6) + 18 + 4 * (6 + 6) + 6 + 4 * (6 + 4),
        "singular": 1 + 3 * 6 + 1 + 6 + 1 + 4,  # a kernel of a convolution is no matrix, q, k and v are three
        "layer": 3,  # the stem, the block, the projection
        "task": 1,
    }
    assert counts == {"none": 0, **{name: 2 * count for name, count in one_side.items()}}


def runs_of(masks: str, *accs: float) -> list[Run]:
    own = {"masks": masks} if masks != "none" else {"method": "task-arithmetic", "scaling": 0.2, "retained": True}
    configs = [MergeConfig.build(tasks=order, **own) for order in ORDERS]
    return [
        made_run(f"{masks}-{k}", config, acc=acc) for k, (config, acc) in enumerate(zip(configs, accs, strict=True))
    ]


COUNTS = [Entries(family=name, entries=n) for name, n in (("none", 0), ("element", 2000), ("row", 30), ("layer", 4))]


def test_the_leanest_family_close_to_the_best_is_found():
    runs = [*runs_of("element", 70.0, 72.0), *runs_of("row", 71.0, 69.5), *runs_of("layer", 69.0, 70.0)]
    found = MASK_MEMORY.found([*runs_of("none", 60.0, 61.0), *runs], COUNTS)
    assert [(row["name"], row["entries"], row["acc"], row["difference"]) for row in found.rows] == [
        ("element", 2000, 71.0, None),
        ("row", 30, 70.25, -0.75),
        ("layer", 4, 69.5, -1.5),
        ("none", 0, 60.5, -10.5),
    ]
    assert found.finding == (
        "Highest ACC: element, 71.0% with 2,000 entries; with the fewest entries within 1 point of it: row, 70.2% "
        "with 30 entries; without masks 60.5%."
    )


def test_a_family_without_a_count_is_refused():
    with pytest.raises(InputError, match="counts the entries of every family: singular is missing"):
        MASK_MEMORY.found(runs_of("singular", 1.0, 2.0), COUNTS)


def test_its_merges_are_otmf_by_family_and_none():
    configs = MASK_MEMORY.configs(ORDERS, {})
    names = ["element", "none", "row", "head", "low-rank", "singular", "layer", "task"]
    assert [family(config) for config in configs] == 2 * names
