"""OTMF (arXiv 2511.19561): masks over the merged and the incoming task vector, learned by optimal transport."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from otmf_core.methods import otmf_choices as choices
from otmf_core.methods import transport_settings as transport
from otmf_core.methods.base import Method, State, ViewCount
from otmf_core.models.task_vector import StateDict
from otmf_core.settings import Shown

if TYPE_CHECKING:
    from otmf_core.methods.context import Context

ALPHA = Shown(
    label="α, retention",
    symbol="α",
    help="Each fusion keeps α of the merged task vector and takes 1 − α of the incoming one, before masks.",
    main=True,
    slider=(0.0, 1.0),
    step=0.05,
    sweep=(0.5, 0.6, 0.7, 0.8, 0.9),
    given=("alpha_rule", ("fixed", "learned")),
)


FamilyName = Literal["element", "row", "head", "low-rank", "singular", "layer", "task"]


class Otmf(Method):
    """Δ_m = α·(M_pre ⊙ Δ_pre) + (1−α)·(M_post ⊙ Δ_post), equation (1); the masks are learned on unlabelled examples."""

    title = "OTMF"
    about = "learned masks over both task vectors, aligned by optimal transport"
    paper = "arXiv 2511.19561"
    reads = "calibration"
    presets = {  # noqa: RUF012  a class variable by its annotation in Method
        # section 4 and the public scripts: alternating updates, raw features, constant rates, nothing kept
        "paper": {
            "update": "alternating",
            "space": "raw",
            "blur": 0.05,
            "p": 2,
            "lr": 0.01,
            "schedule": "constant",
            "batch": 16,
            "batch_earlier": None,
            "momentum": 0.9,
            "iterations": 100,
            "memory": 0,
            "views": 1,
            "loss": "sinkhorn",
            "temperature": 1.0,  # which it has no use for: logits as they are
        },
        "thorough": {"iterations": 144, "views": 8, "lr": 0.1, "momentum": 0.9},
    }

    name: Literal["otmf"] = "otmf"
    alpha: Annotated[float, Field(ge=0, le=1, description="retention weight of the merged vector so far"), ALPHA] = 0.8

    iterations: Annotated[
        int,
        Field(ge=1, le=100_000, description="iterations of each fusion"),
        Shown(group="Masks", step=10, help="Iterations of each fusion: more fit better, and take as much longer."),
    ] = 56
    batch: Annotated[
        int,
        Field(ge=2, le=1024, description="examples of the incoming task in a mini-batch"),
        Shown(group="Masks", step=8, help="Examples of the incoming task in a mini-batch: more: steadier, slower."),
    ] = 16
    batch_earlier: Annotated[
        int | None,
        Field(
            ge=2,
            le=1024,
            description="examples of every earlier task in a mini-batch; none: as many of all",
        ),
        Shown(
            label="Batch, earlier tasks",
            group="Masks",
            step=2,
            help="Images of every earlier task in a mini-batch: more hold on better, and take longer the more tasks "
            "there are. Empty: as many of all together, or of some, as of the incoming task.",
        ),
    ] = 8
    lr: Annotated[
        float,
        Field(gt=0, le=1, description="Adam's rate on the masks"),
        Shown(
            label="Rate",
            group="Masks",
            step=0.01,
            help="Adam's rate on the masks: higher learns and forgets more.",
        ),
    ] = 0.15
    momentum: Annotated[
        float,
        Field(ge=0, lt=1, description="Adam's β₁ on the masks: the share of earlier gradients in a step"),
        Shown(
            group="Masks",
            step=0.05,
            help="Adam's β₁ on the masks: less follows new examples sooner, more is steadier over many iterations.",
        ),
    ] = 0.8
    memory: Annotated[
        int,
        Field(ge=0, le=4096, description="unlabelled examples kept of every earlier task; the paper keeps none"),
        Shown(
            group="Masks",
            step=8,
            help="Unlabelled examples kept of every earlier task: they remind of it, and have to be stored. The paper "
            "keeps none.",
        ),
    ] = 256
    views: ViewCount = 4
    calibration: Annotated[
        int | None,
        Field(ge=2, le=100_000, description="unlabelled examples of the incoming and the previous task; none: all"),
        Shown(
            label="Calibration",
            group="Masks",
            step=8,
            help="Unlabelled examples of the incoming and the previous task: fewer are easier to come by, and "
            "overfitted sooner. Empty: all.",
        ),
    ] = None
    masks: Annotated[
        FamilyName,
        Field(description="what a mask entry scales, from one weight to a whole task vector"),
        Shown(label="Mask entries", group="Masks", choices=choices.FAMILIES, trades=choices.FAMILIES_TRADE),
    ] = "element"
    alpha_rule: Annotated[
        Literal["fixed", "auto", "learned", "average", "root", "norm"],
        Field(description="how the retention weight of a step is found"),
        Shown(label="α of a step", group="Masks", choices=choices.RULES, trades=choices.RULES_TRADE),
    ] = "fixed"
    start: Annotated[
        Literal["plain", "filtered"],
        Field(description="the incoming vector that masks are put on"),
        Shown(label="Incoming vector", group="Masks", choices=choices.STARTS, trades=choices.STARTS_TRADE),
    ] = "plain"
    filter_share: Annotated[
        float,
        Field(ge=0, le=1, description="share of a matrix's input directions that the filter leaves to the merged one"),
        Shown(label="Filtered share", group="Masks", step=0.05, given=("start", ("filtered",))),
    ] = 0.1667
    schedule: Annotated[
        Literal["constant", "cosine"],
        Field(description="decay of the rate over a fusion's iterations"),
        Shown(label="Schedule of the rate", group="Masks", choices=choices.SCHEDULES, trades=choices.SCHEDULES_TRADE),
    ] = "cosine"
    update: Annotated[
        Literal["joint", "alternating"],
        Field(description="which masks an iteration trains"),
        Shown(label="Masks trained", group="Masks", choices=choices.UPDATES, trades=choices.UPDATES_TRADE),
    ] = "joint"

    loss: transport.Loss = "sinkhorn-kl"
    space: transport.Space = "logits"
    blur: transport.Blur = 0.05
    temperature: transport.Temperature = 4.0
    reach: transport.Reach = 1.0
    projections: transport.Projections = 64
    p: transport.Power = 2

    @model_validator(mode="after")
    def _fitting(self) -> Otmf:
        transport.check_space(self)
        return self

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        from otmf_core.methods import mask_training

        return State(mask_training.fuse(self, state.delta, incoming, context))

    def replay(self, state: State | None, incoming: StateDict, context: Context, folder: Path) -> State:
        """From the stored masks, which are float16: Δ_m up to their rounding, which α shrinks from step to step."""
        from otmf_core.methods import mask_training

        if state is None:
            return self.begin(incoming, context)
        return State(mask_training.fused(state.delta, incoming, folder, self.alpha))

    def iterate(self, state: State, incoming: StateDict, context: Context) -> Iterator[Any]:
        from otmf_core.methods import mask_training
        from otmf_core.methods.training import train

        masks, plan = mask_training.training(self, state.delta, incoming, context)
        return train(masks, plan, 0, context)

    @property
    def reads_answers(self) -> bool:
        return transport.reads_answers(self)

    @property
    def iterations_per_fusion(self) -> int:
        return self.iterations

    @property
    def kept_examples(self) -> int:
        return self.memory

    @property
    def example_views(self) -> int:
        return self.views

    @property
    def calibration_examples(self) -> int | None:
        return self.calibration

    @property
    def model_copies(self) -> int:
        """θ⁰, the network, Δ_pre, Δ_post, and Δ_m or what masks of this kind take beside."""
        if self.masks == "element" and self.update == "joint" and self.alpha_rule != "learned":
            own = 3  # two moments, and the rates of weights of a network that is not large
        elif self.masks == "element":  # both masks, and two moments for each way of training them
            own = 2 + (2 if self.update == "joint" else 4)
        else:
            own = 4 if self.masks == "singular" else 1  # U·diag(σ) and Vᵀ of both
        return 4 + own + (self.start == "filtered")

    @property
    def kept_bytes(self) -> int:
        """Both masks in float16 where they have an entry for every weight, and Δ_m where they do not tell it."""
        masks = 4 if self.masks in ("element", "low-rank") else 0
        return masks + 2 * (self.masks == "singular" or self.start == "filtered")

    @property
    def unfinished_bytes(self) -> int:
        """θ_m or both masks, and two moments for each way of training them, in float32."""
        if self.masks != "element":
            return 0
        return 16 if self.update == "joint" and self.alpha_rule != "learned" else 24

    @property
    def batch_examples(self) -> int:
        return self.batch

    def images_per_iteration(self, earlier: int) -> int:
        before = self.batch_earlier * earlier if self.batch_earlier else self.batch
        return self.batch + before if self.update == "joint" else max(self.batch, before)

    @property
    def turns(self) -> int:
        return 1 if self.update == "joint" else 2

    def pace(self) -> dict[str, Any]:
        without = ("alpha", "lr", "momentum", "schedule", "iterations", "reach", "calibration", "filter_share")
        return {name: value for name, value in self.settings().items() if name not in without}
