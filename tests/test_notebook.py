"""The public face: a merge by one call, a run opened, its tables, and what a notebook shows of it."""

from __future__ import annotations

import builtins
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import otmf_core
from otmf_core.errors import InputError
from otmf_core.runs.events import Event
from tests.golden_runs import STOPPED, copied_runs
from tests.hostile_texts import TEXT, change
from tests.test_house_rules import loaded
from tests.tiny import TASKS, merge_config

Default = tuple[Path, list[Event]]


def test_importing_the_package_loads_nothing_of_the_engine():
    assert not loaded("import otmf_core") & {"torch", "numpy", "pandas", "pydantic", "pyarrow"}


def test_a_merge_by_its_settings_is_the_merge_of_its_configuration(default: Default, tiny: Path, tmp_path: Path):
    config = merge_config(tiny)
    events: list[Event] = []
    run = otmf_core.run_merge(out=tmp_path / "runs", run_id="own", emit=events.append, **config.flat())
    assert (run.id, run.path, run.status, run.config) == ("own", tmp_path / "runs/own", "done", config)
    np.testing.assert_array_equal(run.matrix, otmf_core.load_run(default[0]).matrix)
    assert events
    again = otmf_core.run_merge(config, tmp_path / "runs")
    assert again.path.parent == tmp_path / "runs" and again.metrics == run.metrics


def test_a_merge_is_asked_for_in_one_way(tiny: Path, tmp_path: Path):
    with pytest.raises(InputError, match="by a configuration or by its settings"):
        otmf_core.run_merge(out=tmp_path)
    with pytest.raises(InputError, match="by a configuration or by its settings"):
        otmf_core.run_merge(merge_config(tiny), tmp_path, seed=3)
    assert not list(tmp_path.iterdir())


def test_the_matrix_is_that_of_the_record(default: Default):
    run, stored = otmf_core.load_run(default[0]), json.loads((default[0] / "record.json").read_text())
    assert list(run.matrix.columns) == [*TASKS] and list(run.matrix.index) == [0, 1, 2, 3]
    for step, row in enumerate(stored["matrix"]):
        for task, value in zip(TASKS, row, strict=True):
            cell = run.matrix.loc[step, task]
            assert np.isnan(cell) if value is None else cell == value
    assert run.metrics["acc"] == stored["acc"] == pytest.approx(run.matrix.iloc[-1].mean())


def test_losses_have_every_iteration_of_every_fusion(default: Default):
    losses = otmf_core.load_run(default[0]).losses
    assert list(losses.columns[:3]) == ["step", "task", "iteration"]
    for step in (2, 3):
        stored = pq.read_table(default[0] / f"steps/{step:02d}/curves.parquet")
        own = losses[losses["step"] == step]
        assert set(own["task"]) == {TASKS[step - 1]}
        assert own["iteration"].tolist() == [1, 2, 3, 4]
        for name in ("loss_pre", "loss_post"):
            np.testing.assert_array_equal(own[name], stored[name].to_numpy())


def test_masks_are_those_of_the_file(default: Default):
    from safetensors.numpy import load_file

    run = otmf_core.load_run(default[0])
    every, last = run.masks(), run.masks(3)
    assert set(every["step"]) == {2, 3} and len(last) == len(every) / 2
    masks = load_file(default[0] / "steps/03/masks.safetensors")
    for row in last.to_dict("records"):
        mask = masks[f"{row['side']}.{row['tensor']}"].astype(np.float64)
        assert row["entries"] == mask.size
        assert row["mean"] == pytest.approx(mask.mean(), abs=1e-3)
        assert row["sparsity"] == pytest.approx((np.abs(mask) < 0.5).mean(), abs=0.05)
    with pytest.raises(InputError, match="step 1 has no stored masks"):
        run.masks(1)


def test_a_method_without_masks_has_empty_tables(out: Path):
    run = otmf_core.load_run(out / "earlier")
    assert run.masks().empty and run.losses.empty and run.matrix.shape == (4, 3)


def test_an_unfinished_run_opens_without_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = otmf_core.load_run(copied_runs(tmp_path / "runs", monkeypatch) / STOPPED)
    assert run.status == "stopped" and run.record is None and run.metrics == {}
    assert run.matrix.iloc[-1].isna().any() and "stopped" in run._repr_html_()


def test_without_pandas_tables_say_so_and_the_rest_is_there(default: Default, monkeypatch: pytest.MonkeyPatch):
    real: Callable[..., Any] = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    run = otmf_core.load_run(default[0])
    for table in (lambda: run.matrix, lambda: run.losses, run.masks):
        with pytest.raises(InputError, match="need pandas, which is not installed"):
            table()
    assert "Test accuracy" in run._repr_html_() and run.metrics["acc"]


def test_what_a_notebook_shows_is_text(default: Default, tmp_path: Path):
    path = Path(shutil.copytree(default[0], tmp_path / "<img src=x onerror=alert(1)>\u202e"))
    tasks = {"tasks": [f"{TEXT[:150]}{number}" for number in range(3)]}
    for name in ("config.json", "record.json", "progress.json"):
        change(path / name, lambda content: content | tasks)
    shown = otmf_core.load_run(path)._repr_html_()
    assert "<img" not in shown and "<b>B" not in shown and "\u202e" not in shown
    assert "&lt;img src=x onerror=alert(1)&gt;\\u202e" in shown
