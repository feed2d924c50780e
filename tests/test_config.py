"""Configurations: presets, ranges, JSON both ways, and one sentence for every mistake."""

from __future__ import annotations

import json
import math

import pytest
from pydantic import ValidationError

from otmf_core.config import PRESETS, MergeConfig
from otmf_core.errors import InputError


def test_a_preset_fills_in_and_overrides_win():
    config = MergeConfig.build("paper", tasks=("a", "b"), steps=7)
    paper = {key: value for key, value in PRESETS["paper"].items() if key != "steps"}
    assert config.model_dump(include=set(paper)) == paper
    assert config.steps == 7
    assert config.preset == "paper"
    assert config.tasks == ("a", "b")


def test_the_paper_preset_is_the_papers():
    """arXiv 2511.19561, section 4 and its public scripts."""
    assert PRESETS["paper"] == {
        "update": "alternating", "space": "raw", "blur": 0.05, "p": 2, "lr": 0.01, "schedule": "constant", "batch": 16,
        "steps": 100, "memory": 0, "head_lr": 0.01,
    }  # fmt: skip
    assert MergeConfig.build("paper", tasks=("a", "b")).alpha == 0.8


@pytest.mark.parametrize("preset", list(PRESETS))
def test_json_both_ways(preset: str):
    config = MergeConfig.build(preset, tasks=("b", "a"), alpha=0.1, seed=3)
    assert MergeConfig.parse(json.loads(json.dumps(config.model_dump(mode="json")))) == config


def test_a_configuration_is_frozen():
    config = MergeConfig.build(tasks=("a", "b"))
    with pytest.raises(ValidationError, match="frozen"):
        config.alpha = 0.5  # type: ignore[misc]


@pytest.mark.parametrize("alpha", [0, 1, 0.0, 1.0])
def test_both_ends_of_alpha_are_allowed(alpha: float):
    assert MergeConfig.build(tasks=("a", "b"), alpha=alpha).alpha == alpha


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"tasks": ()}, "a merge needs at least two tasks, received 0: none"),
        ({"tasks": ("a",)}, "a merge needs at least two tasks, received 1: a"),
        ({"tasks": ("a", "b", "a")}, "a task can be merged once, received twice: a"),
        ({"alpha": 1.1}, "alpha must be ≥ 0 and ≤ 1, received 1.1"),
        ({"alpha": -0.1}, "alpha must be ≥ 0 and ≤ 1, received -0.1"),
        ({"alpha": math.nan}, "alpha: input should be a finite number, received nan"),
        (
            {"alpha": "much"},
            "alpha: input should be a valid number, unable to parse string as a number, received 'much'",
        ),
        ({"lr": math.inf}, "lr: input should be a finite number, received inf"),
        ({"steps": 0}, "steps must be ≥ 1 and ≤ 100000, received 0"),
        ({"batch": 1}, "batch must be ≥ 2 and ≤ 1024, received 1"),
        ({"seed": 2**31}, "seed must be ≥ 0 and < 2147483648, received 2147483648"),
        ({"blur": 0}, "blur must be > 0 and ≤ 10, received 0"),
        ({"method": "magic"}, "method: input should be 'otmf', 'average' or 'task-arithmetic', received 'magic'"),
        ({"colour": "red"}, "a configuration has no field 'colour', received 'red'"),
    ],
)
def test_a_mistake_gets_one_sentence(fields: dict, sentence: str):
    with pytest.raises(InputError) as caught:
        MergeConfig.build(**{"tasks": ("a", "b"), **fields})
    assert str(caught.value) == sentence


def test_an_unknown_preset_and_missing_tasks():
    with pytest.raises(InputError, match=r"^a preset is one of default, paper, received 'best'$"):
        MergeConfig.build("best", tasks=("a", "b"))
    with pytest.raises(InputError, match=r"^a configuration needs tasks, received preset$"):
        MergeConfig.build()
