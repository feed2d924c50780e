"""What a server allows: every text of flags and environment is a value or one sentence."""

from __future__ import annotations

import pytest

from dashboard.sharing.settings import RULES, Sharing, flag, from_command, sharing, variable
from otmf_core.errors import InputError
from tests.tiny import is_one_sentence


def read(monkeypatch: pytest.MonkeyPatch, **texts: str) -> Sharing:
    for name in RULES:
        monkeypatch.delenv(variable(name), raising=False)
    for name, text in texts.items():
        monkeypatch.setenv(variable(name), text)
    return sharing()


def test_without_a_word_everything_is_allowed(monkeypatch: pytest.MonkeyPatch):
    assert read(monkeypatch) == Sharing.model_validate({})
    assert not Sharing.model_validate({}).closed
    assert read(monkeypatch, read_only="", users=" ", runs_budget="") == Sharing.model_validate(
        {}
    )  # as a Compose file leaves them


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20GB", 20 * 10**9),
        ("20 gb", 20 * 10**9),
        ("1.5TB", 1_500_000_000_000),
        ("512MiB", 512 * 2**20),
        ("1000", 1000),
        ("7kb", 7000),
    ],
)
def test_a_budget_is_a_size(monkeypatch: pytest.MonkeyPatch, text: str, size: int):
    assert read(monkeypatch, runs_budget=text).runs_budget == size


@pytest.mark.parametrize(("text", "on"), [("1", True), ("true", True), ("On", True), ("0", False), ("no", False)])
def test_a_switch_is_on_or_off(monkeypatch: pytest.MonkeyPatch, text: str, on: bool):
    assert read(monkeypatch, read_only=text).read_only is on


def test_users_are_addresses_and_domains_and_close_the_server(monkeypatch: pytest.MonkeyPatch):
    allowed = read(monkeypatch, users=" Ada@Example.org, @example.com,")
    assert allowed.users == ("ada@example.org", "@example.com")
    assert allowed.closed


WRONG = {
    "read_only": ["maybe", "2", "yes please"],
    "login": ["auto"],
    "users": ["ada", "ada@example.org bob@example.org", ",", "ada@", "a@b@c"],
    "queue_limit": ["0", "-1", "1001", "two", "1.5", "nan"],
    "runs_budget": ["lots", "-1GB", "0", "0.4", "20 apples", "1e9", "9" * 16, "GB", "nan", "１GB\u202e"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in WRONG.items() for text in texts])
def test_a_wrong_value_is_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str, text: str):
    with pytest.raises(InputError) as caught:
        read(monkeypatch, **{name: text})
    assert is_one_sentence(str(caught.value))
    assert str(caught.value).startswith(f"{variable(name)} is {RULES[name]}, received ")
    if name in ("read_only", "login"):  # which are flags without a value
        return
    with pytest.raises(InputError) as caught:
        from_command([f"{flag(name)}={text}"], {})
    assert str(caught.value).startswith(f"{flag(name)} is {RULES[name]}, received ")


def test_flags_become_the_environment_and_go_before_it():
    environment = {"OTMF_RUNS_BUDGET": "1GB", "OTMF_RUNS": "elsewhere", "OTMF_QUEUE_LIMIT": "3"}
    assert from_command(["--read-only", "--runs-budget", "20GB"], environment) == {
        "OTMF_READ_ONLY": "1",
        "OTMF_RUNS_BUDGET": "20GB",
    }
    assert from_command([], environment) == {}


def test_what_flags_stand_with_is_checked_too():
    with pytest.raises(InputError, match="OTMF_QUEUE_LIMIT is a whole number"):
        from_command(["--read-only"], {"OTMF_QUEUE_LIMIT": "many"})


@pytest.mark.parametrize("arguments", [["--readonly"], ["--read"], ["--queue-limit"], ["--read-only=1"], ["runs"]])
def test_an_unknown_flag_is_one_sentence(arguments: list[str]):
    with pytest.raises(InputError, match="--help") as caught:
        from_command(arguments, {})
    assert is_one_sentence(str(caught.value))


@pytest.mark.parametrize("name", ["OTMF_READONLY", "OTMF_RUN_BUDGET", "OTMF_QUEUELIMIT", "OTMF_USER"])
def test_a_misspelt_variable_does_not_open_what_it_was_to_close(name: str):
    with pytest.raises(InputError, match="may be meant"):
        from_command([], {name: "1"})


@pytest.mark.parametrize("name", ["OTMF_RUNS", "OTMF_LIBRARIES", "OTMF_FILES", "OTMF_CACHE", "USERS", "READ_ONLY"])
def test_other_variables_are_none_of_its_business(name: str):
    assert from_command([], {name: "anything"}) == {}
