"""Get the sources of the embedded library from PyPI, Debian and npm, without root, into a cache folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from otmf_core.errors import InputError
from otmf_core.minizoo.sources import SOURCES, Source

DEFAULT_CACHE = Path("~/.cache/otmf/minizoo").expanduser()


def fetch_all(cache: Path = DEFAULT_CACHE, report=print, sources: Sequence[Source] | None = None) -> dict[str, str]:
    """Fetch every source (of the images, or these) that is not there yet; package name -> version.

    InputError names one that cannot be had.
    """
    missing = [source for source in (SOURCES if sources is None else sources) if not _marker(cache, source).is_file()]
    if missing:
        report(f"Fetching {len(missing)} packages into {cache}")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda source: fetch(cache, source), missing))
    return versions(cache, sources)


def fetch(cache: Path, source: Source) -> Path:
    """Folder with the unpacked files of one source; fetched only if it is not there yet."""
    folder, marker = _folder(cache, source), _marker(cache, source)
    if marker.is_file():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    downloads = folder.with_name(folder.name + ".download")
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir(parents=True)
    archive = _download(source, downloads)
    _unpack(archive, folder)
    marker.write_text(json.dumps({"package": source.package, "version": _version(source, archive)}))
    shutil.rmtree(downloads)
    return folder


def versions(cache: Path, sources: Sequence[Source] | None = None) -> dict[str, str]:
    """Package name -> version of what the cache holds of the sources (of the images, or these)."""
    markers = [_marker(cache, source) for source in (SOURCES if sources is None else sources)]
    records = [json.loads(marker.read_text()) for marker in markers if marker.is_file()]
    return {record["package"]: record["version"] for record in records}


def _folder(cache: Path, source: Source) -> Path:
    return cache / "sources" / f"{source.registry}-{source.package.replace('@', '').replace('/', '-')}"


def _marker(cache: Path, source: Source) -> Path:
    folder = _folder(cache, source)
    return folder.with_name(folder.name + ".json")


def _download(source: Source, into: Path) -> Path:
    pinned = f"{source.package}{'==' if source.registry == 'pypi' else '@'}{source.version}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", "."]
    command = {
        "debian": ["apt-get", "download", source.package],
        "npm": ["npm", "pack", "--silent", pinned],
        "pypi": [*pip, pinned],
    }[source.registry]
    try:
        done = subprocess.run(command, cwd=into, capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"})
    except FileNotFoundError as error:
        rule = f"Building the library needs {command[0]!r} to get {source.package}, and it is not installed."
        raise InputError(rule) from error
    archives = [path for path in into.iterdir() if path.is_file()]
    if done.returncode or len(archives) != 1:
        reason = (done.stderr.strip() or "no file came").splitlines()[-1]
        raise InputError(f"The source {source.package} could not be had from {source.registry}: {reason}")
    return archives[0]


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    if archive.suffix == ".deb":
        subprocess.run(["dpkg-deb", "-x", str(archive), str(folder)], check=True)
    elif archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")


def _version(source: Source, archive: Path) -> str:
    if source.registry != "debian":
        return source.version
    field = subprocess.run(["dpkg-deb", "-f", str(archive), "Version"], check=True, capture_output=True, text=True)
    return field.stdout.strip()
