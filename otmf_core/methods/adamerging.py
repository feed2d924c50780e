"""AdaMerging (arXiv 2310.02575), one after another: learned coefficients of what was merged and of the incoming."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from otmf_core.methods.base import State
from otmf_core.methods.learned import RATE, Learned
from otmf_core.models.task_vector import StateDict, scaled
from otmf_core.settings import Shown

if TYPE_CHECKING:
    from otmf_core.methods.context import Context
    from otmf_core.methods.joint_adamerging import JointAdaMerging
    from otmf_core.methods.training import Learner, Plan

START = Shown(
    label="λ at the start",
    symbol="λ",
    help="The coefficient that a task vector starts with, before any is learned.",
    main=True,
    slider=(0.0, 1.0),
    step=0.05,
    sweep=(0.2, 0.3, 0.4, 0.5),
)
Granularity = Annotated[
    Literal["layer", "task"],
    Field(description="what has a coefficient of its own; more of them fit more, and a few examples too closely"),
    Shown(label="Coefficients", choices={"layer": "One per tensor", "task": "One per task vector"}),
]


class AdaMerging(Learned):
    """Δ_m = λ_pre·Δ_pre + λ_post·Δ_post, first λΔ¹, with λ in [0, 1] learned by entropy.

    Minimised is the mean softmax entropy of the frozen heads' logits, of images of earlier tasks and of the incoming
    one. λ_post and the first task's λ start at `lambda_post`, λ_pre at `lambda_pre`.
    """

    title = "AdaMerging"
    about = "learned coefficients that make predictions confident: few numbers, and confident may still be wrong"
    paper = "arXiv 2310.02575"
    code = "github.com/EnnengYang/AdaMerging"
    differs = (
        "the paper merges all tasks at once, on test images; here every step learns two coefficients per tensor on "
        "calibration examples, keeps them in [0, 1] by projection, and goes on from what the step before made"
    )
    timeless = ("lambda_post", "lambda_pre")

    name: Literal["adamerging"] = "adamerging"
    lambda_post: Annotated[float, Field(ge=0, le=1, description="λ of an incoming task at the start"), START] = 0.3
    lambda_pre: Annotated[
        float,
        Field(ge=0, le=1, description="λ of what was merged before at the start; below 1, earlier tasks fade"),
        Shown(label="λ of earlier tasks", step=0.05),
    ] = 1.0
    granularity: Granularity = "layer"
    lr: Annotated[
        float, Field(gt=0, le=1, description="Adam's rate; no λ moves much further than this in an iteration"), RATE
    ] = 0.001

    def begin(self, incoming: StateDict, context: Context) -> State:
        return State(scaled(incoming, self.lambda_post))

    def training(self, vectors: Sequence[StateDict], context: Context) -> tuple[Learner, Plan]:
        return least_entropy(self, vectors, (self.lambda_pre, self.lambda_post), context)


def least_entropy(
    settings: AdaMerging | JointAdaMerging, vectors: Sequence[StateDict], initial: Sequence[float], context: Context
) -> tuple[Learner, Plan]:
    """The coefficients of these vectors, with their values at the start, and the iterations that lower the entropy."""
    from otmf_core.methods.coefficients import Coefficients
    from otmf_core.methods.iterating import learning_of
    from otmf_core.methods.objectives import entropies
    from otmf_core.methods.training import Plan

    learning = learning_of(context)
    learner = Coefficients(dict(learning.tower.base), vectors, initial, settings.granularity == "layer")
    return learner, Plan(
        settings.draws(context),
        lambda _, sides: entropies(sides, learning),
        lambda iteration: settings.lr,
        learner.columns,
    )
