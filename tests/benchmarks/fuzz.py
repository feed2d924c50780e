"""Valid files of a library, its comparisons, a run and a run's zip, damaged by chance and read by every door.

    python -m tests.benchmarks.fuzz --seconds 300 --seed 1

An input is read or refused in one sentence. Anything else is a finding: another exception, a refusal that is no
sentence, a run that is let in and refused afterwards, a process or connection that is tried, a file written elsewhere,
something left behind, more than 20 s, or a process that ends. The first input of every kind is kept under --keep. The
same seed, number and --kind make the same input. Linux only: memory is read from /proc, an input's own peak.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is first imported: threads do not live on in a forked process

from otmf_core.errors import InputError
from tests.hostile.box import Box, made_run
from tests.hostile.case import json_file, vouched
from tests.hostile.comparisons import brought, write_comparisons
from tests.hostile.doors import (
    comparison_doors,
    export_doors,
    import_zip,
    library_doors,
    merge_doors,
    refusals,
    run_doors,
)
from tests.hostile.guard import tree, watched
from tests.hostile.mutations import mutated
from tests.hostile.zips import members, packed
from tests.tiny import write_library

HANGS = 20  # seconds
AT_A_TIME = 400  # inputs of one process
MEMORY = 2 << 30  # bytes of address space beyond what a process has at its start
KINDS = ("library", "library", "comparison", "run", "zip of a run", "zip")
TELL = {"listed", "list", "list as JSON", "show", "resolve", "view"}  # doors that read whatever was let in


@dataclass(frozen=True)
class Sound:
    """The files that are damaged, and which kinds of them."""

    library: Path
    run: Path
    kinds: tuple[str, ...] = KINDS


@dataclass
class Result:
    """What came of one input: refused, read, or a finding's kind and what is known of it."""

    outcome: str
    detail: str = ""
    name: str = ""
    content: bytes = field(default=b"", repr=False)


def drawn(sound: Sound, seed: int, number: int) -> tuple[Random, str, str, bytes]:
    """The input of a number: its generator, its kind, the file that is damaged and its damaged bytes."""
    random = Random(f"{seed}/{number}")
    kind = random.choice(sound.kinds)
    if kind == "zip":
        return random, kind, "run.zip", mutated(random, "run.zip", packed(members(sound.run)))
    root = sound.library if kind in ("library", "comparison") else sound.run
    beside = brought(sound.library)
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.*") if path.is_file())
    own = [name for name in files if "red" not in name and "blue" not in name and name not in beside]
    name = random.choice(beside if kind == "comparison" else own)
    if kind == "library" and random.random() < 0.3:
        name = random.choice(("manifest.json", "backbone/config.json"))
    return random, kind, name, mutated(random, name, (root / name).read_bytes())


def tried(sound: Sound, root: Path, seed: int, number: int) -> Result:
    """Draw one input, read it by every door in an empty folder, and say what came of it."""
    random, kind, name, content = drawn(sound, seed, number)
    shutil.rmtree(root, ignore_errors=True)
    box = Box(root)
    result = Result("read", name=f"{kind}: {name}", content=content)
    found: dict[str, str] = {}
    prepared = _prepared(box, sound, kind, name, content)
    before = tree(root)
    try:
        with watched(box.runs, box.outside) as seen:
            if kind == "library":
                found = refusals(library_doors(box.library))
                if not found and random.random() < 0.1:
                    found = refusals(merge_doors(box.library, box.runs))
            elif kind == "comparison":
                found = refusals(comparison_doors(box.library, name))
            else:
                run = box.runs / sound.run.name if kind == "run" else import_zip(prepared, box.runs)
                found = refusals(run_doors(run))
                if kind != "run" and (late := TELL & found.keys()):
                    return _finding(result, "let in, then refused", found[min(late)])
                if random.random() < 0.2:
                    found |= refusals(export_doors(run))
    except InputError as error:
        found = {"import": str(error)}
        if tree(root) != before and [*box.runs.iterdir()]:
            return _finding(result, "left behind", str(sorted(tree(box.runs))[:4]))
    except Exception as error:
        return _finding(result, _where(error), f"{error}"[:300])
    if seen:
        return _finding(result, f"reached: {seen[0].split()[0]}", seen[0])
    beside = {path: state for path, state in tree(root).items() if not path.startswith("runs")}
    if beside != {path: state for path, state in before.items() if not path.startswith("runs")}:
        return _finding(result, "written outside", str(sorted(beside)[:9]))
    hidden = [path.name for path in box.runs.glob(".*")] if box.runs.exists() else []
    if hidden:
        return _finding(result, "left behind", str(hidden))
    result.outcome = "refused" if found else "read"
    return result


def _prepared(box: Box, sound: Sound, kind: str, name: str, content: bytes) -> bytes:
    """Put the damaged file into the box; the zip to import, where it is one."""
    if kind == "library":
        root = box.put_library(sound.library)
        if name == "manifest.json":
            (root / name).write_bytes(content)
        else:
            vouched(name, lambda root: (root / name).write_bytes(content))(root)
    elif kind == "comparison":
        (box.put_library(sound.library) / name).write_bytes(content)
    elif kind == "run":
        (box.put_run(sound.run) / name).write_bytes(content)
    elif kind == "zip of a run":
        return packed({**members(sound.run), name: content}, method=0)
    return content


def _finding(result: Result, outcome: str, detail: str) -> Result:
    result.outcome, result.detail = outcome, detail
    return result


def _where(error: Exception) -> str:
    """The kind of an exception and the last line of ours that it went through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "otmf_core" in frame.filename]
    if type(error).__name__ == "Untold":
        return f"no sentence: {str(error)[14:60]}"
    last = f"{frames[-1].filename.split('otmf_core/')[-1]}:{frames[-1].lineno}" if frames else "the doors"
    return f"{type(error).__name__} @ {last}"


# --- processes -------------------------------------------------------------------------------------------------------


def _memory(name: str) -> int:
    """A line of this process's /proc/self/status, in KiB."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])


def work(sound: Sound, root: Path, seed: int, numbers: range, keep: Path, pipe: int) -> None:
    """Try these inputs, a line of JSON into the pipe for each."""
    for standard in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), standard)
    most = (_memory("VmSize") << 10) + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    stuck = (root.parent / "stuck.txt").open("w")
    for number in numbers:
        faulthandler.dump_traceback_later(HANGS - 2, file=stuck)
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _memory("VmRSS")
        result = tried(sound, root, seed, number)
        peak = _memory("VmHWM")
        if result.outcome not in ("read", "refused"):
            _kept(result, keep, seed, number)
        line = [number, result.outcome, result.name, result.detail, peak, peak - before]
        os.write(pipe, (json.dumps(line) + "\n").encode())


def _kept(result: Result, keep: Path, seed: int, number: int) -> None:
    """Save an input, unless one of its kind is there."""
    name = "".join(letter if letter.isalnum() else "-" for letter in result.outcome)[:80]
    if not (keep / f"{name}.txt").exists():
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{name}.bin").write_bytes(result.content)
        told = f"seed {seed}, input {number}\n{result.name}\n{result.outcome}\n{result.detail}\n"
        (keep / f"{name}.txt").write_text(told, encoding="utf-8", errors="backslashreplace")


@dataclass
class Tally:
    """What has come of all inputs so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    peak: int = 0  # KiB, of a process
    most: int = 0  # KiB, of an input beyond what its process had

    def add(self, number: int, outcome: str, name: str, detail: str, peak: int, more: int) -> None:
        self.outcomes[outcome] += 1
        self.first.setdefault(outcome, f"input {number}, {name}: {detail}")
        self.peak, self.most = max(self.peak, peak), max(self.most, more)

    @property
    def findings(self) -> list[str]:
        return sorted(self.outcomes.keys() - {"read", "refused"})


def campaign(sound: Sound, folder: Path, seed: int, inputs: int, seconds: float, keep: Path) -> Tally:
    """Try inputs 0, 1, 2, … until there are so many or the time is over."""
    tally, number, end = Tally(), 0, time.monotonic() + seconds
    while number < inputs and time.monotonic() < end:
        numbers = range(number, min(inputs, number + AT_A_TIME))
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                work(sound, folder / "box", seed, numbers, keep, writing)
            except BaseException:
                (folder / "stuck.txt").write_text(traceback.format_exc())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as lines:
            number = _followed(child, lines, folder, numbers, tally, end)
    return tally


def _followed(child: int, lines: Any, folder: Path, numbers: range, tally: Tally, end: float) -> int:
    """Take in what a process reports until it ends, hangs or the time is over; the number of the next input."""
    number = numbers.start
    while number < numbers.stop and time.monotonic() < end:
        ready, _, _ = select.select([lines], [], [], HANGS)
        line = lines.readline() if ready else b""
        if not line:
            os.kill(child, signal.SIGKILL)
            outcome = "the process ended" if ready else f"no answer after {HANGS} s"
            tally.add(number, outcome, "", (folder / "stuck.txt").read_text()[:3_000], 0, 0)
            number += 1
            break
        tally.add(*json.loads(line))
        number += 1
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="time for all inputs (default 60)")
    parser.add_argument("--inputs", type=int, default=10**9, help="the most inputs (default as many as there is time)")
    parser.add_argument("--seed", type=int, default=1, help="of every draw (default 1)")
    parser.add_argument("--kind", choices=sorted(set(KINDS)), help="the only kind of input (default all)")
    parser.add_argument("--keep", type=Path, help="folder of the first input of every finding (default: a new one)")
    options = parser.parse_args()
    keep = options.keep or Path(tempfile.mkdtemp(prefix="fuzz-findings-"))
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name)
        sound = sound_files(folder, (options.kind,) if options.kind else KINDS)
        began = time.monotonic()
        tally = campaign(sound, folder, options.seed, options.inputs, options.seconds, keep)
    spent = time.monotonic() - began
    for finding in tally.findings:
        print(f"{tally.outcomes[finding]:6} {finding}\n       {tally.first[finding]}"[:3_000])
    total = tally.outcomes.total()
    print(
        f"seed {options.seed}: {total} inputs in {spent:.0f} s ({total / spent:.0f} a second), "
        f"{tally.outcomes['refused']} refused, {tally.outcomes['read']} read, "
        f"{total - tally.outcomes['refused'] - tally.outcomes['read']} findings of {len(tally.findings)} kinds, "
        f"peak memory {tally.peak >> 10} MiB, {tally.most >> 10} MiB at most for one input"
    )
    if tally.findings:
        print(f"the first input of every finding: {keep}")
    sys.exit(1 if tally.findings else 0)


def _settle(run: Path) -> None:
    """Give the moments and measurements of a run the same values on every day, so that a seed draws the same bytes."""
    for name, fixed in {
        "status.json": {"created": "2026-11-22T10:00:00.000+00:00", "updated": "2026-11-22T10:00:01.000+00:00"},
        "progress.json": {"seconds": 1.5, "step_seconds": [0.5, 0.5, 0.5], "peak_memory_bytes": 1 << 30},
        "record.json": {
            "created": "2026-11-22T10:00:00.000+00:00", "seconds": 1.5, "step_seconds": [0.5, 0.5, 0.5],
            "peak_memory_bytes": 1 << 30,
        },
    }.items():  # fmt: skip
        json_file(name, lambda value, fixed=fixed: value.update(fixed))(run)


def sound_files(folder: Path, kinds: tuple[str, ...]) -> Sound:
    """A library and a finished run of it; reading them once loads every module before the first input."""
    library = write_comparisons(write_library(folder / "sound", images=6))
    run = made_run(library, folder / "sound-runs")
    _settle(run)
    refused = refusals(library_doors(library)) | refusals(run_doors(run)) | refusals(export_doors(run))
    for file in brought(library):
        refused |= refusals(comparison_doors(library, file))
    assert not refused | refusals(merge_doors(library, folder / "merged")), refused
    return Sound(library, run, kinds)


if __name__ == "__main__":
    main()
