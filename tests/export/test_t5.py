"""A merged T5 exported for transformers: the same logits there, from a file that versions 4 and 5 read alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from otmf_core.cli.main import main
from otmf_core.errors import InputError
from otmf_core.export.layouts import LAYOUTS, export_run
from otmf_core.export.t5 import laid_out
from otmf_core.library.library import open_library
from otmf_core.models.checkpoints import read_tensors
from otmf_core.models.t5 import T5Tower
from otmf_core.models.tokens import Tokens
from tests import t5s
from tests.tiny import is_one_sentence, merge_config, merged

BASES: dict[str, dict[str, Any]] = {
    "Flan": {},
    "written by 5.x": {"tie_word_embeddings": True, "scale_decoder_outputs": False},
    "v1.0, tied and scaled": {"tied": True, "tie_word_embeddings": True},
    "tied and not scaled": {"tied": True, "tie_word_embeddings": True, "scale_decoder_outputs": False},
}


@pytest.fixture(params=BASES.values(), ids=list(BASES), scope="module")
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    library = t5s.write_library(folder / "library", folder / "sources", ("mood", "scale"), **request.param)
    return merged(merge_config(library, tasks=("mood", "scale"), method="task-arithmetic"), folder)


def test_transformers_loads_it_with_the_same_logits(run: Path, tmp_path: Path):
    from transformers import AutoTokenizer, T5ForConditionalGeneration

    folder = export_run(run, "huggingface", tmp_path / "model").folder
    library = open_library(json.loads((run / "config.json").read_text())["library"])
    tower, test = library.tower(torch.device("cpu")), library.examples("mood", "test")
    assert isinstance(tower, T5Tower) and isinstance(test.inputs, Tokens)
    tower.load({name: delta.float() for name, delta in read_tensors(run / "merged.safetensors").items()})
    written = torch.tensor([[0, 5, 9]] * len(test))
    model: Any = T5ForConditionalGeneration.from_pretrained(folder)
    with torch.no_grad():
        expected = tower.logits(test.inputs, written)
        inputs = {"input_ids": test.inputs.ids.long(), "attention_mask": test.inputs.mask.long()}
        found = model(**inputs, decoder_input_ids=written).logits
    assert torch.equal(found, expected)
    assert (model.generation_config.decoder_start_token_id, model.generation_config.eos_token_id) == (0, 1)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    asked = "is it good or bad ? a cat sat is"
    assert tokenizer(asked).input_ids == test.inputs.ids[0][test.inputs.mask[0]].tolist()


def test_versions_4_and_5_read_the_configuration_alike(run: Path, tmp_path: Path):
    """What 4.57 reads: tied, and the output scaled, just where the flag says so; 5 reads what is in the file."""
    folder = export_run(run, "huggingface", tmp_path / "model").folder
    fields = json.loads((folder / "config.json").read_text())
    library = open_library(json.loads((run / "config.json").read_text())["library"])
    with safe_open(folder / "model.safetensors", "pt") as file:
        names, metadata = set(file.keys()), file.metadata()
    assert "scale_decoder_outputs" not in fields and fields["architectures"] == ["T5ForConditionalGeneration"]
    assert fields["tie_word_embeddings"] == library.t5.scaled == ("lm_head.weight" not in names)
    assert metadata["format"] == "pt" and json.loads(metadata["tasks"]) == ["mood", "scale"]


def test_the_card_says_texts_and_how_answers_were_scored(run: Path, tmp_path: Path):
    card = (export_run(run, "huggingface", tmp_path / "model").folder / "README.md").read_text()
    assert "image" not in card and "clip" not in card.lower()
    assert "answers scored by their likelihood" in card and '"Spearman in %' in card
    assert 'pipeline_tag: "text2text-generation"' in card and '- "t5"' in card


def test_the_task_vector_is_by_the_checkpoints_names(run: Path, tmp_path: Path):
    folder = export_run(run, "task-vector", tmp_path / "vector").folder
    found, kept = (read_tensors(path) for path in (folder / "task_vector.safetensors", run / "merged.safetensors"))
    assert found.keys() == kept.keys()
    assert "transformers' names" in (folder / "README.md").read_text()


def test_a_t5_is_exported_for_transformers_unless_another_layout_is_asked_for(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    exported = export_run(run, to=tmp_path / "model")
    assert exported.layout == "huggingface"
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {each.name for each in exported.folder.iterdir()}
    assert main(["export", str(run), "--json", "--to", str(tmp_path / "again")]) == 0
    assert json.loads(capsys.readouterr().out)["layout"] == "huggingface"


@pytest.mark.parametrize("layout", sorted(LAYOUTS.keys() - {"huggingface", "task-vector"}))
def test_layouts_of_clip_are_refused(run: Path, tmp_path: Path, layout: str):
    with pytest.raises(InputError, match="a merged T5 is exported as huggingface or task-vector") as caught:
        export_run(run, layout, tmp_path / "model")
    assert is_one_sentence(str(caught.value))
    assert not (tmp_path / "model").exists()


def test_a_scaled_output_before_an_lm_head_of_its_own_is_refused():
    with pytest.raises(InputError, match="only if lm_head is the embedding") as caught:
        laid_out(t5s.weights(), t5s.fields(scale_decoder_outputs=True))
    assert is_one_sentence(str(caught.value))


def test_the_card_of_a_merge_by_otmf_says_nothing_of_images(tmp_path: Path):
    library = t5s.write_library(tmp_path / "library", tmp_path / "sources", ("mood", "same"))
    run = merged(merge_config(library, tasks=("mood", "same"), iterations=2), tmp_path)
    card = (export_run(run).folder / "README.md").read_text()
    assert "Unlabelled examples kept of every earlier task" in card
    assert "image" not in card.lower()
