"""Repositories of the Hugging Face hub: how large, fetched into its own cache, or found there without a network."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from otmf_core.errors import InputError
from otmf_core.files import brief
from otmf_core.library.making.reporting import Report, silent


@dataclass(frozen=True)
class Repository:
    """A repository, and the patterns of its files that are wanted."""

    name: str
    kind: Literal["model", "dataset"]
    patterns: tuple[str, ...]


@dataclass(frozen=True)
class Need:
    """What a repository takes: bytes that are in the cache already, and bytes that are still to be fetched."""

    cached: int
    missing: int


def offline() -> bool:
    """Whether the hub's own setting, HF_HUB_OFFLINE, keeps it from the network."""
    from huggingface_hub import constants

    return constants.HF_HUB_OFFLINE


def cache() -> Path:
    """The folder of the hub's cache."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def free_bytes() -> int:
    """The free space of the disk that the cache is on."""
    folder = cache()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def needed(repository: Repository) -> Need:
    """What it takes, from the hub's list of its files or, offline, from what is in the cache.

    Raises InputError when it cannot be reached and is not in the cache.
    """
    if offline():
        folder = fetched(repository, silent)
        return Need(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()), 0)
    files = _snapshot(repository, dry_run=True)
    sizes = [(file.file_size or 0, file.will_download) for file in files]
    return Need(sum(size for size, wanted in sizes if not wanted), sum(size for size, wanted in sizes if wanted))


def fetched(repository: Repository, report: Report) -> Path:
    """The folder of its wanted files, fetched as far as the cache has them not; goes on where it was broken off.

    Raises InputError when it cannot be reached and is not in the cache.
    """
    return Path(_snapshot(repository, tqdm_class=_bar(f"Fetching {repository.name}", report)))


def _snapshot(repository: Repository, **options: Any) -> Any:
    """The hub's answer; its errors, and those of the network under it, are a sentence."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import DryRunError, HfHubHTTPError, LocalEntryNotFoundError

    try:
        patterns = list(repository.patterns)
        return snapshot_download(repository.name, repo_type=repository.kind, allow_patterns=patterns, **options)
    except (DryRunError, LocalEntryNotFoundError):
        where = "its cache, and HF_HUB_OFFLINE keeps it from the network" if offline() else "its cache, nor reached"
        raise InputError(f"the hub's {repository.name} is not in {where}: {cache()}") from None
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = f"{type(error).__name__}: {brief(error)}"
        raise InputError(f"the hub must give its {repository.kind} {repository.name}: {reason}") from None


class _Nowhere(io.StringIO):
    """Where a bar is drawn that nobody sees."""

    def write(self, text: str, /) -> int:
        return len(text)


def _bar(text: str, report: Report) -> type:
    """A bar of tqdm that shows nothing and tells the bytes it has seen."""
    from tqdm import tqdm

    class Bar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            kwargs |= {"file": _Nowhere(), "disable": False}
            super().__init__(*args, **kwargs)

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            if self.unit == "B" and self.total:
                report(f"{text}, {self.n / 1e6:,.0f} of {self.total / 1e6:,.0f} MB", min(1.0, self.n / self.total))
            return shown

    return Bar
