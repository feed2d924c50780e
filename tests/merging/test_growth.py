"""Runs of a method whose model grows: recorded, resumed, replayed, asked, refused as one checkpoint."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from otmf_core import layout
from otmf_core.analysis.answers import MERGED, answer, load_model
from otmf_core.analysis.features import read_features, take_features
from otmf_core.analysis.replay import replay, state_deviation
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError, Interrupted
from otmf_core.export.layouts import LAYOUTS, export_run
from otmf_core.forecast.measure import measure
from otmf_core.forecast.sizes import sizes
from otmf_core.forecast.work import alike, rates_of_runs, work
from otmf_core.library.library import open_library
from otmf_core.merging.evaluation import Evaluator
from otmf_core.merging.merge import resume_merge, run_merge
from otmf_core.methods.base import State
from otmf_core.methods.mingle import Mingle
from otmf_core.runs.archive import import_run, write_zip
from otmf_core.runs.check import check_run
from otmf_core.runs.events import Event, Iterated
from otmf_core.runs.folder import load_run
from otmf_core.runs.state import Growth
from otmf_core.runs.view import fraction_done, stored_view
from otmf_core.runs.weights import read_state
from tests.tiny import TASKS, is_one_sentence, merge_config, merged, never, pixels, results


@pytest.fixture(scope="module")
def config(tiny: Path) -> MergeConfig:
    return merge_config(tiny, method="mingle", lr=0.02, rank=6, iterations=8)


@pytest.fixture(scope="module")
def finished(config: MergeConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return merged(config, tmp_path_factory.mktemp("grown"))


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_the_record_says_what_was_grown(finished: Path, tiny: Path):
    record = json.loads((finished / layout.RECORD).read_text())
    growth, base = record["growth"], open_library(str(tiny)).base()
    plain = sum(tensor.numel() for tensor in base.values())
    carried = load_file(finished / layout.CARRIED)
    experts = sum(tensor.numel() for name, tensor in carried.items() if not name.endswith("basis"))
    assert growth["parameters"] == [plain, plain + experts]
    assert len(growth["encode_ms"]) == 2 and min(growth["encode_ms"]) > 0
    assert list(growth["variants"]) == ["routing = batch"] and len(growth["variants"]["routing = batch"]) == len(TASKS)
    assert record["labels"] == "unlabelled images" and record["memory_per_task"] == 0
    assert not any(tensor.any() for tensor in load_file(finished / layout.MERGED).values())


def test_only_a_model_that_grew_has_growth(default: tuple[Path, list], finished: Path, tmp_path: Path):
    assert load_run(default[0]).state.growth is None
    assert not (default[0] / layout.CARRIED).exists()
    copy = Path(shutil.copytree(default[0], tmp_path / "run"))
    for name in (layout.RECORD, layout.STATE):
        fields = json.loads((copy / name).read_text())
        fields["growth"] = json.loads((finished / layout.RECORD).read_text())["growth"]
        (copy / name).write_text(json.dumps(fields))
    with pytest.raises(InputError, match="a model that grew, of otmf"):
        load_run(copy)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parameters": [9, 8]}, "fewer parameters"),
        ({"variants": {"routing = batch": [1.0]}}, "another number than its 3 tasks"),
        ({"encode_ms": [-1.0, 2.0]}, "growth.encode_ms"),
    ],
)
def test_growth_that_cannot_be_is_refused(run: Path, change: dict, said: str):
    fields = json.loads((run / layout.STATE).read_text())
    fields["growth"] |= change
    (run / layout.STATE).write_text(json.dumps(fields))
    with pytest.raises(InputError, match=said):
        load_run(run)


def test_the_last_row_is_that_of_the_model_that_is_kept(finished: Path, tiny: Path):
    library, record = open_library(str(tiny)), load_run(finished).record
    assert record is not None and record.growth is not None
    state = read_state(finished)
    rows = {"sample": record.matrix[-1], "batch": record.growth.variants["routing = batch"]}
    for routing, row in rows.items():
        method = Mingle(**{**record.settings, "routing": routing})
        model = method.deployed(state, library.tower(torch.device("cpu")))
        found = [Evaluator(library).accuracy(task, library.head(task), model) for task in TASKS]
        assert found == pytest.approx(row)
    assert record.matrix[-1] != record.matrix[0]


@pytest.mark.parametrize("at", [(1, 2), (3, 1), (3, 6)])
def test_a_run_that_is_stopped_within_a_step_goes_on_bit_for_bit(
    at: tuple[int, int], config: MergeConfig, finished: Path, tmp_path: Path
):
    events: list[Event] = []

    def stop() -> bool:
        return isinstance(events[-1], Iterated) and (events[-1].step, events[-1].iteration) == at

    with pytest.raises(Interrupted):
        run_merge(config, tmp_path, emit=events.append, should_stop=stop, run_id="run")
    resume_merge(tmp_path / "run", emit=events.append, should_stop=never)
    assert results(tmp_path / "run") == results(finished)


def test_a_run_is_replayed_as_it_was(finished: Path, tiny: Path):
    *_, (_, last) = replay(load_run(finished), open_library(str(tiny)))
    stored = read_state(finished)
    assert last.tensors and state_deviation(last, stored) == 0
    name = next(iter(last.tensors))
    changed = replace(stored, tensors={**stored.tensors, name: 2 * stored.tensors[name]})
    assert 0 < state_deviation(last, changed) < 1
    assert state_deviation(last, State(stored.delta, {name: torch.zeros(1)})) == float("inf")


def test_features_and_answers_are_those_of_the_grown_model(run: Path, tiny: Path):
    library = open_library(str(tiny))
    tower = load_model(run, MERGED)
    images = pixels(library.examples("green", "test"))
    expected = torch.nn.functional.normalize(tower.features(images, "green"), dim=-1)
    take_features(run)
    found = read_features(run, "green")
    torch.testing.assert_close(torch.from_numpy(found.features[3]), expected[found.rows], rtol=0, atol=2e-3)
    pre_trained = torch.from_numpy(found.features[0])
    assert (pre_trained - expected[found.rows]).abs().max() > 1e-2
    said = answer(run, MERGED, tower, "green", images)
    accuracy = 100 * (said.argmax(-1) == library.examples("green", "test").labels).double().mean().item()
    assert accuracy == pytest.approx(load_run(run).matrix[-1][1])
    assert not any(parameter.requires_grad for parameter in tower.module.parameters())


@pytest.mark.parametrize("layout_name", LAYOUTS)
def test_a_model_that_grew_is_exported_as_no_checkpoint(layout_name: str, run: Path):
    before = sorted(run.rglob("*"))
    with pytest.raises(InputError, match=r"merge by mingle-static for one that is$") as caught:
        export_run(run, layout_name)
    assert is_one_sentence(str(caught.value)) and sorted(run.rglob("*")) == before


def test_experts_of_another_model_are_refused_wherever_they_are_read(run: Path):
    tensors = load_file(run / layout.CARRIED)
    name = next(name for name in tensors if name.endswith("/left"))
    save_file({**tensors, name: torch.zeros(3, 3)}, run / layout.CARRIED, {"numbers": "{}"})
    for read in (lambda: load_model(run, MERGED), lambda: take_features(run)):
        with pytest.raises(InputError) as caught:
            read()
        assert is_one_sentence(str(caught.value))
    save_file(tensors, run / layout.CARRIED)
    with pytest.raises(InputError, match="has its numbers beside it"):
        load_model(run, MERGED)


def test_a_grown_run_travels(run: Path, tmp_path: Path):
    with BytesIO() as file:
        write_zip(run, file, "grown")
        file.seek(0)
        imported = import_run(file, tmp_path / "elsewhere")
    assert results(tmp_path / "elsewhere" / imported) == results(run)


def test_a_run_from_elsewhere_has_what_its_model_grew(run: Path):
    assert check_run(run).id == run.name
    (run / layout.CARRIED).unlink()
    with pytest.raises(InputError, match=r"has what its model grew: carried\.safetensors is missing"):
        check_run(run)
    with pytest.raises(InputError, match="is missing, expected any"):
        load_model(run, MERGED)


def test_every_step_iterates_and_is_shown(finished: Path):
    view = stored_view(load_run(finished))
    assert sorted(view.fusions) == [1, 2, 3] and fraction_done(view) == 1
    assert all(len(fusion.curve("loss_post")) == 8 for fusion in view.fusions.values())


def test_an_estimate_counts_what_grows_and_times_its_iterations(config: MergeConfig, finished: Path, tiny: Path):
    library = open_library(str(tiny))
    size, record = sizes(library, config), load_run(finished).record
    assert record is not None and record.growth is not None
    plain, grown = record.growth.parameters
    assert size.beside == grown - plain
    assert work(config, size).iterations == 3 * 8
    without = work(config, replace(size, beside=0))
    assert work(config, size).tensors - without.tensors == 4 * size.beside
    rates = measure(config, library)
    assert rates.iteration > 0 and rates.encode > 0
    assert alike(config, load_run(finished))
    assert rates_of_runs(config, {"run": size}, [load_run(finished)]) is None  # the first step iterates too


def test_what_was_grown_is_said_in_words():
    growth = Growth(parameters=(939_040, 6_223_120), encode_ms=(4.71, 20.2), variants={"routing = batch": (40.0, 50.0)})
    assert growth.facts() == (
        "parameters: 6,223,120, pre-trained 939,040",
        "an image: 20.20 ms, pre-trained 4.71 ms",
        "ACC with routing = batch: 45.0 %",
    )
