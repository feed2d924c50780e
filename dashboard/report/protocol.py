"""What the results of runs rest on: labels, splits, examples kept, orders, seeds, settings, versions, commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dashboard.library.labels import library_labels
from dashboard.report.parts import Html, Section, commands, facts, paragraph, table
from dashboard.text import duration, plural, shortened, size_text
from otmf_core.analysis.comparison import SAVING, Row, differences
from otmf_core.analysis.standings import changed
from otmf_core.cli.again import merge_command
from otmf_core.config import MergeConfig, run_settings
from otmf_core.runs.folder import Run
from otmf_core.runs.record import RunRecord

MOST_ORDERS, MOST_COMMANDS = 20, 400  # that are written out
LONGEST = 300  # characters of what is joined
HEADS = {"none": "as they come with the library", "tuned": "each tuned once the next task is in",
         "last": "all tuned after the last step"}  # fmt: skip


def records(runs: Iterable[Run]) -> list[RunRecord]:
    """The records of finished runs."""
    return [run.record for run in runs if run.record]


def protocol(runs: Sequence[Run]) -> Section:
    """Labels, splits, examples kept, tests, seeds and orders of runs of one library."""
    found, noun = records(runs), runs[0].noun
    tests = {tuple(record.test_images) for record in found if record.test_images}
    orders = list(dict.fromkeys(run.config.tasks for run in runs))
    lines = [
        ("Library", library_labels(runs[0].config).name),
        ("Its manifest, SHA-256", _joined(run.state.library for run in runs)),
        ("Labels read", _joined(record.labels for record in found)),
        ("Calibration split", _joined(record.calibration_split for record in found)),
        (f"{noun.title()} kept of every earlier task", _joined(record.memory_per_task for record in found)),
        ("Accuracy", f"test split, read by evaluation alone{_tests(tests, noun)}"),
        ("Answers scored by", _joined(record.scoring for record in found)),
        ("Heads", _joined(HEADS[run.config.heads] for run in runs)),
        ("Tasks evaluated", _joined(run.config.evaluate for run in runs)),
        ("Seed", _joined(run.config.seed for run in runs)),
        ("Runs", None if len(runs) == 1 else str(len(runs))),
    ]
    heading = "Order of tasks" if len(orders) == 1 else f"{len(orders)} orders of tasks"
    written = table([heading], [[_order(runs, order)] for order in orders[:MOST_ORDERS]])
    return Section("Protocol", [facts(lines), written, *_more(len(orders) - MOST_ORDERS, "order")], short=True)


def settings_of_one(run: Run) -> Section:
    """Every setting of a run's merge, what it means, and whether its preset has another value."""
    config = run.config
    plain = MergeConfig.build(config.preset, tasks=config.tasks, method=config.method.name).flat()
    described = {**run_settings(), **config.method.described()}
    rows = []
    for name, value in config.flat().items():
        if name in ("tasks", "method", SAVING):
            continue
        text = described[name].text(value) if name in described else str(value)
        own = "" if name in ("library", "seed", "preset") or value == plain.get(name) else "differs"
        rows.append((name, shortened(text, LONGEST), own, described[name].description if name in described else ""))
    method = config.method
    paper = f" ({method.paper})" if method.paper else ""
    about = paragraph(f"{method.title}: {method.about}{paper}")
    return Section("Settings", [about, table(["Setting", "Value", "From its preset", "Meaning"], rows)])


def settings_of_many(runs: Sequence[Run], names: Mapping[str, str]) -> Section:
    """The settings in which runs differ, and those that all share; `names` is by run id, the same for a row's runs."""
    one_of = {names[run.id]: run for run in reversed(runs)}
    by_name = differences({name: run.config for name, run in one_of.items()})
    columns = [name for name in next(iter(by_name.values()), {}) if name not in ("tasks", "seed")]
    rows = [(name, ", ".join(changed(_own(by_name[name], columns)))) for name in reversed(by_name)]
    shared = {
        name: value for name, value in runs[0].config.flat().items()
        if name not in (*columns, "tasks", "seed", SAVING)
        and all(name in run.config.flat() and run.config.flat()[name] == value for run in runs)
    }  # fmt: skip
    parts: list[Html] = [table(["Row", "Where they differ"], rows)] if columns else []
    same = facts((name, _plain(value)) for name, value in shared.items())
    return Section("Settings", [*parts, paragraph("The same in all of them", "note"), same])


def versions(runs: Sequence[Run]) -> Section:
    """What runs were made with, and what they took."""
    found = records(runs)
    peak = max(record.peak_memory_bytes for record in found)
    names = dict.fromkeys(name for record in found for name in record.versions)
    begun = [record.created or run.created for run, record in zip(runs, found, strict=True)]
    return Section(
        "Versions and cost",
        [
            facts(
                [
                    *((name, _joined(record.versions.get(name) for record in found)) for name in names),
                    ("Device", _joined(record.device for record in found)),
                    ("Time", duration(sum(record.seconds for record in found)) + (" in all" if len(runs) > 1 else "")),
                    ("Peak memory", size_text(peak) if peak else None),
                    ("Begun", " to ".join(dict.fromkeys([min(begun), max(begun)]))),
                ]
            )
        ],
    )


def how_again(runs: Sequence[Run], more: Sequence[str] = ()) -> Section:
    """The commands that make the runs again, and `more` of them."""
    lines = list(dict.fromkeys(merge_command(run.config) for run in runs))
    what = "This command merges" if len(lines) == 1 else f"These {plural(len(lines), 'command')} merge"
    return Section(
        "How to reproduce it",
        [
            paragraph(f"{what} again what is reported here: on a CPU and the same versions bit for bit."),
            commands([*lines[:MOST_COMMANDS], *more]),
            *_more(len(lines) - MOST_COMMANDS, "command"),
        ],
        short=len(lines) == 1,
    )


def _tests(tests: set[tuple[int, ...]], noun: str) -> str:
    totals = sorted({sum(counts) for counts in tests})
    return f": {' or '.join(f'{total:,}' for total in totals)} {noun} in all" if totals else ""


def _order(runs: Sequence[Run], order: Sequence[str]) -> str:
    names = library_labels(next(run.config for run in runs if run.config.tasks == order)).names
    return " → ".join(names[task] for task in order)


def _more(count: int, noun: str) -> Iterator[Html]:
    if count > 0:
        yield paragraph(f"and {plural(count, noun)} more", "note")


def _joined(values: Iterable[object]) -> str:
    known = dict.fromkeys(str(value) for value in values if value not in (None, ""))
    return shortened(", ".join(known), LONGEST)


def _own(row: Row, columns: Sequence[str]) -> dict[str, str]:
    """The settings among `columns` that a row has, in words."""
    return {name: value for name in columns if (value := _plain(row[name])) is not None}


def _plain(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "on" if value else "off"
    return shortened(f"{value:g}" if isinstance(value, float) else str(value), LONGEST)
