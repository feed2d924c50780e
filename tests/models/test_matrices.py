"""The matrices of a task vector: q, k and v apart, views of their tensors, nothing that is no linear map."""

from __future__ import annotations

import pytest
import torch

from otmf_core.models.clip import build_encoder
from otmf_core.models.matrices import matrices
from tests.tiny import CONFIG

STEM = {"image_size": 32, "timm_model_name": "otmf_convstem_vit", "timm_pool": "avg", "timm_proj": "linear"}


def vector(vision: dict) -> dict[str, torch.Tensor]:
    config = {"model_cfg": {**CONFIG["model_cfg"], "vision_cfg": vision}}
    return {name: torch.randn_like(tensor) for name, tensor in build_encoder(config).state_dict().items()}


@pytest.mark.parametrize(
    ("vision", "stacked", "blocks"),
    [
        (CONFIG["model_cfg"]["vision_cfg"], "transformer.resblocks.0.attn.in_proj_weight", 1),
        (STEM, "trunk.blocks.0.attn.qkv.weight", 5),
    ],
)
def test_q_k_and_v_are_the_thirds_of_the_stack(vision: dict, stacked: str, blocks: int):
    delta = vector(vision)
    by_kind: dict[str, list] = {}
    for matrix in matrices(delta):
        by_kind.setdefault(matrix.kind, []).append(matrix)
    assert {kind: len(each) for kind, each in by_kind.items()} == {
        **dict.fromkeys(("q", "k", "v", "proj", "fc1", "fc2"), blocks),
        "out": 1,
    }
    width = delta[stacked].shape[1]
    for number, kind in enumerate("qkv"):
        assert by_kind[kind][0].name == stacked
        assert torch.equal(by_kind[kind][0].values, delta[stacked][number * width : (number + 1) * width])


def test_what_is_written_to_a_matrix_is_in_the_task_vector():
    delta = vector(CONFIG["model_cfg"]["vision_cfg"])
    (k,) = (matrix for matrix in matrices(delta) if matrix.kind == "k")
    k.values.zero_()
    own = delta[k.name]
    assert (own[32:64] == 0).all()
    assert (own[:32] != 0).any() and (own[64:] != 0).any()


def test_rows_are_outputs_also_of_open_clips_projection_which_stands_on_its_side():
    delta = vector(CONFIG["model_cfg"]["vision_cfg"])
    (out,) = (matrix for matrix in matrices(delta) if matrix.kind == "out")
    assert torch.equal(out.values, delta["proj"].T)
    stem = vector(STEM)
    (out,) = (matrix for matrix in matrices(stem) if matrix.kind == "out")
    assert torch.equal(out.values, stem[out.name])


def test_embeddings_norms_biases_and_convolutions_are_no_matrices():
    delta = vector(CONFIG["model_cfg"]["vision_cfg"])
    names = {matrix.name for matrix in matrices(delta)}
    assert not names & {"positional_embedding", "class_embedding", "conv1.weight", "ln_post.weight"}
