"""Hostile runs, as folders on this disk and in zips: one sentence or read; none hides another, none is half let in."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZIP_STORED

import pytest

from otmf_core.errors import InputError
from otmf_core.runs.folder import list_runs
from tests.hostile import run_files, texts, zips
from tests.hostile.box import Box
from tests.hostile.case import Case
from tests.hostile.doors import export_doors, import_zip, refusals, run_doors, sentence
from tests.hostile.guard import tree, watched, within
from tests.hostile.zips import ZipCase, members, packed

SECONDS = 10
EXPORTED = ("config.json", "record.json", "status.json", "merged", "a run's task")  # damages that an export may meet
CASES = [*run_files.cases(), *texts.run_cases()]


def untouched(box: Box) -> dict[str, tuple[int, int, int]]:
    """What lies in the box beside its runs."""
    return {path: state for path, state in tree(box.root).items() if not path.startswith("runs")}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_hostile_run_on_this_disk(case: Case, box: Box, sound_run: Path):
    run = box.put_run(sound_run)
    other = run.rename(run.with_name("20261122-090000-otmf-other"))
    case.damage(box.put_run(sound_run))
    before = tree(box.root)
    with watched(box.runs, box.outside) as seen, within(SECONDS):
        found = refusals(run_doors(run))
    assert tree(box.root) == before
    if str(case).startswith(EXPORTED):
        with watched(box.runs, box.outside) as seen_too, within(SECONDS):
            refusals(export_doors(run))
        seen += seen_too
    assert not seen
    assert other.name in {listed.id for listed in list_runs(box.runs)[0]}
    assert case.expected in ("either", "refused" if found else "read"), found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_hostile_run_in_a_zip(case: Case, box: Box, sound_run: Path):
    folder = Box(box.root / "elsewhere").put_run(sound_run)
    case.damage(folder)
    let_in(archive_of(folder), box, case.imported)


@pytest.mark.parametrize("case", [*zips.cases()], ids=str)
def test_a_hostile_zip(case: ZipCase, box: Box, sound_run: Path):
    box.put_run(sound_run).rename(box.runs / "here")
    let_in(case.make(members(sound_run)), box, case.expected)


def archive_of(folder: Path) -> bytes:
    return packed(members(folder), folder.name, ZIP_STORED)


def let_in(content: bytes, box: Box, expected: str) -> None:
    """Import a zip, and read by every door what was let in."""
    beside, before = untouched(box), tree(box.runs)
    with watched(box.runs, box.outside) as seen, within(SECONDS):
        try:
            run = import_zip(content, box.runs)
        except InputError as error:
            run, said = None, sentence(str(error))
        else:
            said = ""
            found = refusals(run_doors(run))
            assert not {"listed", "list", "list as JSON", "show", "resolve", "view"} & found.keys(), found
    assert not seen
    assert untouched(box) == beside
    if run is None:
        assert tree(box.runs) == before or not [*box.runs.iterdir()]
    else:
        assert {path.name for path in box.runs.iterdir()} == {*(Path(p).parts[0] for p in before), run.name}
    assert expected in ("either", "refused" if run is None else "read"), said


def test_every_case_has_its_name():
    names = [str(case) for case in CASES]
    assert len(set(names)) == len(names) > 350
