"""T5s as the hubs have them: files, shards, copies of the embedding, adapters; task vectors against differences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from otmf_core.errors import InputError
from otmf_core.library.importers.opening import open_checkpoint
from otmf_core.library.importers.t5 import T5Checkpoint
from tests import t5s
from tests.tiny import is_one_sentence

if TYPE_CHECKING:
    from otmf_core.models.checkpoints import Header
    from otmf_core.models.task_vector import StateDict


def header(base: StateDict) -> Header:
    return {name: ("F32", tuple(tensor.shape)) for name, tensor in base.items()}


def vector(path: Path, base: StateDict) -> StateDict:
    expert = open_checkpoint(path)
    expert.check(header(base))
    return expert.task_vector(base)


def test_a_task_vector_is_the_difference_of_every_tensor_lm_head_among_them(tmp_path: Path):
    base = t5s.weights()
    fine = t5s.tuned(base, 1)
    found = vector(t5s.write_folder(tmp_path, fine), base)
    assert found.keys() == base.keys() and "lm_head.weight" in found
    for name in base:
        torch.testing.assert_close(found[name], fine[name] - base[name])


def test_shards_are_read_as_one_file(tmp_path: Path):
    base = t5s.weights()
    fine = t5s.tuned(base, 1)
    folder = t5s.write_folder(tmp_path / "whole", fine)
    expected = vector(folder, base)
    names = sorted(fine)
    places = {name: f"model-0000{1 + (place > 20)}-of-00002.safetensors" for place, name in enumerate(names)}
    for file in set(places.values()):
        save_file({name: fine[name] for name in names if places[name] == file}, folder / file)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    found = vector(folder, base)
    assert all(torch.equal(found[name], expected[name]) for name in base)


def test_copies_of_the_embedding_and_what_no_version_reads_are_left_out(tmp_path: Path):
    base = t5s.weights(tied=True, tie_word_embeddings=True)
    fine = t5s.tuned(base, 1)
    old = {**fine, "lm_head.weight": fine["shared.weight"].clone()}
    old |= {f"{stack}.embed_tokens.weight": fine["shared.weight"].clone() for stack in ("encoder", "decoder")}
    old["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = torch.ones(8, 2)
    (tmp_path / "old").mkdir()
    torch.save(old, tmp_path / "old/pytorch_model.bin")
    found = vector(tmp_path / "old/pytorch_model.bin", base)
    assert found.keys() == base.keys()
    torch.testing.assert_close(found["shared.weight"], fine["shared.weight"] - base["shared.weight"])


def test_an_lm_head_of_its_own_does_not_go_with_a_tied_model(tmp_path: Path):
    tied = t5s.weights(tied=True, tie_word_embeddings=True)
    with pytest.raises(InputError, match=r"lm_head\.weight is unknown"):
        vector(t5s.write_folder(tmp_path, t5s.weights()), tied)
    with pytest.raises(InputError, match=r"lm_head\.weight is missing"):
        vector(t5s.write_folder(tmp_path / "tied", tied), t5s.weights())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"encoder.embed_tokens.weight": torch.ones(64, 16)}, r"encoder\.embed_tokens\.weight is not shared\.weight"),
        ({"encoder.block.0.layer.0.Attention.q.weight": torch.ones(16, 16)}, r"layer\.0\.Attention\.q"),
        ({"shared.weight": torch.full((64, 16), float("nan")).half()}, r"shared\.weight has 1024 NaN"),
        ({"shared.weight": torch.ones(60, 16)}, r"shared\.weight is \(60, 16\), expected \(64, 16\)"),
    ],
)
def test_other_tensors_are_refused(tmp_path: Path, change: StateDict, said: str):
    base = t5s.weights()
    with pytest.raises(InputError, match=said) as caught:
        vector(t5s.write_folder(tmp_path, {**base, **change}), base)
    assert is_one_sentence(str(caught.value))


def test_an_adapter_adds_twice_the_product_of_its_factors(tmp_path: Path):
    base = t5s.weights()
    folder = t5s.write_adapter(tmp_path, 3)
    factors = load_file(folder / "adapter_model.safetensors")
    found = vector(folder, base)
    assert found.keys() == base.keys()
    changed = {name for name, tensor in found.items() if tensor.any()}
    assert len(changed) == len(factors) // 2 == 12
    name = "decoder.block.1.layer.1.EncDecAttention.v"
    first, second = (factors[f"base_model.model.{name}.lora_{part}.weight"] for part in "AB")
    torch.testing.assert_close(found[f"{name}.weight"], 2.0 * second @ first)


def test_an_adapter_for_another_base_is_refused(tmp_path: Path):
    small: Any = {"num_layers": 1, "num_decoder_layers": 1}
    with pytest.raises(InputError, match=r"block\.1\.layer\.0\.SelfAttention\.q.*which is none") as caught:
        vector(t5s.write_adapter(tmp_path, 3), t5s.weights(**small))
    assert is_one_sentence(str(caught.value))


def test_a_configuration_beside_it_is_read_with_it(tmp_path: Path):
    expert = open_checkpoint(t5s.write_folder(tmp_path, t5s.weights()))
    assert isinstance(expert, T5Checkpoint)
    assert [file.name for file in expert.files] == ["model.safetensors", "config.json"]
    fields = expert.fields()
    assert fields is not None and not fields.scaled and not expert.tied
