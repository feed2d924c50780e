"""Few bytes that unpack to very many: refused before they are, in a process that is not given the memory for them."""

from __future__ import annotations

import io
import json
import os
import resource
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from otmf_core.errors import InputError
from tests.hostile.box import Box
from tests.hostile.doors import import_zip, library_doors, refusals, run_doors, sentence
from tests.hostile.pictures import LABELS, TABLES, huge, picture, written
from tests.hostile.run_files import CURVES, STATISTICS
from tests.hostile.tables import equal_rows
from tests.hostile.weights import joined
from tests.hostile.zips import RUN, Members, members, overlapping, packed

ROOM = 3 << 30  # bytes of address space beyond what the process has
MOST = 1 << 30  # bytes that may be in memory at once beyond that
PIXELS = (20_000, 20_000)


def alone(act: Callable[[], str]) -> tuple[str, int]:
    """What an act says in a process of little memory, and the most memory that it took beyond what it began with."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        before = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (before + ROOM, before + ROOM))
        begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            said = act()
        except BaseException as error:
            said = "".join(traceback.format_exception(error))
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begun
        os.write(writing, json.dumps([said[-3_000:], more << 10]).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        content = told.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the process ended with {status}"
    said, more = json.loads(content)
    return said, more


def refused(act: Callable[[], object]) -> Callable[[], str]:
    """An act that says the sentence with which it is refused, or nothing."""

    def say() -> str:
        try:
            act()
        except InputError as error:
            return f"refused: {sentence(str(error))}"
        return "read"

    return say


def check(act: Callable[[], object]) -> None:
    said, more = alone(refused(act))
    assert said.startswith("refused: "), said
    assert more < MOST


pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")


@pytest.mark.parametrize("split", TABLES)
def test_pictures_of_very_many_pixels(split: str, box: Box, sound: Path):
    root = box.put_library(sound)
    written(TABLES[split], [huge(*PIXELS)] * len(LABELS))(root)
    check(lambda: first_refusal(refusals(library_doors(root))))


@pytest.mark.parametrize("split", TABLES)
def test_pictures_that_fit_one_by_one(split: str, box: Box, sound: Path):
    root = box.put_library(sound)
    written(TABLES[split], [huge(7_000, 7_000)] * len(LABELS), LABELS)(root)
    said, more = alone(refused(lambda: refusals(library_doors(root))))
    assert said == "read"  # one after another, made small as they come
    assert more < MOST


@pytest.mark.parametrize("split", TABLES)
def test_a_table_of_very_many_rows_of_pictures(split: str, box: Box, sound: Path):
    root = box.put_library(sound)
    written(TABLES[split], [picture()] * 3, [0, 1, 2])(root)
    equal_rows(root / TABLES[split], 20_000_000, {"image": picture(), "label": 1})
    vouch_for(root, TABLES[split])
    check(lambda: first_refusal(refusals(library_doors(root))))


@pytest.mark.parametrize("file", [CURVES, STATISTICS])
def test_a_table_of_very_many_rows_in_a_run(file: str, box: Box, sound_run: Path, tmp_path: Path):
    import pyarrow.parquet as pq

    columns = dict.fromkeys(pq.read_schema(sound_run / file).names, 0.5)
    equal_rows(tmp_path / "bomb.parquet", 20_000_000, columns)
    content = (tmp_path / "bomb.parquet").read_bytes()
    assert len(content) < 20 << 20
    check(lambda: imported({**members(sound_run), file: content}, box))
    run = box.put_run(sound_run)
    (run / file).write_bytes(content)
    check(lambda: first_refusal(refusals(run_doors(run))))


@pytest.mark.parametrize("file", ["merged.safetensors", "steps/02/masks.safetensors"])
def test_weights_of_a_header_without_end(file: str, box: Box, sound_run: Path):
    check(lambda: imported({**members(sound_run), file: joined(b" " * 99_000_000, b"")}, box))


def test_a_json_file_of_three_hundred_mebibytes(box: Box, sound_run: Path):
    check(lambda: imported({**members(sound_run), "x.json": b" " * (300 << 20)}, box))


def test_very_many_names_of_one_file(box: Box, sound_run: Path):
    content = overlapping(members(sound_run), 64 << 20, 150)
    assert len(content) < 1 << 20
    check(lambda: import_zip(content, box.runs))
    assert not box.runs.exists() or not [*box.runs.iterdir()]


def imported(files: Members, box: Box) -> None:
    """Let a zip of these files in and read it by every door."""
    first_refusal(refusals(run_doors(import_zip(packed(files, RUN), box.runs))))


def first_refusal(found: dict[str, str]) -> None:
    if found:
        raise InputError(min(found.values()))


def vouch_for(root: Path, path: str) -> None:
    from tests.hostile.case import vouched

    vouched(path, lambda root: None)(root)


def test_the_process_is_given_no_more_memory():
    said, _ = alone(lambda: str(len(bytes(2 * ROOM))))
    assert "MemoryError" in said
    _, more = alone(lambda: str(len(io.BytesIO(b"x" * (200 << 20)).getvalue())))
    assert more > 150 << 20
