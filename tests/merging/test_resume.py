"""Stopping, being killed, and going on: the same bits as without."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from otmf_core import layout
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError, Interrupted
from otmf_core.merging import fold
from otmf_core.merging.merge import partial_record, resume_merge, run_merge
from otmf_core.models.checkpoints import read_tensors
from otmf_core.runs import folder as runs
from otmf_core.runs.events import Evaluated, Event, Failed, Iterated, Stopped
from otmf_core.runs.folder import load_run
from otmf_core.runs.record import RunRecord
from tests.tiny import ROOT, TASKS, contents, is_one_sentence, merge_config, merged, never, results, stopped_within


def short(library: Path, **fields) -> MergeConfig:
    return merge_config(library, **{"iterations": 3, "update": "alternating", "heads": "tuned", **fields})


@pytest.fixture(scope="module")
def through(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The results of `short` when nothing interrupts it."""
    return results(merged(short(tiny), tmp_path_factory.mktemp("runs")))


def on_call(number: int) -> Callable[[], bool]:
    """A `should_stop` that says yes from its `number`-th call on."""
    calls = iter(range(1, 10**9))
    return lambda: next(calls) >= number


def test_stopping_wherever_the_engine_asks_and_going_on(tiny: Path, through: dict, tmp_path: Path):
    places = set()
    for number in range(1, 100):
        run, events = tmp_path / f"run-{number}", []
        try:
            run_merge(short(tiny), tmp_path, emit=events.append, should_stop=on_call(number), run_id=run.name)
            break
        except Interrupted:
            assert load_run(run).status == "stopped"
        assert isinstance(events[-1], Stopped)
        places.add((events[-1].step, events[-1].iteration))
        record = resume_merge(run, emit=lambda event: None, should_stop=never)
        assert record.model_dump(mode="json") == json.loads((run / "record.json").read_text())
        assert results(run) == through, f"stopped at {events[-1]}"
        assert not (run / "resume").exists()
    assert {(t, k) for t in (2, 3) for k in range(3)} <= places  # before every iteration
    assert {(t, 0) for t in (1, 2, 3)} | {(t, 3) for t in (0, 1, 2, 3)} <= places  # between steps; while evaluating


def in_parts(config: MergeConfig, out: Path) -> int:
    """Merge into `run`, stopped at every fifth question, and return in how many parts it was done, at most 30."""

    def ended(start: Callable[..., RunRecord]) -> bool:
        try:
            start(emit=lambda event: None, should_stop=on_call(5))
        except Interrupted:
            return False
        return True

    parts = 1
    if not ended(partial(run_merge, config, out, run_id="run")):
        while parts < 30 and not ended(partial(resume_merge, out / "run")):
            parts += 1
    return parts


def test_stopping_again_and_again(tiny: Path, through: dict, tmp_path: Path):
    assert 4 <= in_parts(short(tiny), tmp_path) < 30
    assert results(tmp_path / "run") == through


@pytest.mark.parametrize(
    "fields",
    [
        *({"method": name} for name in ("nufilt", "opcm", "dop", "iso-c", "wudi", "mingle-static", "mingle")),
        {"masks": "low-rank"},
        {"masks": "singular", "start": "filtered"},
        {"masks": "head", "alpha_rule": "learned"},
    ],
    ids=str,
)
def test_products_of_matrices_have_the_same_bits_after_a_resume(fields: dict, tiny: Path, tmp_path: Path):
    expected = results(merged(merge_config(tiny, **fields), tmp_path / "through"))
    assert 2 <= in_parts(merge_config(tiny, **fields), tmp_path) < 30
    assert results(tmp_path / "run") == expected


def test_views_are_the_same_ones_after_a_resume_and_teachers_are_kept_of_every_view(tiny: Path, tmp_path: Path):
    """Of the first task the two images that are kept, of the second, still the previous one, all 24; three views."""
    config = merge_config(tiny, views=3, memory=2)
    expected = results(merged(config, tmp_path, "through"))
    stopped_within(config, tmp_path)
    teachers = read_tensors(tmp_path / "run/resume/step-02" / layout.TEACHERS)
    assert {task: tuple(tensor.shape) for task, tensor in teachers.items()} == {"red": (6, 16), "green": (72, 16)}
    resume_merge(tmp_path / "run", emit=lambda event: None, should_stop=never)
    assert results(tmp_path / "run") == expected


@pytest.mark.parametrize("after", [0, 2, 4])
def test_a_stop_is_heard_within_one_iteration(after: int, tiny: Path, tmp_path: Path):
    stop, late = threading.Event(), []

    def emit(event: Event) -> None:
        if isinstance(event, Iterated):
            if stop.is_set():
                late.append(event)
            if (event.step - 2) * 3 + event.iteration == after:
                stop.set()

    with pytest.raises(Interrupted):
        run_merge(short(tiny), tmp_path, emit=emit, should_stop=stop.is_set, run_id="run")
    assert len(late) <= 1


def test_what_is_known_of_a_stopped_run(tiny: Path, tmp_path: Path):
    def stop() -> bool:
        return (tmp_path / "run/resume/step-02").is_dir()

    with pytest.raises(Interrupted):
        run_merge(short(tiny), tmp_path, emit=lambda event: None, should_stop=stop, run_id="run")
    run = load_run(tmp_path / "run")
    assert (run.status, run.record) == ("stopped", None)
    record = partial_record(tmp_path / "run")
    assert (record.status, record.acc, record.bwt) == ("stopped", None, None)
    assert record.matrix == run.state.matrix == run.matrix
    parts = (record.matrix, record.individual, record.zero_shot, record.step_seconds)
    assert [len(part) for part in parts] == [3, 2, 3, 2]
    assert record.tasks == TASKS
    through = resume_merge(tmp_path / "run", emit=lambda event: None, should_stop=never)
    assert set(record.model_dump()) == set(through.model_dump())


def test_time_spent_before_a_stop_counts(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """On a clock that ticks once a reading, the second part alone cannot reach what both took together."""
    ticks = iter(range(10**9))
    monkeypatch.setattr(fold.time, "monotonic", lambda: float(next(ticks)))
    events: list[Event] = []

    def stop() -> bool:
        return len(events) > 0 and isinstance(events[-1], Iterated) and events[-1].iteration == 1

    with pytest.raises(Interrupted):
        run_merge(short(tiny), tmp_path, emit=events.append, should_stop=stop, run_id="run")
    before = load_run(tmp_path / "run").state
    assert before.unfinished_seconds > 0
    started = next(ticks)
    record = resume_merge(tmp_path / "run", emit=lambda event: None, should_stop=never)
    ended = next(ticks)
    assert record.seconds > before.seconds
    assert record.step_seconds[1] > before.unfinished_seconds
    assert sum(record.step_seconds) <= record.seconds <= before.seconds + ended - started


KILLED = """
import json, sys
from pathlib import Path
from otmf_core.methods import iterating
from otmf_core.config import MergeConfig
from otmf_core.merging.merge import run_merge
iterating.SAVING_SHARE = 1e9  # however long saving takes
fields = json.loads(sys.argv[1])
named = lambda event: (type(event).__name__, getattr(event, "step", None), getattr(event, "iteration", None))
emit = lambda event: print(*named(event), flush=True)
run_merge(MergeConfig.parse(fields), Path(sys.argv[2]), emit=emit, should_stop=lambda: False, run_id="run")
"""


def killed(config: MergeConfig, out: Path, at: str) -> None:
    """A merge by another process that ends by SIGKILL, which nothing can prepare for, as soon as it says `at`."""
    arguments = [sys.executable, "-c", KILLED, json.dumps(config.model_dump(mode="json")), str(out)]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == at:
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
    assert process.returncode == -signal.SIGKILL


def test_killed_in_the_middle_of_a_fusion(tiny: Path, tmp_path: Path):
    """While every iteration is saved."""
    config = merge_config(tiny, iterations=12, checkpoint_seconds=0)
    killed(config, tmp_path, "Iterated 3 4")
    run = load_run(tmp_path / "run")
    assert run.status == "interrupted"
    assert run.state.step == 2

    events: list[Event] = []
    resume_merge(tmp_path / "run", emit=events.append, should_stop=never)
    begun = next(event for event in events if isinstance(event, Iterated))
    assert begun.step == 3
    assert begun.iteration >= 4
    assert results(tmp_path / "run") == results(merged(config, tmp_path, "through"))


def test_cut_off_between_the_record_and_the_status(
    tiny: Path, through: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    original = runs.set_status

    def set_status(path: Path, status: str, message: str = "") -> None:
        if status != "running":
            raise SystemExit
        original(path, "running", message)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "set_status", set_status)
        with pytest.raises(SystemExit):
            run_merge(short(tiny), tmp_path, emit=lambda event: None, should_stop=never, run_id="run")
    assert (tmp_path / "run/record.json").is_file()
    assert load_run(tmp_path / "run").status == "interrupted"
    resume_merge(tmp_path / "run", emit=lambda event: None, should_stop=never)
    assert load_run(tmp_path / "run").status == "done"
    assert results(tmp_path / "run") == through


def test_ctrl_c_leaves_a_run_that_goes_on(tiny: Path, through: dict, tmp_path: Path):
    def emit(event: Event) -> None:
        if isinstance(event, Iterated) and (event.step, event.iteration) == (3, 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_merge(short(tiny), tmp_path, emit=emit, should_stop=never, run_id="run")
    assert load_run(tmp_path / "run").status == "stopped"
    resume_merge(tmp_path / "run", emit=lambda event: None, should_stop=never)
    assert results(tmp_path / "run") == through


def test_a_failure_is_recorded_and_can_be_resumed(tiny: Path, through: dict, tmp_path: Path):
    events: list[Event] = []

    def emit(event: Event) -> None:
        events.append(event)
        if isinstance(event, Evaluated) and event.step == 2:
            raise RuntimeError("out of ink")

    with pytest.raises(RuntimeError):
        run_merge(short(tiny), tmp_path, emit=emit, should_stop=never, run_id="run")
    run = load_run(tmp_path / "run")
    assert (run.status, run.message) == ("failed", "RuntimeError: out of ink")
    assert isinstance(events[-1], Failed)
    assert events[-1].message == "RuntimeError: out of ink"
    resume_merge(tmp_path / "run", emit=lambda event: None, should_stop=never)
    assert results(tmp_path / "run") == through


def test_a_run_is_merged_by_one_at_a_time(tiny: Path, through: dict, tmp_path: Path):
    run, refusals = tmp_path / "run", []

    def resume_in_a_thread() -> None:
        try:
            resume_merge(run, emit=lambda event: None, should_stop=never)
        except InputError as error:
            refusals.append(str(error))

    def resume_in_a_process() -> None:
        program = f"from otmf_core.runs.lock import Path, owned\nwith owned(Path({str(run)!r})): pass"
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
        refusals.append(done.stderr.splitlines()[-1].removeprefix("otmf_core.runs.lock.HeldError: "))

    def emit(event: Event) -> None:
        if isinstance(event, Iterated) and (event.step, event.iteration) == (2, 1):
            thread = threading.Thread(target=resume_in_a_thread)
            thread.start()
            thread.join()
            resume_in_a_process()

    run_merge(short(tiny), tmp_path, emit=emit, should_stop=never, run_id="run")
    holder = json.loads((run / "status.json").read_text())
    assert holder["status"] == "done"
    assert len(refusals) == 2
    assert all(
        text.startswith("a run is merged by one process at a time: run is held by process ") for text in refusals
    )
    assert results(run) == through


# --- the choices of OTMF ---------------------------------------------------------------------------------------------

CHOICES = [
    {"masks": "row"}, {"masks": "row", "update": "joint"}, {"loss": "paired"}, {"masks": "row", "loss": "paired"},
]  # fmt: skip


@pytest.mark.parametrize("fields", CHOICES, ids=str)
def test_other_masks_and_another_loss_go_on_bit_for_bit_after_a_stop_within_a_fusion(
    fields: dict, tiny: Path, tmp_path: Path
):
    config = short(tiny, **fields)
    expected = results(merged(config, tmp_path, "through"))
    for t, k in ((2, 0), (2, 1), (3, 1)):
        name, events = f"run-{t}-{k}", []

        def stop(t: int = t, k: int = k, events: list[Event] = events) -> bool:
            return isinstance(events[-1], Iterated) and (events[-1].step, events[-1].iteration) == (t, k)

        with pytest.raises(Interrupted):
            run_merge(config, tmp_path, emit=events.append, should_stop=stop, run_id=name)
        assert isinstance(events[-1], Stopped)
        assert (events[-1].step, events[-1].iteration) == (t, k + 1)
        assert (tmp_path / name / "resume/within.safetensors").is_file()
        later: list[Event] = []
        resume_merge(tmp_path / name, emit=later.append, should_stop=never)
        taken = [(event.step, event.iteration) for event in later if isinstance(event, Iterated)]
        assert taken == [(u, j) for u in (2, 3) for j in range(3) if (u, j) > (t, k)]
        assert results(tmp_path / name) == expected


def test_a_killed_run_with_masks_per_row_goes_on(tiny: Path, tmp_path: Path):
    config = merge_config(tiny, iterations=12, masks="row", checkpoint_seconds=0)
    killed(config, tmp_path, "Iterated 3 4")
    resume_merge(tmp_path / "run", emit=lambda event: None, should_stop=never)
    assert results(tmp_path / "run") == results(merged(config, tmp_path, "through"))


def test_without_what_it_saved_a_run_is_not_resumed_and_stays_as_it_is(tiny: Path, tmp_path: Path):
    stopped_within(merge_config(tiny), tmp_path)
    shutil.rmtree(tmp_path / "run" / layout.RESUME)
    before = contents(tmp_path)
    with pytest.raises(InputError, match="which no zip carries: run has nothing of it here") as caught:
        resume_merge(tmp_path / "run", emit=lambda event: None, should_stop=never)
    assert is_one_sentence(str(caught.value))
    assert contents(tmp_path) == before
