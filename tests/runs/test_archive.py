"""A run as a zip: whole and the same every time, and read back as from a stranger."""

from __future__ import annotations

import io
import json
import shutil
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from otmf_core.errors import InputError
from otmf_core.layout import EXPORTS
from otmf_core.runs import archive
from otmf_core.runs.archive import import_run, write_zip
from otmf_core.runs.folder import load_run, set_notes, set_status
from tests.tiny import contents, is_one_sentence, merge_config, merged

Entries = dict[str, bytes]


@pytest.fixture(scope="module")
def run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return merged(merge_config(tiny), tmp_path_factory.mktemp("runs"), "20260101-000000-otmf-abcd")


def zipped(folder: Path) -> io.BytesIO:
    file = io.BytesIO()
    write_zip(folder, file)
    return file


def entries(folder: Path) -> Entries:
    return {f"{folder.name}/{name}": content for name, content in contents(folder).items()}


def packed(
    files: Entries, change: Callable[[zipfile.ZipFile], None] = lambda file: None, method: int = 0
) -> io.BytesIO:
    """A zip of these files, then changed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as target, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of a name that is there twice
        for name, content in files.items():
            target.writestr(name, content)
        change(target)
    return file


def refusal(file: io.BytesIO, out: Path) -> str:
    """The sentence with which a zip is refused, after checking that nothing was written anywhere around."""
    before = contents(out.parent)
    with pytest.raises(InputError) as caught:
        import_run(file, out)
    assert contents(out.parent) == before
    assert not list(out.glob("*"))  # pathlib's * finds hidden names as well
    assert is_one_sentence(str(caught.value))
    return str(caught.value)


# --- out and in ------------------------------------------------------------------------------------------------------


def test_a_run_comes_back_as_it_went(run: Path, tmp_path: Path):
    assert import_run(zipped(run), tmp_path / "deep/runs") == run.name
    assert contents(tmp_path / "deep/runs") == entries(run)
    assert load_run(tmp_path / "deep/runs" / run.name).record == load_run(run).record


def test_the_same_run_gives_the_same_bytes(run: Path, tmp_path: Path):
    import_run(zipped(run), tmp_path)
    assert zipped(tmp_path / run.name).getvalue() == zipped(run).getvalue()
    with zipfile.ZipFile(zipped(run)) as file:
        names = file.namelist()
        kinds = {name.rsplit(".")[-1]: file.getinfo(name).compress_type for name in names}
    assert names == sorted(names)
    assert kinds == {"json": zipfile.ZIP_DEFLATED, "parquet": zipfile.ZIP_STORED, "safetensors": zipfile.ZIP_STORED}


def test_what_only_this_machine_can_use_stays_behind(run: Path, tmp_path: Path):
    import_run(zipped(run), tmp_path)
    folder = tmp_path / run.name
    (folder / "resume/step-01").mkdir(parents=True)
    for name in ("resume/step-01/merged.safetensors", "owner.json", "owner.0123.json", ".owner-1.json", ".x.part"):
        (folder / name).write_text("{}")
    assert zipped(folder).getvalue() == zipped(run).getvalue()


def test_a_link_is_not_followed_out_of_a_run(run: Path, tmp_path: Path):
    import_run(zipped(run), tmp_path)
    (tmp_path / run.name / "secret.json").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match=r"^a zip holds the files of its folder: .*secret.json is a link$"):
        zipped(tmp_path / run.name)


def test_name_note_and_model_travel_along(run: Path, tmp_path: Path):
    import_run(zipped(run), tmp_path / "a")
    folder = tmp_path / "a" / run.name
    set_notes(folder, "Best so far", "α = 0.8")
    for export in EXPORTS.values():
        (folder / export).mkdir()
        (folder / export / "README.md").write_text("# card")
    import_run(zipped(folder), tmp_path / "b")
    found = load_run(tmp_path / "b" / run.name)
    assert (found.name, found.note) == ("Best so far", "α = 0.8")
    assert [(found.path / export / "README.md").read_text() for export in EXPORTS.values()] == ["# card"] * 4


@pytest.mark.parametrize("status", ["running", "queued"])
def test_a_run_that_went_on_elsewhere_is_interrupted_here(status: str, run: Path, tmp_path: Path):
    import_run(zipped(run), tmp_path / "a")
    set_status(tmp_path / "a" / run.name, status)  # type: ignore[arg-type]
    import_run(zipped(tmp_path / "a" / run.name), tmp_path / "b")
    assert json.loads((tmp_path / "b" / run.name / "status.json").read_text())["status"] == "interrupted"


def test_a_zip_by_another_program_has_folders_and_deflates(run: Path, tmp_path: Path):
    files = {f"{run.name}/": b"", f"{run.name}/steps/": b"", **entries(run)}
    import_run(packed(files, method=zipfile.ZIP_DEFLATED), tmp_path)
    assert contents(tmp_path) == entries(run)


def test_a_run_is_imported_once(run: Path, tmp_path: Path):
    import_run(zipped(run), tmp_path)
    set_notes(tmp_path / run.name, "mine", "")
    before = contents(tmp_path)
    with pytest.raises(InputError, match=f"^a run is imported once: {run.name} is here already$"):
        import_run(zipped(run), tmp_path)
    assert contents(tmp_path) == before


# --- attacks ---------------------------------------------------------------------------------------------------------

NAMES = {
    "zip slip": ("{run}/../../evil.json", "holds one folder, the run's, of plain names"),
    "zip slip at once": ("../evil.json", "holds one folder, the run's, of plain names"),
    "dots inside": ("{run}/steps/../../evil.json", "holds one folder, the run's, of plain names"),
    "absolute": ("/tmp/evil.json", "holds one folder, the run's, of plain names"),
    "drive": ("C:/evil.json", "holds one folder, the run's, of plain names"),
    "backslash": ("{run}\\..\\..\\evil.json", "holds one folder, the run's, of plain names"),
    "newline": ("{run}/a\nb.json", "holds one folder, the run's, of plain names"),
    "no folder": ("evil.json", "holds one folder, the run's: 'evil.json' is not in it"),
    "parent folder": ("../", "holds one folder, the run's, of plain names"),
    "too deep": ("{run}/a/b/c/d/e/f/g.json", "holds one folder, the run's, of plain names"),
    "second run": ("another/else.json", "holds one folder, the run's, received 2"),
    "twice": ("{run}/config.json", "holds every file once"),
    "twice where case is one": ("{run}/CONFIG.json", "holds every file once"),
    "file as folder": ("{run}/config.json/x.json", "a file is no folder: 'config.json' is both"),
}


# fmt: off
NONE_OF_A_RUN = [
    "{run}/.config.json", "{run}/.DS_Store", "__MACOSX/{run}/._status.json", "{run}/plot.png", "{run}/Thumbs.db",
    "{run}/my notes (1).txt", "{run}/run.py", "{run}/model.pt", "{run}/README.md", "{run}/json", "{run}/desktop.ini",
    "{run}/owner.json", "{run}/owner.lock", "{run}/resume/within.safetensors", ".Trashes/501/x.json",
]
# fmt: on


def test_what_is_none_of_a_runs_stays_out(run: Path, tmp_path: Path):
    """Desktops leave files in folders and zips, and people put plots beside their runs."""
    others = {name.format(run=run.name): b"{" for name in NONE_OF_A_RUN}
    assert import_run(packed(entries(run) | others), tmp_path / "runs") == run.name
    assert contents(tmp_path / "runs") == entries(run)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("best run", "best-run"), ("läuft", "l-uft"), ("run (1)", "run-1"), ("β", "run"), ("CON", "run-CON"),
        ("a.b..c", "a-b-c"), ("-rf", "rf"), ("x" * 255, "x" * 255),
    ],
)  # fmt: skip
def test_a_run_whose_folder_was_renamed_comes_back_under_a_plain_name(name: str, kept: str, run: Path, tmp_path: Path):
    folder = tmp_path / "a" / name
    shutil.copytree(run, folder)
    (folder / "plot.png").write_bytes(b"")
    with zipfile.ZipFile(zipped(folder)) as file:
        assert {entry.split("/")[0] for entry in file.namelist()} == {kept}
    by_hand = packed({f"{name}/{inner}": content for inner, content in contents(folder).items()})
    for number, file in enumerate((zipped(folder), by_hand)):
        assert import_run(file, tmp_path / f"b{number}") == kept
        assert contents(tmp_path / f"b{number}" / kept) == contents(run)


@pytest.mark.parametrize("name", ["CON.json", "steps/nul/x.json", "Com1.parquet", "aux.safetensors"])
def test_a_name_that_is_no_file_on_windows_is_refused(name: str, run: Path, tmp_path: Path):
    assert "of plain names" in refusal(packed(entries(run) | {f"{run.name}/{name}": b"{}"}), tmp_path / "box/runs")


def test_a_table_of_contents_longer_than_any_runs_is_not_read(run: Path, tmp_path: Path, monkeypatch):
    file = zipped(run)
    monkeypatch.setattr(archive, "MAX_DIRECTORY_BYTES", 1000)
    monkeypatch.setattr(archive.zipfile, "ZipFile", None)
    assert "received a longer table of contents" in refusal(file, tmp_path / "box/runs")


@pytest.mark.parametrize("case", NAMES)
def test_a_name_that_means_harm_is_refused(case: str, run: Path, tmp_path: Path):
    name, rule = NAMES[case]
    file = packed(entries(run), lambda target: target.writestr(name.format(run=run.name), b"{}"))
    assert rule in refusal(file, tmp_path / "box/runs")


def test_a_name_cut_at_a_zero_byte_is_refused(run: Path, tmp_path: Path):
    file = packed(entries(run) | {f"{run.name}/a.json#.py": b"{}"})
    data = file.getvalue().replace(b"a.json#.py", b"a.json\0.py")
    assert "of plain names" in refusal(io.BytesIO(data), tmp_path / "box/runs")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_links_and_devices_are_refused(kind: int, run: Path, tmp_path: Path):
    def add(target: zipfile.ZipFile) -> None:
        entry = zipfile.ZipInfo(f"{run.name}/notes.json")
        entry.external_attr = (kind | 0o777) << 16
        target.writestr(entry, "/etc/passwd")

    said = refusal(packed(entries(run), add), tmp_path / "box/runs")
    assert said.startswith("a run's zip holds files and folders only: ")


def test_a_folder_that_is_a_link_is_refused(run: Path, tmp_path: Path):
    def add(target: zipfile.ZipFile) -> None:
        entry = zipfile.ZipInfo(f"{run.name}/steps/")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        target.writestr(entry, "/tmp")

    assert "is a link or a device" in refusal(packed(entries(run), add), tmp_path / "box/runs")


def test_too_many_files_are_refused(run: Path, tmp_path: Path):
    many = {f"{run.name}/steps/{place}.json": b"{}" for place in range(archive.MAX_FILES + 1)}
    assert refusal(packed(many), tmp_path / "box/runs") == "a run's zip has at most 2,000 files, received 2,001"


def test_a_bomb_is_refused_by_its_stated_size(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive, "MAX_BYTES", 64 << 20)
    bombs = {f"{run.name}/{place}.safetensors": bytes(40 << 20) for place in range(2)}
    file = packed(bombs, method=zipfile.ZIP_DEFLATED)
    assert len(file.getvalue()) < 1 << 20
    assert refusal(file, tmp_path / "box/runs") == "a run's zip unpacks to at most 64 MiB, received 80 MiB"


def test_a_bomb_that_lies_about_its_size_is_cut_off(run: Path, tmp_path: Path):
    file = packed(entries(run) | {f"{run.name}/a.json": bytes(5_000_000)}, method=zipfile.ZIP_DEFLATED)
    data = file.getvalue().replace((5_000_000).to_bytes(4, "little"), (2).to_bytes(4, "little"))
    assert data != file.getvalue()
    assert "received a damaged one" in refusal(io.BytesIO(data), tmp_path / "box/runs")


def test_a_text_file_that_would_fill_the_memory_is_refused(run: Path, tmp_path: Path):
    files = entries(run) | {f"{run.name}/notes.json": bytes(17 << 20)}
    said = refusal(packed(files, method=zipfile.ZIP_DEFLATED), tmp_path / "box/runs")
    assert "has at most 16 MiB" in said


def test_an_encrypted_file_is_refused(run: Path, tmp_path: Path):
    file = packed(entries(run))
    data = bytearray(file.getvalue())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(mark)
        while place >= 0:
            data[place + at] |= 1
            place = data.find(mark, place + 4)
    assert "is not encrypted" in refusal(io.BytesIO(bytes(data)), tmp_path / "box/runs")


@pytest.mark.parametrize("content", [b"", b"PK", b"\x89PNG", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_is_refused(content: bytes, tmp_path: Path):
    refusal(io.BytesIO(content), tmp_path / "box/runs")


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_half_a_zip_is_refused(share: float, run: Path, tmp_path: Path):
    data = zipped(run).getvalue()
    assert "a damaged one" in refusal(io.BytesIO(data[: int(len(data) * share)]), tmp_path / "box/runs")


def test_a_flipped_byte_is_refused(run: Path, tmp_path: Path):
    data = bytearray(zipped(run).getvalue())
    data[data.find(b"merged.safetensors") + 5_000] ^= 1
    assert "a damaged one" in refusal(io.BytesIO(bytes(data)), tmp_path / "box/runs")


def test_a_full_disk_is_told_before_anything_is_written(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive.shutil, "disk_usage", lambda path: type("", (), {"free": 1000}))
    assert refusal(zipped(run), tmp_path / "box/runs").startswith("the disk is full: ")


# --- content ---------------------------------------------------------------------------------------------------------


def record(**values: object) -> Callable[[dict], dict]:
    return lambda known: {**known, **values}


CONTENT: dict[str, tuple[str, Callable[[dict], object], str]] = {
    "newer": ("status.json", record(format=99), "has 99: update the program"),
    "status": ("status.json", record(status="adrift"), "received 'adrift'"),
    "no moment": ("status.json", record(created="soon"), "created"),
    "moment nowhere": ("status.json", record(created="2026-01-01T00:00:00"), "created"),
    "message": ("status.json", record(message=[1]), "message"),
    "list": ("config.json", lambda known: [known], "must hold a JSON object"),
    "field": ("config.json", record(warp=9), "no field 'warp'"),
    "tasks": ("config.json", record(tasks=["red"]), "at least two tasks"),
    "other tasks": ("config.json", record(tasks=["red", "blue", "green"]), "figures of other tasks"),
    "acc": ("record.json", record(acc="high"), "acc"),
    "infinite": ("record.json", record(bwt=float("inf")), "bwt"),
    "no labels": ("record.json", lambda known: {k: v for k, v in known.items() if k != "labels"}, "labels"),
    "shape": ("record.json", record(matrix=[[1.0]]), "an accuracy matrix of another shape than its 3 tasks"),
    "method": ("config.json", record(method=[]), "method: input should be a valid dictionary"),
    "setting": ("config.json", record(method={"name": "average", "alpha": 1}), "alpha is a setting of otmf"),
    "newer configuration": ("config.json", record(format=4), "format: input should be 3, received 4"),
    "no metric": ("record.json", record(acc=None), "a finished run's record has its metrics: acc is missing"),
    "versions": ("record.json", record(versions={"torch": 2}), "versions.torch (Input should be a valid string)"),
    "progress": ("progress.json", record(seconds="long"), "seconds"),
    "name": ("notes.json", lambda known: {"name": 3}, "a run's name and note are text"),
}


@pytest.mark.parametrize("case", CONTENT)
def test_a_run_that_no_page_could_show_is_refused(case: str, run: Path, tmp_path: Path):
    name, change, rule = CONTENT[case]
    files = entries(run)
    known = json.loads(files.get(f"{run.name}/{name}", b"{}"))
    said = refusal(packed(files | {f"{run.name}/{name}": json.dumps(change(known)).encode()}), tmp_path / "box/runs")
    assert rule in said
    assert ".import-" not in said


@pytest.mark.parametrize("name", ["config.json", "status.json", "record.json"])
def test_a_run_without_a_file_it_needs_is_refused(name: str, run: Path, tmp_path: Path):
    files = entries(run)
    del files[f"{run.name}/{name}"]
    refusal(packed(files), tmp_path / "box/runs")


@pytest.mark.parametrize(
    "name", ["merged.safetensors", "steps/02/masks.safetensors", "steps/02/curves.parquet", "extra.parquet"]
)
def test_tables_and_weights_that_do_not_open_are_refused(name: str, run: Path, tmp_path: Path):
    refusal(packed(entries(run) | {f"{run.name}/{name}": b"\x80\x04pickled" + bytes(90)}), tmp_path / "box/runs")
