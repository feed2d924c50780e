"""An exported model is the merged one, and open_clip loads it."""

from __future__ import annotations

import itertools
import json
import re
import zipfile
from pathlib import Path

import open_clip
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from otmf_core.errors import InputError, Interrupted
from otmf_core.export.layouts import export_run
from otmf_core.export.open_clip import export_model
from otmf_core.library.library import open_library
from otmf_core.merging.merge import run_merge
from otmf_core.models.clip import build_encoder, preprocess
from otmf_core.runs.archive import write_zip
from tests.export.backbones import average, without_text
from tests.tiny import CONFIG, is_one_sentence, merge_config, merged, pixels, vouch


@pytest.fixture(scope="module")
def run(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return merged(merge_config(tiny), tmp_path_factory.mktemp("runs"))


def test_open_clip_loads_the_merged_model(run: Path, tiny: Path, tmp_path: Path):
    folder = export_model(run, tmp_path / "model")
    assert folder == tmp_path / "model"
    model = open_clip.create_model(f"local-dir:{folder}").eval()
    assert isinstance(model, open_clip.CLIP)

    library = open_library(str(tiny))
    base, delta = library.base(), load_file(run / "merged.safetensors")
    encoder = build_encoder(CONFIG)
    encoder.load_state_dict({name: base[name] + delta[name] for name in base})
    images = preprocess(pixels(library.examples("green", "test")), CONFIG)
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
        metadata = {key: json.loads(value) for key, value in file.metadata().items()}
    assert metadata["settings"]["alpha"] == 0.8
    assert metadata == {key: record[key] for key in ("run", "method", "settings", "tasks", "labels", "acc", "bwt")}


def rows(card: str, first: str) -> list[list[str]]:
    """The cells of the table whose head starts with `first`, without its head."""
    lines = iter(card.splitlines())
    head = next(line for line in lines if line.startswith(f"| {first} |"))
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in itertools.takewhile(str.strip, lines)]
    assert {len(row) for row in found} == {head.count("|") - 1}
    return found[1:]


def facts(card: str) -> list[str]:
    """What the card lists of how the model was made and measured."""
    section = card.split("## How it was made and measured\n\n")[1]
    return section.split("\n\n")[0].splitlines()


def test_the_card_has_the_figures_of_the_record(run: Path, tmp_path: Path):
    card = (export_model(run, tmp_path / "model") / "README.md").read_text()
    record = json.loads((run / "record.json").read_text())
    assert f"- ACC {record['acc']:.1f}%: " in card
    shown = re.search(r"^- BWT (\S+) points: ", card, re.MULTILINE)
    assert shown and float(shown[1].replace("−", "-")) == pytest.approx(record["bwt"], abs=0.05)
    tasks = rows(card, "#")
    assert [row[1] for row in tasks] == ["Red", "Green", "Blue"]
    assert [float(row[3]) for row in tasks] == pytest.approx(record["matrix"][0], abs=0.051)
    assert [float(row[4]) for row in tasks] == pytest.approx(record["individual"], abs=0.051)
    assert [float(row[5]) for row in tasks] == pytest.approx(record["matrix"][-1], abs=0.051)
    assert {row[6] for row in tasks} == {"not stated"}
    matrix = rows(card, "Step")
    assert len(matrix) == 4
    for step, (cells, known) in enumerate(zip(matrix, record["matrix"], strict=True)):
        assert int(cells[0]) == step
        assert [cell == "" for cell in cells[1:]] == [value is None for value in known]
        measured = [value for value in known if value is not None]
        assert [float(cell) for cell in cells[1:] if cell] == pytest.approx(measured, abs=0.051)
    versions = record["versions"]
    assert facts(card) == [
        f"- Run: {record['run']}",
        "- Method: OTMF: learned masks over both task vectors, aligned by optimal transport (arXiv 2511.19561)",
        "- Preset: default",
        "- Retention weight of the merged vector so far (alpha): 0.8",
        "- Iterations of each fusion (iterations): 4",
        "- Examples of the incoming task in a mini-batch (batch): 6",
        "- Examples of every earlier task in a mini-batch; none: as many of all (batch_earlier): 8",
        "- Adam's rate on the masks (lr): 0.15",
        "- Adam's β₁ on the masks: the share of earlier gradients in a step (momentum): 0.8",
        "- Unlabelled examples kept of every earlier task; the paper keeps none (memory): 5",
        "- Views of every unlabelled example: the example itself, and others drawn (views): 4",
        "- Unlabelled examples of the incoming and the previous task; none: all (calibration): none",
        "- What a mask entry scales, from one weight to a whole task vector (masks): One per entry",
        "- How the retention weight of a step is found (alpha_rule): As set",
        "- The incoming vector that masks are put on (start): As it is",
        "- Share of a matrix's input directions that the filter leaves to the merged one (filter_share): 0.1667",
        "- Decay of the rate over a fusion's iterations (schedule): Cosine decay",
        "- Which masks an iteration trains (update): Both at once",
        "- How outputs are held to the teacher's: as clouds, one by one, or not at all (loss): Sinkhorn, cost KL",
        "- Where the loss is measured: raw or normalised features, cosine logits, class probabilities; "
        "sinkhorn-kl, kl and entropy are of class probabilities in the last two alike (space): Cosine logits",
        "- Blur of Sinkhorn or width of MMD's kernel, in units of the space; of sinkhorn-kl in nats (blur): 0.05",
        "- What logits are divided by before they are class probabilities of the loss (temperature): 4",
        "- Distance, in units of the space, beyond which outputs are given up (reach): 1",
        "- Random lines in an iteration; more of them, less noise (projections): 64",
        "- Exponent of the cost (p): Squared (p = 2)",
        "- Labels read: unlabelled images",
        "- Calibration split: train",
        "- Images kept of every earlier task: 5",
        "- Evaluation: test split, 72 images in all, with zero-shot heads",
        "- Seed: 0",
        "- Device: cpu",
        f"- Versions: otmf {versions['otmf']}, python {versions['python']}, torch {versions['torch']}",
        f"- Created: {record['created']}",
    ]


def test_the_card_states_licences_and_what_the_method_used(own_tiny: Path, tmp_path: Path):
    manifest = json.loads((own_tiny / "manifest.json").read_text())
    manifest["tasks"][1] |= {"licence": "CC-BY-4.0 | by\nus"}
    (own_tiny / "manifest.json").write_text(json.dumps(manifest))
    run = merged(merge_config(own_tiny, method="task-arithmetic", scaling=0.25), tmp_path)
    card = (export_model(run) / "README.md").read_text()
    assert "| CC-BY-4.0 \\| by us |" in card
    assert facts(card)[1:8] == [
        "- Method: Task arithmetic: the scaled sum of the task vectors (arXiv 2212.04089)",
        "- Preset: default",
        "- λ, the scale of every task vector (scaling): 0.25",
        "- Whether the sum is divided by the number of tasks so far, so that it does not grow with them: λ times the "
        "mean, at λ = 1 the average (rescaled): off",
        "- Whether what is merged so far gives way by as much as the incoming vector takes, 1 − λ to λ: OTMF without "
        "its masks (retained): off",
        "- Labels read: none",
        "- Calibration split: none",
    ]
    assert "α" not in card
    assert "alpha" not in card


def test_the_folder_travels_as_a_zip_and_loads_with_its_transforms(run: Path, tmp_path: Path):
    folder = export_model(run, tmp_path / "model")
    with (tmp_path / "model.zip").open("wb") as file:
        write_zip(folder, file)
    with zipfile.ZipFile(tmp_path / "model.zip") as archive:
        archive.extractall(tmp_path / "there")
    assert sorted(path.name for path in (tmp_path / "there/model").iterdir()) == [
        "README.md",
        "open_clip_config.json",
        "open_clip_model.safetensors",
    ]
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'there/model'}")
    assert isinstance(model, open_clip.CLIP) and callable(transform)
    image = transform(Image.new("RGB", (20, 20), (255, 0, 0)))
    assert isinstance(image, torch.Tensor)
    assert model.eval().encode_image(image[None]).shape == (1, CONFIG["model_cfg"]["embed_dim"])
    exported = load_file(folder / "open_clip_model.safetensors")
    assert all(torch.equal(tensor, exported[name]) for name, tensor in model.state_dict().items())


def test_what_open_clip_would_not_load_is_refused(own_tiny: Path, tmp_path: Path):
    without_text(own_tiny)
    run = average(own_tiny, tmp_path)
    with pytest.raises(InputError, match=r"^open_clip loads a CLIP with a text tower, which Tiny has not: ") as caught:
        export_model(run)
    assert is_one_sentence(str(caught.value))
    assert not (run / "export").exists()
    others = str(caught.value).split("the layouts ")[1].removesuffix(" need none")
    for layout in others.replace(" and", ",").split(", "):
        assert export_run(run, layout, rank=2 if layout == "lora" else None).folder.is_dir()


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
