"""The continual merge from configuration to record: what it computes, what it reads, what it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from otmf_core import metrics
from otmf_core.library.library import Library, open_library
from otmf_core.models.clip import build_encoder, preprocess
from otmf_core.runs.folder import load_run
from tests.tiny import CONFIG, TASKS, merge_config, merged, results

NUMBER = (int, float)


def record_of(run: Path) -> dict:
    return json.loads((run / "record.json").read_text())


def accuracy_of(library: Library, task: str, delta: dict | None, head: torch.Tensor | None = None) -> float:
    """Percent of a task's test images that θ⁰ + Δ puts into their class; written here a second time."""
    encoder = build_encoder(CONFIG)
    encoder.load_state_dict({n: t + delta[n].float() if delta else t for n, t in library.base().items()})
    images = library.examples(task, "test")
    weight = library.head(task)[0] if head is None else head
    with torch.no_grad():
        found = (F.normalize(encoder(preprocess(images.inputs, CONFIG)), dim=-1) @ weight.T).argmax(dim=1)
    return 100 * (found == images.labels).double().mean().item()


# --- determinism -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields", [{}, {"update": "alternating", "memory": 0, "heads": "tuned"}], ids=["joint", "paper"]
)
def test_the_same_configuration_gives_the_same_bits(fields: dict, tiny: Path, tmp_path: Path):
    torch.manual_seed(1)
    one = results(merged(merge_config(tiny, **fields), tmp_path, "one"))
    torch.manual_seed(2)  # what ran before in this process is of no consequence
    two = results(merged(merge_config(tiny, **fields), tmp_path, "two"))
    assert one == two
    assert {"merged.safetensors", "steps/02/masks.safetensors", "steps/03/curves.parquet", "matrix"} <= set(one)


def test_another_seed_gives_another_merge(default: tuple[Path, list], tiny: Path, tmp_path: Path):
    other = results(merged(merge_config(tiny, seed=1), tmp_path))
    assert other["merged.safetensors"] != results(default[0])["merged.safetensors"]


# --- figures ---------------------------------------------------------------------------------------------------------


def test_the_figures_are_those_of_the_weights(default: tuple[Path, list], tiny: Path):
    library, record = open_library(str(tiny)), record_of(default[0])
    assert record["zero_shot"] == [accuracy_of(library, task, None) for task in TASKS]
    assert record["individual"] == [accuracy_of(library, t, library.task_vector(t)) for t in TASKS]
    final = load_file(default[0] / "merged.safetensors")
    assert record["matrix"][3] == [accuracy_of(library, task, final) for task in TASKS]
    assert record["matrix"][1][0] == record["individual"][0]  # Δ_m⁽¹⁾ = Δ¹
    summary = metrics.summary(record["matrix"], record["individual"])
    assert {key: record[key] for key in summary} == summary
    assert record["test_images"] == [24, 24, 24]


def test_the_matrix_knows_the_tasks_merged_and_the_next(default: tuple[Path, list]):
    matrix = record_of(default[0])["matrix"]
    known = [[value is not None for value in row] for row in matrix]
    assert known == [[True, True, True], [True, True, False], [True, True, True], [True, True, True]]


def test_everything_is_evaluated_on_request(tiny: Path, tmp_path: Path):
    record = record_of(merged(merge_config(tiny, evaluate="all", method="average"), tmp_path))
    assert np.array(record["matrix"], dtype=float).shape == (4, 3)
    assert np.isfinite(np.array(record["matrix"], dtype=float)).all()


def test_continual_average_is_the_mean_of_the_library(tiny: Path, tmp_path: Path):
    library = open_library(str(tiny))
    vectors = [library.task_vector(task) for task in TASKS]
    found = load_file(merged(merge_config(tiny, method="average"), tmp_path) / "merged.safetensors")
    assert set(found) == set(vectors[0])
    for name, tensor in found.items():
        mean = np.mean([vector[name].numpy().astype(np.float64) for vector in vectors], axis=0)
        np.testing.assert_allclose(tensor.numpy(), mean, atol=1e-7)


def test_task_arithmetic_is_the_scaled_sum_of_the_library(tiny: Path, tmp_path: Path):
    library = open_library(str(tiny))
    vectors = [library.task_vector(task) for task in TASKS]
    config = merge_config(tiny, method="task-arithmetic", scaling=0.4)
    for name, tensor in load_file(merged(config, tmp_path) / "merged.safetensors").items():
        total = 0.4 * np.sum([vector[name].numpy().astype(np.float64) for vector in vectors], axis=0)
        np.testing.assert_allclose(tensor.numpy(), total, atol=1e-7)


def test_masks_of_one_give_the_geometric_weights_of_the_method(tiny: Path, tmp_path: Path):
    """With untrained masks task i ends with (1−α)·α^(T−i), the first with α^(T−1) (method, section 3)."""
    library, alpha = open_library(str(tiny)), 0.7
    vectors = [library.task_vector(task) for task in TASKS]
    run = merged(merge_config(tiny, alpha=alpha, lr=1e-9, steps=1), tmp_path)
    for name, tensor in load_file(run / "merged.safetensors").items():
        parts = (alpha**2, (1 - alpha) * alpha, 1 - alpha)
        expected = sum(part * vector[name].double() for part, vector in zip(parts, vectors, strict=True))
        torch.testing.assert_close(tensor.double(), expected, atol=1e-7, rtol=1e-5)


def test_tuned_heads_are_the_ones_evaluated_and_are_kept(tiny: Path, tmp_path: Path):
    library = open_library(str(tiny))
    run = merged(merge_config(tiny, heads="tuned"), tmp_path)
    final, heads = load_file(run / "merged.safetensors"), load_file(run / "heads.safetensors")
    assert set(heads) == set(TASKS)
    record = record_of(run)
    assert record["matrix"][3] == [accuracy_of(library, task, final, heads[task]) for task in TASKS]
    assert record["matrix"][3] != [accuracy_of(library, task, final) for task in TASKS]
    assert record["individual"] == [accuracy_of(library, t, library.task_vector(t)) for t in TASKS]


def test_tuning_heads_changes_no_weights(default: tuple[Path, list], tiny: Path, tmp_path: Path):
    run = merged(merge_config(tiny, heads="tuned"), tmp_path)
    assert (run / "merged.safetensors").read_bytes() == (default[0] / "merged.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("fields", "stamps"),
    [
        ({"method": "average"}, ("none", "none", 0, 0, None, None)),
        ({"method": "task-arithmetic", "scaling": 0.2}, ("none", "none", 0, 0, None, 0.2)),
        ({"method": "average", "heads": "tuned"}, ("labelled heads (25%)", "train", 0, 0, None, None)),
        ({}, ("unlabelled images", "train", 5, 4, 0.8, None)),
        ({"memory": 0, "alpha": 0.5}, ("unlabelled images", "train", 0, 4, 0.5, None)),
        ({"heads": "tuned", "head_fraction": 0.5}, ("labelled heads (50%)", "train", 5, 4, 0.8, None)),
    ],
)
def test_the_record_says_what_was_used(fields: dict, stamps: tuple, tiny: Path, tmp_path: Path):
    record = record_of(merged(merge_config(tiny, **fields), tmp_path))
    keys = ("labels", "calibration_split", "memory_per_task", "steps", "alpha", "scaling")
    assert tuple(record[key] for key in keys) == stamps
    assert (record["status"], record["run"], record["device"], record["seed"]) == ("done", "run", "cpu", 0)
    assert record["tasks"] == list(TASKS)
    assert record["peak_memory_bytes"] > 0
    assert record["versions"]["torch"] == torch.__version__
    assert len(record["step_seconds"]) == 3


def test_the_run_folder_holds_the_results_and_nothing_to_resume(default: tuple[Path, list]):
    run = default[0]
    files = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    reports = {f"steps/0{t}/{name}" for t in (2, 3) for name in ("curves", "mask_statistics", "masks")}
    expected = {"config.json", "status.json", "progress.json", "record.json", "merged.safetensors"}
    assert {name.rsplit(".", 1)[0] if name.startswith("steps") else name for name in files} == expected | reports
    loaded = load_run(run)
    assert (loaded.status, loaded.message, loaded.record) == ("done", "", record_of(run))


def test_mask_reports_describe_the_masks(default: tuple[Path, list]):
    masks = load_file(default[0] / "steps/03/masks.safetensors")
    rows = pq.read_table(default[0] / "steps/03/mask_statistics.parquet").to_pylist()
    assert {f"{row['side']}.{row['tensor']}" for row in rows} == set(masks)
    for row in rows:
        mask = masks[f"{row['side']}.{row['tensor']}"].double().numpy()  # stored in half precision
        assert row["entries"] == mask.size == sum(row["histogram"])
        for figure in ("mean", "std", "min", "max"):
            assert row[figure] == pytest.approx(getattr(mask, figure)(), abs=1e-3)
    curves = pq.read_table(default[0] / "steps/03/curves.parquet").to_pylist()
    assert [row["iteration"] for row in curves] == [0, 1, 2, 3]
    for side in ("pre", "post"):
        entries = sum(row["entries"] for row in rows if row["side"] == side)
        mean = sum(row["mean"] * row["entries"] for row in rows if row["side"] == side) / entries
        assert curves[-1][f"mask_{side}_mean"] == pytest.approx(mean, abs=1e-5)


# --- events ----------------------------------------------------------------------------------------------------------


def test_events_tell_the_run_in_order(default: tuple[Path, list]):
    events = default[1]
    told = [(event["type"], event.get("step"), event.get("iteration")) for event in events]
    fusion = [[("mask_step", t, k) for k in range(4)] for t in (2, 3)]
    assert told == [
        ("phase", None, None), ("phase", None, None), ("started", None, None), ("phase", None, None), ("row", 0, None),
        ("teacher", 1, None), ("fused", 1, None), ("row", 1, None),
        ("teacher", 2, None), *fusion[0], ("fused", 2, None), ("row", 2, None),
        ("teacher", 3, None), *fusion[1], ("fused", 3, None), ("row", 3, None),
        ("finished", None, None),
    ]  # fmt: skip
    assert all(event["run"] == "run" and isinstance(event["seconds"], NUMBER) for event in events)
    json.dumps(events, allow_nan=False)


def test_events_carry_what_the_run_folder_keeps(default: tuple[Path, list]):
    run, events = default
    record = record_of(run)
    by_type = {kind: [event for event in events if event["type"] == kind] for kind in {e["type"] for e in events}}
    assert [event["row"] for event in by_type["row"]] == record["matrix"]
    assert [event["individual"] for event in by_type["teacher"]] == record["individual"]
    assert [event["task"] for event in by_type["teacher"]] == list(TASKS)
    assert by_type["started"][0] | {"tasks": list(TASKS), "fusions": 2, "steps": 4} == by_type["started"][0]
    assert by_type["finished"][0]["record"] == record
    for t in (2, 3):
        curves = pq.read_table(run / f"steps/0{t}/curves.parquet").to_pylist()
        told = [{key: event[key] for key in curves[0]} for event in by_type["mask_step"] if event["step"] == t]
        assert told == curves
        assert all(isinstance(row["loss_pre"], float) and isinstance(row["loss_post"], float) for row in curves)
