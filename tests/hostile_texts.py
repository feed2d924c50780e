"""A library and runs whose every text would do something if a page read it as Markdown, HTML, TeX or Plotly's tags."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from otmf_core.files import sha256, write_table
from tests.tiny import merge_config, merged

MARK = "zq7"
HOST = "foreign.invalid"
NAME = f"{MARK} <b>B</b> **x** _y_ ![i](http://{HOST}/t.png) $z$ :red[c] :a: -> `k`"  # 80 characters at most
TEXT = f"{NAME} [l](javascript:alert(1)) <img src=http://{HOST}/h.png> http://{HOST} www.{HOST} ~~s~~ &amp; $\\frac12$"

DONE, FAILED, BARE = (f"20260101-00000{number}-otmf-0000" for number in range(3))


def hostile_library(tiny: Path, folder: Path) -> Path:
    """A copy of the tiny library whose names, classes, sources and description are hostile."""
    shutil.copytree(tiny, folder)
    change(folder / "manifest.json", _renamed)
    return folder


def hostile_texts(words: Path, folder: Path) -> Path:
    """A copy of a library of texts whose names, answers, prompts and cells are hostile."""
    shutil.copytree(words, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for task in manifest["tasks"]:
        for split in ("calibration", "labelled", "test"):
            path = folder / task[split]
            columns = read_columns(path)
            texts = {name: [f"{TEXT} {cell}" for cell in cells] for name, cells in columns.items() if name != "label"}
            write_table(path, {**texts, "label": columns["label"]})
            manifest["files"][task[split]] = {"sha256": sha256(path), "bytes": path.stat().st_size}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    change(folder / "manifest.json", _renamed_texts)
    return folder


def read_columns(path: Path) -> dict[str, list[Any]]:
    """The columns of a small table."""
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pydict()


def hostile_runs(library: Path, runs: Path) -> None:
    """Three runs in folder `runs`: one done, one that failed, and one whose library is gone, so that ids are shown."""
    done = merged(merge_config(library), runs, DONE)
    facts = {"device": TEXT, "versions": {"torch": TEXT}}  # labels and splits are held against the configuration
    change(done / "record.json", lambda record: record | facts)
    change(done / "notes.json", lambda _: {"name": NAME, "note": TEXT})
    failed = Path(shutil.copytree(done, runs / FAILED))
    (failed / "record.json").unlink()
    change(failed / "status.json", lambda status: status | {"status": "failed", "message": TEXT})
    bare = Path(shutil.copytree(done, runs / BARE))
    tasks = {"tasks": [f"{NAME}{number}" for number in range(3)]}
    change(bare / "config.json", lambda config: config | tasks | {"library": f"/nowhere/{NAME}"})
    for name in ("record.json", "progress.json"):
        change(bare / name, lambda content: content | tasks)


def change(file: Path, to: Callable[[Any], Any]) -> None:
    """Change what a JSON file holds; {} where there is no such file."""
    file.write_text(json.dumps(to(json.loads(file.read_text()) if file.exists() else {})))


def _renamed_texts(manifest: dict[str, Any]) -> dict[str, Any]:
    for number, task in enumerate(manifest["tasks"]):
        task["name"] = f"{NAME}{number}"
        task["prompt"] = f"{TEXT} {task['prompt']}"
        if task.get("metric") != "spearman":
            task["classes"] = [f"{answer} {NAME}" for answer in task["classes"]]
        task |= {"train_source": TEXT, "test_source": TEXT, "licence": TEXT, "left_out": TEXT, "source": NAME}
    return manifest | {"name": NAME, "description": TEXT, "recipe": {"figures": {"suite": TEXT, "zero_shot": TEXT}}}


def _renamed(manifest: dict[str, Any]) -> dict[str, Any]:
    for number, task in enumerate(manifest["tasks"]):
        task["name"] = f"{NAME}{number}"
        task["classes"] = [f"{NAME}{label}" for label in range(len(task["classes"]))]
        task |= {"train_source": TEXT, "test_source": TEXT, "licence": TEXT, "left_out": TEXT}
        task |= {"templates": [f"{NAME} {{}}"], "source": NAME}
    suites = {f"{NAME}{name}": tasks for name, tasks in manifest.get("suites", {}).items()}
    figures = [{"suite": TEXT, "split": TEXT, "zero_shot": 1.0, "individual": 2.0}]
    return manifest | {"name": NAME, "description": TEXT, "suites": suites, "recipe": {"figures": figures}}
