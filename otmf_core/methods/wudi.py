"""WUDI (arXiv 2503.08099): of every matrix the one that disturbs the tasks least on the inputs that their rows span."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, Field

from otmf_core.methods.base import JointMethod, Method, State
from otmf_core.methods.matrix_rules import by_matrix
from otmf_core.models.task_vector import StateDict
from otmf_core.settings import Shown

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.methods.context import Context
    from otmf_core.models.matrices import Matrix

PAPER, CODE = "arXiv 2503.08099", "github.com/nathanielyvo/WUDI-Merging"
DIFFERS = (
    "the objective is solved for with a ridge, where the authors stop 300 iterations of Adam early, here a setting; "
    "other tensors are averaged as in FusionBench, which the authors leave as pre-trained, a setting too"
)
RIDGE = Shown(
    label="ε, ridge",
    symbol="ε",
    help="How strongly the solution is held to the sum, relative to the largest eigenvalue: 0 is the exact minimum, "
    "which blows up directions that hardly any task has.",
    main=True,
    slider=(0.0, 1.0),
    step=0.01,
    sweep=(0.003, 0.01, 0.03, 0.1, 0.3),
)


class WudiSettings(BaseModel):
    """The settings of WUDI, one after another and at once, and what it makes of a matrix.

    The objective is Σᵢ ‖(τ − τᵢ)τᵢᵀ‖²/‖τᵢ‖²; its gradient is 2(τG − C) with G = Σᵢ τᵢᵀτᵢ/‖τᵢ‖², C = Σᵢ τᵢτᵢᵀτᵢ/‖τᵢ‖².
    Early stopping spares the small eigenvalues of G, whose directions are noise (arXiv 2606.07289). So does the ridge,
    but on its own scale: Adam's fixed rate takes entries 0.003 far at most, whatever the length of the task vectors.
    """

    solve: Annotated[
        Literal["closed", "iterated"],
        Field(description="the minimum with a ridge, or the authors' iterations, whose rate has to fit the vectors"),
        Shown(choices={"closed": "In closed form", "iterated": "By Adam"}),
    ] = "closed"
    ridge: Annotated[float, Field(ge=0, le=10, description="ridge towards the sum (closed form)"), RIDGE] = 0.03
    iterations: Annotated[
        int, Field(ge=1, le=100_000, description="iterations of every matrix (by Adam)"), Shown(step=10)
    ] = 300
    lr: Annotated[
        float, Field(gt=0, le=1, description="Adam's rate, from the sum on (by Adam)"), Shown(label="Rate", step=1e-5)
    ] = 1e-5
    others: Annotated[
        Literal["mean", "base"],
        Field(description="what tensors that are no matrices become: their mean, or the pre-trained ones"),
        Shown(label="Other tensors", choices={"mean": "Mean", "base": "As pre-trained"}),
    ] = "mean"

    def fused(self, vectors: Sequence[StateDict]) -> StateDict:
        """Δ_m in float32 of these task vectors."""
        return by_matrix(vectors, self._closed if self.solve == "closed" else self._iterated, self.others)

    def _closed(self, parts: Sequence[Tensor], matrix: Matrix) -> Tensor:
        """S − (SG − C)(G + ελI)⁺ with S = Στᵢ and λ the largest eigenvalue of G, in float64."""
        import torch

        here = "cpu" if parts[0].device.type == "mps" else parts[0].device  # where there is float64
        total, gram, target = _normal([part.to(here, torch.float64) for part in parts])
        values, vectors = torch.linalg.eigh(gram)
        held = values + self.ridge * values[-1]
        present = held > len(values) * torch.finfo(held.dtype).eps * values[-1]
        inverse = torch.where(present, 1 / held, 0.0)
        return total - (total @ gram - target) @ (vectors * inverse) @ vectors.T

    def _iterated(self, parts: Sequence[Tensor], matrix: Matrix) -> Tensor:
        import torch

        total, gram, target = _normal(parts)
        merged = torch.nn.Parameter(total)
        optimizer = torch.optim.Adam([merged], lr=self.lr)
        for _ in range(self.iterations):
            merged.grad = 2 * (merged.detach() @ gram - target)
            optimizer.step()
        return merged.detach()


class Wudi(WudiSettings, Method):
    """Of a matrix the τ that minimises Σᵢ ‖(τ − τᵢ)τᵢᵀ‖²/‖τᵢ‖² + ελ‖τ − Στᵢ‖², τᵢ of Δ_pre and Δ_post; first Δ¹.

    λ is the largest eigenvalue of Σᵢ τᵢᵀτᵢ/‖τᵢ‖². Other tensors: the mean of both, or the pre-trained ones.
    """

    title = "WUDI"
    about = "lets vectors differ only where they do not disturb each other's inputs; the merged one counts as one task"
    paper = PAPER
    code = CODE
    differs = DIFFERS

    name: Literal["wudi"] = "wudi"

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        return State(self.fused([state.delta, incoming]))


class JointWudi(WudiSettings, JointMethod):
    """Of a matrix the τ that minimises Σᵢ ‖(τ − τᵢ)τᵢᵀ‖²/‖τᵢ‖² + ελ‖τ − Στᵢ‖², τᵢ of Δ¹…Δᵗ.

    λ is the largest eigenvalue of Σᵢ τᵢᵀτᵢ/‖τᵢ‖². Other tensors: their mean, or the pre-trained ones.
    """

    title = "WUDI, joint"
    about = "lets the merged vector differ from each task's only where that task's inputs do not notice"
    paper = PAPER
    code = CODE
    differs = DIFFERS

    name: Literal["wudi-joint"] = "wudi-joint"

    def merged(self, vectors: Sequence[StateDict], context: Context) -> StateDict:
        return self.fused(vectors)


def _normal(parts: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """S, G and C of the settings; a matrix of zeros is nobody's input, and adds nothing."""
    total, target = parts[0].new_zeros(parts[0].shape), parts[0].new_zeros(parts[0].shape)
    gram = parts[0].new_zeros(parts[0].shape[1], parts[0].shape[1])
    for part in parts:
        total += part
        if part.any():
            own = part.T @ part / part.square().sum()
            gram += own
            target += part @ own
    return total, gram, target
