"""What hubs read of a card: the models it came from, its layout, and its accuracies with their split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from otmf_core.export.layouts import LAYOUTS, export_run
from tests.export.backbones import average, rewrite_manifest, without_text
from tests.tiny import TASKS, merge_config, merged

SOURCES = ["org/red", "./here/green", "org/blue"]
HOSTILE = 'a "b": | {c}\\n\\u0041 [x](y) é😀 #-'


def head(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])


def name_models(fields: dict[str, Any]) -> None:
    fields["backbone"]["base_model"] = "openai/clip-tiny"
    for task, source in zip(fields["tasks"], SOURCES, strict=True):
        task["source"] = source


@pytest.fixture
def run(own_tiny: Path, tmp_path: Path) -> Path:
    rewrite_manifest(name_models)(own_tiny)
    return average(own_tiny, tmp_path)


@pytest.mark.parametrize(
    ("layout", "library", "pipeline"),
    [
        ("open_clip", "open_clip", "zero-shot-image-classification"),
        ("huggingface", "transformers", None),
        ("task-vector", None, None),
    ],
)
def test_a_merged_models_head(layout: str, library: str | None, pipeline: str | None, run: Path):
    found = head(export_run(run, layout).folder)
    record = json.loads((run / "record.json").read_text())
    assert found.get("library_name") == library
    assert found.get("pipeline_tag") == pipeline
    assert found["tags"] == ["otmf", "merge", "continual-merging", "clip"]
    assert found["base_model"] == ["openai/clip-tiny", "org/red", "org/blue"]  # in merge order, without paths
    assert found["base_model_relation"] == "merge"
    [model] = found["model-index"]
    assert [result["dataset"] for result in model["results"]] == [
        {"type": task, "name": task.title(), "split": "test"} for task in TASKS
    ]
    metrics = [metric for result in model["results"] for metric in result["metrics"]]
    assert {(metric["type"], metric["name"]) for metric in metrics} == {("accuracy", "Accuracy in %, zero-shot heads")}
    assert [metric["value"] for metric in metrics] == pytest.approx(record["matrix"][-1], abs=0.051)
    assert "license" not in found


def test_an_adapter_stands_on_the_pre_trained_model_and_claims_no_accuracy(run: Path):
    found = head(export_run(run, "lora", rank=2).folder)
    assert found == {
        "base_model": ["openai/clip-tiny"],
        "base_model_relation": "adapter",
        "library_name": "peft",
        "tags": ["otmf", "merge", "continual-merging", "clip"],
    }


def test_an_image_tower_is_for_features(own_tiny: Path, tmp_path: Path):
    without_text(own_tiny)
    assert head(export_run(average(own_tiny, tmp_path), "huggingface").folder)["pipeline_tag"] == (
        "image-feature-extraction"
    )


def test_all_models_are_listed_in_the_body(run: Path):
    card = (export_run(run, "open_clip").folder / "README.md").read_text()
    assert "\n- Pre-trained model: openai/clip-tiny\n- Fine-tuned models: org/red, ./here/green, org/blue\n" in card


def test_unknown_models_are_not_made_up(tiny: Path, tmp_path: Path):
    folder = export_run(average(tiny, tmp_path), "open_clip").folder
    assert not head(folder).keys() & {"base_model", "base_model_relation"}
    assert "models: " not in (folder / "README.md").read_text()


def test_figures_of_tuned_heads_say_so(tiny: Path, tmp_path: Path):
    run = merged(merge_config(tiny, method="average", heads="tuned"), tmp_path)
    [model] = head(export_run(run, "open_clip").folder)["model-index"]
    assert "tuned heads, which are not part of this model" in model["results"][0]["metrics"][0]["name"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_foreign_texts_break_no_head(layout: str, own_tiny: Path, tmp_path: Path):
    def hostile(fields: dict[str, Any]) -> None:
        fields |= {"name": HOSTILE}
        fields["backbone"]["base_model"] = HOSTILE
        for task in fields["tasks"]:
            task |= {"name": HOSTILE, "source": HOSTILE, "licence": HOSTILE}

    rewrite_manifest(hostile)(own_tiny)
    folder = export_run(average(own_tiny, tmp_path), layout, rank=2 if layout == "lora" else None).folder
    found = head(folder)
    assert "base_model" not in found
    for model in found.get("model-index", []):
        assert {result["dataset"]["name"] for result in model["results"]} == {HOSTILE}


def test_the_hub_reads_the_accuracies(run: Path):
    card = ModelCard.load(export_run(run, "open_clip").folder / "README.md")
    results = card.data.to_dict()["model-index"][0]["results"]
    assert [(result["dataset"]["type"], result["dataset"]["split"]) for result in results] == [
        (task, "test") for task in TASKS
    ]
