"""An exported model is the merged one, and open_clip loads it."""

from __future__ import annotations

import json
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from otmf_core.backbone import build_encoder, preprocess
from otmf_core.errors import InputError, Interrupted
from otmf_core.export import export_model
from otmf_core.library import open_library
from otmf_core.merge import run_merge
from tests.tiny import CONFIG, merge_config, merged, vouch


@pytest.fixture(scope="module")
def run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return merged(merge_config(tiny), tmp_path_factory.mktemp("runs"))


def test_open_clip_loads_the_merged_model(run: Path, tiny: Path, tmp_path: Path):
    folder = export_model(run, tmp_path / "model")
    assert folder == tmp_path / "model"
    model = open_clip.create_model(f"local-dir:{folder}").eval()

    library = open_library(str(tiny))
    base, delta = library.base(), load_file(run / "merged.safetensors")
    encoder = build_encoder(CONFIG)
    encoder.load_state_dict({name: base[name] + delta[name] for name in base})
    images = preprocess(library.images("green", "test").pixels, CONFIG)
    with torch.no_grad():
        expected, found = encoder(images), model.encode_image(images)
        encoder.load_state_dict(base)
        before = encoder(images)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert (found - before).abs().max() > 1e-3


def test_the_text_tower_is_the_pre_trained_one(run: Path, tiny: Path):
    folder = export_model(run)
    assert folder == run / "export"
    stored, exported = (
        load_file(tiny / "backbone/weights.safetensors"),
        load_file(folder / "open_clip_model.safetensors"),
    )
    assert set(exported) == set(stored)
    texts = [name for name in stored if not name.startswith("visual.")]
    assert len(texts) > 5
    assert all(torch.equal(exported[name], stored[name]) for name in texts)
    assert json.loads((folder / "open_clip_config.json").read_text()) == CONFIG


def test_the_export_says_where_it_comes_from(run: Path, tmp_path: Path):
    folder = export_model(run, tmp_path / "model")
    record = json.loads((run / "record.json").read_text())
    with safe_open(folder / "open_clip_model.safetensors", framework="pt") as file:
        facts = {key: json.loads(value) for key, value in file.metadata().items()}
    assert facts == {key: record[key] for key in ("run", "method", "alpha", "tasks", "labels", "acc", "bwt")}


def test_an_unfinished_run_is_not_exported(tiny: Path, tmp_path: Path):
    stop = iter([False] * 8 + [True] * 9)
    with pytest.raises(Interrupted):
        run_merge(merge_config(tiny), tmp_path, emit=lambda event: None, should_stop=lambda: next(stop), run_id="run")
    with pytest.raises(InputError, match=r"^a run is exported when it is done: run is stopped$"):
        export_model(tmp_path / "run")
    assert not (tmp_path / "run/export").exists()


def test_a_run_is_not_exported_with_another_library(own_tiny: Path, tmp_path: Path):
    run = merged(merge_config(own_tiny, method="average"), tmp_path)
    (own_tiny / "LICENSES.md").write_text("another")
    vouch(own_tiny)
    with pytest.raises(
        InputError, match=f"^a run is exported with the library it was made with: {own_tiny} has changed"
    ):
        export_model(run)
    assert not (run / "export").exists()


def test_damaged_weights_are_not_exported(tiny: Path, tmp_path: Path):
    run = merged(merge_config(tiny, method="average"), tmp_path)
    (run / "merged.safetensors").write_bytes(b"\0" * 99)
    with pytest.raises(InputError, match=r"^a file must be valid safetensors: "):
        export_model(run)
    (run / "merged.safetensors").unlink()
    with pytest.raises(InputError, match=r"^a file is missing: "):
        export_model(run)
