"""Hostile comparisons and studies of a library: one sentence or drawn, and nothing but their own page meets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.box import Box
from tests.hostile.case import Case
from tests.hostile.comparisons import brought, cases, write_comparisons
from tests.hostile.doors import comparison_doors, library_doors, refusals
from tests.hostile.guard import tree, watched, within
from tests.tiny import write_library

SECONDS = 10


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny library with comparisons and studies that every door reads."""
    root = write_comparisons(write_library(tmp_path_factory.mktemp("compared") / "tiny", images=6))
    for file in brought(root):
        assert not refusals(comparison_doors(root, file))
    return root


@pytest.mark.parametrize("case", [*cases()], ids=str)
def test_a_hostile_comparison(case: Case, box: Box, compared: Path):
    root = box.put_library(compared)
    case.damage(root)
    (file,) = (name for name in brought(root) if (root / name).is_dir() or _differs(root / name, compared / name))
    before = tree(box.root)
    with watched(box.runs, box.outside) as seen, within(SECONDS):
        found = refusals(comparison_doors(root, file))
    assert tree(box.root) == before
    assert not seen
    assert case.expected in ("either", "refused" if found else "read"), found


def test_a_damaged_comparison_hides_nothing_else_of_its_library(box: Box, compared: Path):
    root = box.put_library(compared)
    for file in brought(root):
        (root / file).write_bytes(b"[")
    assert not refusals(library_doors(root))


def _differs(file: Path, sound: Path) -> bool:
    return file.read_bytes() != sound.read_bytes()
