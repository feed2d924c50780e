"""Where a library stands between its pre-trained model and its experts: the table its making is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from otmf_core.library.library import Library, Split

LAMBDAS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0)


@dataclass(frozen=True)
class Regime:
    """Accuracies in percent on one split of a suite; task arithmetic by λ is a mean over the tasks."""

    suite: str
    split: str
    zero_shot: dict[str, float]
    individual: dict[str, float]
    average: float
    arithmetic: dict[float, float]

    @property
    def zero_shot_mean(self) -> float:
        return sum(self.zero_shot.values()) / len(self.zero_shot)

    @property
    def individual_mean(self) -> float:
        return sum(self.individual.values()) / len(self.individual)

    def gap(self, accuracy: float) -> float:
        """g = (ACC − zero-shot) / (individual − zero-shot): the share of the gap an accuracy closes."""
        return (accuracy - self.zero_shot_mean) / (self.individual_mean - self.zero_shot_mean)


class Judge:
    """Accuracies of any weights on one split of a library's tasks; images are read once."""

    def __init__(self, library: Library, tasks: list[str], split: Split) -> None:
        self.tower = library.tower(torch.device("cpu"))
        self.sets = {task: (library.examples(task, split), library.head(task)) for task in tasks}

    def accuracy(self, task: str, delta: dict[str, Tensor] | None = None) -> float:
        """Percent of the task's images that θ⁰ + Δ puts into their class; θ⁰ alone without Δ."""
        self.tower.load(delta)
        examples, head = self.sets[task]
        return head.accuracy(self.tower.features(examples.inputs, task), examples.labels)

    def mean(self, delta: dict[str, Tensor]) -> float:
        return sum(self.accuracy(task, delta) for task in self.sets) / len(self.sets)


def regime(library: Library, suite: str, split: Split) -> Regime:
    """Zero-shot, individual, simple average θ⁰ + ΣΔ/T and joint task arithmetic θ⁰ + λΣΔ of a suite, on one split."""
    tasks = library.suites[suite]
    judge = Judge(library, tasks, split)
    zero_shot, individual = {}, {}
    total = {name: torch.zeros_like(value) for name, value in judge.tower.base.items()}
    for task in tasks:
        delta = library.task_vector(task)
        zero_shot[task], individual[task] = judge.accuracy(task), judge.accuracy(task, delta)
        for name, value in delta.items():
            total[name] += value.float()
    scaled = {factor: {name: factor * value for name, value in total.items()} for factor in LAMBDAS}
    arithmetic = {factor: judge.mean(delta) for factor, delta in scaled.items()}
    average = judge.mean({name: value / len(tasks) for name, value in total.items()})
    return Regime(suite, split, zero_shot, individual, average, arithmetic)


def verdict(result: Regime) -> list[str]:
    """What keeps a suite from being a merging problem like CLIP's, rule by rule; empty when it is one."""
    best = max(result.arithmetic.values())
    rules = {
        "individual accuracy is at least 80%": result.individual_mean >= 80,
        "zero-shot is at least 25 points below individual": result.individual_mean - result.zero_shot_mean >= 25,
        "the simple average closes at least a fifth of the gap": result.gap(result.average) >= 0.2,
        "the best task arithmetic closes 35% to 75% of the gap": 0.35 <= result.gap(best) <= 0.75,
        "the best task arithmetic stays 8 points below individual": best <= result.individual_mean - 8,
    }
    return [rule for rule, holds in rules.items() if not holds]


def summary(result: Regime) -> dict[str, Any]:
    """The regime as JSON, percent with one decimal."""
    return {
        "suite": result.suite,
        "split": result.split,
        "zero_shot": round(result.zero_shot_mean, 1),
        "individual": round(result.individual_mean, 1),
        "average": round(result.average, 1),
        "task_arithmetic": {f"{factor:g}": round(value, 1) for factor, value in result.arithmetic.items()},
    }


def table(result: Regime, things: str = "images") -> str:
    """The regime as text: a line for each task, then the suite's means with the share of the gap they close."""
    lines = [f"{result.suite} tasks, {result.split} {things}", f"{'task':24}{'zero-shot':>10}{'individual':>11}"]
    lines += [f"{task:24}{result.zero_shot[task]:10.1f}{result.individual[task]:11.1f}" for task in result.zero_shot]
    lines.append(f"{'mean':24}{result.zero_shot_mean:10.1f}{result.individual_mean:11.1f}")
    merged = {"average": result.average, **{f"task arithmetic {k:g}": v for k, v in result.arithmetic.items()}}
    lines += [f"{name:24}{value:10.1f}   g {result.gap(value):.2f}" for name, value in merged.items()]
    return "\n".join(lines)
