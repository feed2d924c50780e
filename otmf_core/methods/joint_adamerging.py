"""AdaMerging (arXiv 2310.02575), all at once: a learned coefficient for every task vector, or tensor of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from otmf_core.methods.adamerging import START, Granularity, least_entropy
from otmf_core.methods.learned import ITERATIONS, JointLearned, scaled_sum
from otmf_core.models.task_vector import StateDict

if TYPE_CHECKING:
    from otmf_core.methods.context import Context
    from otmf_core.methods.training import Learner, Plan


class JointAdaMerging(JointLearned):
    """Δ_m = Σ_t λ_t·Δᵗ, with λ in [0, 1] learned by the mean softmax entropy of the frozen heads' logits."""

    title = "AdaMerging, joint"
    about = "learned coefficients of all task vectors that make predictions confident: the joint form, few numbers"
    paper = "arXiv 2310.02575"
    code = "github.com/EnnengYang/AdaMerging"
    differs = (
        "the authors learn on test images, two batches of 16 of every task in an iteration, and clamp λ where it is "
        "used; here on calibration examples, one batch, and λ itself is put back into [0, 1]"
    )
    timeless = ("scaling",)

    name: Literal["adamerging-joint"] = "adamerging-joint"
    scaling: Annotated[float, Field(ge=0, le=1, description="λ of every task vector at the start"), START] = 0.3
    granularity: Granularity = "layer"
    iterations: Annotated[int, Field(ge=1, le=100_000, description="iterations of each fusion"), ITERATIONS] = 500

    def start(self, vectors: Sequence[StateDict]) -> StateDict:
        return scaled_sum(vectors, self.scaling)

    def training(self, vectors: Sequence[StateDict], context: Context) -> tuple[Learner, Plan]:
        return least_entropy(self, vectors, [self.scaling] * len(vectors), context)
