"""Joint masks: OTMF's masks and loss over all task vectors at once, the ceiling of a continual merge by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from otmf_core.methods import transport_settings as transport
from otmf_core.methods.base import ViewCount
from otmf_core.methods.learned import MEMORY, RATE, JointLearned, scaled_sum
from otmf_core.methods.task_arithmetic import Scaling
from otmf_core.models.task_vector import StateDict

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.methods.batches import Batch
    from otmf_core.methods.context import Context
    from otmf_core.methods.training import Learner, Plan


class JointMasks(JointLearned):
    """Δ_m = λ·Σ_t M_t ⊙ Δᵗ, a mask entry for every entry of every task vector, all one at first.

    Minimised is the sum over the tasks of OTMF's loss (arXiv 2511.19561, equations (3) and (4)) between merged
    features of the task's images and its own expert's, by Adam at a rate that falls to 0 by half a cosine.
    """

    title = "Joint masks"
    about = "OTMF's masks and transport over all tasks at once: what a continual merge of the same examples could reach"
    differs = "the paper merges one task after another; this is no method of it, but the ceiling that is ours"
    timeless = ("scaling", "reach")

    name: Literal["joint-masks"] = "joint-masks"
    scaling: Scaling = 0.3
    lr: Annotated[float, Field(gt=0, le=1, description="Adam's rate on the masks, at first"), RATE] = 0.05
    memory: Annotated[int, Field(ge=1, le=4096, description="unlabelled examples of every task"), MEMORY] = 256

    loss: transport.Loss = "sinkhorn-kl"
    space: transport.Space = "logits"
    views: ViewCount = 4
    blur: transport.Blur = 0.05
    temperature: transport.Temperature = 4.0
    reach: transport.Reach = 1.0
    projections: transport.Projections = 64
    p: transport.Power = 2

    @model_validator(mode="after")
    def _fitting(self) -> JointMasks:
        transport.check_space(self)
        return self

    def start(self, vectors: Sequence[StateDict]) -> StateDict:
        return scaled_sum(vectors, self.scaling)

    def training(self, vectors: Sequence[StateDict], context: Context) -> tuple[Learner, Plan]:
        from otmf_core.methods.iterating import learning_of
        from otmf_core.methods.objectives import alignments, loss_of
        from otmf_core.methods.training import Plan, decaying
        from otmf_core.methods.vector_masks import VectorMasks

        learning = learning_of(context)
        teachers = [seen.teacher for seen in learning.calibration]

        def losses(iteration: int, sides: Mapping[str, Batch]) -> dict[str, Tensor]:
            return alignments(sides, teachers, self, learning, loss_of(self, context, iteration))

        learner = VectorMasks(learning.tower.base, vectors, self.scaling)
        return learner, Plan(self.draws(context), losses, decaying(self.lr, self.iterations))

    @property
    def reads_answers(self) -> bool:
        return transport.reads_answers(self)

    @property
    def example_views(self) -> int:
        return self.views

    @property
    def model_copies(self) -> int:
        """θ⁰, the network, what the step before left, two moments, in whose place Δ_m comes, and rates of weights."""
        return 6

    @property
    def copies_per_task(self) -> int:
        """Its task vector."""
        return 1
