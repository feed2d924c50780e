"""Iso-C and Iso-CTS (arXiv 2502.04959): the spectrum of the merged matrix is made flat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from otmf_core.methods.base import JointMethod, Method, State
from otmf_core.methods.matrix_rules import by_matrix
from otmf_core.models.task_vector import StateDict
from otmf_core.settings import Shown

if TYPE_CHECKING:
    from otmf_core.methods.context import Context

PAPER, CODE = "arXiv 2502.04959", "github.com/danielm1405/iso-merging"
RANK = "directions that a matrix lacks stay out, where the authors' code takes arbitrary ones"
ALPHA = Shown(
    label="α, scaling",
    symbol="α",
    help="Factor of every merged matrix; 1 keeps the sum of the singular values. The authors search it on labelled "
    "images, and found 1.5 for 8 tasks on a ViT-B/32.",
    main=True,
    slider=(0.0, 3.0),
    step=0.15,
    sweep=(0.5, 0.75, 1.0, 1.25, 1.5),
)
Scaling = Annotated[float, Field(ge=0, le=5, description="α, the scale of every merged matrix"), ALPHA]


class IsoC(Method):
    """Of a matrix σ̄·UVᵀ with Δ_pre + Δ_post = UΣVᵀ, σ̄ the mean of Σ; of others (Δ_pre + Δ_post)/2. First Δ¹.

    A vector that is fused with itself is counted twice.
    """

    title = "Iso-C"
    about = "makes the spectrum of the sum flat, so that small directions count as large ones; it grows with every task"
    paper = PAPER
    code = CODE
    differs = f"the paper merges all tasks at once; one after another it is NUFILT's, with α = 1; {RANK}"

    name: Literal["iso-c"] = "iso-c"

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        from otmf_core.methods.spectra import iso_c

        return State(by_matrix([state.delta, incoming], lambda parts, _: iso_c(parts, 1.0), "mean"))


class JointIsoC(JointMethod):
    """Of a matrix α·σ̄·UVᵀ with ΣΔᵗ = UΣVᵀ, σ̄ the mean of Σ; of others the mean."""

    title = "Iso-C, joint"
    about = "makes the spectrum of the sum flat, so that directions of few tasks count as those that all share"
    paper = PAPER
    code = CODE
    differs = f"α is 1 as in FusionBench, where the authors search it on labelled images; {RANK}"

    name: Literal["iso-c-joint"] = "iso-c-joint"
    scaling: Scaling = 1.0

    def merged(self, vectors: Sequence[StateDict], context: Context) -> StateDict:
        from otmf_core.methods.spectra import iso_c

        return by_matrix(vectors, lambda parts, _: iso_c(parts, self.scaling), "mean")


class JointIsoCts(JointMethod):
    """Of a matrix α·σ̄·UVᵀ of the sum's leading directions and of every task's own outside of them; of others the mean.

    U and V are polar factors of the collected directions, σ̄ is the mean of their singular values.
    """

    title = "Iso-CTS, joint"
    about = "a flat spectrum of directions that tasks share and of every task's own: more of each, less of the sum"
    paper = PAPER
    code = CODE
    differs = JointIsoC.differs

    name: Literal["iso-cts-joint"] = "iso-cts-joint"
    scaling: Scaling = 1.0
    common: Annotated[
        float,
        Field(ge=0, le=1, description="share of a matrix's directions that is the sum's; the tasks divide the others"),
        Shown(label="Shared directions", step=0.05),
    ] = 0.8

    def merged(self, vectors: Sequence[StateDict], context: Context) -> StateDict:
        from otmf_core.methods.spectra import iso_cts

        return by_matrix(vectors, lambda parts, _: iso_cts(parts, self.scaling, self.common), "mean")
