"""Accuracy on test images: the only place that reads a test split."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from otmf_core.library.library import Images, Library

Head = tuple[Tensor, float]


class Evaluator:
    """Test accuracy of the encoder's present weights, each task with its own head."""

    def __init__(self, library: Library, features: Callable[[Tensor], Tensor]) -> None:
        """`features` maps uint8 images (n, H, W, 3) to (n, d) under the weights to be evaluated."""
        self._library = library
        self._features = features
        self._tests: dict[str, Images] = {}

    def test(self, task_id: str) -> Images:
        """A task's test images, read once."""
        if task_id not in self._tests:
            self._tests[task_id] = self._library.images(task_id, "test")
        return self._tests[task_id]

    def accuracy(self, task_id: str, head: Head) -> float:
        """Top-1 accuracy in percent."""
        images = self.test(task_id)
        return accuracy(self._features(images.pixels), images.labels, head)


def accuracy(features: Tensor, labels: Tensor, head: Head) -> float:
    """Top-1 accuracy, percent, of features (n, d) under a head (classes, d); labels (n,)."""
    weight, scale = head
    logits = scale * F.normalize(features, dim=-1) @ weight.T
    return 100 * (logits.argmax(dim=-1).cpu() == labels).double().mean().item()
