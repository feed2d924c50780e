"""What a server allows, set when it starts: flags of dashboard/server.py, or environment variables for a container."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from otmf_core.errors import InputError
from otmf_core.files import shown

PREFIX = "OTMF_"  # of the environment variables, as in OTMF_READ_ONLY
SWITCHES = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
BYTES = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([KMGT]I?B)?", re.IGNORECASE)
USER = re.compile(r"[^@\s]*@[^@\s]+")


class Sharing(BaseModel):
    """What a server allows; by default everything, as to one person on one machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read_only: bool = Field(False, description="look, and neither merge, change nor delete anything")
    login: bool = Field(False, description="let in only who signs in as [auth] of .streamlit/secrets.toml says")
    users: tuple[str, ...] = Field((), description="who may sign in: ada@example.org,@example.com; else all")
    queue_limit: int | None = Field(
        None, ge=1, le=1000, description="merges waiting and running at a time: of a user, without sign-in of all"
    )
    runs_budget: int | None = Field(None, ge=1, description="what all runs together may take on disk, as in 20GB")

    @field_validator("read_only", "login", mode="before")
    @classmethod
    def _switch(cls, value: Any) -> Any:
        return SWITCHES[value.strip().lower()] if isinstance(value, str) else value

    @field_validator("runs_budget", mode="before")
    @classmethod
    def _bytes(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        number, unit = BYTES.fullmatch(value.strip()).groups()  # pyright: ignore[reportOptionalMemberAccess]
        return int(float(number) * UNITS[(unit or "").upper()])

    @field_validator("users", mode="before")
    @classmethod
    def _addresses(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        users = tuple(user.strip().lower() for user in value.split(",") if user.strip())
        if not users or not all(USER.fullmatch(user) for user in users):
            raise ValueError
        return users

    @property
    def closed(self) -> bool:
        """Whether readers sign in: where it is asked for, and where only some may."""
        return self.login or bool(self.users)


RULES = {  # by setting: what its text is
    "read_only": "1 or 0",
    "login": "1 or 0",
    "users": "e-mail addresses or domains with commas between, such as ada@example.org,@example.com",
    "queue_limit": "a whole number from 1 to 1,000",
    "runs_budget": "a size such as 500MB, 20GB or 1.5TB",
}


def sharing() -> Sharing:
    """What this server allows, by its environment; raises InputError as `read` does."""
    return _of_environment(tuple(os.environ.get(variable(name), "") for name in RULES))


@lru_cache(maxsize=8)
def _of_environment(values: tuple[str, ...]) -> Sharing:
    return read({name: (variable(name), value) for name, value in zip(RULES, values, strict=True) if value.strip()})


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def flag(name: str) -> str:
    """The flag of a setting."""
    return "--" + name.replace("_", "-")


def read(texts: Mapping[str, tuple[str, str]]) -> Sharing:
    """The settings of these texts, by setting, each with where it stands; raises InputError for one that is wrong."""
    try:
        return Sharing(**{name: _parsed(name, *text) for name, text in texts.items()})
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise _wrong(name, *texts[name]) from None


def _parsed(name: str, where: str, text: str) -> Any:
    """A text that a validator can read without stumbling over it."""
    if name in ("read_only", "login") and text.strip().lower() not in SWITCHES:
        raise _wrong(name, where, text)
    if name == "runs_budget" and not BYTES.fullmatch(text.strip()):
        raise _wrong(name, where, text)
    return text


def _wrong(name: str, where: str, text: str) -> InputError:
    return InputError(f"{where} is {RULES[name]}, received {shown(text, 80)}")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"a server is started with the flags that --help lists, received another ({message})")


def from_command(arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that flags stand for, once all of both are known to be right together.

    Raises InputError for what is wrong, and for a variable that looks like a misspelt one, for that would allow what
    it was to forbid.
    """
    parser = _Parser(prog="streamlit run dashboard/server.py --", allow_abbrev=False, description=__doc__)
    for name, field in Sharing.model_fields.items():
        about = f"{field.description} ({variable(name)})".replace("%", "%%")
        options: dict[str, Any] = {"action": "store_const", "const": "1"} if field.annotation is bool else {}
        parser.add_argument(flag(name), dest=name, help=about, **options)
    given = {name: text for name, text in vars(parser.parse_args(arguments)).items() if text is not None}
    own = {variable(name): name for name in RULES}
    for name in environment:
        meant = get_close_matches(name, own, n=1, cutoff=0.85)
        if meant and name not in own and name.startswith(PREFIX):
            raise InputError(f"no setting is called {shown(name, 80)}: {meant[0]} may be meant")
    texts = {own[name]: (name, environment[name]) for name in own if environment.get(name, "").strip()}
    read(texts | {name: (flag(name), text) for name, text in given.items()})
    return {variable(name): text for name, text in given.items()}
