"""Distillation of all weights: what learning without forgetting (arXiv 1606.09282) does, between two task vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from otmf_core.methods.learned import GROUP, RATE, Learned
from otmf_core.models.task_vector import StateDict, combined
from otmf_core.settings import Shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from otmf_core.methods.batches import Batch
    from otmf_core.methods.context import Context
    from otmf_core.methods.training import Learner, Plan

ALPHA = Shown(
    label="α at the start",
    symbol="α",
    help="Training starts at α times the merged task vector and 1 − α times the incoming one: at 1 from what was "
    "merged before.",
    main=True,
    slider=(0.0, 1.0),
    step=0.05,
    sweep=(0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
)


class Distillation(Learned):
    """Δ_m, every entry of it, is trained by Adam from α·Δ_pre + (1−α)·Δ_post; first Δ¹.

    Minimised is the sum over the tasks seen of KL(teacher ‖ merged), of the frozen heads' class probabilities at a
    temperature: on kept images of earlier tasks against the outputs of their experts, or of θ⁰ + Δ_pre where none are
    kept, on images of the incoming task against its expert's. The rate falls to 0 by half a cosine.
    """

    title = "Distillation of all weights"
    about = "every weight is trained to answer as each task's expert does: most freedom, and a few examples fit best"
    paper = "arXiv 1606.09282"
    code = "github.com/lizhitwo/LearningWithoutForgetting"
    differs = (
        "the paper trains the new task on its labels and holds old answers on the new task's images; here no label is "
        "read: the incoming expert teaches as the earlier ones do, these on kept examples; heads are frozen"
    )
    timeless = ("alpha", "temperature")

    name: Literal["distillation"] = "distillation"
    alpha: Annotated[float, Field(ge=0, le=1, description="weight of the merged vector at the start"), ALPHA] = 0.8
    temperature: Annotated[
        float,
        Field(gt=0, le=100, description="what logits are divided by; above 1, unlikely classes count for more"),
        Shown(group=GROUP, step=0.5),
    ] = 2.0
    lr: Annotated[float, Field(gt=0, le=1, description="Adam's rate on the weights, at first"), RATE] = 0.0003

    def training(self, vectors: Sequence[StateDict], context: Context) -> tuple[Learner, Plan]:
        from otmf_core.methods.iterating import learning_of
        from otmf_core.methods.objectives import distances, teachers_of
        from otmf_core.methods.training import Plan, decaying
        from otmf_core.methods.weights import Weights
        from otmf_core.transport.distributions import divergence, log_probabilities

        learning = learning_of(context)
        pre, post = vectors
        teachers = teachers_of(learning, pre)
        heads = learning.class_vectors

        def compare(merged: Tensor, teacher: Tensor, tasks: Tensor) -> Tensor:
            student, expert = (log_probabilities(heads, x, tasks, self.temperature) for x in (merged, teacher))
            return divergence(student, expert)

        def losses(_: int, sides: Mapping[str, Batch]) -> dict[str, Tensor]:
            return distances(sides, teachers, learning, compare)

        learner = Weights(dict(learning.tower.base), combined(pre, post, self.alpha, 1 - self.alpha))
        return learner, Plan(self.draws(context), losses, decaying(self.lr, self.iterations))

    @property
    def model_copies(self) -> int:
        """θ⁰, the network, Δ_pre, Δ_post, Δ_m and its two moments."""
        return 7
