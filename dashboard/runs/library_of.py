"""What pages say of the library that a run was made with: its name, and what its examples are called."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import Mark, mark
from otmf_core.library import library


@dataclass(frozen=True)
class LibraryWords:
    """A library's name, and what its examples are called: images or texts."""

    name: str
    noun: str = "images"


def library_words(config: MergeConfig) -> LibraryWords:
    """The words for a merge's library; the last part of its path where it is not on this machine any more."""
    try:
        return _words(config.library, mark(library.ASSETS / config.library / "manifest.json"))
    except InputError:
        return LibraryWords(Path(config.library).name or config.library)


@lru_cache(maxsize=16)
def _words(name: str, _manifest: Mark) -> LibraryWords:
    opened = library.open_library(name)
    return LibraryWords(opened.name, opened.noun)
