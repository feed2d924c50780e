"""One rule per matrix and one for the rest: what each of them gets, and what comes of it."""

from __future__ import annotations

import pytest
import torch

from otmf_core.methods.matrix_rules import Others, by_matrix, rank_of
from otmf_core.models.clip import build_encoder
from otmf_core.models.matrices import matrices
from otmf_core.models.task_vector import StateDict
from tests.tiny import CONFIG

STEM = {"image_size": 32, "timm_model_name": "otmf_convstem_vit", "timm_pool": "avg", "timm_proj": "linear"}
TOWERS = {"vit": CONFIG["model_cfg"]["vision_cfg"], "stem": STEM}


def vectors(tower: str, count: int = 3) -> list[StateDict]:
    config = {"model_cfg": {**CONFIG["model_cfg"], "vision_cfg": TOWERS[tower]}}
    tensors = build_encoder(config).state_dict()
    generator = torch.Generator().manual_seed(3)
    return [{n: torch.randn(t.shape, generator=generator).half() for n, t in tensors.items()} for _ in range(count)]


@pytest.mark.parametrize("tower", TOWERS)
@pytest.mark.parametrize(("others", "factor"), [("sum", 1.0), ("mean", 1 / 3), ("base", 0.0)])
def test_matrices_get_the_rule_and_all_else_the_other(tower: str, others: Others, factor: float):
    given = vectors(tower)
    merged = by_matrix(given, lambda parts, matrix: torch.full_like(parts[0], 7.0), others)
    names = {matrix.name for matrix in matrices(given[0])}
    assert names and names != set(given[0])
    for name, tensor in merged.items():
        total = torch.stack([vector[name].double() for vector in given]).sum(0)
        expected = torch.full_like(total, 7.0) if name in names else factor * total
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor.double(), expected, rtol=1e-5, atol=1e-6)


def test_a_rule_gets_q_k_and_v_apart_of_every_vector_and_may_leave_a_matrix_to_the_other():
    given = vectors("vit")
    name = "transformer.resblocks.0.attn.in_proj_weight"

    def middle_of_k(parts, matrix):
        assert all(part.dtype == torch.float32 and part.shape == matrix.values.shape for part in parts)
        return parts[1] if matrix.kind == "k" else None

    merged = by_matrix(given, middle_of_k, "base")
    assert torch.equal(merged[name][32:64], given[1][name][32:64].float())
    assert (merged[name][:32] == 0).all() and (merged[name][64:] == 0).all()
    assert all((tensor == 0).all() for other, tensor in merged.items() if other != name)


@pytest.mark.parametrize("others", ["sum", "mean"])
def test_one_vector_is_copied_and_none_is_changed(others: Others):
    (given,) = ({name: tensor.float() for name, tensor in vector.items()} for vector in vectors("vit", 1))
    merged = by_matrix([given], lambda parts, matrix: None, others)
    assert all(torch.equal(merged[name], given[name]) for name in given)
    for tensor in merged.values():
        tensor.zero_()
    assert all((tensor != 0).any() for tensor in given.values())


def test_vectors_are_matched_by_name_whatever_their_order():
    first, second = vectors("stem", 2)
    turned = dict(reversed(second.items()))
    straight = by_matrix([first, second], lambda parts, matrix: parts[0] - parts[1], "sum")
    other = by_matrix([first, turned], lambda parts, matrix: parts[0] - parts[1], "sum")
    assert list(straight) == list(other) == list(first)
    assert all(torch.equal(straight[name], other[name]) for name in first)


@pytest.mark.parametrize("rank", [0, 1, 3, 4])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_the_rank_is_that_of_the_factors_whatever_the_scale(rank: int, scale: float):
    left, right = (torch.randn(*shape, generator=torch.Generator().manual_seed(1)) for shape in ((9, rank), (rank, 4)))
    product = scale * left @ right
    assert rank_of(torch.linalg.svdvals(product), product) == rank
