"""The package: its lists of requirements agree, its wheel is the engine alone, and that says what it lacks."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.tiny import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # which pytest brings along

PACKAGES = ("otmf_core", "dashboard", "tests")  # all that building could find


def requirements(name: str) -> set[str]:
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return {line for line in lines if line and not line.startswith("-r")}


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder)]
    done = subprocess.run([*build, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = folder.glob("*.whl")
    return built


def test_the_requirements_files_ask_for_what_the_package_asks_for(project: dict):
    extras = project["optional-dependencies"]
    assert requirements("requirements.txt") == {*project["dependencies"], *extras["dashboard"]}
    assert requirements("requirements-dev.txt") == set(extras["dev"])


def test_every_requirement_has_a_lower_and_an_upper_bound(project: dict):
    for requirement in itertools.chain(project["dependencies"], *project["optional-dependencies"].values()):
        assert ">=" in requirement and ",<" in requirement, requirement


def test_the_wheel_holds_the_engine_only(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    packed = {name for name in names if ".dist-info/" not in name}
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "otmf_core").rglob("*.py")}
    data = {"otmf_core/py.typed", *(f"otmf_core/library/known_{what}.json" for what in ("tasks", "texts"))}
    assert packed == {name for name in files if not {"minizoo", "minitext"} & {*name.split("/")}} | data
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_engine_installed_alone_says_how_to_get_a_library(wheel: Path, tmp_path: Path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        [entry] = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "otmf = otmf_core.cli.main:program" in archive.read(entry).decode()
    program = "import sys; from otmf_core.cli.main import program; sys.exit(program())"
    done = subprocess.run(
        [sys.executable, "-c", program, "merge", "--suite", "8"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    [sentence] = done.stderr.strip().splitlines()
    assert "no library is installed" in sentence and "--library" in sentence
