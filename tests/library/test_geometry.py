"""Norms and cosines of task vectors: known vectors, a second computation, and what is refused."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from otmf_core.errors import InputError
from otmf_core.library.geometry import Geometry, concerns, geometry
from otmf_core.library.library import open_library
from otmf_core.models.checkpoints import read_header, side_by_side
from tests.tiny import TASKS, change_tensors, is_one_sentence

VECTOR = "tasks/{}/task_vector.safetensors"


def along(**values: float):
    """A change that leaves a task vector zero but for the first two entries of its first tensor."""

    def change(tensors: dict) -> None:
        for tensor in tensors.values():
            tensor.zero_()
        first = tensors[min(tensors)].view(-1)
        first[0], first[1] = values["x"], values["y"]

    return change


def test_vectors_of_known_angles(own_tiny: Path):
    for task, point in zip(TASKS, ({"x": 3, "y": 4}, {"x": -4, "y": 3}, {"x": 6, "y": 8}), strict=True):
        change_tensors(VECTOR.format(task), along(**point))(own_tiny)
    found = geometry(open_library(str(own_tiny)), TASKS)
    assert found.norms == (5, 5, 10)
    np.testing.assert_allclose(found.cosines, [[1, 0, 1], [0, 1, 0], [1, 0, 1]], atol=1e-15)


def test_all_entries_count_as_numpy_says(tiny: Path):
    library = open_library(str(tiny))
    found = geometry(library, TASKS)
    flat = []
    for task in TASKS:
        tensors = load_file(tiny / VECTOR.format(task))
        flat.append(np.concatenate([tensors[name].astype(np.float64).ravel() for name in sorted(tensors)]))
    base = load_file(tiny / "backbone/weights.safetensors")
    tower = np.concatenate([v.astype(np.float64).ravel() for name, v in base.items() if name.startswith("visual.")])
    np.testing.assert_allclose(found.norms, [np.linalg.norm(v) for v in flat], rtol=1e-12)
    np.testing.assert_allclose(found.base_norm, np.linalg.norm(tower), rtol=1e-12)
    expected = [[a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for b in flat] for a in flat]
    np.testing.assert_allclose(found.cosines, expected, atol=1e-12)
    np.testing.assert_allclose(found.relative, [np.linalg.norm(v) / np.linalg.norm(tower) for v in flat], rtol=1e-12)


def test_some_tasks_keep_their_values_in_the_order_asked_for(tiny: Path):
    library = open_library(str(tiny))
    assert geometry(library, TASKS).only(["blue", "red"]) == geometry(library, ["blue", "red"])


def test_the_library_agrees_with_what_its_making_recorded():
    library = open_library("minizoo")
    tasks = [task.id for task in library.tasks]
    began = time.perf_counter()
    found = geometry(library, tasks)
    assert time.perf_counter() - began < 10  # a third of a second alone on one core
    recorded = library.manifest.recipe["relative_norms"]
    assert [round(value, 4) for value in found.relative] == [recorded[task] for task in tasks]


def test_comparing_loads_no_torch():
    program = (
        "from otmf_core.library.geometry import geometry; import sys; "
        "from otmf_core.library.library import open_library; "
        "geometry(open_library('minizoo'), ['mnist', 'hebrew']); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_half_precisions_mix(own_tiny: Path):
    change_tensors(VECTOR.format("red"), lambda tensors: tensors.update({n: t.bfloat16() for n, t in tensors.items()}))(
        own_tiny
    )
    library = open_library(str(own_tiny))
    found, exact = geometry(library, TASKS), open_library(str(own_tiny)).task_vector("red")
    assert found.norms[0] == pytest.approx(math.sqrt(sum(float(t.double().square().sum()) for t in exact.values())))
    assert {kind for kind, _ in read_header(library.file("red", "task_vector")).values()} == {"BF16"}


def test_a_vector_of_zeros_has_no_direction(own_tiny: Path):
    change_tensors(VECTOR.format("red"), along(x=0, y=0))(own_tiny)
    found = geometry(open_library(str(own_tiny)), TASKS)
    assert found.norms[0] == 0
    assert all(math.isnan(value) for value in found.cosines[0])
    assert not math.isnan(found.cosines[1][2])


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda tensors: tensors[min(tensors)].view(-1)[:1].fill_(math.nan), "weights must be finite"),
        (lambda tensors: tensors.pop(min(tensors)), "the same keys and shapes"),
        (
            lambda tensors: tensors.update({min(tensors): tensors[min(tensors)].view(-1)[:1]}),
            "the same keys and shapes",
        ),
    ],
)
def test_what_does_not_fit_is_named(own_tiny: Path, change, rule: str):
    change_tensors(VECTOR.format("green"), change)(own_tiny)
    with pytest.raises(InputError) as refusal:
        geometry(open_library(str(own_tiny)), TASKS)
    assert rule in str(refusal.value)
    assert "green" in str(refusal.value)
    assert is_one_sentence(str(refusal.value))


def test_another_models_task_vectors_are_refused(own_tiny: Path):
    for task in TASKS:
        change_tensors(VECTOR.format(task), lambda tensors: tensors.update({"other": tensors[min(tensors)].clone()}))(
            own_tiny
        )
    with pytest.raises(InputError, match="other is not in"):
        geometry(open_library(str(own_tiny)), TASKS)


def test_a_header_says_type_and_shape(tiny: Path):
    path = tiny / VECTOR.format("red")
    header = read_header(path)
    assert header == {name: ("F16", value.shape) for name, value in load_file(path).items()}
    assert [name for name, _ in side_by_side([path, path])] == list(header)


def flat(cosine: float, *norms: float) -> Geometry:
    """Task vectors of these norms, all pairs at the same cosine, over a pre-trained model of norm 10."""
    count = range(len(norms))
    cosines = tuple(tuple(1.0 if i == j else cosine for j in count) for i in count)
    return Geometry(tuple("abcd"[: len(norms)]), norms, 10.0, cosines)


@pytest.mark.parametrize(
    ("geometry_", "said"),
    [
        (flat(0.1, 1.0, 1.2, 0.9), []),
        (flat(0.02, 1.0, 1.2), ["nearly orthogonal (mean cosine 0.02)"]),
        (flat(0.1, 1.0, 1.6), ["B is far from the pre-trained model (16% of its norm)"]),
        (flat(0.1, 0.3, 1.2), ["differ 4.0 times in length"]),
        (flat(-0.5, 0.0, 2.0), ["A does not differ", "nearly orthogonal (mean cosine -0.50)", "B is far"]),
        (flat(float("nan"), 0.0, 1.0), ["A does not differ from the pre-trained model"]),
    ],
)
def test_concerns_name_what_is_beyond_their_thresholds(geometry_: Geometry, said: list[str]):
    found = concerns(geometry_, {task: task.upper() for task in geometry_.tasks})
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True))
