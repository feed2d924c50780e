"""The command line without an engine: options, output streams, exit codes, signals."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest

import otmf_core.merging
from otmf_core.cli.main import main
from otmf_core.cli.progress import ProgressLines
from otmf_core.config import MergeConfig, run_settings
from otmf_core.errors import Interrupted
from otmf_core.files import write_json
from otmf_core.methods.average import Average
from otmf_core.methods.otmf import Otmf
from otmf_core.methods.table import METHODS
from otmf_core.methods.task_arithmetic import TaskArithmetic
from otmf_core.runs.events import Evaluated, Evaluating, Phase, Started
from otmf_core.runs.folder import create_run, load_run, set_status
from otmf_core.runs.record import make_record
from otmf_core.runs.state import RunState
from otmf_core.runs.view import new_view
from tests.tiny import ROOT

ITERATING = [name for name, method in METHODS.items() if "iterations" in method.described()]

TASKS = ["mnist", "flags", "letters", "chess"]
# fmt: off
MATRIX = (
    (10.0, 20.0, 30.0, 40.0),
    (81.0, 21.5, None, None),
    (72.0, 82.0, 31.5, None),
    (70.0, 80.0, 84.0, 41.5),
    (63.0, 74.0, 83.0, 42.0),
)
# fmt: on
STATE = RunState(
    tasks=tuple(TASKS),
    step=4,
    matrix=MATRIX,
    individual=(90.0, 91.0, 92.0, 93.0),
    test_images=(500, 500, 600, 700),
    seconds=61.4,
    peak_memory_bytes=3 * 2**29,
    device="cpu",
)


def first_tasks(config: MergeConfig) -> RunState:
    """The state at the end of a run of so many tasks as `config` has."""
    count = len(config.tasks)
    matrix = tuple(row[:count] for row in MATRIX[: count + 1])
    short = {"individual": STATE.individual[:count], "test_images": STATE.test_images[:count]}
    return STATE.model_copy(update={"tasks": config.tasks, "step": count, "matrix": matrix, **short})


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """The manifest of a library of four tasks; nothing behind it."""
    root = tmp_path / "library"
    root.mkdir()
    tasks = [
        {"id": task, "name": task.title(), "classes": ["a", "b", "c"][: i + 1], "train_source": "here",
         "test_source": "there", "licence": "CC0-1.0"}
        for i, task in enumerate(TASKS)
    ]  # fmt: skip
    manifest = {"format": 1, "id": "four", "name": "Four", "backbone": {}, "files": {}, "tasks": tasks,
                "suites": {"2": TASKS[:2], "4": TASKS}}  # fmt: skip
    (root / "manifest.json").write_text(json.dumps(manifest))
    return root


class Engine(ModuleType):
    """Stands in for otmf_core.merging.merge: keeps the configuration it was given and behaves as `act` says."""

    def __init__(self) -> None:
        super().__init__("otmf_core.merging.merge")
        self.config: MergeConfig | None = None
        self.act = lambda emit, should_stop: None

    def run_merge(self, config, out, *, emit, should_stop, run_id):
        self.config = config
        create_run(out / run_id, config)
        return self.resume_merge(out / run_id, emit=emit, should_stop=should_stop)

    def partial_record(self, run_dir):
        run = load_run(run_dir)
        return make_record(run.id, run.status, run.config, RunState(tasks=run.config.tasks), run.created, {})

    def resume_merge(self, run_dir, *, emit, should_stop):
        try:
            self.act(emit, should_stop)
        except Interrupted:
            set_status(run_dir, "stopped")
            raise
        run = load_run(run_dir)
        record = make_record(run.id, "done", run.config, first_tasks(run.config), run.created, {"torch": "2.9.9"})
        write_json(run_dir / "record.json", record.model_dump(mode="json"))
        set_status(run_dir, "done")
        return record


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    fake = Engine()
    monkeypatch.setitem(sys.modules, "otmf_core.merging.merge", fake)
    monkeypatch.setattr(otmf_core.merging, "merge", fake, raising=False)
    return fake


@pytest.fixture
def merge(tmp_path: Path, library: Path, engine: Engine):
    """Call `merge` on the library with further arguments; returns the exit code."""
    return lambda *more: main(["merge", "--library", str(library), "--out", str(tmp_path / "runs"), *more])


def test_the_preset_decides_on_what_was_not_given(merge, engine):
    assert merge("--tasks", "flags, mnist", "--preset", "paper", "--blur", "0.2", "--seed", "7") == 0
    config = engine.config
    assert config.tasks == ("flags", "mnist")
    assert (config.preset, config.method.blur, config.seed) == ("paper", 0.2, 7)
    method = config.method
    assert (method.update, method.memory, method.lr, config.head_lr) == ("alternating", 0, 0.01, 0.01)  # the paper's
    assert config == MergeConfig.build("paper", tasks=("flags", "mnist"), library=config.library, blur=0.2, seed=7)


def test_iterations_went_by_the_name_of_steps_before(merge, engine, capsys):
    configs = []
    for option in ("--iterations", "--steps"):
        assert merge("--tasks", "flags,mnist", option, "7") == 0
        configs.append(engine.config)
    assert configs[0] == configs[1]
    assert configs[0].method == Otmf(iterations=7)
    with pytest.raises(SystemExit):
        merge("--tasks", "flags,mnist", "--steps", "many")
    assert "argument --iterations/--steps: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "method"),
    [
        ([], Otmf()),
        (["--method", "otmf", "--masks", "row", "--loss", "paired", "--p", "1"], Otmf(masks="row", loss="paired", p=1)),
        (["--method", "average"], Average()),
        (["--method", "task-arithmetic"], TaskArithmetic()),
        (["--method", "task-arithmetic", "--scaling", "0.4"], TaskArithmetic(scaling=0.4)),
    ],
)
def test_a_method_gets_its_own_settings(merge, engine, arguments, method):
    assert merge("--tasks", "flags,mnist", *arguments) == 0
    assert engine.config.method == method
    assert type(engine.config.method) is type(method)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--drop", "0.4"], "drop is a setting of dare, not of otmf, received 0.4"),
        (["--method", "task-arithmetic", "--steps", "7"],
         f"iterations is a setting of {', '.join(ITERATING)}, not of task-arithmetic, received 7"),
        (["--method", "average", "--masks", "row"], "masks is a setting of otmf, not of average, received 'row'"),
    ],
)  # fmt: skip
def test_a_setting_of_another_method_is_refused(merge, engine, tmp_path, capsys, arguments, sentence):
    assert merge("--tasks", "flags,mnist", *arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"error: {sentence}\n")
    assert engine.config is None
    assert not (tmp_path / "runs").exists()


def test_suites_come_in_canonical_or_in_the_fields_shuffled_order(merge, engine):
    assert merge("--suite", "4") == 0
    assert list(engine.config.tasks) == TASKS
    assert merge("--suite", "4", "--order-seed", "42") == 0
    expected = list(TASKS)
    random.seed(42)
    random.shuffle(expected)
    assert list(engine.config.tasks) == expected != TASKS


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tasks", "mnist"], ["two tasks", "mnist"]),
        (["--tasks", "mnist,mnist"], ["once", "mnist"]),
        (["--suite", "9"], ["2, 4", "9"]),
        (["--tasks", "mnist,flags", "--order-seed", "1"], ["--order-seed 1", "--suite only"]),
        (["--tasks", "mnist,flags", "--alpha", "1.5"], ["alpha", "1.5"]),
        (["--tasks", "mnist,flags", "--alpha", "nan"], ["alpha", "nan"]),
        (["--tasks", "mnist,flags", "--steps", "0"], ["iterations must be 1 to 100000", "0"]),
        (["--tasks", "mnist,flags", "--seed", "-1"], ["seed", "-1"]),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(merge, tmp_path, capsys, arguments, words):
    assert merge(*arguments, "--json") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and err.count("\n") == 1
    assert all(word in err for word in words)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "arguments",
    [[], ["merge"], ["merge", "--tasks", "a,b", "--suite", "8"], ["merge", "--suite", "8", "--alpha", "high"],
     ["merge", "--suite", "8", "--heads", "some"], ["merge", "--suite", "8", "--alph", "1"], ["list"], ["list", "jobs"],
     ["show"], ["resume"], ["fuse"]],
)  # fmt: skip
def test_bad_arguments_exit_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("command", ["show", "resume", "export"])
def test_an_unknown_run_is_named(command, tmp_path, capsys):
    assert main([command, "nowhere", "--out", str(tmp_path)]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_an_unknown_library_is_named(tmp_path, capsys):
    assert main(["list", "tasks", "--library", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


@pytest.mark.parametrize("command", ["merge", "list", "show", "resume", "export"])
def test_every_option_has_help_with_its_default(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    options = re.split(r"\n  (?=\S)", capsys.readouterr().out.split("options:\n")[1])
    assert len(options) >= 2
    for option in options:
        if not option.lstrip().startswith(("-h,", "--tasks", "--suite")):  # one of --tasks and --suite is required
            assert re.search(r"\(.*default:\s", option, re.DOTALL), option


def test_help_of_merge_states_the_method_the_range_the_default_and_what_the_paper_preset_changes(capsys):
    with pytest.raises(SystemExit):
        main(["merge", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "--alpha X retention weight of the merged vector so far (otmf; with alpha_rule fixed, learned; 0 to 1; "
        "default: 0.8)",
        "--lr X Adam's rate on the masks (otmf; above 0, at most 1; default: 0.15; paper: 0.01; thorough: 0.1)",
        "--iterations N, --steps N iterations of each fusion (otmf; 1 to 100000; default: 56; paper: 100; thorough: "
        "144)",
        "--scaling X λ, the scale of every task vector (task-arithmetic; 0 to 2; default: 0.3)",
        "--masks {element,row,head,low-rank,singular,layer,task} what a mask entry scales, from one weight to a whole "
        "task vector; element: the most freedom, and the most memory: two masks of a model's size;",
        "--update {joint,alternating} which masks an iteration trains; joint: either mask sees both losses:",
        "--reach X distance, in units of the space, beyond which outputs are given up (otmf; with loss unbalanced; "
        "above 0, at most 1000; default: 1.0)",
        "or not at all; sinkhorn: clouds by entropic transport, smooth up to blur;",
        "--seed N seed of every draw (at least 0, below 2147483648; default: 0)",
        "--head-lr X Adam's rate on a head that is tuned (above 0, at most 1; default: 0.0005; paper: 0.01)",
        "--checkpoint-seconds X time between saves within a fusion (at least 0; default: 5.0)",
        f"--method {{{','.join(METHODS)}}} how two task vectors are fused (default: otmf). otmf: learned masks "
        "over both task vectors, aligned by optimal transport; average: running average of the task vectors; "
        "task-arithmetic: the scaled sum of the task vectors;",
    ):
        assert words in text


def test_every_setting_has_an_option_of_its_name(capsys):
    with pytest.raises(SystemExit):
        main(["merge", "--help"])
    text = capsys.readouterr().out
    own = {name: method for method in METHODS.values() for name in method.described()}
    for name in (*run_settings(), *own):
        assert re.search(f"  --{name.replace('_', '-')}[ ,]", text), name


def test_json_is_the_only_thing_on_stdout(merge, engine, capsys):
    engine.act = lambda emit, should_stop: print("a library that talks")
    assert merge("--suite", "4", "--json") == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert out.count("\n") == 1
    assert record["matrix"] == [list(row) for row in MATRIX] and record["status"] == "done"
    assert "a library that talks" in err


def test_the_first_line_comes_before_the_engine_does_anything(merge, engine, capsys):
    seen = []
    engine.act = lambda emit, should_stop: seen.append(capsys.readouterr().err)
    assert merge("--suite", "4") == 0
    assert seen == ["Reading Four\n"]


def test_piped_progress_is_plain_lines(merge, engine, capsys):
    def act(emit, should_stop):
        emit(Phase(text="Reading Four", run="r"))  # said already
        emit(Started(tasks=tuple(TASKS), iterations=2, device="cpu", run="r"))
        for step, row in enumerate(MATRIX):
            emit(Evaluating(step=step, row=(row[0], None, None, None), run="r", seconds=float(step)))
            emit(Evaluated(step=step, row=row, run="r", seconds=float(step)))

    engine.act = act
    assert merge("--suite", "4") == 0
    err = capsys.readouterr().err
    assert "\x1b" not in err and "\r" not in err
    assert err.splitlines() == [
        "Reading Four",
        "Zero-shot accuracy 25.0 %",  # (10 + 20 + 30 + 40)/4
        "1/4 mnist: mean accuracy on merged tasks 81.0 %",
        "2/4 flags: mean accuracy on merged tasks 77.0 %",  # (72 + 82)/2
        "3/4 letters: mean accuracy on merged tasks 78.0 %",  # (70 + 80 + 84)/3
        "4/4 chess: mean accuracy on merged tasks 65.5 %",  # (63 + 74 + 83 + 42)/4
    ]


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("step", "row", "words"),
    [
        (0, (None,) * 4, "Evaluating the pre-trained model"),
        (0, (10.0, None, None, None), "Pre-trained: mnist 10.0 %"),
        (0, (10.0, 20.0, 30.04, None), "Pre-trained: letters 30.0 %"),
        (2, (None,) * 4, "Task 2/4 flags"),
        (2, (72.0, 82.0, None, None), "Task 2/4 flags: flags 82.0 %"),
        (4, (63.0, None, None, None), "Task 4/4 chess: mnist 63.0 %"),
    ],
)
def test_a_terminal_has_one_line_that_follows_the_row(monkeypatch: pytest.MonkeyPatch, step, row, words):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with ProgressLines("Reading Four", new_view("r", MergeConfig.build(tasks=tuple(TASKS)))) as progress:
        progress(Started(tasks=tuple(TASKS), iterations=2, device="cpu"))
        progress(Phase(text="Evaluating the pre-trained model"))
        progress(Evaluating(step=step, row=row))
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue()).replace("\r", "\n").splitlines()
    last = [line for line in shown if line.strip()][-1]
    assert re.fullmatch(rf"\S {re.escape(words)} +[━╸╺ ]+ +\d+% 0:00:0\d *", last)
    assert len(last) <= 80


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_resumably(merge, engine, tmp_path, capsys, number):
    def act(emit, should_stop):
        assert not should_stop()
        os.kill(os.getpid(), number)
        assert should_stop()
        raise Interrupted("stopped")

    engine.act = act
    before = signal.getsignal(number)
    assert merge("--suite", "4", "--json") == 130
    assert signal.getsignal(number) is before
    out, err = capsys.readouterr()
    record = json.loads(out)
    folder = tmp_path / "runs" / record["run"]
    assert record["status"] == "stopped" and record["tasks"] == TASKS
    assert f"python -m otmf_core resume {folder}" in err

    engine.act = lambda emit, should_stop: None
    assert main(["resume", record["run"], "--out", str(tmp_path / "runs"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "done"


def test_show_prints_matrix_metrics_and_provenance(merge, tmp_path, capsys):
    merge("--suite", "4", "--json")
    run = json.loads(capsys.readouterr().out)["run"]
    assert main(["show", run, "--out", str(tmp_path / "runs")]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["1", "mnist", "10.0", "81.0", "72.0", "70.0", "63.0", "90.0"] in lines  # a[0][1] … a[4][1], individual
    assert ["4", "chess", "40.0", "–", "–", "41.5", "42.0", "93.0"] in lines
    text = "\n".join(" ".join(line) for line in lines)
    for words in (
        "ACC 65.5 %",
        "BWT -9.0 points",
        "labels unlabelled images",
        "split: train",
        "1.50 GiB",
        "0:01:01 on cpu",
        "torch 2.9.9",
    ):
        assert words in text


def test_lists(merge, library, tmp_path, capsys):
    merge("--suite", "4", "--json")
    run = json.loads(capsys.readouterr().out)["run"]
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "status.json").write_text("{")
    assert main(["list", "runs", "--out", str(tmp_path / "runs"), "--json"]) == 0
    out, err = capsys.readouterr()
    (row,) = json.loads(out)["runs"]
    assert (row["id"], row["status"], row["tasks"], row["acc"]) == (run, "done", 4, 65.5)
    assert "broken" in err
    assert main(["list", "tasks", "--library", str(library), "--json"]) == 0
    tasks = json.loads(capsys.readouterr().out)["tasks"]
    assert [(task["id"], task["classes"], task["suite"]) for task in tasks] == [
        ("mnist", 1, "2"), ("flags", 2, "2"), ("letters", 3, "4"), ("chess", 3, "4"),
    ]  # fmt: skip
    assert main(["list", "tasks", "--library", str(library)]) == 0
    assert "there" in capsys.readouterr().out


def test_a_real_merge_from_command_to_export(tiny, tmp_path, capsys):
    where = ["--out", str(tmp_path / "runs")]
    assert main(["merge", "--library", str(tiny), "--suite", "3", "--method", "average", *where, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    promised = {"run", "status", "tasks", "alpha", "acc", "bwt", "matrix", "individual", "zero_shot", "labels",
                "calibration_split", "memory_per_task", "seconds", "peak_memory_bytes"}  # fmt: skip
    assert promised <= record.keys()
    assert [[value is None for value in row] for row in record["matrix"]] == [
        [False, False, False], [False, False, True], [False, False, False], [False, False, False],
    ]  # fmt: skip
    assert main(["show", record["run"], *where]) == 0
    assert f"{record['acc']:.1f} %" in capsys.readouterr().out
    assert main(["export", record["run"], *where, "--to", str(tmp_path / "exported")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "exported")
    assert list((tmp_path / "exported").glob("*.safetensors"))
    folder = tmp_path / "runs" / record["run"]
    assert main(["export", record["run"], *where, "--layout", "lora", "--rank", "4"]) == 0
    told = capsys.readouterr()
    assert told.out == f"{folder / 'export-lora'}\n"
    assert re.search(r"^rank: 4\nerror: 0\.\d+\nmatrix_error: 0\.\d+$", told.err, re.MULTILINE)
    assert main(["export", record["run"], *where, "--layout", "lora", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    error, matrix_error = told.pop("error"), told.pop("matrix_error")
    assert 0 < matrix_error < error < 1
    assert told == {"run": record["run"], "layout": "lora", "folder": str(folder / "export-lora"), "rank": 16}
    for layout in ("huggingface", "task-vector"):
        assert main(["export", record["run"], *where, "--layout", layout, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told == {"run": record["run"], "layout": layout, "folder": str(folder / f"export-{layout}")}
        assert (folder / f"export-{layout}/README.md").is_file()
    assert main(["export", record["run"], *where, "--rank", "4"]) == 2
    assert "error: a rank goes with the layout lora only, received 4 with open_clip\n" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_shows_bars_and_ctrl_c_stops_resumably(tiny, tmp_path):
    import pty

    terminal, child_end = pty.openpty()
    command = [sys.executable, "-m", "otmf_core", "merge", "--library", str(tiny), "--suite", "3", "--steps", "100000",
               "--out", str(tmp_path / "runs"), "--json"]  # fmt: skip
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=child_end,
        env={**os.environ, "TERM": "xterm", "OMP_NUM_THREADS": "1"},
    ) as merge:
        os.close(child_end)
        shown = b""
        while b"ETA" not in shown:
            shown += os.read(terminal, 4096)
        merge.send_signal(signal.SIGINT)
        while chunk := read_terminal(terminal):
            shown += chunk
        assert merge.stdout is not None
        out = merge.stdout.read()
    os.close(terminal)
    assert merge.returncode == 130
    assert shown.startswith(b"Reading Tiny")
    assert "━".encode() in shown and b"resume" in shown
    assert json.loads(out)["status"] == "stopped"


def read_terminal(terminal: int) -> bytes:
    """The next piece of what a terminal shows, b"" when its other end is closed (which Linux reports as an error)."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
