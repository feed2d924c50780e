"""TSV-M (arXiv 2412.00081): the leading singular vectors of all tasks, made orthogonal to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from otmf_core.methods.base import JointMethod
from otmf_core.methods.iso import ALPHA as ISO_ALPHA
from otmf_core.methods.matrix_rules import by_matrix
from otmf_core.models.task_vector import StateDict

if TYPE_CHECKING:
    from otmf_core.methods.context import Context

ALPHA = replace(
    ISO_ALPHA,
    help="Factor of every merged matrix; 1 keeps the singular values of each task. The authors search it on "
    "labelled images.",
)


class JointTsvM(JointMethod):
    """Of a matrix α·UΣVᵀ, Σ the leading ⌊d/T⌋ singular values of each of T tasks, d = min(rows, columns).

    U and V are the polar factors of the tasks' singular vectors beside each other. Of other tensors the mean.
    """

    title = "TSV-M, joint"
    about = "keeps each task's leading directions, made orthogonal to the others': less interference, a smaller rank"
    paper = "arXiv 2412.00081"
    code = "github.com/AntoAndGar/task_singular_vectors"
    differs = (
        "α is 1 as in FusionBench, where the authors search it on labelled images; directions that matrices lack or "
        "repeat stay out, where the authors' code takes arbitrary ones"
    )

    name: Literal["tsv-m-joint"] = "tsv-m-joint"
    scaling: Annotated[float, Field(ge=0, le=5, description="α, the scale of every merged matrix"), ALPHA] = 1.0

    def merged(self, vectors: Sequence[StateDict], context: Context) -> StateDict:
        from otmf_core.methods.spectra import tsv_m

        return by_matrix(vectors, lambda parts, _: tsv_m(parts, self.scaling), "mean")
