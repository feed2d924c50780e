"""Who signs in, by Streamlit's own OpenID Connect: whether that is asked for, by whom, and who a reader is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from dashboard.sharing.settings import sharing
from otmf_core.errors import InputError
from otmf_core.files import brief, shown

FILE = ".streamlit/secrets.toml"
SHARED = ("redirect_uri", "cookie_secret")  # what [auth] has for every provider
OWN = ("client_id", "client_secret", "server_metadata_url")  # what each provider has
SECRET_LENGTH = 32  # characters of a cookie secret, at least: whoever guesses it signs in as anybody
CALLBACK = "/oauth2callback"  # the end of the redirect URI, which Streamlit answers


@dataclass(frozen=True)
class User:
    """A reader who signed in: `key` tells them apart, `name` is what the provider calls them, not to be trusted."""

    key: str
    name: str


def check_login(asked: bool) -> bool:
    """Whether readers sign in here: where it was asked for, or secrets name a provider.

    Raises InputError where that cannot work, so that no server is open which was to be closed.
    """
    auth = _auth()
    if auth is None:
        if asked:
            raise InputError(f"readers sign in by a provider that {FILE} names under [auth]: there is none")
        return False
    if not find_spec("authlib"):
        raise InputError(f"{FILE} names a provider to sign in by, which needs Authlib: pip install 'streamlit[auth]'")
    for key in SHARED:
        if not isinstance(auth.get(key), str):
            raise InputError(f"[auth] of {FILE} has a text as its {key}: there is none")
    if not auth["redirect_uri"].endswith(CALLBACK):
        where = shown(auth["redirect_uri"], 120)
        raise InputError(f"the redirect_uri of {FILE} is this server's address and {CALLBACK}, received {where}")
    if len(auth["cookie_secret"]) < SECRET_LENGTH:
        raise InputError(f"the cookie_secret of {FILE} has at least {SECRET_LENGTH} random characters, it has fewer")
    names = providers()
    if not names:
        raise InputError(f"[auth] of {FILE} names a provider by its {', '.join(OWN)}: there is none")
    for name in names:
        section = auth if name is None else auth[name]
        where = "[auth]" if name is None else f"[auth.{name}]"
        missing = [key for key in OWN if not isinstance(section.get(key), str) or not section[key]]
        if missing:
            raise InputError(f"{shown(where, 80)} of {FILE} has {', '.join(OWN)}: it has no {missing[0]}")
        if name and "_" in name:
            raise InputError(f"a provider's name has no underscore, received {shown(where, 80)} in {FILE}")
    return True


def providers() -> tuple[str | None, ...]:
    """The providers that secrets name, None for the one of [auth] itself."""
    auth = _auth() or {}
    own = (None,) if any(key in auth for key in OWN) else ()
    return own + tuple(name for name, value in auth.items() if isinstance(value, Mapping) and name != "client_kwargs")


def _auth() -> Mapping[str, Any] | None:
    """[auth] of the secrets; None where there is none, and raises InputError where they cannot be read."""
    try:
        auth = st.secrets.get("auth")
    except StreamlitSecretNotFoundError as error:
        if any(os.path.lexists(path) for path in st.get_option("secrets.files")):
            raise InputError(f"secrets are a TOML file: {brief(error)}") from None
        return None
    except (OSError, ValueError) as error:
        raise InputError(f"secrets are a TOML file that the server may read ({brief(error)})") from None
    if auth is not None and not isinstance(auth, Mapping):
        raise InputError(f"[auth] of {FILE} is a table, received {shown(auth, 20)}")
    return auth


def reader() -> User | None:
    """Who signed in and may use this server; None where nobody did, and where nobody needs to."""
    if not sharing().closed or why_outside():
        return None
    claims = st.user.to_dict()
    return User(f"{claims.get('iss')} {claims.get('sub')}", str(claims.get("name") or claims.get("email") or "You"))


def why_outside() -> str | None:
    """Why the reader may not use this server, in a sentence; None where they may."""
    if not sharing().closed:
        return None
    claims = st.user.to_dict()
    if claims.get("is_logged_in") is not True:
        return "who uses this server signs in first"
    users = sharing().users
    if not users:
        return None
    address = str(claims.get("email") or "").lower()
    listed = address in users or any(user.startswith("@") and address.endswith(user) for user in users)
    if address and listed and claims.get("email_verified") is not False:
        return None
    return (
        f"this server is for others: {shown(address, 80)} is not among its users"
        if address
        else ("this server is for users whom it knows by their e-mail address: the provider told none")
    )
