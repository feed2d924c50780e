"""Hostile libraries: one sentence or read, nothing started, nothing reached, nothing written, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from otmf_core.runs.folder import delete_run, load_run
from tests.hostile import backbones, manifests, pictures, tables, texts, weights
from tests.hostile.box import Box
from tests.hostile.case import Case
from tests.hostile.doors import library_doors, manifest_doors, merge_doors, refusals
from tests.hostile.guard import tree, watched, within

SECONDS = 10  # until a door hangs
CASES = [
    *manifests.cases(), *backbones.cases(), *weights.cases(), *tables.cases(), *pictures.cases(),
]  # fmt: skip
TEXTS = [*texts.library_cases()]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_hostile_library(case: Case, box: Box, sound: Path):
    case.damage(box.put_library(sound))
    before = tree(box.root)
    with watched(box.runs, box.outside) as seen, within(SECONDS):
        found = refusals(library_doors(box.library))
        merge = refusals(merge_doors(box.library, box.runs))
    assert not seen
    for run in box.runs.glob("*") if merge else ():  # what only decoding tells may be found when a run has begun
        assert load_run(run).status == "failed"
        delete_run(run)
    if merge:
        assert not box.runs.exists() or not [*box.runs.iterdir()]
    assert {path: state for path, state in tree(box.root).items() if not path.startswith("runs")} == before
    assert case.expected in ("either", "refused" if found or merge else "read"), found or merge


@pytest.mark.parametrize("case", TEXTS, ids=str)
def test_a_hostile_text_of_a_library(case: Case, box: Box, sound: Path):
    case.damage(box.put_library(sound))
    with watched(box.runs, box.outside) as seen, within(SECONDS):
        refusals(manifest_doors(box.library))
    assert not seen


def test_every_case_has_its_name():
    names = [case.name for case in (*CASES, *TEXTS)]
    assert len(set(names)) == len(names) > 600
