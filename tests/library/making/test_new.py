"""Libraries begun with a pre-trained model of others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from otmf_core.errors import InputError
from otmf_core.library.importers.base import Activation
from otmf_core.library.library import open_library
from otmf_core.library.making.new import new_library
from tests.hub import write_base, write_expert
from tests.tiny import contents, is_one_sentence


def refused(*arguments: Path, **more) -> str:
    before = contents(arguments[0]) if arguments[0].exists() else None
    with pytest.raises(InputError) as caught:
        new_library(*arguments, **more)
    assert (contents(arguments[0]) if arguments[0].exists() else None) in (before, {})
    assert is_one_sentence(str(caught.value))
    return str(caught.value)


def test_a_library_has_the_weights_that_it_was_made_of(base: Path, tmp_path: Path):
    library = new_library(tmp_path / "ours", base, name="Ours", base_model="org/clip")
    assert (library.id, library.name, library.tasks) == ("ours", "Ours", ())
    assert library.manifest.format == 2 and library.manifest.backbone.base_model == "org/clip"
    original = load_file(base / "open_clip_model.safetensors")
    kept = load_file(library.backbone("weights"))
    assert kept.keys() == original.keys() and all(torch.equal(kept[name], original[name]) for name in kept)
    assert library.backbone_config["model_cfg"]["quick_gelu"] is True
    library.tower(torch.device("cpu"))
    assert open_library(str(tmp_path / "ours")).manifest == library.manifest


def test_weights_alone_do_not_tell_their_activation(base: Path, tmp_path: Path):
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes((base / "open_clip_model.safetensors").read_bytes())
    assert refused(tmp_path / "a", weights).startswith("weights do not tell their activation: say quick_gelu (OpenAI's")
    choices: list[tuple[Activation, bool]] = [("gelu", False), ("quick_gelu", True)]
    for activation, quick in choices:
        library = new_library(tmp_path / activation, weights, activation=activation)
        assert library.backbone_config["model_cfg"]["quick_gelu"] is quick
    assert "is what the checkpoint says, quick_gelu, received gelu" in refused(tmp_path / "b", base, activation="gelu")


def test_an_image_tower_alone_is_a_library_without_a_text_tower(base: Path, tmp_path: Path):
    tower = write_expert(tmp_path / "tower.safetensors", base, 0)
    library = new_library(tmp_path / "ours", tower, activation="quick_gelu")
    library.tower(torch.device("cpu"))


def test_a_folder_with_something_in_it_is_left_alone(base: Path, tmp_path: Path):
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours/thesis.txt").write_text("ten years")
    assert refused(tmp_path / "ours", base).startswith("a new library takes a new or empty folder: ")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_leave_nothing(value: float, tmp_path: Path):
    base = write_base(tmp_path / "base")
    tensors = load_file(base / "open_clip_model.safetensors")
    tensors["visual.proj"][0, 0] = value
    save_file(tensors, base / "open_clip_model.safetensors")
    assert refused(tmp_path / "ours", base).startswith("weights must be finite: visual.proj has 1 NaN or infinite")


def test_weights_that_do_not_fit_the_configuration_beside_them(tmp_path: Path):
    base = write_base(tmp_path / "base")
    fields = json.loads((base / "open_clip_config.json").read_text())
    fields["model_cfg"]["vision_cfg"]["layers"] = 3
    (base / "open_clip_config.json").write_text(json.dumps(fields))
    assert "is missing in" in refused(tmp_path / "ours", base)


def test_a_name_that_no_manifest_has(base: Path, tmp_path: Path):
    assert refused(tmp_path / "ours", base, name="a\nb").startswith("a manifest is right as a whole: 'name' is not")
