"""RECALL-like layer weights (after arXiv 2510.20479): layers are averaged by how alike both models' outputs are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from otmf_core.methods.base import Method, State
from otmf_core.models.task_vector import StateDict
from otmf_core.settings import Shown

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.methods.context import Context

TEMPERATURE = Shown(
    label="τ, temperature",
    symbol="τ",
    help="Below 1, layers in which the two models differ follow the incoming one more; far above, both weigh the same.",
    main=True,
    step=0.1,
    sweep=(0.1, 0.3, 1.0, 3.0),
)


class Recall(Method):
    """Δ_m = w·Δ_pre + (1−w)·Δ_post with a w for every layer, the softmax of (k, 1)/τ at k; first Δ¹.

    k is the mean over images of the incoming task of exp(−‖x − y‖²/(2·(β·s)²)), where x and y are what the layer puts
    out for an image in θ⁰ + Δ_pre and in θ⁰ + Δ_post, and s² is the mean squared distance between the y of two images.
    The incoming model is like itself by 1. Models that agree in a layer have ½ each there or, where earlier tasks are
    counted, (t−1)/t and 1/t.
    """

    title = "RECALL-like layer weights"
    about = "averages each layer by how alike both models' outputs are: two forward passes, and earlier tasks fade"
    paper = "arXiv 2510.20479"
    reads = "calibration"
    differs = (
        "no code and no constants were found: s, β and τ are ours, and so are examples of the whole task in place of "
        "typical samples, means over tokens, and one merged model where the paper keeps all"
    )

    name: Literal["recall"] = "recall"
    temperature: Annotated[float, Field(gt=0, le=100, description="what similarities are divided by"), TEMPERATURE] = (
        1.0
    )
    bandwidth: Annotated[
        float,
        Field(gt=0, le=100, description="β, width of the kernel relative to the distance between two examples"),
        Shown(label="β, bandwidth", step=0.1),
    ] = 1.0
    counted: Annotated[
        bool,
        Field(
            description="whether the merged model weighs as the t − 1 models that it stands for; off: as one, so that "
            "a task loses half of its weight or more at every later step"
        ),
        Shown(label="Count earlier tasks", symbol="counted"),
    ] = False
    images: Annotated[
        int,
        Field(ge=2, le=4096, description="examples of the incoming task that outputs are compared on"),
        Shown(label="Examples", step=8),
    ] = 128

    def fuse(self, state: State, incoming: StateDict, context: Context) -> State:
        import torch

        from otmf_core.methods.coefficients import combination, keep_coefficients
        from otmf_core.methods.iterating import learning_of
        from otmf_core.models.hidden import layer_outputs
        from otmf_core.models.tensor_names import locate

        learning = learning_of(context)
        inputs = learning.calibration[-1].inputs
        assert inputs is not None  # as of every incoming task
        outputs = []
        for delta in (state.delta, incoming):
            learning.tower.load(delta)
            outputs.append(layer_outputs(learning.tower, inputs[: self.images]))
        models = context.step - 1 if self.counted else 1
        weights = {}
        for layer, own in outputs[0].items():
            k = self._similarity(own, outputs[1][layer])
            odds = (k - 1) / self.temperature + math.log(models)
            weights[layer] = torch.stack([odds, torch.zeros_like(odds)]).softmax(dim=0)
        coefficients = {name: weights[place.layer].clone() for name, place in locate(incoming).items()}
        keep_coefficients(learning.results, coefficients)
        return State(combination((state.delta, incoming), coefficients))

    def replay(self, state: State | None, incoming: StateDict, context: Context, folder: Path) -> State:
        from otmf_core.methods.coefficients import combination, kept_coefficients

        if state is None:
            return self.begin(incoming, context)
        vectors = (state.delta, incoming)
        return State(combination(vectors, kept_coefficients(folder, vectors)))

    def _similarity(self, pre: Tensor, post: Tensor) -> Tensor:
        """k of outputs (n, d): 1 where they are equal, also where all images are alike."""
        import torch

        distances = (pre - post).square().sum(dim=-1)
        between = 2 * (post - post.mean(dim=0)).square().sum() / max(len(post) - 1, 1)  # s², by the variance
        width = (2 * self.bandwidth**2 * between).clamp(min=torch.finfo(post.dtype).tiny)
        return (-distances / width).exp().mean()

    @property
    def batch_examples(self) -> int:
        return self.images
