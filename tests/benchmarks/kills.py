"""Merges, imports and deletions killed at every moment: what they leave is whole, goes on to the same bits, or goes.

    python -m tests.benchmarks.kills --count 100 --seed 1 [--sweep]

A process is killed (SIGKILL) at a random moment, or just before one of its file operations; --sweep takes every file
operation of one merge, one import and one deletion in turn. A merge is then resumed, sometimes killed again, until it
is done, and compared bit for bit with an uninterrupted one. Whatever cannot be resumed has to be deletable, and nothing
may stay beside the runs once their folder has been used again; what stays inside a finished run is counted, and goes
with it. Linux and macOS.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is first imported; as in the tests, so that bits are the same

from otmf_core import layout
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.merging.merge import resume_merge, run_merge
from otmf_core.runs.archive import import_run, write_zip
from otmf_core.runs.folder import delete_run, list_runs, load_run
from tests.hostile.guard import tree
from tests.tiny import merge_config, never, results, write_library

VARIANTS: dict[str, dict[str, Any]] = {
    "joint": {},
    "alternating": {"update": "alternating", "memory": 0},
    "heads tuned": {"heads": "tuned"},
    "average": {"method": "average"},
}
OPERATIONS = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
SWEPT = ("joint", "average")
BEGINNING = 14  # operations in which a run is made and claimed
AGAIN = 0.3  # chance that a resume is killed, too
Trial = tuple[str, Callable[[Path], str]]  # its name, and what is done in a folder that is new: what became of it
GOOD = ("identical", "removable", "never began", "whole", "gone")


@dataclass(frozen=True)
class Kill:
    """When a process is killed: so many seconds after its start, or before its file operation of that number."""

    seconds: float = 1e9
    operation: int = 1 << 30


@dataclass(frozen=True)
class Reference:
    """An uninterrupted merge: what it found, the names of its files, and what it took."""

    config: MergeConfig
    results: dict[str, bytes | list]
    files: frozenset[str]
    seconds: float
    operations: int


def quiet(event: object) -> None:
    """An `emit` that hears nothing."""


# --- processes -------------------------------------------------------------------------------------------------------


def killed(act: Callable[[], object], kill: Kill, within: Path) -> tuple[bool, float, int]:
    """Do something in a process of its own and kill it as told: whether it was, its seconds, its operations.

    Operations are those of Python on files under `within`. Raises RuntimeError when the process fails by itself.
    """
    reading, writing = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        code = 1
        try:
            for standard in (1, 2):
                os.dup2(os.open(os.devnull, os.O_WRONLY), standard)
            count = _counted(kill.operation, within)
            act()
            os.write(writing, str(len(count)).encode())
            code = 0
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}"[:500].encode(errors="replace"))
        finally:
            os._exit(code)
    os.close(writing)
    status = _waited(child, began + kill.seconds)
    with os.fdopen(reading, "rb") as told:
        said = told.read().decode()
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True, time.monotonic() - began, 0
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"a process failed: {said}")
    return False, time.monotonic() - began, int(said)


def _waited(child: int, until: float) -> int:
    """The status with which a process ends, killed at that moment."""
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        if time.monotonic() >= until:
            os.kill(child, signal.SIGKILL)
            return os.waitpid(child, 0)[1]
        time.sleep(0.0005)


def _counted(last: int, within: Path) -> list[str]:
    """Count this process's file operations from now on, and kill it before the one of the number `last`."""
    seen: list[str] = []
    root = str(within.resolve())

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            if not arguments[2] or not arguments[2] & WRITING:
                return
        elif event not in OPERATIONS:
            return
        path = arguments[0]
        if isinstance(path, int) or (os.path.isabs(path) and not os.path.abspath(os.fsdecode(path)).startswith(root)):
            return
        seen.append(event)
        if len(seen) > last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return seen


# --- trials ----------------------------------------------------------------------------------------------------------


def reference(library: Path, out: Path, variant: str) -> Reference:
    """An uninterrupted merge of that variant."""
    config = merge_config(library, checkpoint_seconds=0, **VARIANTS[variant])
    act = lambda: run_merge(config, out, emit=quiet, should_stop=never, run_id=variant[:4])  # noqa: E731
    _, seconds, operations = killed(act, Kill(), out)
    run = out / variant[:4]
    return Reference(config, results(run), frozenset(tree(run)), seconds, operations)


def merge_trial(whole: Reference, kills: Iterator[Kill], out: Path, used: bytes) -> str:
    """Kill a merge and its resumes as told, then let it end; what became of it."""

    def begin() -> None:
        run_merge(whole.config, out, emit=quiet, should_stop=never, run_id="run")

    def go_on() -> None:
        resume_merge(out / "run", emit=quiet, should_stop=never)

    out.mkdir()
    killed(begin, next(kills), out)
    if not [*out.glob("[!.]*")]:
        return left_over(out, used) or "never began"
    try:
        load_run(out / "run")
    except InputError:
        return removed(out, used)
    while load_run(out / "run").status != "done":
        if load_run(out / "run").status not in ("interrupted", "queued"):
            return f"corrupted: {load_run(out / 'run').status}"
        killed(go_on, next(kills, Kill()), out)
    found = {key: value for key, value in results(out / "run").items() if not key.startswith(layout.RESUME)}
    if found != whole.results:
        keys = sorted(key for key in found.keys() | whole.results.keys() if found.get(key) != whole.results.get(key))
        return f"different: {', '.join(keys)}"
    more = {_kind(name) for name in tree(out / "run").keys() - whole.files}
    gone = removed(out, used)
    return ", ".join(["identical", *(f"with {kind}" for kind in sorted(more))]) if gone == "removable" else gone


def _kind(name: str) -> str:
    """What a file is that only a killed merge leaves in its run."""
    if name.startswith(layout.RESUME):
        return "what it would resume from"
    return "a claim" if Path(name).name.startswith(("owner.", ".owner-")) else "a draft"


def removed(out: Path, used: bytes) -> str:
    """Delete a run, whatever its state; what became of it."""
    try:
        delete_run(out / "run")
    except InputError as error:
        return f"stuck: {error}".replace(str(out), "…")
    return left_over(out, used) or "removable"


def left_over(out: Path, used: bytes) -> str:
    """What stays in a runs folder without runs, once another run has been imported, listed and deleted."""
    run = import_run(io.BytesIO(used), out)
    list_runs(out)
    delete_run(out / run)
    left = sorted(path.name for path in out.iterdir())
    return f"left behind: {left[0].split('-')[0]}" if left else ""


def import_trial(zipped: bytes, kill: Kill, out: Path, used: bytes) -> str:
    """Kill an import; what became of it."""
    out.mkdir()
    killed(lambda: import_run(io.BytesIO(zipped), out), kill, out)
    runs, problems = list_runs(out)
    if problems:
        return f"corrupted: {problems[0]}".replace(str(out), "…")
    for run in runs:
        if run.status != "done" or not (run.path / "merged.safetensors").is_file():
            return "corrupted: half a run"
        delete_run(run.path)
    return left_over(out, used) or ("whole" if runs else "gone")


def delete_trial(run: Path, kill: Kill, out: Path, used: bytes) -> str:
    """Kill a deletion; what became of it."""
    shutil.copytree(run, out / "run")
    files = tree(out / "run")
    killed(lambda: delete_run(out / "run"), kill, out)
    runs, problems = list_runs(out)
    if problems or (not runs and (out / "run").exists()):
        return "corrupted: half a run"
    if runs and not files.keys() <= tree(out / "run").keys():
        return "corrupted: half a run"
    for each in runs:
        delete_run(each.path)
    return left_over(out, used) or ("whole" if runs else "gone")


# --- the campaign ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """What all trials begin with: a library, a merge of every variant, a finished run and its zip, and a second zip."""

    folder: Path
    references: dict[str, Reference]
    run: Path
    zipped: bytes
    used: bytes


def set_up(folder: Path, variants: tuple[str, ...]) -> Scene:
    library = write_library(folder / "tiny", images=12)
    warm = merge_config(library, heads="tuned", iterations=1)
    run_merge(warm, folder / "warm", emit=quiet, should_stop=never, run_id="used")  # loads every module
    references = {variant: reference(library, folder / "whole", variant) for variant in variants}
    run = folder / "whole" / variants[0][:4]
    files = io.BytesIO(), io.BytesIO()
    write_zip(run, files[0])
    write_zip(folder / "warm/used", files[1])
    return Scene(folder, references, run, files[0].getvalue(), files[1].getvalue())


def trials(scene: Scene, random: Random, count: int) -> Iterator[Trial]:
    """As many trials as that, at moments and operations drawn by chance: seven in ten of merges."""
    variants = [*scene.references.items()]
    for number in range(count):
        name, whole = variants[number % len(variants)]
        if number % 10 < 7:
            yield f"merge, {name}", _merge(scene, whole, _drawn(random, whole, random.random() < 0.5))
        elif number % 10 < 9:
            kill = Kill(operation=random.randrange(40)) if random.random() < 0.5 else Kill(random.uniform(0, 0.15))
            yield "import", lambda out, kill=kill: import_trial(scene.zipped, kill, out, scene.used)
        else:
            kill = Kill(operation=random.randrange(40)) if random.random() < 0.5 else Kill(random.uniform(0, 0.1))
            yield "deletion", lambda out, kill=kill: delete_trial(scene.run, kill, out, scene.used)


def sweep(scene: Scene, every: int) -> Iterator[Trial]:
    """A trial for every file operation, or each `every`-th: of two merges, whose beginnings are whole, and the rest."""
    for variant in SWEPT:
        whole = scene.references[variant]
        for number in (*range(BEGINNING), *range(BEGINNING, whole.operations, every)):
            yield f"merge, {variant}, operation {number}", _merge(scene, whole, iter([Kill(operation=number)]))
    copies = scene.folder / "copies"
    copy = Path(shutil.copytree(scene.run, copies / "run"))
    acts = {
        "import": (lambda: import_run(io.BytesIO(scene.zipped), copies), partial(import_trial, scene.zipped)),
        "deletion": (lambda: delete_run(copy), partial(delete_trial, scene.run)),
    }
    for name, (act, trial) in acts.items():
        _, _, operations = killed(act, Kill(), copies)
        for number in range(0, operations, every):
            kill = Kill(operation=number)
            yield f"{name}, operation {number}", lambda out, trial=trial, kill=kill: trial(kill, out, scene.used)


def _merge(scene: Scene, whole: Reference, kills: Iterator[Kill]) -> Callable[[Path], str]:
    return lambda out: merge_trial(whole, kills, out, scene.used)


def _drawn(random: Random, whole: Reference, by_operation: bool) -> Iterator[Kill]:
    """One kill, and others while chance has it."""
    while True:
        if by_operation:
            yield Kill(operation=random.randrange(whole.operations))
        else:
            yield Kill(random.uniform(0, whole.seconds))
        if random.random() >= AGAIN:
            return


def carried_out(scene: Scene, all_trials: Iterator[Trial]) -> tuple[Counter[str], list[str]]:
    """How often each outcome came, and a line for each trial with a bad one."""
    outcomes: Counter[str] = Counter()
    bad = []
    out = scene.folder / "trial"
    for name, trial in all_trials:
        shutil.rmtree(out, ignore_errors=True)
        try:
            outcome = trial(out)
        except RuntimeError as error:
            outcome = f"corrupted: {error}".replace(str(out), "…")
        outcomes[outcome] += 1
        if not outcome.startswith(GOOD):
            bad.append(f"{name}: {outcome}")
    return outcomes, bad


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="trials at random moments and operations (default 100)")
    parser.add_argument("--seed", type=int, default=1, help="of every draw (default 1)")
    parser.add_argument("--sweep", action="store_true", help="also a trial for every file operation")
    parser.add_argument("--every", type=int, default=1, help="of the sweep: every N-th operation (default 1)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        scene = set_up(Path(name), tuple(VARIANTS))
        outcomes, bad = carried_out(scene, trials(scene, Random(options.seed), options.count))
        if options.sweep:
            swept, more = carried_out(scene, sweep(scene, options.every))
            outcomes, bad = outcomes + swept, bad + more
    for line in bad:
        print(line)
    print(
        f"seed {options.seed}: {outcomes.total()} trials: " + ", ".join(f"{n} {o}" for o, n in outcomes.most_common())
    )
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
