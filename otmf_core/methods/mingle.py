"""MINGLE (arXiv 2505.11883): low-rank experts of every task, mixed by learned gates or all at one fixed gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from otmf_core import layout
from otmf_core.methods.base import Method, State
from otmf_core.methods.matrix_rules import by_matrix
from otmf_core.models.matrices import IN_BLOCKS, matrix_shapes
from otmf_core.models.task_vector import StateDict, scaled
from otmf_core.settings import Shown

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.methods.context import Context
    from otmf_core.methods.experts import Experts
    from otmf_core.methods.gates import Gates
    from otmf_core.models.base import Tower
    from otmf_core.models.grown import Place
    from otmf_core.models.matrices import Matrix

PAPER, CODE = "arXiv 2505.11883", "github.com/zihuanqiu/MINGLE"
GROUP = "Learning"
Rank = Annotated[
    int,
    Field(ge=1, le=4096, description="rank of every expert, at most that of its matrix"),
    Shown(label="Rank", step=8),
]


class StaticMingle(Method):
    """Δ_m = Σᵢ g·BᵢAᵢ of every matrix of attention and MLP, with one gate g for all; other tensors as pre-trained.

    BₜAₜ is the truncated SVD of Δᵗ without U_r(U_rᵀΔᵗV_r)V_rᵀ, where UΣVᵀ is the sum of the earlier experts and r its
    effective rank, the whole part of exp(entropy of σ/Σσ).
    """

    title = "MINGLE, static"
    about = "low-rank experts off each other's leading directions, all at one gate: one checkpoint, without examples"
    paper = PAPER
    code = CODE
    differs = "effective ranks leave out singular values of zero, of which the authors' code takes the logarithm"

    name: Literal["mingle-static"] = "mingle-static"
    gate: Annotated[
        float,
        Field(gt=0, le=2, description="factor of every expert"),
        Shown(label="g, gate", symbol="g", main=True, slider=(0.05, 1.0), step=0.05, sweep=(0.1, 0.2, 0.3, 0.4, 0.5)),
    ] = 0.3
    rank: Rank = 64

    def begin(self, incoming: StateDict, context: Context) -> State:
        return self.fuse(State(scaled(incoming, 0.0)), incoming, context)

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        return State(by_matrix([state.delta, incoming], self._added, "base"))

    def _added(self, parts: Sequence[Tensor], matrix: Matrix) -> Tensor | None:
        from otmf_core.methods.experts import low_rank

        if matrix.kind not in IN_BLOCKS:
            return None
        pre, post = parts  # Δ_pre is g times the sum of the experts, whose directions and shares it has
        left, right = low_rank(post, pre, self.rank)
        return pre + self.gate * (left @ right)


class Mingle(Method):
    """Every matrix of attention and MLP computes (W⁰ + Σᵢ gᵢ(x)·BᵢAᵢ)x, with an expert and a gate for each task.

    Experts are those of the static form. gᵢ(x) is affine in the mean of the tokens. The incoming task's gates are
    learned by Adam on its unlabelled images, towards its fine-tuned model's class probabilities; the others stay. A
    gradient g of a gate's weights becomes g − (gU)·diag(exp(−γh))·Uᵀ, where U spans the leading eigenvectors of earlier
    tasks' inputs and h ← βh + (1 − β)·|gU|/‖g‖. Δ_m is 0, the rest as pre-trained.
    """

    title = "MINGLE"
    about = "an expert and learned gates for each task: the model grows, and routes every image by itself"
    paper = PAPER
    code = CODE
    differs = (
        "images come from the calibration split and no label is read, where the authors choose test images by class; "
        "gates see one image, theirs the mean of a batch of one task, which tells the task: a setting"
    )
    reads = "calibration"
    grows = True
    single = "mingle-static"

    name: Literal["mingle"] = "mingle"
    routing: Annotated[
        Literal["sample", "batch"],
        Field(description="whether gates see an image alone or the mean of all that are encoded together"),
        Shown(main=True, choices={"sample": "By image", "batch": "By batch"}),
    ] = "sample"
    rank: Rank = 64
    gamma: Annotated[
        float,
        Field(ge=0, le=1000, description="γ, how soon a direction that gradients press on is opened again"),
        Shown(label="γ, relaxation", group=GROUP, step=0.5),
    ] = 1.0
    beta: Annotated[
        float,
        Field(ge=0, le=1, description="β, how slowly that pressure is averaged"),
        Shown(label="β, averaging", group=GROUP, step=0.01),
    ] = 0.99
    directions: Annotated[
        int,
        Field(ge=1, le=64, description="directions of its inputs that every task keeps from later gates"),
        Shown(group=GROUP, step=1),
    ] = 3
    iterations: Annotated[
        int, Field(ge=1, le=100_000, description="iterations for each task"), Shown(group=GROUP, step=10)
    ] = 50
    batch: Annotated[int, Field(ge=2, le=1024, description="images in a mini-batch"), Shown(group=GROUP, step=8)] = 16
    lr: Annotated[float, Field(gt=0, le=1, description="Adam's rate"), Shown(label="Rate", group=GROUP, step=1e-4)] = (
        1e-4
    )

    def begin(self, incoming: StateDict, context: Context) -> State:
        return self._taken_in(None, incoming, context)

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        return self._taken_in(state, incoming, context)

    def replay(self, state: State | None, incoming: StateDict, context: Context, folder: Path) -> State:
        from otmf_core.methods.experts import stored, with_gates
        from otmf_core.models.checkpoints import read_tensors

        experts = self._grown(state, incoming, context)
        return State(scaled(incoming, 0.0), stored(with_gates(experts, read_tensors(folder / layout.GATES))))

    def iterate(self, state: State, incoming: StateDict, context: Context) -> Iterator[Any]:
        from otmf_core.methods.gates import train

        return train(self._gates(state, incoming, context), 0, context)

    def deployed(self, state: State, tower: Tower) -> Tower:
        from otmf_core.methods.experts import read
        from otmf_core.models.grown import grown

        tower.load(state.delta)
        return grown(tower, read(state.tensors, state.delta, self.routing == "batch"))

    def variants(self) -> dict[str, Method]:
        other = "batch" if self.routing == "sample" else "sample"
        return {f"routing = {other}": self.model_copy(update={"routing": other})}

    def parameters_beside(self, shapes: Mapping[str, tuple[int, ...]], tasks: int) -> int:
        count = 0
        for kind, (rows, columns) in matrix_shapes(shapes):
            if kind in IN_BLOCKS:
                count += min(self.rank, rows, columns) * (rows + columns) + columns + 1
        return count * tasks

    def iterates_at(self, step: int, tasks: int) -> bool:
        return True

    @property
    def iterations_per_fusion(self) -> int:
        return self.iterations

    @property
    def batch_examples(self) -> int:
        return self.batch

    @property
    def sides(self) -> int:
        return 1

    def pace(self) -> dict[str, Any]:
        timeless = ("iterations", "lr", "gamma", "beta")
        return {name: value for name, value in self.settings().items() if name not in timeless}

    def _taken_in(self, state: State | None, incoming: StateDict, context: Context) -> State:
        """The state with the incoming task's experts; without examples, as in an estimate, with gates as drawn."""
        from functools import partial

        from otmf_core.files import write_tensors
        from otmf_core.methods.experts import stored, stored_bases
        from otmf_core.methods.gates import directions, joined_bases, train
        from otmf_core.methods.iterating import iterate, write_curves

        learning = context.learning
        bases = self._bases(state, incoming)
        if learning is None:
            experts = self._grown(state, incoming, context)
        else:
            gates = self._gates(state, incoming, context)
            training = partial(train, gates, context=context)
            write_curves(learning.results, iterate(self.iterations, context, training, gates.state, gates.load))
            write_tensors(learning.results / layout.GATES, gates.values)
            experts = gates.experts()
            bases = joined_bases(bases, directions(experts, self.directions, learning))
        return State(scaled(incoming, 0.0), {**stored(experts), **stored_bases(bases)})

    def _grown(self, state: State | None, incoming: StateDict, context: Context) -> dict[Place, Experts]:
        """The experts so far and the incoming task's, whose gates are as drawn."""
        from otmf_core.methods.experts import low_rank, none_yet, read, with_experts
        from otmf_core.methods.gates import drawn

        pooled = self.routing == "batch"
        earlier = read(state.tensors, state.delta, pooled) if state else {}
        matrices = {(matrix.name, matrix.kind): matrix.values.float() for matrix in with_experts(incoming)}
        first = drawn({place: values.shape[1] for place, values in matrices.items()}, context)
        experts = {}
        for place, values in matrices.items():
            own = earlier.get(place) or none_yet(values, pooled)
            weight, bias = (part.to(values.device) for part in first[place])
            experts[place] = own.joined(*low_rank(values, own.total(), self.rank), weight, bias)
        return experts

    def _bases(self, state: State | None, incoming: StateDict) -> dict[Place, Tensor]:
        """The directions of earlier tasks' inputs, by matrix."""
        from otmf_core.methods.experts import read_basis, with_experts

        return {
            (matrix.name, matrix.kind): read_basis(state.tensors, matrix)
            if state
            else matrix.values.new_zeros(matrix.values.shape[1], 0).float()
            for matrix in with_experts(incoming)
        }

    def _gates(self, state: State | None, incoming: StateDict, context: Context) -> Gates:
        """The incoming task's gates before they are learned; the network is at θ⁰ then."""
        from otmf_core.methods.gates import Course, Gates
        from otmf_core.methods.iterating import learning_of

        learning_of(context).tower.load()
        course = Course(self.iterations, self.batch, self.lr, self.gamma, self.beta)
        return Gates(self._grown(state, incoming, context), self._bases(state, incoming), course)
