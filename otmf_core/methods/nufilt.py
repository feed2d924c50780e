"""NUFILT (arXiv 2509.21413): an incoming matrix is filtered off the merged one's directions, then adapted a little."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from otmf_core.methods.base import Method, State
from otmf_core.methods.matrix_rules import by_matrix, rank_of
from otmf_core.models.matrices import CROSS, matrices
from otmf_core.models.task_vector import StateDict
from otmf_core.settings import Shown

if TYPE_CHECKING:
    from numpy.random import Generator
    from torch import Tensor

    from otmf_core.methods.context import Context
    from otmf_core.models.matrices import Matrix

SELECTED = ("q", "k", "v", "proj", *CROSS, "fc1", "gate")
DEVIATION = 0.02  # of A's entries before it is trained; B's are 0

SHARE = Shown(
    label="Filtered share",
    symbol="filter",
    help="Incoming vectors leave the leading input directions of the merged one alone: so many, as a share of a "
    "matrix's inputs. The paper's 128 are 0.1667 of the 768 of a ViT-B, and 0.125 of the 1024 of a ViT-L.",
    main=True,
    step=0.05,
    sweep=(0.05, 0.1, 0.1667, 0.25, 0.5),
)


class Nufilt(Method):
    """Δ_m = Δ_pre + Δ_post(I − V₂V₂ᵀ + BA) for attention and fc1, V₂ the leading right singular vectors of Δ_pre.

    A and B minimise ‖Δ_postV₁ − Δ_mV₁‖² + ‖Δ_preV₂ − Δ_mV₂‖², V₁ those of Δ_post; without the adapter BA = 0. The first
    step takes Δ¹ in the same matrices. SVDs are thin, in float32.
    """

    title = "NUFILT"
    about = "adds to the merged model where it leaves room, in attention and fc1 alone, and adapts that to both"
    paper = "arXiv 2509.21413"
    code = "github.com/zihuanqiu/NUFILT"
    differs = (
        "the filter takes a share of a matrix's inputs, where the paper has 128 at any width, and no direction that "
        "the merged matrix lacks, where the authors' code takes 128 arbitrary ones off the first task vector"
    )

    name: Literal["nufilt"] = "nufilt"
    filter_share: Annotated[
        float,
        Field(ge=0, le=1, description="share of a matrix's input directions that the merged vector keeps to itself"),
        SHARE,
    ] = 0.1667
    adapter: Annotated[
        bool,
        Field(description="whether a low-rank adapter makes up for what the filter takes away; off: the filter alone"),
        Shown(symbol="adapter", main=True),
    ] = True
    adapter_rank: Annotated[
        int, Field(ge=1, le=1024, description="rank of the adapter"), Shown(label="Rank", group="Adapter", step=8)
    ] = 64
    adapter_directions: Annotated[
        int,
        Field(ge=1, le=1024, description="leading directions of the incoming vector that the adapter restores"),
        Shown(label="Directions restored", group="Adapter"),
    ] = 8
    adapter_iterations: Annotated[
        int,
        Field(ge=1, le=10_000, description="iterations in which the adapter of a matrix is trained"),
        Shown(label="Iterations", group="Adapter", step=10),
    ] = 50
    adapter_lr: Annotated[
        float,
        Field(gt=0, le=1, description="Adam's rate on the adapter"),
        Shown(label="Rate", group="Adapter", step=0.001),
    ] = 0.001

    def begin(self, incoming: StateDict, context: Context) -> State:
        return State(by_matrix([incoming], self._first, "base"))

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        import numpy as np

        random = np.random.default_rng([context.seed, context.step])
        return State(by_matrix([state.delta, incoming], partial(self._added, random), "base"))

    def _first(self, parts: Sequence[Tensor], matrix: Matrix) -> Tensor | None:
        return parts[0] if matrix.kind in SELECTED else None

    def _added(self, random: Generator, parts: Sequence[Tensor], matrix: Matrix) -> Tensor | None:
        import torch

        if matrix.kind not in SELECTED:
            return None
        pre, post = parts
        kept = _leading(pre, round(self.filter_share * pre.shape[1]))  # V₂
        merged = pre + _filtered(post, kept)
        if not self.adapter:
            return merged
        restored = _leading(post, self.adapter_directions)  # V₁
        directions = torch.cat((restored, kept), dim=1)
        missing = torch.cat((post @ restored, pre @ kept), dim=1) - merged @ directions
        return merged + post @ self._adapted(post, directions, missing, random)

    def _adapted(self, post: Tensor, directions: Tensor, missing: Tensor, random: Generator) -> Tensor:
        """BA (columns, columns) with which Δ_post·BA·V comes near what is missing (rows, n), V (columns, n).

        The authors train all matrices at once; Adam treats every entry on its own, so that it comes to the same.
        """
        import torch

        columns = post.shape[1]
        drawn = DEVIATION * random.standard_normal((self.adapter_rank, columns), dtype="float32")
        a = torch.from_numpy(drawn).to(post.device).requires_grad_()
        b = torch.zeros(columns, self.adapter_rank, device=post.device, requires_grad=True)
        optimizer = torch.optim.Adam((a, b), lr=self.adapter_lr)
        for _ in range(self.adapter_iterations):
            optimizer.zero_grad()
            (missing - post @ (b @ (a @ directions))).square().sum().backward()
            optimizer.step()
        return (b @ a).detach()


def filtered(pre: StateDict, post: StateDict, share: float) -> StateDict:
    """Δ_post(I − V₂V₂ᵀ) of every matrix, in float32, the rest of Δ_post as it is; so large a share of the inputs."""
    taken = {name: post[name].float().clone() for name in pre}
    for matrix, own in zip(matrices(pre), matrices(taken), strict=True):
        kept = _leading(matrix.values.float(), round(share * matrix.values.shape[1]))
        own.values.copy_(_filtered(own.values, kept))
    return taken


def _filtered(post: Tensor, kept: Tensor) -> Tensor:
    return post - post @ kept @ kept.T


def _leading(delta: Tensor, count: int) -> Tensor:
    """The leading right singular vectors (columns, count), no more than the rank of Δ: beyond it they are arbitrary."""
    import torch

    _, singular, vh = torch.linalg.svd(delta, full_matrices=False)
    return vh[: min(count, rank_of(singular, delta))].T
