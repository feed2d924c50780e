"""Run folders: listed, read back, moved, and guarded."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import write_json
from otmf_core.runs import folder as runs
from otmf_core.runs.folder import (
    create_run,
    delete_run,
    list_runs,
    load_run,
    new_run_id,
    resolve_run,
    set_notes,
    set_status,
)
from otmf_core.runs.lock import owned
from otmf_core.runs.state import RunState
from tests.made_runs import end_of, record_of
from tests.tiny import is_one_sentence, merge_config, merged

CONFIG = MergeConfig.build(tasks=("x", "y"), iterations=3)


def test_a_new_run_is_queued_and_remembers_when_it_was_created(tmp_path: Path):
    create_run(tmp_path / "a", CONFIG)
    run = load_run(tmp_path / "a")
    assert (run.id, run.status, run.message, run.record) == ("a", "interrupted", "", None)  # nobody holds it
    assert run.config == CONFIG
    assert run.state == RunState()
    assert (run.matrix, run.individual) == ((), ())
    set_status(tmp_path / "a", "failed", "no luck")
    later = load_run(tmp_path / "a")
    assert (later.status, later.message, later.created) == ("failed", "no luck", run.created)


def test_ids_sort_by_time_and_do_not_collide():
    ids = [new_run_id("otmf") for _ in range(20)]
    assert len(set(ids)) == 20
    assert all(name.split("-")[2] == "otmf" for name in ids)
    assert [name[:15] for name in ids] == sorted(name[:15] for name in ids)


def test_runs_are_listed_newest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, moment in (("b", "2026-01-02T00:00:00.000+00:00"), ("c", "2026-01-01T00:00:00.000+00:00")):
        monkeypatch.setattr(runs, "now", lambda moment=moment: moment)
        create_run(tmp_path / name, CONFIG)
    monkeypatch.setattr(runs, "now", lambda: "2026-01-02T00:00:00.001+00:00")
    create_run(tmp_path / "a", CONFIG)
    set_status(tmp_path / "c", "stopped")  # a change is no creation
    found, problems = list_runs(tmp_path)
    assert [run.id for run in found] == ["a", "b", "c"]
    assert problems == []


def test_what_cannot_be_read_is_named_and_does_not_hide_the_rest(tmp_path: Path):
    create_run(tmp_path / "good", CONFIG)
    for name, status in (("newer", '{"format": 9}'), ("damaged", "{"), ("odd", '{"format": 1, "status": "x"}')):
        create_run(tmp_path / name, CONFIG)
        (tmp_path / name / "status.json").write_text(status)
    create_run(tmp_path / "empty", CONFIG)
    (tmp_path / "empty/config.json").unlink()
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    found, problems = list_runs(tmp_path)
    assert [run.id for run in found] == ["good"]
    assert len(problems) == 4
    assert any("newer has 9: update the program" in problem.sentence for problem in problems)
    assert all("\n" not in problem.sentence for problem in problems)


def test_a_folder_that_does_not_exist_has_no_runs(tmp_path: Path):
    assert list_runs(tmp_path / "nowhere") == ([], [])


def test_a_run_is_found_by_id_and_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    create_run(tmp_path / "out/a", CONFIG)
    create_run(tmp_path / "b", CONFIG)
    monkeypatch.chdir(tmp_path)
    assert resolve_run("a", tmp_path / "out") == tmp_path / "out/a"
    assert resolve_run(str(tmp_path / "b"), tmp_path / "out") == tmp_path / "b"
    assert resolve_run("b", tmp_path / "out") == Path("b")
    for name in ("c", "", "../out/x"):
        with pytest.raises(InputError, match=r"^a run is an id under .*out or the path of a run folder, received "):
            resolve_run(name, tmp_path / "out")


def test_a_run_is_not_created_twice(tmp_path: Path):
    create_run(tmp_path / "a", CONFIG)
    with pytest.raises(InputError, match=r"^a new run needs a new folder: .*a exists$"):
        create_run(tmp_path / "a", CONFIG.with_settings(seed=2))
    assert load_run(tmp_path / "a").config == CONFIG


def test_what_was_read_of_a_run_is_not_trusted_when_a_file_is_new(tmp_path: Path):
    create_run(tmp_path / "a", CONFIG)
    set_status(tmp_path / "a", "stopped", "x")
    status = tmp_path / "a/status.json"
    assert load_run(tmp_path / "a").message == "x"
    before = status.stat()
    set_status(tmp_path / "a", "stopped", "y")  # as many characters, and within the same tick of the clock
    os.utime(status, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert status.stat().st_size == before.st_size
    assert (load_run(tmp_path / "a").status, load_run(tmp_path / "a").message) == ("stopped", "y")


def test_a_run_that_is_a_link_has_its_name_here(tmp_path: Path):
    create_run(tmp_path / "far/store", CONFIG)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/near").symlink_to(tmp_path / "far/store")
    (run,) = list_runs(tmp_path / "runs")[0]
    assert run.id == "near"
    delete_run(resolve_run(run.id, tmp_path / "runs"))
    assert not list((tmp_path / "runs").iterdir())
    assert load_run(tmp_path / "far/store").config == CONFIG  # the link is gone, what it leads to stays


@pytest.mark.parametrize("name", ["status.json", "config.json", "progress.json", "record.json", "notes.json"])
@pytest.mark.parametrize(
    "content",
    ["", "{", "null", "[]", "3", '"x"', "[" * 100_000, '{"created": ' + "1" * 5000 + "}", '{"name": "\\ud800"}',
     '{"format": null}', '{"format": true}'],
    ids=range(11),
)  # fmt: skip
def test_one_damaged_file_spoils_its_own_run_alone(name: str, content: str, tmp_path: Path):
    for run in ("good", "bad"):
        create_run(tmp_path / run, CONFIG)
        write_json(tmp_path / run / "record.json", record_of(CONFIG).model_dump(mode="json"))
        write_json(tmp_path / run / "progress.json", end_of(CONFIG).model_dump(mode="json"))
        set_status(tmp_path / run, "done")
    if name == "notes.json" and content.startswith('{"'):
        content = content.replace("format", "name")
    (tmp_path / "bad" / name).write_text(content)
    found, damaged = list_runs(tmp_path)
    assert [run.id for run in found] == ["good"]
    ((path, sentence),) = damaged
    assert path == tmp_path / "bad" and str(path) in sentence and is_one_sentence(sentence)
    delete_run(path)
    assert [path.name for path in tmp_path.iterdir()] == ["good"]


@pytest.mark.parametrize("moment", [None, 3, "", "soon", "2026-01-01T00:00:00", "2999-01-01T00:00:00+00:00"])
def test_a_run_says_when_it_was_created(moment: object, tmp_path: Path):
    create_run(tmp_path / "a", CONFIG)
    status = json.loads((tmp_path / "a/status.json").read_text())
    write_json(tmp_path / "a/status.json", {**status, "created": moment})
    with pytest.raises(InputError, match=r"^a run was created at a moment of this age with its time zone: "):
        load_run(tmp_path / "a")


def test_a_folder_without_a_status_is_seen_and_can_be_deleted(tmp_path: Path):
    """As version 0.1.0 left one behind when it was killed while making it."""
    create_run(tmp_path / "a", CONFIG)
    (tmp_path / "a/status.json").unlink()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("")
    ((path, sentence),) = list_runs(tmp_path)[1]
    assert (path, sentence) == (tmp_path / "a", f"a run is a folder with a status.json, received {tmp_path / 'a'}")
    delete_run(path)
    with pytest.raises(InputError, match=r"^a run is a folder with a status.json, received "):
        delete_run(tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_of_runs_that_is_a_file_is_one_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"^the folder of all runs must be readable: .*file \(Not a directory\)$"):
        list_runs(tmp_path / "file")


# --- names, notes, the end -------------------------------------------------------------------------------------------


def test_a_name_and_a_note_stay_beside_the_run(tmp_path: Path):
    create_run(tmp_path / "a", CONFIG)
    assert (load_run(tmp_path / "a").name, load_run(tmp_path / "a").note) == ("", "")
    set_notes(tmp_path / "a", "  Eight tasks,\nhigh α ", "first line\nsecond ")
    run = load_run(tmp_path / "a")
    assert (run.id, run.name, run.note) == ("a", "Eight tasks, high α", "first line\nsecond")
    with pytest.raises(InputError, match=r"^a run's name has at most 80 characters, received 81$"):
        set_notes(tmp_path / "a", "x" * 81, "")
    with pytest.raises(InputError, match=r"^a run's note has at most 10,000 characters, received 10,001$"):
        set_notes(tmp_path / "a", "", "x" * 10_001)
    assert load_run(tmp_path / "a") == run
    (tmp_path / "a/notes.json").write_text('{"name": 3}')
    with pytest.raises(InputError, match=r"^a run's name and note are text: .*notes.json holds something else$"):
        load_run(tmp_path / "a")


def test_a_run_is_deleted_alone_and_only_when_nobody_holds_it(tmp_path: Path):
    for name in ("a", "b"):
        create_run(tmp_path / name, CONFIG)
    with owned(tmp_path / "a"), pytest.raises(InputError, match=f"a is held by process {os.getpid()}$"):
        delete_run(tmp_path / "a")
    assert load_run(tmp_path / "a").config == CONFIG
    delete_run(tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"^a run is a folder with a status.json, received .*folder$"):
        delete_run(tmp_path / "folder")
    assert (tmp_path / "folder").is_dir()


# --- elsewhere -------------------------------------------------------------------------------------------------------


def test_a_copied_run_opens_elsewhere(tiny: Path, tmp_path: Path):
    run = merged(merge_config(tiny, method="average"), tmp_path / "here")
    original = load_run(run)
    shutil.copytree(run, tmp_path / "there/copy")
    shutil.rmtree(tmp_path / "here")
    copy = load_run(tmp_path / "there/copy")
    assert (copy.id, copy.status) == ("copy", "done")
    assert copy.record == original.record
    assert copy.config == original.config
    assert [found.id for found in list_runs(tmp_path / "there")[0]] == ["copy"]
