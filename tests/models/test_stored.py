"""θ⁰ of a large network is left in its file, and everything that is made with it is the same, bit for bit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from otmf_core.errors import InputError
from otmf_core.masks.base import shares
from otmf_core.masks.families import FAMILIES, Fusion
from otmf_core.models import stored
from otmf_core.models.stored import Stored, read_tower
from tests.tiny import merge_config, merged, results
from tests.training import JOINT, train, values

WEIGHTS = {
    "visual.a": torch.arange(6.0).view(2, 3).half(),
    "visual.b": torch.full((4,), 0.1),
    "visual.position_ids": torch.arange(4),
    "text.a": torch.ones(1),
}


class Counted(Stored):
    """How often it was asked for a tensor."""

    count = 0

    def __getitem__(self, name: str) -> torch.Tensor:
        self.count += 1
        return super().__getitem__(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save_file(WEIGHTS, tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


@pytest.mark.parametrize(("large", "kind"), [(10, Stored), (11, dict)])
def test_a_large_network_stays_in_its_file(large: int, kind: type, file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stored, "LARGE", large)  # it has ten parameters
    base = read_tower(file)
    assert type(base) is kind
    assert list(base) == ["a", "b"]
    for name, tensor in base.items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, WEIGHTS[f"visual.{name}"].float())
    assert "a" in base and "position_ids" not in base and "c" not in base
    with pytest.raises(KeyError):
        base["position_ids"]


def test_a_tensor_is_nobody_elses(file: Path):
    base = Stored(file, ["b"], "visual.")
    base["b"].zero_()
    assert torch.equal(base["b"], WEIGHTS["visual.b"])


def test_values_that_are_not_finite_are_found_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stored, "LARGE", 1)
    save_file({"visual.a": torch.tensor([1.0, float("nan")])}, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"^weights must be finite: a has 1 NaN or infinite values in "):
        read_tower(tmp_path / "w.safetensors")


@pytest.mark.parametrize("change", ["written", "replaced", "removed"])
def test_a_file_that_changes_is_read_no_further(change: str, file: Path, tmp_path: Path):
    base = Stored(file, ["b"], "visual.")
    if change == "written":
        os.utime(file, ns=(1, 1))
    elif change == "replaced":
        save_file(WEIGHTS, tmp_path / "other.safetensors")
        os.replace(tmp_path / "other.safetensors", file)
    else:
        file.unlink()
    with pytest.raises(InputError, match=r"^a file stays as it is while it is read: .*w.safetensors has changed$"):
        base["b"]


@pytest.mark.parametrize("family", FAMILIES)
def test_no_iteration_reads_it(family: str, tmp_path: Path):
    save_file(values(1), tmp_path / "base.safetensors")
    base = Counted(tmp_path / "base.safetensors", values(1))
    found = []
    for held in (values(1), base):
        masks = FAMILIES[family](Fusion(held, values(2, 0.1), values(3, 0.1), shares(0.8), together=True))
        weights = {name: torch.empty_like(tensor) for name, tensor in values(1).items()}
        masks.apply(weights)
        base.count = 0
        train(masks, weights, JOINT, range(3))
        assert base.count == 0
        found.append([*weights.values(), *masks.merged().values(), *(masks.mask("pre", name) for name in weights)])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("fields", [{}, {"update": "alternating"}, {"method": "joint-masks"}])
def test_a_merge_is_the_same(fields: dict, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    held = results(merged(merge_config(tiny, **fields), tmp_path, "held"))
    monkeypatch.setattr(stored, "LARGE", 1)
    assert results(merged(merge_config(tiny, **fields), tmp_path, "stored")) == held
