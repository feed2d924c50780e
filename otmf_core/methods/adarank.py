"""AdaRank (arXiv 2503.22178): which singular components of each task vector a joint merge has, learned by entropy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from otmf_core.methods.adamerging import START
from otmf_core.methods.learned import ITERATIONS, RATE, JointLearned, scaled_sum
from otmf_core.models.task_vector import StateDict

if TYPE_CHECKING:
    from otmf_core.methods.context import Context
    from otmf_core.methods.training import Learner, Plan


class AdaRank(JointLearned):
    """Δ_m = Σ_t λ_t·U·diag(b_t)·Σ·Vᵀ of every matrix in attention and MLPs, UΣVᵀ = Δᵗ; Σ_t λ_t·Δᵗ of other tensors.

    b in {0, 1}, one for every singular component of every task, and λ, one for every tensor of every task, minimise the
    mean softmax entropy of the frozen heads' logits. b is trained straight through sigmoid(m/10) > ½, m = 0.1 at first.
    """

    title = "AdaRank"
    about = (
        "drops the singular components of each task vector that make predictions unsure: few numbers, all tasks at once"
    )
    paper = "arXiv 2503.22178"
    code = "github.com/david3684/AdaRank"
    differs = (
        "the authors learn on test images for 10,000 iterations and report the best of the accuracies on them; here on "
        "calibration examples, fewer iterations, and the last one counts; q, k and v are decomposed apart, not stacked"
    )
    timeless = ("scaling",)

    name: Literal["adarank-joint"] = "adarank-joint"
    scaling: Annotated[float, Field(ge=0, le=1, description="λ of every task vector at the start"), START] = 0.3
    iterations: Annotated[int, Field(ge=1, le=100_000, description="iterations of each fusion"), ITERATIONS] = 500
    lr: Annotated[float, Field(gt=0, le=1, description="Adam's rate, on λ and on m"), RATE] = 0.001

    def start(self, vectors: Sequence[StateDict]) -> StateDict:
        return scaled_sum(vectors, self.scaling)

    def training(self, vectors: Sequence[StateDict], context: Context) -> tuple[Learner, Plan]:
        from otmf_core.methods.iterating import learning_of
        from otmf_core.methods.objectives import entropies
        from otmf_core.methods.rank_masks import RankMasks
        from otmf_core.methods.training import Plan

        learning = learning_of(context)
        learner = RankMasks(dict(learning.tower.base), vectors, self.scaling)
        return learner, Plan(
            self.draws(context),
            lambda _, sides: entropies(sides, learning),
            lambda iteration: self.lr,
            learner.columns,
        )

    @property
    def copies_per_task(self) -> int:
        """Its task vector, and the bases of its matrices, which are no larger."""
        return 2
