"""The example run that comes along: a small merge with all that pages show, and the same for other values of α."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from otmf_core import layout
from otmf_core.analysis.features import take_features
from otmf_core.analysis.projection import PARAMETERS, projection
from otmf_core.config import MergeConfig
from otmf_core.library.library import ASSETS
from otmf_core.merging.merge import run_merge
from otmf_core.runs.folder import FILES

OUT = ASSETS / "runs"
NAME = "20261127-example"  # ids sort by time
TASKS = ("mnist", "textures", "flags-europe", "pictograms")
# Masks by row are a hundredth of the size of others, and a run of them still shows every page what it is for.
SETTINGS: dict[str, Any] = {"tasks": TASKS, "masks": "row", "device": "cpu"}
ALPHAS = (0.5, 0.6, 0.7, 0.9)  # whose figures alone are kept, for the sweep around the default


def make_example(out: Path = OUT) -> Path:
    """Merge the example into the folder of runs `out` and return it, about two minutes on two cores.

    Raises InputError where it is there already.
    """
    config = MergeConfig.build(**SETTINGS)
    _merge(config, out, NAME)
    take_features(out / NAME)
    for method in PARAMETERS:
        if method != "umap":  # which not every installation has
            for task in TASKS:
                projection(out / NAME, TASKS, task, method)
    for alpha in ALPHAS:
        name = f"{NAME}-alpha-{alpha}"
        _merge(config.with_settings(alpha=alpha), out, name)
        _keep_figures(out / name)
    return out / NAME


def _merge(config: MergeConfig, out: Path, name: str) -> None:
    run_merge(config, out, emit=lambda event: None, should_stop=lambda: False, run_id=name)
    (out / name / layout.LOCK).unlink(missing_ok=True)


def _keep_figures(run: Path) -> None:
    for path in run.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in FILES:
            path.unlink()
