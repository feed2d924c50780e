"""A two-task text library built end to end, and the parts of the making that a closed form can check."""

import json
import random

import pyarrow.parquet as pq
import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch.nn import functional as F

from otmf_core.files import sha256
from otmf_core.library.manifest import prompt_fields
from otmf_core.minitext.__main__ import main
from otmf_core.minitext.encode import IGNORED
from otmf_core.minitext.model import build_t5, first_logits, t5_config
from otmf_core.minitext.pretrain import blanked
from otmf_core.minitext.recipe import PICO
from otmf_core.minitext.regime import verdict
from otmf_core.minitext.train import loss
from otmf_core.minizoo.regime import Regime


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Cache and library folders after one pico build."""
    cache, out = tmp_path_factory.mktemp("cache"), tmp_path_factory.mktemp("assets") / "pico"
    assert main(["build", "--pico", "--cache", str(cache), "--out", str(out)]) == 0
    return cache, out


def manifest(out):
    return json.loads((out / "manifest.json").read_text())


def test_a_pico_library_vouches_for_every_file(folders):
    about = manifest(folders[1])
    found = {path.relative_to(folders[1]).as_posix() for path in folders[1].rglob("*") if path.is_file()}
    assert found == {*about["files"], "manifest.json", "LICENSES.md"}
    for name, record in about["files"].items():
        assert record == {"sha256": sha256(folders[1] / name), "bytes": (folders[1] / name).stat().st_size}


def test_splits_have_the_prompts_fields_and_share_no_row(folders):
    for task in manifest(folders[1])["tasks"]:
        rows = {}
        for split, count in (("calibration", 16), ("labelled", 16), ("test", 32)):
            table = pq.read_table(folders[1] / "tasks" / task["id"] / f"{split}.parquet")
            assert table.column_names == [*prompt_fields(task["prompt"]), "label"]
            assert abs(len(table) - count) < len(task["classes"])
            assert set(table["label"].to_pylist()) == set(range(len(task["classes"])))
            rows[split] = set(table[prompt_fields(task["prompt"])[0]].to_pylist())
            assert len(rows[split]) == len(table)
        assert not rows["calibration"] & rows["labelled"]
        assert not rows["test"] & (rows["calibration"] | rows["labelled"])


def test_transformers_opens_the_backbone_and_gives_the_recorded_accuracy(folders):
    """The model and the tokenizer as a user of transformers loads them, an expert made by adding its task vector."""
    out = folders[1]
    about = manifest(out)
    weights = load_file(out / "backbone" / "model.safetensors")
    tokenizer = transformers.AutoTokenizer.from_pretrained(out / "backbone")
    assert tokenizer.pad_token_id == 0 and tokenizer.eos_token_id == 1
    config = json.loads((out / "backbone" / "config.json").read_text())
    assert config["tie_word_embeddings"] is False
    loaded = transformers.T5ForConditionalGeneration.from_pretrained(out / "backbone", dtype=torch.float32).eval()
    model = build_t5(config).eval()
    model.load_state_dict({name: value.float() for name, value in weights.items()}, strict=False)
    ids = torch.tensor([[9, 8, 7, 1]])
    with torch.no_grad():
        torch.testing.assert_close(first_logits(loaded, ids), first_logits(model, ids))
    for task in about["tasks"]:
        delta = load_file(out / "tasks" / task["id"] / "task_vector.safetensors")
        assert {value.dtype for value in delta.values()} == {torch.float16}
        assert set(delta) == set(weights)
        model.load_state_dict({name: weights[name].float() + delta[name].float() for name in weights}, strict=False)
        rows = pq.read_table(out / "tasks" / task["id"] / "test.parquet").to_pylist()
        prompts = [
            task["prompt"].format(**{field: row[field] for field in prompt_fields(task["prompt"])}) for row in rows
        ]
        answers = [tokenizer(answer, add_special_tokens=False).input_ids for answer in task["classes"]]
        assert all(len(ids) == 1 for ids in answers)
        ids = tokenizer(prompts, return_tensors="pt", padding=True).input_ids
        with torch.no_grad():
            given = first_logits(model, ids)[:, [ids_[0] for ids_ in answers]].argmax(dim=1).tolist()
        right = sum(one == row["label"] for one, row in zip(given, rows, strict=True))
        assert round(100 * right / len(rows), 1) == about["recipe"]["figures"]["by_task"][task["id"]]["individual"]


def test_fine_tuning_beats_the_pre_trained_model_and_chance(folders):
    about = manifest(folders[1])
    for task in about["tasks"]:
        assert about["recipe"]["figures"]["by_task"][task["id"]]["individual"] > 100 * 1.5 / len(task["classes"])
    assert about["recipe"]["figures"]["individual"] > about["recipe"]["figures"]["zero_shot"]


def test_a_second_build_makes_the_same_bytes_from_stored_stages_and_without_them(folders, tmp_path):
    cache, out = folders
    before = manifest(out)
    stages = {path: path.stat().st_mtime_ns for path in (cache / "work").iterdir()}
    assert main(["build", "--pico", "--cache", str(cache), "--out", str(out)]) == 0
    assert manifest(out) == before
    assert {path: path.stat().st_mtime_ns for path in (cache / "work").iterdir()} == stages
    assert main(["build", "--pico", "--cache", str(tmp_path / "empty"), "--out", str(tmp_path / "again")]) == 0
    assert manifest(tmp_path / "again") | {"id": "pico"} == before


def test_the_output_matrix_is_separate_and_the_decoder_is_not_scaled():
    """What transformers 5 does with `tie_word_embeddings: false` alone: it ties them all the same."""
    config = t5_config(50, PICO.width, PICO.inner, PICO.layers, PICO.heads)
    model = build_t5(config).eval()
    assert model.lm_head.weight.data_ptr() != model.shared.weight.data_ptr()
    ids = torch.tensor([[5, 6, 7, 1]])
    start = torch.zeros(1, 1, dtype=torch.long)
    with torch.no_grad():
        states = model(input_ids=ids, decoder_input_ids=start, output_hidden_states=True).decoder_hidden_states[-1]
        torch.testing.assert_close(first_logits(model, ids), states[:, 0] @ model.lm_head.weight.T)


def test_the_loss_reads_each_piece_from_those_before_it():
    model = build_t5(t5_config(50, PICO.width, PICO.inner, PICO.layers, PICO.heads)).eval()
    prompts, targets = torch.tensor([[5, 6, 1], [7, 1, 0]]), torch.tensor([[9, 1], [8, IGNORED]])
    with torch.no_grad():
        first = first_logits(model, prompts)
        second = model(input_ids=prompts[:1], decoder_input_ids=torch.tensor([[0, 9]])).logits[:, 1]
        expected = F.cross_entropy(torch.cat([first, second]), torch.tensor([9, 8, 1]))
        torch.testing.assert_close(loss(model, prompts, targets), expected)


@pytest.mark.parametrize("length", [7, 9, 10, 30])
def test_blanked_words_come_back_in_order(length):
    ids = list(range(100, 100 + length))
    for seed in range(50):
        kept, asked = blanked(ids, [3, 4, 5, 6], random.Random(seed))
        assert kept[-1] == asked[-1] == 1
        stretches, current = {}, 0
        for piece in asked[:-1]:
            if piece < 10:
                current = piece
                stretches[current] = []
            else:
                stretches[current].append(piece)
        restored = [piece for one in kept[:-1] for piece in (stretches[one] if one < 10 else [one])]
        assert restored == ids
        assert all(1 <= len(stretch) <= 3 for stretch in stretches.values())


def test_the_regime_names_what_fails():
    good = Regime("8", "test", {"a": 40.0, "b": 60.0}, {"a": 80.0, "b": 100.0}, 65.0, {0.3: 72.0})
    assert verdict(good) == []
    bad = Regime("8", "test", {"a": 70.0}, {"a": 79.0}, 70.5, {0.3: 78.0})
    assert len(verdict(bad)) == 3
