"""The exported task vector is Δ_m by open_clip's names: added to the pre-trained model, it is the merged one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import open_clip
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from otmf_core.export.task_vector import export_model
from tests.export.backbones import average, code, features, images
from tests.tiny import CONFIG


def test_it_is_the_merged_vector_by_open_clips_names(tiny: Path, tmp_path: Path):
    run = average(tiny, tmp_path)
    folder = export_model(run)
    assert folder == run / "export-task-vector"
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "task_vector.safetensors"]
    found, delta = load_file(folder / "task_vector.safetensors"), load_file(run / "merged.safetensors")
    assert set(found) == {f"visual.{name}" for name in delta}
    assert set(found) < set(load_file(tiny / "backbone/weights.safetensors"))
    assert all(torch.equal(found[f"visual.{name}"], tensor) for name, tensor in delta.items())
    with safe_open(folder / "task_vector.safetensors", framework="pt") as file:
        metadata = {key: json.loads(value) for key, value in file.metadata().items()}
    assert metadata["tasks"] == ["red", "green", "blue"]


def test_the_cards_code_makes_the_merged_model(tiny: Path, tmp_path: Path):
    run = average(tiny, tmp_path)
    folder = export_model(run, tmp_path / "vector")
    (tmp_path / "base").mkdir()
    (tmp_path / "base/open_clip_config.json").write_text(json.dumps(CONFIG))
    shutil.copy(tiny / "backbone/weights.safetensors", tmp_path / "base/open_clip_model.safetensors")
    model = code(folder, the_pre_trained_model=tmp_path / "base")["model"]
    assert isinstance(model, open_clip.CLIP)
    with torch.no_grad():
        found = model.eval().encode_image(images(run))
    torch.testing.assert_close(found, features(run), atol=1e-5, rtol=0)
