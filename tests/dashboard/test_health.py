"""The figures of a server: their format, and that they name nobody and no run."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard.health import METRICS, metrics
from otmf_core import __version__
from otmf_core.jobs.queue import job_queue
from tests.dashboard.fake_engine import FakeEngine
from tests.dashboard.sharing.test_rules import config


def figures(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@pytest.fixture
def client(engine: FakeEngine) -> TestClient:
    return TestClient(Starlette(routes=[Route(METRICS, metrics)]))


def test_a_quiet_server_has_its_figures(client: TestClient, finished: list[str], tmp_path: Path):
    answer = client.get(METRICS)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = figures(answer.text)
    assert found[f'otmf_info{{version="{__version__}"}}'] == 1
    assert (found["otmf_merges_waiting"], found["otmf_merges_running"], found["otmf_runs"]) == (0, 0, 3)
    files = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert found["otmf_runs_bytes"] == sum(path.stat().st_size for path in files)
    assert found["otmf_memory_bytes"] > 10**7
    assert found["otmf_read_only"] == 0
    assert "otmf_runs_budget_bytes" not in found
    for private in (*finished, str(tmp_path), "colours", "red"):
        assert private not in answer.text


def test_a_busy_and_limited_server_says_so(
    client: TestClient, engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    engine.pause = 0.05
    queue = job_queue(tmp_path / "runs")
    slow = config(method="otmf", iterations=100)
    first = queue.submit(slow)
    queue.submit(slow)
    while dict(queue.active()).get(first) != "running":
        pass
    monkeypatch.setenv("OTMF_RUNS_BUDGET", "20GB")
    monkeypatch.setenv("OTMF_READ_ONLY", "1")
    found = figures(client.get(METRICS).text)
    assert (found["otmf_merges_waiting"], found["otmf_merges_running"]) == (1, 1)
    assert (found["otmf_runs_budget_bytes"], found["otmf_read_only"]) == (20e9, 1)


def test_a_folder_that_cannot_be_read_is_unwell_and_not_named(client: TestClient, tmp_path: Path):
    (tmp_path / "runs").write_text("")
    answer = client.get(METRICS)
    assert answer.status_code == 503
    assert str(tmp_path) not in answer.text
