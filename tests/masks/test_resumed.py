"""Training of masks that was saved and goes on in another process, of every family."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from otmf_core.files import write_tensors
from otmf_core.masks.base import MaskPair, shares
from otmf_core.masks.families import FAMILIES, Fusion
from otmf_core.masks.learned_shares import LearnedShares
from otmf_core.models.checkpoints import read_tensors
from otmf_core.models.task_vector import StateDict
from tests.training import ALTERNATING, JOINT, Schedule, train, values


@pytest.mark.parametrize("schedule", [JOINT, ALTERNATING], ids=["joint", "alternating"])
@pytest.mark.parametrize("cut", [0, 1, 4])
@pytest.mark.parametrize("learned", [False, True], ids=["fixed", "learned"])
@pytest.mark.parametrize("family", FAMILIES)
def test_training_goes_on_from_a_saved_state_bit_for_bit(
    family: str, learned: bool, cut: int, schedule: Schedule, tmp_path: Path
):
    def fresh() -> tuple[MaskPair, StateDict]:
        vectors = values(1), values(2, 0.1), values(3, 0.1, torch.float16), shares(0.8)
        masks = FAMILIES[family](Fusion(*vectors, together=schedule is JOINT and not learned))
        return LearnedShares(masks) if learned else masks, {n: torch.empty_like(t) for n, t in values(1).items()}

    through, expected = fresh()
    through.apply(expected)
    train(through, expected, schedule, range(7))

    before, weights = fresh()
    before.apply(weights)
    train(before, weights, schedule, range(cut))
    write_tensors(tmp_path / "state.safetensors", before.state())
    after, weights = fresh()
    after.load(read_tensors(tmp_path / "state.safetensors"))
    after.apply(weights)
    train(after, weights, schedule, range(cut, 7))

    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    state, wanted = after.state(), through.state()
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[name], wanted[name]) for name in wanted)
