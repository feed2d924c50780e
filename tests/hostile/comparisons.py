"""What a library may bring beside its tasks: comparisons and studies, of figures alone and of every kind there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from otmf_core.analysis.ablations import ABLATIONS, WHOLE
from otmf_core.analysis.grid import Entry, grid
from otmf_core.analysis.results import write_results
from otmf_core.analysis.studies.base import Study
from otmf_core.analysis.studies.mask_memory import MASK_MEMORY, Entries
from otmf_core.analysis.studies.pairs import PAIRS, Pair
from otmf_core.analysis.studies.shipped import FOLDER, write_study
from otmf_core.analysis.studies.table import TABLE
from otmf_core.analysis.studies.transport_cost import TRANSPORT, Point
from otmf_core.config import MergeConfig
from otmf_core.library.library import open_library
from otmf_core.methods.otmf_choices import FAMILIES
from otmf_core.runs.folder import Run
from otmf_core.runs.record import make_record
from otmf_core.runs.state import Growth
from tests.hostile.case import NO_OBJECTS, WRONG, Case, Damage, json_file, setting, without
from tests.made_runs import end_of

METHODS, APART = "results-3.json", "results-apart.json"
MEASURED, POINTS_FILE = f"{FOLDER}/mask-memory-measured.json", f"{FOLDER}/transport.json"
PAIRS_FILE = f"{FOLDER}/pairs-measured.json"
ORDERS = (("red", "green", "blue"), ("blue", "red", "green"))
LONG = (("a", "b", "c", "d", "e", "f"), ("f", "e", "d", "c", "b", "a"))  # enough steps for a rate of decay
ROWS = [Entry(name, {"method": name}) for name in ("average", "ties", "otmf", "mingle", "ties-joint")]
LIMITS = {"limit_seconds": 60.0, "limit_bytes": 1 << 33}
POINTS = [
    Point(loss="exact", d=512, n=16, seconds=0.5, memory_bytes=1 << 20, **LIMITS),
    Point(loss="exact", d=512, n=64, stopped="time", **LIMITS),
    Point(loss="sliced", d=512, n=16, seconds=0.25, memory_bytes=1 << 21, **LIMITS),
]
# Figures that a file may hold and that no measurement gives, which charts and sentences have to bear.
UNLIKELY: dict[str, Any] = {
    "nothing": 0, "no whole number": 0.0, "the smallest number": 5e-324, "10^18": 10**18, "1e308": 1e308,
}  # fmt: skip
FIGURES: dict[str, tuple[tuple[str | int, ...], ...]] = {
    METHODS: (
        ("runs", 0, "record", "seconds"),
        ("runs", 0, "record", "peak_memory_bytes"),
        ("runs", 0, "record", "held_out", "white", 0),
        ("runs", 3, "record", "growth", "parameters", 1),
        ("runs", 3, "record", "growth", "encode_ms", 1),
    ),
    MEASURED: (("rows", 1, "entries"),),
    POINTS_FILE: (
        ("rows", 0, "seconds"),
        ("rows", 0, "memory_bytes"),
        ("rows", 0, "n"),
        ("rows", 0, "d"),
        ("rows", 1, "limit_seconds"),
        ("rows", 1, "limit_bytes"),
    ),
    PAIRS_FILE: (("rows", 0, "left"), ("rows", 0, "cosine"), ("rows", 0, "domain")),
}


def brought(root: Path) -> list[str]:
    """The files of a library's comparisons and studies, by their paths inside it."""
    files = [*root.glob("results-*.json"), *(root / FOLDER).glob("*.json")]
    return sorted(path.relative_to(root).as_posix() for path in files)


def write_comparisons(root: Path) -> Path:
    """Give a library comparisons of methods and of OTMF taken apart, and every study."""
    library = open_library(str(root)).manifest_hash
    shared = {"library": root.name, "checkpoint_seconds": 60.0}
    parts = [WHOLE, ABLATIONS["loss"][0], ABLATIONS["images"][0]]
    for name, rows in ((METHODS, ROWS), (APART, parts)):
        configs = grid(rows, ORDERS, shared)
        write_results(root / name, [_run(n, config, library) for n, config in enumerate(configs)], "otmf compare")
    for study in TABLE:
        orders = LONG if study.name == "recursion" else tuple(order[:2] for order in ORDERS)
        runs = [_run(n, config, library) for n, config in enumerate(study.configs(orders, shared))]
        file = root / FOLDER / f"{study.name}.json"
        write_study(file, study, runs, _measured(study, runs), f"otmf study {study.name}", "Linux, 2 cores")
    return root


def _run(number: int, config: MergeConfig, library: str) -> Run:
    """A finished run whose accuracies are of its number, so that rows differ."""
    end = end_of(config)
    last = tuple(60.0 + (7 * number + task) % 20 for task in range(len(config.tasks)))
    grown = Growth(parameters=(100, 140), encode_ms=(1.0, 3.0), variants={"routing = batch": last})
    more: dict[str, Any] = {"growth": grown} if config.method.grows else {}
    state = end.model_copy(
        update={
            "library": library,
            "matrix": (*end.matrix[:-1], last),
            "seconds": 1.0 + number,
            "peak_memory_bytes": 1 << 30,
            "held_out": {"white": (40.0, 30.0 + number % 9)},
            **more,
        }
    )
    name = f"run-{number}"
    record = make_record(name, "done", config, state, "2026-01-01T00:00:00.000+00:00", {})
    return Run(name, Path(name), "done", "", record.created, config, state, record)


def _measured(study: Study, runs: list[Run]) -> list[Any]:
    rows: dict[str, list[Any]] = {
        TRANSPORT.name: POINTS,
        MASK_MEMORY.name: [Entries(family=name, entries=9**n) for n, name in enumerate(FAMILIES)],
        PAIRS.name: [Pair(run=run.id, left=0.5, cosine=0.1 * n, domain=0.2) for n, run in enumerate(runs)],
    }
    rows[MASK_MEMORY.name].append(Entries(family="none", entries=0))
    return rows.get(study.name, [])


def cases() -> Iterator[Case]:
    """Damages of the files of comparisons and studies; either is expected where a figure is only unlikely."""
    for file in (METHODS, "studies/heads.json", MEASURED, POINTS_FILE):
        for name, text in NO_OBJECTS.items():
            yield Case(f"{file} is {name}", _written(file, text))
        yield Case(f"{file} is an empty object", _written(file, b"{}"))
        yield Case(f"{file} is a folder", _folder(file), "either")
        rows = "rows" if file in (MEASURED, POINTS_FILE) else "runs"
        for name, value in WRONG.items():
            yield Case(f"{file}'s {rows} are {name}", json_file(file, setting(rows, to=value)), "either")
            yield Case(f"one of {file}'s {rows} is {name}", json_file(file, setting(rows, 0, to=value)), "either")
    for field in Point.model_fields:
        yield Case(f"a point's {field} is missing", json_file(POINTS_FILE, without("rows", 0, field)), "either")
    for file, fields in FIGURES.items():
        for name, value in UNLIKELY.items():
            for keys in fields:
                yield Case(f"{file}'s {keys[-1]} is {name}", json_file(file, setting(*keys, to=value)), "either")
            every = json_file(file, lambda content, keys=fields[0], value=value: _everywhere(content, keys, value))
            yield Case(f"{file}'s {fields[0][-1]} is {name} in every row", every, "either")


def _everywhere(content: Any, keys: tuple[str | int, ...], value: Any) -> None:
    rows, _, *rest = keys
    for number in range(len(content[rows])):
        setting(rows, number, *rest, to=value)(content)


def _written(file: str, text: bytes) -> Damage:
    return lambda root: (root / file).write_bytes(text)


def _folder(file: str) -> Damage:
    def damage(root: Path) -> None:
        (root / file).unlink()
        (root / file).mkdir()

    return damage
