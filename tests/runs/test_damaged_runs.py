"""Run folders that cannot go on: one sentence each, and other runs as they were."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from otmf_core.errors import InputError, Interrupted
from otmf_core.merging.merge import partial_record, resume_merge, run_merge
from otmf_core.runs.folder import list_runs, load_run
from tests.tiny import change_tensors, contents, is_one_sentence, merge_config, merged, never

VECTOR = "tasks/blue/task_vector.safetensors"


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


CONFIGURATION = "a run needs a configuration this version knows: {}"
RUN_DAMAGES: dict[str, tuple[str, str, str]] = {
    "newer format": ("status.json", '{"format": 3}', "this version reads run format 2 and older, stopped has 3: "),
    "no format": ("status.json", '{"status": "stopped"}', "a run's status.json names its format: {} does not"),
    "status unknown": ("status.json", '{"format": 1, "status": "lost"}', "a run is queued, running, stopped, failed, "),
    "status not JSON": ("status.json", '{"format"', "a file must be valid JSON: {}"),
    "status a list": ("status.json", "[]", "a file must hold a JSON object: {} holds list"),
    "config not JSON": ("config.json", "", "a file must be valid JSON: {}"),
    "config a number": ("config.json", "1", "a file must hold a JSON object: {} holds int"),
    "unknown field": (
        "config.json", '{"format": 2, "tasks": ["a", "b"], "zeal": 1}',
        f"{CONFIGURATION} (a configuration has no field 'zeal', received 1)",
    ),
    "unknown field of format 1": (
        "config.json", '{"tasks": ["a", "b"], "zeal": 1}',
        f"{CONFIGURATION} (a configuration has no field 'zeal', received 1)",
    ),
    "config without tasks": (
        "config.json", '{"alpha": 1}', f"{CONFIGURATION} (a configuration needs tasks, received alpha)",
    ),
    "progress not JSON": ("progress.json", "{", "a file must be valid JSON: {}"),
    "progress of another version": (
        "progress.json", '{"zeal": 1}',
        "a run's progress.json has the fields of this version: zeal (Extra inputs are not permitted) in {}",
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


def test_a_finished_run_has_nothing_to_resume(tiny: Path, tmp_path: Path):
    run = merged(merge_config(tiny, method="average"), tmp_path)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"^a finished run has nothing to resume: run is done$"):
        resume_merge(run, emit=lambda event: None, should_stop=never)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
