"""The dashboard on a library of names alone, with the fake engine and a runs folder of its own."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from PIL import Image
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.library import jobs as library_jobs
from dashboard.runs import afterwards
from dashboard.sharing.settings import RULES, variable
from dashboard.ui import deferred
from otmf_core.config import MergeConfig
from otmf_core.files import sha256, write_table
from otmf_core.jobs import queue as jobs
from otmf_core.jobs.queue import JobQueue
from otmf_core.library import library
from tests import t5s
from tests.dashboard.fake_engine import FakeEngine
from tests.dashboard.pages import drained
from tests.hostile_texts import hostile_texts

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"
TASKS = ("red", "green", "blue", "white")


def square(brightness: int) -> bytes:
    """A PNG of one grey."""
    png = io.BytesIO()
    Image.new("RGB", (8, 8), (brightness,) * 3).save(png, format="PNG")
    return png.getvalue()


@pytest.fixture(scope="session", autouse=True)
def _packages_are_searched_once() -> Iterator[None]:
    """Every test app looks for components in all installed packages: half a second, and the same ones each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    """The engine behind the pages; `tmp_path / "runs"` is their runs folder."""
    root = tmp_path / "assets" / "colours"
    root.mkdir(parents=True)
    tasks = [
        {"id": task, "name": task.title(), "classes": ["dark", "bright"], "calibration": f"{task}.parquet"}
        for task in TASKS
    ]
    files = {}
    for task in TASKS:
        write_table(root / f"{task}.parquet", {"image": [square(0), square(200)], "label": [0, 1]})
        files[f"{task}.parquet"] = {"sha256": sha256(root / f"{task}.parquet")}
    suites = {"3": list(TASKS[:3]), "4": list(TASKS)}
    manifest = {"format": 1, "id": "colours", "name": "Colours", "backbone": {}, "suites": suites, "tasks": tasks}
    (root / "manifest.json").write_text(json.dumps({**manifest, "files": files}))
    fake = FakeEngine()
    monkeypatch.setattr(library, "ASSETS", tmp_path / "assets")
    monkeypatch.setattr(jobs, "merging_engine", lambda: fake)
    monkeypatch.setenv("OTMF_RUNS", str(tmp_path / "runs"))
    for name in ("OTMF_LIBRARIES", "OTMF_FILES", "OTMF_RAY", *map(variable, RULES)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(library_jobs, "_jobs", library_jobs.Jobs())
    monkeypatch.setattr(afterwards, "begin_afterwards", lambda: None)  # its thread would outlive the test
    monkeypatch.setattr(deferred, "arrive", lambda page: None)  # no browser says that the first screen is there
    st.cache_data.clear()
    yield fake
    for queue in jobs._queues.values():
        queue.close()


@pytest.fixture
def app(engine: FakeEngine) -> AppTest:
    """The app, opened on its first page."""
    return AppTest.from_file(str(APP), default_timeout=60).run()


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of texts: the tasks mood, same and scale of a tiny T5; nobody changes it."""
    folder = tmp_path_factory.mktemp("words")
    return t5s.write_library(folder / "words", folder / "sources")


@pytest.fixture(scope="session")
def hostile_words(words: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of it whose every text, in the manifest and in the tables of texts, is hostile."""
    return hostile_texts(words, tmp_path_factory.mktemp("hostile-words") / "library")


@pytest.fixture
def finished(engine: FakeEngine, tmp_path: Path) -> list[str]:
    """Three finished runs, oldest first: OTMF, average, and OTMF with another α."""
    queue = JobQueue(tmp_path / "runs", engine)
    fields: tuple[dict[str, Any], ...] = ({"iterations": 3}, {"method": "average"}, {"iterations": 3, "alpha": 0.5})
    configs = [MergeConfig.build(tasks=("red", "green"), library="colours", **each) for each in fields]
    runs = [queue.submit(config) for config in configs]
    drained(queue)
    for second, run in enumerate(runs):
        status = tmp_path / "runs" / run / "status.json"
        status.write_text(
            json.dumps({**json.loads(status.read_text()), "created": f"2026-01-01T00:00:0{second}+00:00"})
        )
    return runs
