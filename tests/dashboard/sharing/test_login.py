"""Providers to sign in by: what secrets must say before a server starts, so that none is open that was to be closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.runtime.secrets import Secrets

from dashboard.sharing import users
from dashboard.sharing.users import check_login, providers
from otmf_core.errors import InputError
from tests.tiny import is_one_sentence

SHARED = {"redirect_uri": "https://otmf.example.org/oauth2callback", "cookie_secret": "x" * 40}
OWN = {"client_id": "otmf", "client_secret": "secret", "server_metadata_url": "https://id.example.org/openid"}


def toml(**sections: dict[str, Any]) -> str:
    return "".join(
        f"[{name}]\n" + "".join(f'{key} = "{value}"\n' for key, value in values.items())
        for name, values in sections.items()
    )


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that writes the secrets which the server would read."""

    def write(text: str | None) -> None:
        file = tmp_path / "secrets.toml"
        if text is not None:
            file.write_text(text)
        own = Secrets()
        monkeypatch.setattr(st, "secrets", own)
        monkeypatch.setattr(users.st, "get_option", lambda name: [str(file)])
        monkeypatch.setattr("streamlit.config.get_option", lambda name: [str(file)])
        monkeypatch.setattr(Secrets, "_maybe_install_file_watchers", lambda self: None)

    return write


def test_a_provider_in_the_secrets_closes_the_server(secrets):
    secrets(toml(auth={**SHARED, **OWN}))
    assert check_login(asked=False)
    assert providers() == (None,)
    secrets(toml(**{"auth": SHARED, "auth.google": OWN, "auth.okta": OWN}))
    assert check_login(asked=True)
    assert providers() == ("google", "okta")


def test_without_secrets_a_server_is_open_unless_it_was_to_be_closed(secrets):
    for text in (None, 'other = "thing"\n'):
        secrets(text)
        assert not check_login(asked=False)
        with pytest.raises(InputError, match="there is none"):
            check_login(asked=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[auth", "secrets are a TOML file"),
        ('auth = "me"\n', "is a table"),
        (toml(auth={}), "redirect_uri"),
        (toml(auth={**OWN, "redirect_uri": SHARED["redirect_uri"]}), "cookie_secret"),
        (toml(auth={**SHARED, **OWN, "cookie_secret": "short"}), "at least 32"),
        (toml(auth={**SHARED, **OWN, "redirect_uri": "https://otmf.example.org"}), "/oauth2callback"),
        (toml(auth=SHARED), "names a provider"),
        (toml(auth={**SHARED, "client_id": "otmf"}), "no client_secret"),
        (toml(**{"auth": SHARED, "auth.google": {**OWN, "client_id": ""}}), "no client_id"),
        (toml(**{"auth": SHARED, "auth.my_own": OWN}), "no underscore"),
    ],
)
@pytest.mark.parametrize("asked", [True, False])
def test_secrets_that_cannot_work_are_one_sentence_without_a_secret(secrets, text: str, said: str, asked: bool):
    secrets(text)
    with pytest.raises(InputError, match=said) as caught:
        check_login(asked)
    assert is_one_sentence(str(caught.value))
    assert SHARED["cookie_secret"] not in str(caught.value)


def test_without_authlib_the_sentence_says_how_to_get_it(secrets, monkeypatch: pytest.MonkeyPatch):
    secrets(toml(auth={**SHARED, **OWN}))
    monkeypatch.setattr(users, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'streamlit\[auth\]'"):
        check_login(asked=False)
