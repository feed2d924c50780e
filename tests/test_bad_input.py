"""What bad input gets: one sentence, no half-written run, and earlier runs as they were."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from otmf_core import files
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError, Interrupted
from otmf_core.merge import partial_record, resume_merge, run_merge
from otmf_core.runs import list_runs, load_run
from tests.tiny import merge_config, merged, never, results, vouch, write_images

Damage = Callable[[Path], None]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def is_one_sentence(message: str) -> bool:
    return "\n" not in message and not message.endswith(".") and len(message) < 400


@pytest.fixture
def out(tiny: Path, tmp_path: Path) -> Path:
    """A runs folder with an earlier run."""
    merged(merge_config(tiny, method="average"), tmp_path / "runs", "earlier")
    return tmp_path / "runs"


def refused(config: MergeConfig, out: Path) -> str:
    """The sentence with which a merge is refused, after checking that it left no trace."""
    before = contents(out)
    with pytest.raises(InputError) as caught:
        run_merge(config, out, emit=lambda event: None, should_stop=never, run_id="refused")
    assert contents(out) == before
    assert [path.name for path in out.iterdir()] == ["earlier"]
    assert is_one_sentence(str(caught.value))
    return str(caught.value)


def change_tensors(path: str, change: Callable[[dict[str, torch.Tensor]], object]) -> Damage:
    def damage(library: Path) -> None:
        tensors = load_file(library / path)
        change(tensors)
        save_file(tensors, library / path)
        vouch(library)

    return damage


def change_manifest(change: Callable[[dict], object]) -> Damage:
    def damage(library: Path) -> None:
        manifest = json.loads((library / "manifest.json").read_text())
        change(manifest)
        (library / "manifest.json").write_text(json.dumps(manifest))

    return damage


def truncate(path: str, vouched: bool) -> Damage:
    def damage(library: Path) -> None:
        (library / path).write_bytes((library / path).read_bytes()[:-40])
        if vouched:
            vouch(library)

    return damage


def no_images(library: Path) -> None:
    table = {"image": pa.array([], pa.binary()), "label": pa.array([], pa.int32())}
    pq.write_table(pa.table(table), library / "tasks/blue/calibration.parquet")
    vouch(library)


def one_class(library: Path) -> None:
    write_images(library / "tasks/blue/calibration.parquet", [1] * 8, 2, 0)
    vouch(library)


def pickled(library: Path) -> None:
    torch.save(load_file(library / "tasks/blue/task_vector.safetensors"), library / "tasks/blue/task_vector.bin")
    change_manifest(lambda manifest: manifest["tasks"][2].update(task_vector="tasks/blue/task_vector.bin"))(library)
    vouch(library)


def other_backbone(library: Path) -> None:
    config = json.loads((library / "backbone/config.json").read_text())
    config["model_cfg"]["vision_cfg"]["layers"] = 2
    (library / "backbone/config.json").write_text(json.dumps(config))
    vouch(library)


VECTOR = "tasks/blue/task_vector.safetensors"
DAMAGES: dict[str, tuple[Damage, str]] = {
    "NaN": (
        change_tensors(VECTOR, lambda t: t["ln_post.weight"].fill_(torch.nan)),
        "weights must be finite: ln_post.weight has 32 NaN or infinite values in {}/" + VECTOR,
    ),
    "missing key": (
        change_tensors(VECTOR, lambda t: t.pop("proj")),
        "weights have exactly the keys of the pre-trained model: proj is missing in {}/" + VECTOR,
    ),
    "extra key": (
        change_tensors(VECTOR, lambda t: t.update(more=torch.zeros(1))),
        "weights have exactly the keys of the pre-trained model: more is unknown in {}/" + VECTOR,
    ),
    "shape": (
        change_tensors(VECTOR, lambda t: t.update(proj=torch.zeros(16, 32))),
        "shapes follow the pre-trained model: proj is (16, 32), expected (32, 16), in {}/" + VECTOR,
    ),
    "NaN in the backbone": (
        change_tensors("backbone/weights.safetensors", lambda t: t["visual.proj"].fill_(torch.inf)),
        "weights must be finite: proj has 512 NaN or infinite values in {}/backbone/weights.safetensors",
    ),
    "another architecture": (
        other_backbone,
        "weights have exactly the keys of the pre-trained model: transformer.resblocks.1.attn.in_proj_bias is missing "
        "in the backbone of Tiny",
    ),
    "empty calibration set": (
        no_images,
        "a calibration set needs images: Blue has none in {}/tasks/blue/calibration.parquet",
    ),
    "single class": (
        one_class,
        "a calibration set needs at least two classes: Blue has one in {}/tasks/blue/calibration.parquet",
    ),
    "missing asset": (
        lambda library: (library / VECTOR).unlink(),
        "the library is incomplete: {}/" + VECTOR + " is missing",
    ),
    "hash": (truncate(VECTOR, vouched=False), "a file must have the hash its manifest records: {}/" + VECTOR + " has "),
    "truncated weights": (truncate(VECTOR, vouched=True), "a file must be valid safetensors: {}/" + VECTOR),
    "truncated images": (
        truncate("tasks/blue/test.parquet", vouched=True),
        "images come as a Parquet table with columns image and label: {}/tasks/blue/test.parquet",
    ),
    "pickle": (pickled, "weights are read from .safetensors files, which cannot run code, received task_vector.bin"),
    "traversal": (
        change_manifest(lambda manifest: manifest["tasks"][2].update(task_vector="../../../etc/passwd")),
        "a file must lie inside its folder: '../../../etc/passwd' leads out of {}",
    ),
    "newer library": (
        change_manifest(lambda manifest: manifest.update(format=2)),
        "a library's format is 1, received 2 in {}/manifest.json",
    ),
    "no manifest": (
        lambda library: (library / "manifest.json").unlink(),
        "a library is installed (",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_library(name: str, own_tiny: Path, out: Path):
    damage, sentence = DAMAGES[name]
    damage(own_tiny)
    assert refused(merge_config(own_tiny), out).startswith(sentence.format(own_tiny))


def test_what_a_method_does_not_read_does_not_stop_it(own_tiny: Path, out: Path):
    no_images(own_tiny)
    (own_tiny / "tasks/red/labelled.parquet").unlink()
    assert merged(merge_config(own_tiny, method="average"), out, "other").is_dir()


def test_head_tuning_needs_its_pool(own_tiny: Path, out: Path):
    (own_tiny / "tasks/red/labelled.parquet").unlink()
    sentence = refused(merge_config(own_tiny, method="average", heads="tuned"), out)
    assert sentence == f"the library is incomplete: {own_tiny}/tasks/red/labelled.parquet is missing"


def test_an_unknown_task(tiny: Path, out: Path):
    sentence = refused(merge_config(tiny, tasks=("red", "pink")), out)
    assert sentence == "a task is one of Tiny's (red, green, blue), received 'pink'"


def test_an_unknown_device(tiny: Path, out: Path):
    sentence = refused(merge_config(tiny, device="abacus"), out)
    assert sentence == "a device is auto, cpu, cuda, cuda:N or mps, received 'abacus'"


def test_a_run_id_that_is_taken(tiny: Path, out: Path):
    before = contents(out)
    with pytest.raises(InputError, match=r"^a new run needs a new folder: .*earlier exists$"):
        merged(merge_config(tiny), out, "earlier")
    assert contents(out) == before


# --- a disk that fills up --------------------------------------------------------------------------------------------


def fill_up(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let `after` files be written and none after them, as on a full disk."""
    left = after

    def replace(old: Path, new: Path) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.rename(old, new)

    monkeypatch.setattr(files.os, "replace", replace)


@pytest.mark.parametrize("after", [0, 1])
def test_a_full_disk_before_the_run_begins(after: int, tiny: Path, out: Path, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        fill_up(patch, after)
        sentence = refused(merge_config(tiny), out)
    assert sentence.startswith(f"the disk is full: {out}/refused/")


def test_a_disk_that_fills_up_at_any_later_moment_loses_nothing(tiny: Path, out: Path, monkeypatch: pytest.MonkeyPatch):
    config = merge_config(tiny, steps=1, tasks=("red", "green"))
    expected = results(merged(config, out, "through"))
    earlier = contents(out)
    for after in range(2, 100):
        with monkeypatch.context() as patch:
            fill_up(patch, after)
            try:
                merged(config, out, "new")
                break
            except InputError as error:
                assert str(error).startswith(f"the disk is full: {out}/new/")
        run = out / "new"
        assert load_run(run).status in ("queued", "interrupted")  # "failed" does not fit on the disk either
        assert not list(run.rglob("*.part"))
        resume_merge(run, emit=lambda event: None, should_stop=never)
        assert results(run) == expected
        shutil.rmtree(run)
    assert after > 10
    shutil.rmtree(out / "new")
    assert contents(out) == earlier


def test_an_out_folder_that_is_a_file(tiny: Path, tmp_path: Path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(InputError, match=r"^the folder must be writable: "):
        merged(merge_config(tiny, method="average"), tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"


# --- damaged run folders ---------------------------------------------------------------------------------------------


@pytest.fixture
def stopped(own_tiny: Path, out: Path) -> Path:
    """A run that was stopped within its second step."""
    with pytest.raises(Interrupted):
        stop = iter([False] * 10 + [True] * 9)
        run_merge(
            merge_config(own_tiny), out, emit=lambda event: None, should_stop=lambda: next(stop), run_id="stopped"
        )
    assert (out / "stopped/resume/within.safetensors").is_file()
    return out / "stopped"


RUN_DAMAGES: dict[str, tuple[str, str, str]] = {
    "newer format": ("status.json", '{"format": 2}', "this version reads run format 1 and older, stopped has 2: "),
    "no format": ("status.json", '{"status": "stopped"}', "a run's status.json names its format: {} does not"),
    "status unknown": ("status.json", '{"format": 1, "status": "lost"}', "a run is queued, running, stopped, failed, "),
    "status not JSON": ("status.json", '{"format"', "a file must be valid JSON: {}"),
    "status a list": ("status.json", "[]", "a file must hold a JSON object: {} holds list"),
    "config not JSON": ("config.json", "", "a file must be valid JSON: {}"),
    "config a number": ("config.json", "1", "a file must hold a JSON object: {} holds int"),
    "unknown field": ("config.json", '{"tasks": ["a", "b"], "zeal": 1}', "a configuration has no field 'zeal'"),
    "config without tasks": ("config.json", '{"alpha": 1}', "a configuration needs tasks, received alpha"),
    "progress not JSON": ("progress.json", "{", "a file must be valid JSON: {}"),
    "progress of another version": (
        "progress.json", '{"zeal": 1}', "a run's progress.json has the fields of this version: {} (",
    ),
    "weights": ("resume/step-01/merged.safetensors", "\0" * 99, "a file must be valid safetensors: {}"),
    "masks": ("resume/within.safetensors", "\0" * 99, "a file must be valid safetensors: {}"),
}  # fmt: skip


@pytest.mark.parametrize("name", RUN_DAMAGES)
def test_a_damaged_run(name: str, stopped: Path, out: Path):
    file, content, sentence = RUN_DAMAGES[name]
    earlier = contents(out / "earlier")
    (stopped / file).write_text(content)
    with pytest.raises(InputError) as caught:
        resume_merge(stopped, emit=lambda event: None, should_stop=never)
    assert str(caught.value).startswith(sentence.format(stopped / file))
    assert is_one_sentence(str(caught.value))
    assert contents(out / "earlier") == earlier
    assert "earlier" in [run.id for run in list_runs(out)[0]]


@pytest.mark.parametrize(
    "file", ["config.json", "resume/step-01/merged.safetensors", "resume/step-01/teachers.safetensors"]
)
def test_a_run_without_one_of_its_files(file: str, stopped: Path):
    (stopped / file).unlink()
    with pytest.raises(InputError, match=f"^a file is missing: {stopped / file}$"):
        resume_merge(stopped, emit=lambda event: None, should_stop=never)


def test_a_folder_that_is_no_run(tmp_path: Path):
    for call in (lambda: resume_merge(tmp_path, emit=print, should_stop=never), lambda: partial_record(tmp_path)):
        with pytest.raises(InputError, match=r"^a run is a folder with a status.json, received "):
            call()


def test_a_library_that_changed_since_the_run_stopped(stopped: Path, own_tiny: Path):
    before = (own_tiny / "manifest.json").read_text()
    change_tensors(VECTOR, lambda tensors: tensors["proj"].add_(1))(own_tiny)
    with pytest.raises(
        InputError, match=f"^a run goes on with the library it began with: {own_tiny} has changed since$"
    ):
        resume_merge(stopped, emit=lambda event: None, should_stop=never)
    run = load_run(stopped)
    assert (run.status, run.message.split(":")[0]) == ("failed", "a run goes on with the library it began with")

    change_tensors(VECTOR, lambda tensors: tensors["proj"].sub_(1))(own_tiny)
    shutil.rmtree(own_tiny / "tasks")
    (own_tiny / "manifest.json").write_text(before)
    with pytest.raises(InputError, match=r"^the library is incomplete: "):
        resume_merge(stopped, emit=lambda event: None, should_stop=never)
