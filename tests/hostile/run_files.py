"""Run folders with a wrong value in every file: as they lie on this disk, and as they arrive in a zip."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.hostile import tables, weights
from tests.hostile.case import NO_OBJECTS, WRONG, Case, Damage, Expected, file_bytes, json_file, setting, without

CURVES, STATISTICS = "steps/02/curves.parquet", "steps/02/mask_statistics.parquet"
MASKS, MERGED, FEATURES = "steps/02/masks.safetensors", "merged.safetensors", "features/features.safetensors"
JSON = ("status.json", "config.json", "progress.json", "record.json", "notes.json", "features/key.json")
FIELDS = {
    "status.json": ("format", "status", "message", "created", "updated"),
    "config.json": ("format", "tasks", "library", "method", "preset", "heads", "seed", "device", "checkpoint_seconds"),
    "progress.json": ("tasks", "library", "step", "matrix", "individual", "test_images", "step_seconds", "seconds"),
    "record.json": (
        "run", "library", "method", "settings", "alpha", "preset", "tasks", "heads", "acc", "bwt", "fwt", "forgetting",
        "stability", "plasticity", "matrix", "individual", "zero_shot", "labels", "calibration_split",
        "memory_per_task", "test_images", "seed", "device", "seconds", "step_seconds", "peak_memory_bytes", "created",
        "versions",
    ),
    "notes.json": ("name", "note"),
}  # fmt: skip
BROKE_PAGES: tuple[tuple[str, str, Any], ...] = (  # once: they stay
    ("status.json", "created", None), ("status.json", "message", None), ("record.json", "acc", 10**300),
    ("record.json", "bwt", None), ("record.json", "seconds", "x"), ("record.json", "labels", None),
    ("record.json", "matrix", []), ("config.json", "library", "x" * 5_000), ("record.json", "peak_memory_bytes", 1e308),
)  # fmt: skip
NUMBERS: dict[str, Any] = {"1e308": 1e308, "10^300": 10**300, "-1": -1, "a hundred thousand letters": "y" * 100_000}
# A run's figures that contradict one another, which no page may lead a list with.
CONTRADICTIONS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "accuracy is not its matrix's": ("record.json", setting("acc", to=99.9)),
    "accuracies are over a hundred": ("record.json", setting("matrix", 1, to=[1e6, -5, None])),
    "a row is too long": ("record.json", lambda record: record["matrix"][1].append(1.0)),
    "a row is missing": ("record.json", lambda record: record["matrix"].pop()),
    "matrix is empty": ("record.json", setting("matrix", to=[])),
    "matrix has no number": ("record.json", setting("matrix", to=[[None] * 3] * 4)),
    "seconds are below zero": ("record.json", setting("seconds", to=-1.0)),
    "memory is beyond counting": ("record.json", setting("peak_memory_bytes", to=10**400)),
    "it was made in 2199": ("status.json", setting("created", to="2199-01-01T00:00:00+00:00")),
    "it has no time zone": ("status.json", setting("created", to="2026-11-22T10:00:00")),
}


def cases() -> Iterator[Case]:
    """A case for every damage of every file; either is expected where a file need not be looked at."""
    for file in JSON:
        for name, text in NO_OBJECTS.items():
            imported: Expected = "either" if file == "features/key.json" else "refused"
            yield Case(f"{file} is {name}", _written(file, text), "either", imported)
        yield Case(f"{file} is a folder", _folder(file), "either", "either")
        yield Case(f"{file} is an empty object", _written(file, b"{}"), "either", "either")
    for number, (file, field) in enumerate((file, field) for file, fields in FIELDS.items() for field in fields):
        yield Case(f"{file} without {field}", json_file(file, without(field)), "either", "either")
        values = [*{**WRONG, **NUMBERS}.items()]
        for label, value in values[number % 12 :: 12]:  # in turns; the fuzzer has the others
            damage = json_file(file, setting(field, to=value))
            yield Case(f"{file}'s {field} is {label}", damage, "either", "either")
    for file, field, value in BROKE_PAGES:
        damage = json_file(file, setting(field, to=value))
        yield Case(f"{file}'s {field} is {value!r:.20}, again", damage, "either", "either")
    for name, (file, change) in CONTRADICTIONS.items():
        yield Case(f"{file} contradicts itself: {name}", json_file(file, change), "either", "refused")
    yield from _weights_and_tables()
    yield from _layout()


def _weights_and_tables() -> Iterator[Case]:
    for file in (MASKS, MERGED, FEATURES, "steps/03/masks.safetensors"):
        for label, change in weights.BYTES.items():
            expected: Expected = "either" if label == "of no tensors" else "refused"
            yield Case(f"{file} is {label}", file_bytes(file, change), "either", expected)
    for file in (CURVES, STATISTICS):
        for label, change in tables.BYTES.items():
            expected = "either" if label == "zero in its body" else "refused"
            yield Case(f"{file} is {label}", file_bytes(file, change), "either", expected)
    for label, value in {"text": "x", "lists": [1.0], "bytes": b"x", "NaN": float("nan"), "none": None}.items():
        yield Case(f"curves are {label}", _columns(CURVES, value), "either", "either")
    for column in ("side", "tensor", "entries", "mean", "histogram", "common", "drift"):
        for label, value in {"text": "x", "none": None}.items():
            yield Case(f"{column} of the masks is {label}", _columns(STATISTICS, value, column), "either", "either")
    for file in (CURVES, STATISTICS, MASKS, MERGED, FEATURES, "progress.json", "record.json", "config.json"):
        yield Case(f"{file} is missing", lambda run, file=file: (run / file).unlink(), "either", "either")


def _layout() -> Iterator[Case]:
    for step in ("99", "0", "00", "1_0", "abc", "²", "9" * 200, "-1"):
        yield Case(f"a step is {step[:9]}", _step(step), "either", "either")
    yield Case("a folder is a link that leads out", _linked, "either", "either")
    yield Case("a claim is a list", _written("owner.json", b"[]"), "either", "either")
    yield Case("a claim is a huge number", _written("owner.json", b'{"pid": ' + b"9" * 400 + b"}"), "either", "either")
    yield Case("it is running elsewhere", _running_elsewhere, "either", "either")


def _written(file: str, text: bytes) -> Damage:
    return lambda run: (run / file).write_bytes(text)


def _folder(file: str) -> Damage:
    def damage(run: Path) -> None:
        (run / file).unlink()
        (run / file).mkdir()

    return damage


def _columns(file: str, value: Any, only: str | None = None) -> Damage:
    """Every column of a table, or one, with the same value in every row."""

    def damage(run: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pq.ParquetFile(run / file).read()
        for index, name in enumerate(table.column_names):
            if only in (None, name):
                table = table.set_column(index, name, pa.array([value] * len(table)))
        pq.write_table(table, run / file)

    return damage


def _step(name: str) -> Damage:
    return lambda run: shutil.copytree(run / "steps/02", run / "steps" / name)


def _linked(run: Path) -> None:
    shutil.move(run / "steps", run.parent.parent / "outside/steps")
    (run / "steps").symlink_to(run.parent.parent / "outside/steps")


def _running_elsewhere(run: Path) -> None:
    json_file("status.json", setting("status", to="running"))(run)
    (run / "owner.json").write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 1.0}))
