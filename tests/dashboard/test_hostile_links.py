"""Addresses that no page wrote: of any length, with zero bytes and paths; each is one warning."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from otmf_core.analysis.features import take_features
from tests.dashboard.conftest import APP
from tests.dashboard.fake_engine import FakeEngine

PARAMETERS = {  # that each page reads
    "merge": ("run", "library"),
    "accuracy": ("run", "tasks_shown"),
    "masks": ("run", "step", "side", "tensor", "measure", "threshold"),
    "features": ("run", "task", "step", "projection_method", "colour_by", "lines"),
    "alpha": ("sequence", "alphas", "chosen_alpha"),
    "compare": ("runs", "pooled", "matrices"),
    "try_it": ("run", "task", "image", "source", "draw"),
    "library": ("library", "task"),
    "runs": ("run",),
}
VALUES = {
    "long": "x" * 5000,
    "zero byte": "a\0b",
    "no character": "\ufffd",  # as half of one, %ED%A0%80, arrives
    "up": "../../etc",
    "file": "/etc/passwd",
    "home": "~nobody-here/x",
    "huge": "9" * 5000,  # of more digits than Python reads as a number
    "superscript": "²",
    "infinite": "inf",
    "no number": "nan",
    "HTML": "<img src=x onerror=alert(1)>",
}


@pytest.fixture(scope="module")
def with_features(default: tuple[Path, list], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run whose features are taken."""
    run = Path(shutil.copytree(default[0], tmp_path_factory.mktemp("features") / "run"))
    take_features(run, lambda done: None)
    return run


@pytest.fixture
def run(engine: FakeEngine, with_features: Path, tmp_path: Path) -> Path:
    """A copy of it in the dashboard's runs folder."""
    return Path(shutil.copytree(with_features, tmp_path / "runs" / "20260101-000000-otmf-0000"))


@pytest.mark.parametrize(("page", "name"), [(page, name) for page, names in PARAMETERS.items() for name in names])
def test_no_link_breaks_a_page(page: str, name: str, run: Path):
    bad = []
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    app.switch_page(f"app_pages/{page}/page.py")
    for case, value in VALUES.items():
        app.query_params[name] = value
        app.run()
        said = [*app.error, *app.warning]
        if app.exception or any(len(box.value) > 500 for box in said):
            bad.append((case, [box.value for box in (*app.exception, *said)]))
    assert bad == []
