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
from otmf_core.analysis.replay import deviation, replay
from otmf_core.library.library import Library, open_library
from otmf_core.masks.reading import mask_steps, matrix_shape, read_block, read_statistics
from otmf_core.merging.merge import run_merge
from otmf_core.models.clip import build_encoder, preprocess
from otmf_core.runs.events import Arrived, Evaluated, Evaluating, Event, Finished, Fused, Iterated, Phase, Started
from otmf_core.runs.folder import load_run
from otmf_core.runs.record import RunRecord
from tests.tiny import CONFIG, SHORT, TASKS, merge_config, merged, never, pixels, results

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
        answers = (F.normalize(encoder(preprocess(pixels(images), CONFIG)), dim=-1) @ weight.T).argmax(dim=1)
    return 100 * (answers == images.labels).double().mean().item()


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


def test_tasks_that_are_not_merged_are_evaluated_before_and_after_on_request(tiny: Path, tmp_path: Path):
    config = merge_config(tiny, evaluate="held-out", method="average", tasks=("red", "blue"))
    record = record_of(merged(config, tmp_path))
    library = open_library(str(tiny))
    delta = load_file(tmp_path / "run/merged.safetensors")
    before, after = accuracy_of(library, "green", None), accuracy_of(library, "green", delta)
    assert record["held_out"] == {"green": [pytest.approx(before), pytest.approx(after)]}
    assert record_of(merged(config.model_copy(update={"evaluate": "seen"}), tmp_path, "other"))["held_out"] == {}


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
    run = merged(merge_config(tiny, alpha=alpha, lr=1e-9, iterations=1), tmp_path)
    for name, tensor in load_file(run / "merged.safetensors").items():
        parts = (alpha**2, (1 - alpha) * alpha, 1 - alpha)
        expected = sum(part * vector[name].double() for part, vector in zip(parts, vectors, strict=True))
        # Δ_m is how far a weight of float32 is from θ⁰
        torch.testing.assert_close(tensor.double(), expected, atol=3e-7, rtol=1e-5)


def test_tuned_heads_are_the_ones_evaluated_and_are_kept(tiny: Path, tmp_path: Path):
    library = open_library(str(tiny))
    run = merged(merge_config(tiny, heads="tuned"), tmp_path)
    final, heads = load_file(run / "merged.safetensors"), load_file(run / "heads.safetensors")
    assert set(heads) == set(TASKS)
    record = record_of(run)
    assert record["matrix"][3] == [accuracy_of(library, task, final, heads[task]) for task in TASKS]
    assert record["matrix"][3] != [accuracy_of(library, task, final) for task in TASKS]
    assert record["individual"] == [accuracy_of(library, t, library.task_vector(t)) for t in TASKS]


def test_heads_are_tuned_at_the_end_on_the_final_model(tiny: Path, tmp_path: Path):
    """None is before, so that all rows but the last are of zero-shot heads."""
    last = merged(merge_config(tiny, heads="last"), tmp_path / "last")
    each = merged(merge_config(tiny, heads="tuned"), tmp_path / "each")
    plain = merged(merge_config(tiny), tmp_path / "plain")
    assert record_of(last)["matrix"][:3] == record_of(plain)["matrix"][:3]
    ends, passing = load_file(last / "heads.safetensors"), load_file(each / "heads.safetensors")
    assert set(ends) == set(TASKS)
    for task in TASKS[1:]:  # in both ways after the last step
        assert torch.equal(ends[task], passing[task])
    assert not torch.equal(ends[TASKS[0]], passing[TASKS[0]])


def test_tuning_heads_changes_no_weights(default: tuple[Path, list], tiny: Path, tmp_path: Path):
    run = merged(merge_config(tiny, heads="tuned"), tmp_path)
    assert (run / "merged.safetensors").read_bytes() == (default[0] / "merged.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("fields", "stamps"),
    [
        ({"method": "average"}, ("none", "none", 0, None)),
        ({"method": "task-arithmetic", "scaling": 0.2}, ("none", "none", 0, None)),
        ({"method": "average", "heads": "tuned"}, ("labelled heads (25%)", "train", 0, None)),
        ({}, ("unlabelled images", "train", 5, 0.8)),
        ({"memory": 0, "alpha": 0.5}, ("unlabelled images", "train", 0, 0.5)),
        ({"heads": "tuned", "head_fraction": 0.5}, ("labelled heads (50%)", "train", 5, 0.8)),
    ],
)
def test_the_record_says_what_was_used(fields: dict, stamps: tuple, tiny: Path, tmp_path: Path):
    config = merge_config(tiny, **fields)
    record = record_of(merged(config, tmp_path))
    keys = ("labels", "calibration_split", "memory_per_task", "alpha")
    assert tuple(record[key] for key in keys) == stamps
    own = {name: value for name, value in {**SHORT, **fields}.items() if name in config.method.described()}
    assert record["settings"] == {**type(config.method)(name=config.method.name).settings(), **own}
    assert (record["method"], record["preset"]) == (fields.get("method", "otmf"), "default")
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
    assert (loaded.status, loaded.message, loaded.record) == ("done", "", RunRecord(**record_of(run)))
    assert json.loads((run / "status.json").read_text())["format"] == 2
    assert json.loads((run / "config.json").read_text())["format"] == 3


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


def test_events_tell_the_run_in_order(default: tuple[Path, list[Event]]):
    events = default[1]
    told = [
        (type(event), getattr(event, "step", None), getattr(event, "iteration", None))
        for event in events
        if not isinstance(event, Evaluating)
    ]
    fusion = [[(Iterated, t, k) for k in range(4)] for t in (2, 3)]
    assert told == [
        (Phase, None, None), (Phase, None, None), (Started, None, None), (Phase, None, None), (Evaluated, 0, None),
        (Arrived, 1, None), (Fused, 1, None), (Evaluated, 1, None),
        (Arrived, 2, None), *fusion[0], (Fused, 2, None), (Evaluated, 2, None),
        (Arrived, 3, None), *fusion[1], (Fused, 3, None), (Evaluated, 3, None),
        (Finished, None, None),
    ]  # fmt: skip
    assert all(event.run == "run" and isinstance(event.seconds, NUMBER) for event in events)
    seconds = [event.seconds for event in events]
    assert seconds == sorted(seconds)
    json.dumps([{**vars(event), "record": None} for event in events], allow_nan=False)


def test_a_row_is_told_task_by_task_before_it_is_told_whole(default: tuple[Path, list[Event]]):
    rows = [event for event in default[1] if isinstance(event, Evaluating | Evaluated)]
    for t, row in enumerate(RunRecord(**record_of(default[0])).matrix):
        # what is not evaluated stands behind what is
        parts = [row[:i] + (None,) * (len(row) - i) for i in range(len(row) - row.count(None))]
        told = [(type(event), event.row) for event in rows if event.step == t]
        assert told == [*((Evaluating, part) for part in parts), (Evaluated, row)]
    assert [event.step for event in rows] == sorted(event.step for event in rows)


def test_events_carry_what_the_run_folder_keeps(default: tuple[Path, list[Event]]):
    run, events = default
    record = RunRecord(**record_of(run))
    assert tuple(event.row for event in events if isinstance(event, Evaluated)) == record.matrix
    arrived = [event for event in events if isinstance(event, Arrived)]
    assert tuple(event.individual for event in arrived) == record.individual
    assert tuple(event.task for event in arrived) == TASKS
    (started,) = (event for event in events if isinstance(event, Started))
    assert (started.tasks, started.iterations, started.device) == (TASKS, 4, "cpu")
    assert [event.record for event in events if isinstance(event, Finished)] == [record]
    for t in (2, 3):
        curves = pq.read_table(run / f"steps/0{t}/curves.parquet").to_pylist()
        iterated = [event for event in events if isinstance(event, Iterated) and event.step == t]
        assert [event.row for event in iterated] == curves
        assert [event.iteration for event in iterated] == [row["iteration"] for row in curves]
        assert all(event.duration > 0 for event in iterated)
        assert all(isinstance(row["loss_pre"], float) and isinstance(row["loss_post"], float) for row in curves)
    for fused in (event for event in events if isinstance(event, Fused)):
        assert (fused.task, fused.duration > 0) == (TASKS[fused.step - 1], True)


def test_the_record_is_what_a_merge_returns_and_keeps(tiny: Path, tmp_path: Path):
    record = run_merge(merge_config(tiny), tmp_path, emit=lambda event: None, should_stop=never, run_id="run")
    assert record == load_run(tmp_path / "run").record
    assert record.model_dump(mode="json") == record_of(tmp_path / "run")


# --- the choices of OTMF ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with an entry per row, which no test changes."""
    return merged(merge_config(tiny, masks="row"), tmp_path_factory.mktemp("rows"))


def test_masks_per_row_are_stored_with_an_entry_per_row(rows: Path, tiny: Path):
    base = open_library(str(tiny)).base()
    for t in (2, 3):
        masks = load_file(rows / f"steps/0{t}/masks.safetensors")
        assert set(masks) == {f"{side}.{name}" for side in ("pre", "post") for name in base}
        for name, tensor in base.items():
            for side in ("pre", "post"):
                assert masks[f"{side}.{name}"].shape == (*tensor.shape[:1], *[1] * (tensor.dim() - 1))
                assert masks[f"{side}.{name}"].dtype == torch.float16
    assert any((mask != 1).any() for mask in masks.values())


def test_masks_per_row_are_read_back_as_those_per_entry_are(rows: Path, tiny: Path):
    base = open_library(str(tiny)).base()
    assert mask_steps(rows) == [2, 3]
    statistics = read_statistics(rows, 3)
    masks = load_file(rows / "steps/03/masks.safetensors")
    assert set(statistics.tensors) == set(base)
    for place, name in enumerate(statistics.tensors):
        smaller = np.minimum(*(np.abs(masks[f"{side}.{name}"].numpy().astype(np.float64)) for side in ("pre", "post")))
        for side, own in (("pre", statistics.pre), ("post", statistics.post)):
            mask = masks[f"{side}.{name}"].numpy().astype(np.float64)  # stored in half precision
            assert own.entries[place] == mask.size == own.histogram[place].sum()
            assert own.mean[place] == pytest.approx(mask.mean(), abs=1e-3)
            assert own.std[place] == pytest.approx(mask.std(), abs=1e-3)
            assert (own.low[place], own.high[place]) == pytest.approx((mask.min(), mask.max()), abs=1e-3)
            assert own.drift is not None and own.common is not None
            assert own.drift[place] == pytest.approx(np.abs(mask - 1).mean(), abs=1e-3)
            assert own.common[place].sum() == smaller.size
            height, width = (mask.shape[0], 1) if mask.ndim > 1 and mask.shape[0] > 1 else (1, mask.size)
            assert matrix_shape(rows, 3, side, name) == (height, width)
            block = read_block(rows, 3, side, name, (0, height), (0, width))
            np.testing.assert_array_equal(block.astype(np.float64), mask.reshape(height, width))
    kernel = next(name for name, tensor in base.items() if tensor.dim() == 4)
    count = len(base[kernel])
    block = read_block(rows, 3, "post", kernel, (1, count - 2), (0, 1))
    np.testing.assert_array_equal(block[:, 0], masks[f"post.{kernel}"].numpy().reshape(-1)[1 : count - 2])


@pytest.mark.parametrize("fields", [{"masks": "row"}, {"loss": "paired"}, {"masks": "row", "loss": "paired", "p": 1}])
def test_a_run_with_other_masks_or_another_loss_is_one_of_its_own_and_is_replayed(
    fields: dict, default: tuple[Path, list[Event]], tiny: Path, tmp_path: Path
):
    run = merged(merge_config(tiny, **fields), tmp_path)
    stored = load_file(run / "merged.safetensors")
    assert deviation(load_file(default[0] / "merged.safetensors"), stored) > 1e-4
    *_, (_, replayed) = replay(load_run(run), open_library(str(tiny)))
    assert 0 < deviation(replayed.delta, stored) < 1e-3
    assert {name: record_of(run)["settings"][name] for name in fields} == fields


def test_the_mean_of_masks_in_the_curves_is_over_the_entries_of_the_weights(rows: Path, tiny: Path):
    base = open_library(str(tiny)).base()
    masks = load_file(rows / "steps/02/masks.safetensors")
    last = pq.read_table(rows / "steps/02/curves.parquet").to_pylist()[-1]
    for side in ("pre", "post"):
        whole = torch.cat([masks[f"{side}.{n}"].double().expand(t.shape).reshape(-1) for n, t in base.items()])
        assert last[f"mask_{side}_mean"] == pytest.approx(whole.mean().item(), abs=1e-3)
