"""The settings of a loss between merged and teacher outputs, which OTMF and joint masks share; loads no torch."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from pydantic import Field

from otmf_core.methods import otmf_choices as choices
from otmf_core.settings import Shown

LossName = Literal[
    "sinkhorn",
    "unbalanced",
    "sliced",
    "exact",
    "energy",
    "mmd",
    "paired",
    "cosine",
    "podnet",
    "sinkhorn-kl",
    "kl",
    "entropy",
]
Loss = Annotated[
    LossName,
    Field(description="how outputs are held to the teacher's: as clouds, one by one, or not at all"),
    Shown(group="Transport", choices=choices.LOSSES, trades=choices.LOSSES_TRADE),
]
Space = Annotated[
    Literal["raw", "features", "logits", "softmax"],
    Field(
        description="where the loss is measured: raw or normalised features, cosine logits, class probabilities; "
        "sinkhorn-kl, kl and entropy are of class probabilities in the last two alike"
    ),
    Shown(label="Measured in", group="Transport", choices=choices.SPACES, trades=choices.SPACES_TRADE),
]
Blur = Annotated[
    float,
    Field(
        gt=0,
        le=10,
        description="blur of Sinkhorn or width of MMD's kernel, in units of the space; of sinkhorn-kl in nats",
    ),
    Shown(
        group="Transport",
        step=0.01,
        given=("loss", choices.BLURRED),
        help="Blur of Sinkhorn or width of MMD's kernel, in units of the space: smaller is sharper and slower.",
    ),
]
Temperature = Annotated[
    float,
    Field(gt=0, le=100, description="what logits are divided by before they are class probabilities of the loss"),
    Shown(
        group="Transport",
        step=0.5,
        given=("loss", choices.CLASSES),
        help="What logits are divided by before they become probabilities: above 1, unlikely classes count for more.",
    ),
]
Reach = Annotated[
    float,
    Field(gt=0, le=1000, description="distance, in units of the space, beyond which outputs are given up"),
    Shown(group="Transport", step=0.1, given=("loss", ("unbalanced",))),
]
Projections = Annotated[
    int,
    Field(ge=1, le=10_000, description="random lines in an iteration; more of them, less noise"),
    Shown(label="Lines", group="Transport", step=16, given=("loss", ("sliced",))),
]
Power = Annotated[
    Literal[1, 2],
    Field(description="exponent of the cost"),
    Shown(
        label="Cost",
        group="Transport",
        choices=choices.COSTS,
        trades=choices.COSTS_TRADE,
        given=("loss", choices.POWERED),
    ),
]


class TransportSettings(Protocol):
    """A method that has these settings."""

    @property
    def loss(self) -> LossName: ...
    @property
    def space(self) -> str: ...
    @property
    def blur(self) -> float: ...
    @property
    def temperature(self) -> float: ...
    @property
    def reach(self) -> float: ...
    @property
    def projections(self) -> int: ...
    @property
    def p(self) -> int: ...


def check_space(settings: TransportSettings) -> None:
    """Raise ValueError where a loss of class probabilities is to be measured elsewhere."""
    if settings.loss in choices.CLASSES and settings.space not in choices.CLASS_SPACES:
        spaces = " or ".join(choices.CLASS_SPACES)
        raise ValueError(
            f"the loss {settings.loss} is of class probabilities: space is {spaces}, received {settings.space}"
        )


def reads_answers(settings: TransportSettings) -> bool:
    """Whether the loss is measured on what the frozen heads make of features."""
    return settings.loss in choices.CLASSES or settings.space in choices.CLASS_SPACES
