"""The files of a data set's folder: hidden ones left out, and no link followed out of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from otmf_core.errors import InputError
from otmf_core.files import shown

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
MAX_FILES = 2_500_000
MAX_OTHERS = 100_000  # files that are no pictures
MAX_TEXT = 64 << 20  # bytes of an index file
DEPTH = 5  # folders below the data set's


class Tree:
    """A folder that is looked into; `roots` are where its links may lead."""

    def __init__(self, root: Path) -> None:
        self.root = root
        real = root.resolve()
        self.roots = [real]
        for folder in (real, *real.parents):  # the hub's cache has links from snapshots/<revision> to blobs
            if folder.parent.name == "snapshots":
                self.roots.append(folder.parent.parent / "blobs")

    def listed(self, folder: str) -> tuple[list[str], list[str]]:
        """Names of the folders and of the files in a folder, sorted; raises InputError on links out, or to folders."""
        folders, files = [], []
        path = self.root / folder
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.name.startswith((".", "__MACOSX")):
                        continue
                    if entry.is_symlink():
                        self._check_link(Path(entry.path))
                    if entry.is_dir():
                        folders.append(entry.name)
                    elif entry.is_file():
                        files.append(entry.name)
        except OSError as error:
            raise InputError(f"a folder must be readable: {path} ({error.strerror})") from None
        return sorted(folders), sorted(files)

    def walk(self, folder: str = "", depth: int = DEPTH) -> Iterator[str]:
        """The files in a folder and in those below it, by their paths from the root."""
        folders, files = self.listed(folder)
        prefix = f"{folder}/" if folder else ""
        for name in files:
            yield prefix + name
        if folders and not depth:
            raise InputError(
                f"a data set's folders lie at most {DEPTH} deep: {shown(prefix + folders[0])} in {self.root}"
            )
        for name in folders:
            yield from self.walk(prefix + name, depth - 1)

    def pictures(self, folder: str) -> Iterator[str]:
        """The pictures in a folder and in those below it, likewise; raises InputError on too many."""
        found = (name for name in self.walk(folder) if is_picture(name))
        for number, name in enumerate(found):
            if number == MAX_FILES:
                raise InputError(f"a data set has at most {MAX_FILES:,} files: more are in {self.root}")
            yield name

    def others(self) -> list[str]:
        """All files that are no pictures: tables, archives, arrays, indices."""
        found = []
        for name in self.walk():
            if not is_picture(name):
                found.append(name)
            if len(found) > MAX_OTHERS:
                raise InputError(f"a data set has at most {MAX_OTHERS:,} files beside pictures: more in {self.root}")
        return found

    def _check_link(self, link: Path) -> None:
        try:
            target = link.resolve(strict=True)
        except (OSError, RuntimeError):
            raise InputError(f"links of a data set lead to a file: {shown(link)} leads nowhere") from None
        if not any(target.is_relative_to(root) for root in self.roots):
            raise InputError(f"links of a data set stay inside its folder: {shown(link)} leads out")
        if target.is_dir():
            raise InputError(f"links of a data set lead to a file: {shown(link)} leads to a folder")


def is_picture(name: str) -> bool:
    """Whether a file is a picture by its name."""
    return name.lower().endswith(PICTURES)


def read_text(path: Path, most: int = MAX_TEXT) -> str:
    """A UTF-8 text of at most that many bytes; raises InputError when it is longer, or another thing."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
        if len(data) <= most:
            return data.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"a file must be readable: {path} ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"a text is UTF-8: {path} is not") from None
    raise InputError(f"a text of a data set has at most {most:,} bytes: {path} has more")
