"""Head tuning against a plain loop in float64, and the labelled images it may read."""

from __future__ import annotations

import math

import pytest
import torch

from otmf_core.models.heads import ITERATIONS, Head, labelled_subset, tune

LABELS = torch.tensor([0] * 40 + [1] * 7 + [2] * 1 + [5] * 12)


@pytest.mark.parametrize("fraction", [0.01, 0.25, 0.5, 1.0])
def test_the_subset_is_the_fraction_of_every_class_and_at_least_one_image(fraction: float):
    chosen = labelled_subset(LABELS, fraction, seed=0)
    assert len(set(chosen.tolist())) == len(chosen)
    assert chosen.tolist() == sorted(chosen.tolist())
    for label in (0, 1, 2, 5):
        count, size = int((LABELS[chosen] == label).sum()), int(torch.eq(LABELS, label).sum())
        assert max(1, math.floor(fraction * size)) <= count <= math.ceil(fraction * size)


def test_the_subset_follows_from_the_seed():
    assert torch.equal(labelled_subset(LABELS, 0.25, 3), labelled_subset(LABELS, 0.25, 3))
    assert not torch.equal(labelled_subset(LABELS, 0.25, 3), labelled_subset(LABELS, 0.25, 4))


@pytest.mark.parametrize("rate", [0.01, 0.002])
def test_tuning_is_full_batch_adam_on_cross_entropy(rate: float):
    generator = torch.Generator().manual_seed(1)
    features = 3 * torch.randn(20, 6, generator=generator)
    labels = torch.randint(0, 4, (20,), generator=generator)
    start, scale = torch.nn.functional.normalize(torch.randn(4, 6, generator=generator), dim=-1), 8.0
    untouched = start.clone()

    weight = start.double()
    normalised = features.double() / features.double().norm(dim=-1, keepdim=True)
    first, second = torch.zeros_like(weight), torch.zeros_like(weight)
    for step in range(1, 101):  # arXiv 2511.19561, section 4: 100 steps
        probabilities = (scale * normalised @ weight.T).softmax(dim=-1)
        errors = probabilities - torch.nn.functional.one_hot(labels, 4)
        gradient = scale * errors.T @ normalised / len(labels)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient.square()
        weight -= rate * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)

    tuned, kept, _ = tune(features, labels, Head(start, scale), rate)
    assert ITERATIONS == 100
    assert kept == scale
    torch.testing.assert_close(tuned.double(), weight, atol=1e-4, rtol=1e-4)
    assert torch.equal(start, untouched)
    assert not tuned.requires_grad


def test_tuning_fits_separable_features():
    features = torch.eye(3).repeat(5, 1)
    labels = torch.tensor([1, 2, 0]).repeat(5)
    head = Head(torch.eye(3), 10.0)  # every image in the wrong class
    tuned = tune(features, labels, head, 0.01)
    assert (features @ tuned.weight.T).argmax(dim=-1).tolist() == labels.tolist()
