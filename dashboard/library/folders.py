"""The folder of libraries that are made on the page, and which paths may be typed there."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

from dashboard.state import ROOT, runs_folder
from otmf_core.errors import InputError
from otmf_core.files import Mark, inside, mark, shown, user_path
from otmf_core.library.library import Library
from otmf_core.library.manifest import read_manifest

NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")


def libraries_folder() -> Path:
    """The folder whose folders are libraries: OTMF_LIBRARIES, by default `libraries` beside the runs folder."""
    stated = os.environ.get("OTMF_LIBRARIES")
    return ROOT / stated if stated else runs_folder().parent / "libraries"


def made_libraries() -> dict[str, str]:
    """The libraries of that folder by their whole paths: the name in the manifest, or the folder's if it is damaged."""
    found = sorted(path for path in libraries_folder().resolve().glob("*/manifest.json") if path.parent.name[0] != ".")
    return {str(path.parent): _name(path, mark(path)) for path in found}


@lru_cache(maxsize=256)
def _name(manifest: Path, _mark: Mark) -> str:
    try:
        return read_manifest(manifest).name
    except InputError:  # the page says what is wrong once it is chosen
        return manifest.parent.name


def is_made_here(library: Library) -> bool:
    """Whether a library lies in that folder, so that the page may add to it."""
    return library.root.resolve().parent == libraries_folder().resolve()


def folder_of(name: str) -> Path:
    """The whole path of the library of that name; raises InputError for what is no plain name."""
    if not NAME.fullmatch(name):
        raise InputError(f"a library's name is 1 to 60 letters, digits, - and _, received {shown(name)}")
    return inside(libraries_folder(), name)


def typed_path(text: str, what: str) -> Path:
    """The whole path of `what` that a user typed, links resolved.

    Raises InputError where there is none, or where it is not in the folder OTMF_FILES, if that is set.
    """
    if not text.strip():
        raise InputError(f"{what} has a path on the machine that runs this program, received none")
    path = user_path(text.strip())
    if not path.is_absolute():
        raise InputError(f"{what} has a whole path, from the root of its disk, received {shown(text.strip())}")
    try:
        path = path.resolve()
        found = path.exists()
    except (OSError, RuntimeError) as error:  # a name longer than a disk has, a loop of links
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{what} has a path on this machine: {shown(path)} leads nowhere ({why})") from None
    allowed = os.environ.get("OTMF_FILES")
    if allowed and not path.is_relative_to(Path(allowed).resolve()):
        raise InputError(f"{what} lies in {allowed}, where this server's files are, received {shown(text.strip())}")
    if not found:
        raise InputError(f"{what} has a path on the machine that runs this program: {shown(path)} is not there")
    return path
