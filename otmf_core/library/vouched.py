"""The files of a library as its manifest vouches for them: in its folder or referred to, of the recorded hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from otmf_core.cache import remembered_sha256
from otmf_core.errors import InputError
from otmf_core.files import Mark, inside, mark
from otmf_core.library.manifest import FileEntry, TaskInfo

TEXTS = (".json", ".md", ".txt")  # files whose line ends a checkout may have changed


@dataclass(frozen=True)
class VouchedFiles:
    """The files in a manifest, by the names that it gives them."""

    root: Path
    entries: Mapping[str, FileEntry]

    def located(self, name: str) -> Path:
        """The path of a file; raises InputError when it is missing or not of its recorded size."""
        path = inside(self.root, name)
        entry = self._entry(name)
        path = Path(entry.at) if entry.at else path
        if not path.is_file():
            raise InputError(f"the library is incomplete: {path} is missing")
        if entry.bytes is not None and path.stat().st_size != entry.bytes:
            self._verify(path, entry)
        return path

    def path(self, name: str) -> Path:
        """The verified path of a file; raises InputError when it is missing or its hash differs."""
        path = self.located(name)
        self._verify(path, self._entry(name))
        return path

    def part(self, task: TaskInfo, part: str) -> str:
        """The name of a task's task_vector, head or split; raises InputError where there is none."""
        if part not in task.files:
            raise InputError(f"the library is incomplete: {task.name} names no {part} in {self.root / 'manifest.json'}")
        return task.files[part]

    def _entry(self, name: str) -> FileEntry:
        entry = self.entries.get(name)
        if entry is None:
            raise InputError(f"every file of a library stands in its manifest: {name} does not, in {self.root}")
        return entry

    def _verify(self, path: Path, entry: FileEntry) -> None:
        """Raise InputError unless the file has its recorded hash, computed once for a file as it is."""
        expected = entry.sha256.lower()
        stamp = (path, mark(path), expected)
        if stamp not in _verified:
            try:
                actual = remembered_sha256(path)
                if actual != expected and path.suffix in TEXTS:
                    actual = text_hash(path)
            except OSError as error:
                raise InputError(f"a file must be readable: {path} ({error.strerror})") from None
            if actual != expected:
                raise InputError(
                    f"a file must have the hash its manifest records: {path} has {actual[:12]}…, "
                    f"expected {expected[:12]}…"
                )
            _verified.add(stamp)


_verified: set[tuple[Path, Mark, str]] = set()


def text_hash(path: Path) -> str:
    """SHA-256 of a text with the line ends of Unix; raises InputError where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    except OSError as error:
        raise InputError(f"a file must be readable: {path} ({error.strerror})") from None
