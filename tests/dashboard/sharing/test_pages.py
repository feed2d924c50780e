"""A shared server as its readers see it: pages that only show, merges refused, the way in, and the table of sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.runs import clean_up as table_of_sizes
from otmf_core.runs.usage import runs_bytes
from tests.dashboard.fake_engine import FakeEngine
from tests.dashboard.pages import opener, press, texts
from tests.tiny import contents

AUTH = {"auth": {"redirect_uri": "http://localhost:8501/oauth2callback", "cookie_secret": "x" * 40, "google": {}}}
ADA = {"is_logged_in": True, "iss": "https://id", "sub": "1", "name": "*Ada* <b>", "email": "ada@example.org"}


def off(app: AppTest) -> dict[str, str]:
    """The buttons that are off, by key, and why."""
    return {str(button.key): button.help for button in app.button if button.disabled}


def on(app: AppTest) -> set[str]:
    return {str(button.key) for button in app.button if not button.disabled}


def test_every_page_of_a_read_only_server_shows_and_writes_nothing(
    finished: list[str], app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OTMF_READ_ONLY", "1")
    before = contents(tmp_path / "runs")
    changing = {
        "merge": {"run"},
        "alpha": {"sweep"},
        "features": {"take"},
        "library": {"library-new", "library-fetch", "library-add", "library-check"},
        "runs": {"runs-export", "runs-delete"},
    }
    for page in ("merge", "accuracy", "masks", "features", "alpha", "compare", "try_it", "library", "runs"):
        opener(page)(app, run=finished[-1] if page not in ("alpha", "library") else None)
        assert "nothing is merged, changed or deleted here" in texts(app), page
        refused = off(app)
        assert changing.get(page, set()) <= refused.keys(), page
        for key in changing.get(page, set()):
            assert refused[key].startswith("This server is read-only"), (page, key)
        assert not on(app) & set().union(*changing.values()), page
    assert app.text_input(key=f"name-{finished[-1]}").disabled
    assert contents(tmp_path / "runs") == before


def test_a_merge_over_the_limit_is_refused_in_the_form(
    engine: FakeEngine, app: AppTest, monkeypatch: pytest.MonkeyPatch
):
    engine.pause = 0.05
    monkeypatch.setenv("OTMF_QUEUE_LIMIT", "1")
    opener("merge")(app)
    press(app, "run")
    app.run()
    assert app.button(key="run").disabled
    assert any("takes 1 merge at a time" in warning.value for warning in app.warning)


def test_a_merge_over_the_budget_is_refused_in_the_form(
    finished: list[str], app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    used = sum(runs_bytes(tmp_path / "runs").values())
    monkeypatch.setenv("OTMF_RUNS_BUDGET", str(used - 1))
    opener("merge")(app)
    assert app.button(key="run").disabled
    assert any("Clean up" in warning.value for warning in app.warning)
    monkeypatch.setenv("OTMF_RUNS_BUDGET", "1GB")
    app.run()
    assert not app.button(key="run").disabled


def open_clean_up(app: AppTest) -> AppTest:
    app.session_state["clean-up"] = True
    return app.run()


def test_runs_stand_by_size_and_several_are_deleted_at_once(
    finished: list[str], app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "runs" / finished[1] / "merged.safetensors").write_bytes(bytes(3_000_000))
    (tmp_path / "runs" / "torn").mkdir()
    (tmp_path / "runs" / "torn" / "status.json").write_text("{")
    open_clean_up(opener("runs")(app))
    assert not app.exception
    table = app.dataframe[-1].value
    assert table["run"].iloc[0] == finished[1]
    assert list(table["size"]) == sorted(table["size"], reverse=True)
    assert dict(zip(table["run"], table["kind"], strict=True))["torn"] == "Damaged"
    assert app.button(key="clean-up-delete").disabled
    monkeypatch.setattr(table_of_sizes, "_table", lambda items: list(items[:2]))  # no test of pages selects rows
    app.run()
    button = app.button(key="clean-up-delete")
    assert button.label.startswith("Delete 2 runs, 3")
    press(app, "clean-up-delete")
    assert all((tmp_path / "runs" / run).exists() for run in finished)  # asked first
    press(app, "clean-up-now")
    gone = [run for run in table["run"][:2] if not (tmp_path / "runs" / run).exists()]
    assert gone == list(table["run"][:2])
    assert len(runs_bytes(tmp_path / "runs")) == 2


def test_who_has_not_signed_in_sees_the_way_in_alone(
    finished: list[str], app: AppTest, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OTMF_LOGIN", "1")
    app.secrets.update(AUTH)
    app.user = {"is_logged_in": False}
    app.run()
    assert not app.exception
    assert [button.key for button in app.button] == ["sign-in-google"]
    assert app.button[0].label == "Sign in with Google"
    assert not app.dataframe and not app.selectbox
    assert not any(run in texts(app) for run in finished)


def test_who_signed_in_is_named_letter_by_letter_and_may_merge(app: AppTest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTMF_USERS", "@example.org")
    app.user = ADA
    app.run()
    assert not app.exception
    assert r"\*Ada\* \<b\>" in texts(app)
    assert {"sign-out", "run"} <= on(app)


def test_who_is_none_of_its_users_is_told_and_may_leave(app: AppTest, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTMF_USERS", "bob@example.org")
    app.user = ADA
    app.run()
    assert on(app) == {"sign-out"}
    assert "is not among its users" in app.error[0].value
