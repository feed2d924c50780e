"""Joint methods in the fold: every step sees all task vectors so far, also after a stop, and is replayed so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Literal, cast

import pytest
import torch

from otmf_core import layout
from otmf_core.analysis.replay import replay
from otmf_core.config import MergeConfig
from otmf_core.errors import Interrupted
from otmf_core.library.library import open_library
from otmf_core.merging.fold import Fold
from otmf_core.merging.inputs import open_inputs
from otmf_core.methods.base import JointMethod
from otmf_core.methods.context import Context
from otmf_core.models.checkpoints import read_tensors
from otmf_core.models.task_vector import StateDict
from otmf_core.runs.events import Fused
from otmf_core.runs.folder import Run
from tests.tiny import merge_config, never


class Latest(JointMethod):
    """The last vector less all others: what of it no other has, said simply."""

    title = "Latest"
    about = "the last vector less the others"
    name: Literal["latest"] = "latest"

    def merged(self, vectors: Sequence[StateDict], context: Context) -> StateDict:
        assert len(vectors) == context.step
        *others, last = vectors
        return {name: last[name].float() - sum(other[name].float() for other in others) for name in last}


@pytest.fixture
def config(tiny: Path) -> MergeConfig:
    return merge_config(tiny, method="average").model_copy(update={"method": Latest()})


def test_every_step_sees_all_vectors_so_far_also_after_a_stop_and_in_a_replay(config: MergeConfig, tmp_path: Path):
    path = tmp_path / "run"
    path.mkdir()
    fused: list[int] = []

    def emit(event: object) -> None:
        fused.extend([event.step] if isinstance(event, Fused) else [])

    with pytest.raises(Interrupted):
        Fold(config, open_inputs(config), path, emit, lambda: len(fused) == 2).run()
    Fold(config, open_inputs(config), path, emit, never).run()
    library = open_library(config.library)
    *others, last = (library.task_vector(task) for task in config.tasks)
    merged = read_tensors(path / layout.MERGED)
    for name, tensor in merged.items():
        expected = last[name].double() - sum(other[name].double() for other in others)
        torch.testing.assert_close(tensor.double(), expected, atol=1e-6, rtol=0)
    *_, (_, replayed) = replay(cast(Run, SimpleNamespace(config=config, path=path)), library)
    assert all(torch.equal(replayed.delta[name], merged[name]) for name in merged)
