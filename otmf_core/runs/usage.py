"""The bytes that run folders take on a disk."""

from __future__ import annotations

import os
from pathlib import Path

from otmf_core.runs.drafts import PREFIXES
from otmf_core.runs.folder import run_folders


def folder_bytes(path: Path) -> int:
    """The bytes of the files in a folder and those below it; no link is followed, and what goes meanwhile is none."""
    total = 0
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        total += folder_bytes(Path(entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:
                    continue
    except OSError:  # gone, or not for this user: the page of runs says so
        return total
    return total


def runs_bytes(out: Path) -> dict[str, int]:
    """The bytes of every run of a folder, by its name, damaged ones and those half made or deleted included.

    Raises InputError when the folder itself cannot be read.
    """
    drafts = [folder for prefix in PREFIXES for folder in out.glob(f"{prefix}*") if folder.is_dir()]
    return {folder.name: folder_bytes(folder) for folder in (*run_folders(out), *drafts)}
