"""What a shared server refuses behind its buttons: read-only, limits by user, the budget of disk. No page is drawn."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dashboard.app_pages.library.jobs import Jobs
from dashboard.runs import changes
from dashboard.sharing import users
from dashboard.sharing.rules import READ_ONLY, ServerGate, check_room, why_not_changed
from dashboard.sharing.settings import RULES, variable
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.forecast.disk import disk_use
from otmf_core.jobs.queue import JobQueue
from otmf_core.library.library import open_library
from otmf_core.runs.folder import load_run
from otmf_core.runs.usage import runs_bytes
from tests.dashboard.fake_engine import FakeEngine
from tests.tiny import contents, is_one_sentence, merge_config


@pytest.fixture(autouse=True)
def _open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in RULES:
        monkeypatch.delenv(variable(name), raising=False)
    monkeypatch.setenv("OTMF_RUNS", str(tmp_path / "runs"))


def config(**fields: Any) -> MergeConfig:
    return MergeConfig.build(**{"tasks": ("red", "green"), "library": "none", "method": "average", **fields})


def a_run(out: Path) -> str:
    """A run folder with a finished run."""
    queue = JobQueue(out, FakeEngine())
    run = queue.submit(config())
    while queue.active():
        pass
    return run


def sign_in(monkeypatch: pytest.MonkeyPatch, **claims: Any) -> None:
    """Whoever asks from now on is the one with these claims."""
    signed = {"is_logged_in": True, "iss": "https://id.example.org", **claims} if claims else {"is_logged_in": False}
    monkeypatch.setattr(users.st, "user", SimpleNamespace(to_dict=lambda: signed))


def test_a_read_only_server_refuses_every_door_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "runs"
    run = a_run(out)
    before = contents(out)
    queue = JobQueue(out, FakeEngine(), gate=ServerGate(out))
    monkeypatch.setattr(changes, "queue", lambda: queue)
    monkeypatch.setenv("OTMF_READ_ONLY", "1")
    stored = load_run(out / run)
    doors = [
        lambda: queue.submit(config()),
        lambda: queue.resume(run),
        lambda: queue.stop(run),
        lambda: queue.delete(run),
        lambda: changes.note(stored, "name", "mine"),
        lambda: changes.bring_in(io.BytesIO(), 0),
        lambda: changes.export(stored, "open_clip"),
        lambda: changes.take(run, lambda done: None),
        lambda: changes.take_over_from(run),
        lambda: Jobs().start("Adding", lambda report: None),
    ]
    for door in doors:
        with pytest.raises(InputError) as caught:
            door()
        assert str(caught.value) == READ_ONLY
        assert is_one_sentence(READ_ONLY)
    assert contents(out) == before
    assert why_not_changed() == READ_ONLY[0].upper() + READ_ONLY[1:] + "."
    monkeypatch.setenv("OTMF_READ_ONLY", "0")
    assert why_not_changed() is None
    changes.note(stored, "name", "mine")
    assert load_run(out / run).name == "mine"


def test_only_the_module_of_changes_and_the_queue_write_runs():
    root = Path(changes.__file__).parents[1]
    doors = ("set_notes", "import_run", "export_run", "take_features", "take_over(", "delete_run", "create_run")
    for path in root.rglob("*.py"):
        if path != Path(changes.__file__):
            text = path.read_text(encoding="utf-8")
            assert not [door for door in doors if door in text], path


def test_a_server_without_sign_in_takes_so_many_merges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTMF_QUEUE_LIMIT", "2")
    queue = JobQueue(tmp_path, FakeEngine(pause=0.05), gate=ServerGate(tmp_path))
    slow = config(method="otmf", iterations=100)
    runs = [queue.submit(slow) for _ in range(2)]
    with pytest.raises(InputError, match="takes 2 merges at a time, waiting and running, and it has 2") as caught:
        queue.submit(slow)
    assert is_one_sentence(str(caught.value))
    assert str(queue.why_not(slow)) == str(caught.value)
    queue.stop(runs[1])  # which waits
    assert queue.why_not(slow) is None
    queue.submit(slow)
    queue.close()


def test_the_limit_is_each_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTMF_QUEUE_LIMIT", "1")
    monkeypatch.setenv("OTMF_LOGIN", "1")
    queue = JobQueue(tmp_path, FakeEngine(pause=0.05), gate=ServerGate(tmp_path))
    slow = config(method="otmf", iterations=100)
    sign_in(monkeypatch, sub="1", name="Ada")
    queue.submit(slow)
    with pytest.raises(InputError, match="1 merge at a time of a user, waiting and running, and you have 1"):
        queue.submit(slow)
    sign_in(monkeypatch, sub="2", name="Ada")  # another of that name
    queue.submit(slow)
    assert len(queue.active()) == 2
    sign_in(monkeypatch)
    for door in (lambda: queue.submit(slow), lambda: queue.delete("x"), lambda: queue.stop("x")):
        with pytest.raises(InputError, match="signs in first"):
            door()
    queue.close()


ADA = {"sub": "1", "name": "Ada", "email": "Ada@Example.org"}


@pytest.mark.parametrize(
    ("claims", "listed", "inside"),
    [
        (ADA, "", True),
        (ADA, "ada@example.org", True),
        (ADA, "bob@example.com,@example.org", True),
        (ADA, "bob@example.org", False),
        (ADA, "@ample.org", False),
        ({**ADA, "email": "ada@evil-example.org"}, "@example.org", False),
        ({**ADA, "email": "ada@example.org@evil.com"}, "@example.org", False),
        ({**ADA, "email_verified": False}, "ada@example.org", False),
        ({**ADA, "email_verified": True}, "ada@example.org", True),
        ({"sub": "1"}, "@example.org", False),
        ({"sub": "1", "email": None}, "@example.org", False),
        ({}, "", False),
    ],
)
def test_who_may_use_a_closed_server(
    monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any], listed: str, inside: bool
):
    monkeypatch.setenv("OTMF_LOGIN", "1")
    monkeypatch.setenv("OTMF_USERS", listed)
    sign_in(monkeypatch, **claims)
    assert (users.why_outside() is None) is inside
    assert (users.reader() is not None) is inside
    assert (why_not_changed() is None) is inside


def test_an_open_server_asks_nobody_who_they_are(monkeypatch: pytest.MonkeyPatch):
    sign_in(monkeypatch)
    assert users.why_outside() is None
    assert users.reader() is None


def test_a_merge_over_the_budget_is_refused_before_it_starts(tiny: Path, tmp_path: Path, monkeypatch):
    asked = merge_config(tiny)
    use = disk_use(asked, open_library(str(tiny)))
    queue = JobQueue(tmp_path, FakeEngine(), gate=ServerGate(tmp_path))
    monkeypatch.setenv("OTMF_RUNS_BUDGET", str(use.kept + use.beside - 1))
    with pytest.raises(InputError, match=r"runs may take .* this merge takes about .* Clean up") as caught:
        queue.submit(asked)
    assert is_one_sentence(str(caught.value))
    assert runs_bytes(tmp_path) == {}
    monkeypatch.setenv("OTMF_RUNS_BUDGET", str(use.kept + use.beside))
    queue.submit(asked)
    while queue.active():
        pass
    there = sum(runs_bytes(tmp_path).values())
    assert 0 < there < 20_000  # the fake engine writes figures alone
    assert queue.why_not(asked) is not None
    monkeypatch.setenv("OTMF_RUNS_BUDGET", str(use.kept + use.beside + there))
    assert queue.why_not(asked) is None


def test_merges_that_wait_have_their_room_kept(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked = merge_config(tiny, iterations=200)
    use = disk_use(asked, open_library(str(tiny)))
    monkeypatch.setenv("OTMF_RUNS_BUDGET", str(2 * use.kept + use.beside + 100_000))  # they merge one after the other
    queue = JobQueue(tmp_path, FakeEngine(pause=0.05), gate=ServerGate(tmp_path))
    queue.submit(asked)
    queue.submit(asked)
    with pytest.raises(InputError, match="and those under way about"):
        queue.submit(asked)
    queue.close()


def test_a_merge_whose_library_is_gone_is_its_own_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTMF_RUNS_BUDGET", "1GB")
    queue = JobQueue(tmp_path, FakeEngine(), gate=ServerGate(tmp_path))
    assert queue.why_not(config(library=str(tmp_path / "nowhere"))) is None


def test_what_is_brought_in_keeps_to_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "runs"
    run = a_run(out)
    there = sum(runs_bytes(out).values())
    monkeypatch.setenv("OTMF_RUNS_BUDGET", str(there + 1000))
    check_room(out, 1000, "this run")
    with pytest.raises(InputError, match="this run takes about") as caught:
        changes.bring_in(io.BytesIO(bytes(1001)), 1001)
    assert is_one_sentence(str(caught.value))
    monkeypatch.setenv("OTMF_RUNS_BUDGET", str(there))
    with pytest.raises(InputError, match="the exported model takes about"):
        changes.export(load_run(out / run), "open_clip")
