"""OTMF taken apart: every row differs from the defaults, and is found again by what it was set to."""

from __future__ import annotations

from typing import get_args

from otmf_core.analysis.ablations import ABLATIONS, WHOLE, ablation_entries, ablation_name, part_of
from otmf_core.analysis.grid import content, grid
from otmf_core.analysis.standings import row_name
from otmf_core.config import MergeConfig
from otmf_core.methods.otmf import FamilyName
from otmf_core.methods.transport_settings import LossName

TASKS = ("a", "b")


def test_every_row_is_another_merge_and_knows_its_part():
    entries = ablation_entries()
    configs = grid(entries, [TASKS], {"evaluate": "held-out", "seed": 3, "library": "other", "device": "cpu"})
    assert len({content(config) for config in configs}) == len({entry.name for entry in entries}) == len(entries)
    parts = ["whole"] + [part for part, rows in ABLATIONS.items() for _ in rows]
    assert [part_of(config) for config in configs] == parts
    assert [ablation_name(config) for config in configs] == [entry.name for entry in entries]


def test_rows_are_named_alike_in_tables_and_on_pages():
    for entry in [entry for entry in ablation_entries()[1:] if entry.settings["method"] == "otmf"]:
        assert row_name(MergeConfig.build(tasks=TASKS, **entry.settings)) == f"OTMF, {entry.name}"
    assert WHOLE.name == "otmf"


def test_every_loss_and_every_grain_of_masks_is_there():
    losses = {entry.settings["loss"] for entry in ABLATIONS["loss"] if "loss" in entry.settings}
    assert losses | {"sinkhorn-kl"} == set(get_args(LossName))
    families = {entry.settings.get("masks") for entry in ABLATIONS["masks"]} - {None}
    assert families | {"element"} == set(get_args(FamilyName))


def test_other_merges_are_no_ablation():
    assert part_of(MergeConfig.build(tasks=TASKS, method="average")) is None
    assert ablation_name(MergeConfig.build(tasks=TASKS, method="average")) is None
    assert part_of(MergeConfig.build(tasks=TASKS, preset="paper")) is None
    assert part_of(MergeConfig.build(tasks=TASKS, alpha=0.5)) is None
