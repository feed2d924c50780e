"""Features of a run's models: the fold replayed, what is taken once, its projections and its transport plans."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import ot
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from otmf_core.analysis import features as module
from otmf_core.analysis import projection as projections
from otmf_core.analysis.features import images_per_task, models_at, read_features, stored, take_features
from otmf_core.analysis.projection import project, projection
from otmf_core.analysis.replay import replay
from otmf_core.errors import InputError
from otmf_core.library.library import open_library
from otmf_core.models import clip as backbone
from otmf_core.models.clip import preprocess
from otmf_core.runs.folder import load_run
from otmf_core.transport.clouds import sinkhorn
from otmf_core.transport.transport_plan import class_mass, transport_plan
from tests.tiny import CONFIG, TASKS, is_one_sentence, merge_config, merged


def replayed(run: Path, library: Path) -> list[tuple[dict, dict]]:
    opened = open_library(str(library))
    return [(delta, state.delta) for delta, state in replay(load_run(run), opened)]


@pytest.fixture
def run(default: tuple[Path, list], tmp_path: Path) -> Path:
    """A finished OTMF run of the test's own."""
    return Path(shutil.copytree(default[0], tmp_path / "runs" / "run"))


@pytest.fixture
def taken(run: Path) -> Path:
    take_features(run)
    return run


@pytest.mark.parametrize("method", ["average", "task-arithmetic"])
def test_trivial_methods_are_replayed_exactly(tiny: Path, tmp_path: Path, method: str):
    run = merged(merge_config(tiny, method=method), tmp_path)
    steps = replayed(run, tiny)
    last = load_file(run / "merged.safetensors")
    assert all(torch.equal(steps[-1][1][name], tensor) for name, tensor in last.items())
    deltas = [load_file(tiny / f"tasks/{task}/task_vector.safetensors") for task in TASKS]
    factor = {"average": 1 / 2, "task-arithmetic": 0.3}[method]
    for name, tensor in steps[1][1].items():  # the closed form of the second step
        torch.testing.assert_close(tensor, factor * (deltas[0][name].float() + deltas[1][name].float()))


def test_otmf_is_replayed_up_to_the_rounding_of_its_masks(default: tuple[Path, list], tiny: Path):
    steps = replayed(default[0], tiny)
    assert len(steps) == len(TASKS)
    stored_last = load_file(default[0] / "merged.safetensors")
    deltas = [load_file(tiny / f"tasks/{task}/task_vector.safetensors") for task in TASKS]
    alpha = 0.8
    for name, tensor in stored_last.items():
        # each mask is off by at most half a unit in the last place, 2^-11 of itself; masks here stay below 2
        rounding = 2 * 2**-11 * (1 - alpha) * deltas[2][name].abs().float()
        rounding += 2 * 2 * 2**-11 * alpha * (deltas[0][name].abs().float() + deltas[1][name].abs().float())
        assert ((steps[-1][1][name] - tensor).abs() <= rounding + 1e-7).all()
    assert not all(torch.equal(steps[-1][1][name], steps[-2][1][name]) for name in stored_last)


def test_features_are_those_of_the_three_models(taken: Path, tiny: Path):
    library = open_library(str(tiny))
    tower = library.tower(torch.device("cpu"))
    found = read_features(taken, "green")
    images = library.examples("green", "test")
    assert found.labels.tolist() == images.labels[found.rows].tolist()
    last = load_file(taken / "merged.safetensors")
    wanted = {0: None, 3: last, 3 + 2: library.task_vector("green")}
    expected = {}
    for model, delta in wanted.items():
        tower.load(delta)
        with torch.no_grad():
            expected[model] = F.normalize(tower.module(preprocess(images.inputs[found.rows], CONFIG)), dim=-1)
        np.testing.assert_allclose(found.features[model], expected[model], atol=2e-3)
        answers = (expected[model] @ library.head("green")[0].T).argmax(dim=-1)
        assert (found.answers[model] == answers.numpy()).mean() > 0.95  # a tie may fall either way
    assert found.distances[3 + 2] == pytest.approx(0, abs=1e-6)
    assert found.distances[0] == pytest.approx(sinkhorn(2, 0.05)(expected[0][None], expected[5][None]).item(), rel=1e-4)


def test_models_are_numbered_as_the_steps_have_them():
    assert models_at(2, 3) == {"pre": 1, "post": 5, "merged": 2}
    assert [images_per_task(tasks) for tasks in (2, 8, 14, 20)] == [100, 80, 45, 40]


def test_the_sample_is_fixed_and_no_larger_than_said(run: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "images_per_task", lambda tasks: 7)
    heard: list[float] = []
    take_features(run, heard.append)
    assert heard == sorted(heard) and 0 < heard[0] < heard[-1] < 1
    first = read_features(run, "red")
    assert len(first.rows) == 7 and (np.diff(first.rows) > 0).all()
    take_features(run)
    again = read_features(run, "red")
    assert all(np.array_equal(getattr(first, name), getattr(again, name)) for name in first.__dataclass_fields__)


def test_what_is_stored_is_read_without_an_encoder(taken: Path, monkeypatch: pytest.MonkeyPatch):
    def forbidden(*_: object) -> None:
        raise AssertionError("no encoder is needed")

    monkeypatch.setattr(backbone, "build_encoder", forbidden)
    monkeypatch.setattr(projections, "project", lambda points, method: project(points, "pca"))
    key = stored(taken, len(TASKS))
    assert key is not None and key["deviation"] < 1e-3
    first = projection(taken, TASKS, "red", "tsne")
    monkeypatch.setattr(projections, "project", forbidden)
    np.testing.assert_array_equal(projection(taken, TASKS, "red", "tsne"), first)
    with pytest.raises(AssertionError, match="no encoder"):
        take_features(taken)


def test_features_of_another_format_are_taken_again(taken: Path, monkeypatch: pytest.MonkeyPatch):
    assert stored(taken, len(TASKS))
    monkeypatch.setattr(module, "FORMAT", 2)
    assert stored(taken, len(TASKS)) is None


def test_a_projection_of_other_parameters_is_made_again(taken: Path, monkeypatch: pytest.MonkeyPatch):
    projection(taken, TASKS, "red", "pca")
    monkeypatch.setitem(projections.PARAMETERS, "pca", {"svd_solver": "auto"})
    monkeypatch.setattr(projections, "project", lambda points, method: np.ones((len(points), 2)))
    assert np.nanmax(projection(taken, TASKS, "red", "pca")) == 1


def test_a_layout_has_a_place_for_every_model_of_a_step(taken: Path):
    layout = projection(taken, TASKS, "blue", "pca")
    assert np.isnan(layout[[0, 4]]).all()
    for step in (2, 3):
        for model in models_at(step, 3).values():
            assert np.isfinite(layout[model]).all()


def test_pca_is_numpys_up_to_sign():
    points = np.random.default_rng(3).normal(size=(40, 6)) * [5, 3, 1, 1, 1, 1]
    centred = points - points.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * values[:2]
    found = project(points, "pca")
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, atol=1e-4)


def test_tsne_is_deterministic_and_keeps_groups_apart():
    random = np.random.default_rng(5)
    points = np.concatenate([random.normal(size=(30, 8)), random.normal(size=(30, 8)) + 12]).astype(np.float32)
    found = project(points, "tsne")
    np.testing.assert_array_equal(found, project(points, "tsne"))
    centres = found[:30].mean(axis=0), found[30:].mean(axis=0)
    own = np.linalg.norm(found - np.repeat(centres, 30, axis=0), axis=1)
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * own.mean()


@pytest.mark.parametrize("blur", [0.05, 0.3])
def test_a_plan_has_uniform_marginals_and_is_that_of_another_solver(blur: float):
    random = np.random.default_rng(11)
    x, y = (F.normalize(torch.tensor(random.normal(size=(n, 5))), dim=-1).numpy() for n in (14, 21))
    plan = transport_plan(x, y, blur)
    np.testing.assert_allclose(plan.sum(axis=1), 1 / 14, rtol=1e-9)
    np.testing.assert_allclose(plan.sum(axis=0), 1 / 21, rtol=1e-9)
    cost = 0.5 * ((x[:, None] - y[None]) ** 2).sum(-1)
    weights = np.full(14, 1 / 14), np.full(21, 1 / 21)
    if blur == 0.3:
        other = ot.sinkhorn(*weights, cost, blur**2, method="sinkhorn_log", numItermax=20000, stopThr=1e-12)
        assert isinstance(other, np.ndarray)
        np.testing.assert_allclose(plan, other, atol=1e-7)
    else:  # close to unregularised transport, whose cost is a lower bound
        exact = ot.emd2(*weights, cost)
        assert exact <= (plan * cost).sum() <= exact + blur**2 * np.log(14 * 21)


def test_equal_clouds_stay_where_they_are():
    points = np.eye(4) * 3
    labels = np.array([0, 0, 1, 2])
    mass = class_mass(transport_plan(points, points, 0.05), labels, labels, 4)
    np.testing.assert_allclose(mass, np.diag([0.5, 0.25, 0.25, 0]), atol=1e-12)


def test_a_folder_that_cannot_be_written_is_one_sentence(run: Path):
    (run / "features").write_text("in the way")
    with pytest.raises(InputError, match="the folder must be writable") as caught:
        take_features(run)
    assert is_one_sentence(str(caught.value))


def test_masks_of_another_run_are_refused(run: Path):
    where = run / "steps/03/masks.safetensors"
    save_file({name: tensor + 1 for name, tensor in load_file(where).items()}, where)
    with pytest.raises(InputError, match="masks lead to its merged weights") as caught:
        take_features(run)
    assert is_one_sentence(str(caught.value))
    assert stored(run, len(TASKS)) is None


def test_a_run_without_its_masks_or_of_a_changed_library_is_refused(own_tiny: Path, tmp_path: Path):
    run = merged(merge_config(own_tiny), tmp_path)
    (run / "steps/02/masks.safetensors").unlink()
    with pytest.raises(InputError, match=r"a file is missing: .*masks\.safetensors"):
        take_features(run)
    manifest = own_tiny / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    with pytest.raises(InputError, match="has changed since"):
        take_features(run)


def test_damaged_files_are_one_sentence(taken: Path):
    (taken / "features/01-pca.parquet").write_bytes(b"not a table")
    with pytest.raises(InputError, match="a projection is a Parquet table"):
        projection(taken, TASKS, "red", "pca")
    with pytest.raises(InputError, match="purple"):
        read_features(taken, "purple")
    (taken / "features/features.safetensors").write_bytes(b"not a file of tensors")
    with pytest.raises(InputError) as caught:
        read_features(taken, "red")
    assert is_one_sentence(str(caught.value))
