"""The command of a merge, parsed again, asks for that merge."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from otmf_core.cli import options as cli_options
from otmf_core.cli.again import PROGRAM, merge_command
from otmf_core.cli.commands import parser_of
from otmf_core.config import MergeConfig
from otmf_core.methods.table import METHODS

TASKS = ("mnist", "thai", "textures")


def asked_again(config: MergeConfig) -> MergeConfig:
    """The merge that the command of a merge asks for, as `merge` reads its options."""
    command = merge_command(config)
    assert command.startswith(f"{PROGRAM} merge ")
    options = parser_of(words := shlex.split(command)[3:]).parse_args(words)
    return MergeConfig.build(options.preset, tasks=options.tasks.split(","), **cli_options.overrides(options))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_and_preset_asks_for_itself(method: str):
    for preset in ("default", *METHODS[method].presets):
        config = MergeConfig.build(preset, tasks=TASKS, method=method)
        assert asked_again(config) == config


@pytest.mark.parametrize("method", METHODS)
def test_every_setting_that_differs_is_asked_for(method: str):
    asked: dict[str, Any] = {"tasks": TASKS, "method": method}
    for name, setting in METHODS[method].described().items():
        others: list[Any] = [not setting.default] if setting.kind == "bool" else list(setting.values)
        others += [None] if setting.optional else []
        if setting.kind in ("int", "float") and setting.default is not None and not setting.many:
            others += [setting.default + step for step in (1, 0.5, 0.01, 1e-7, -1e-7) if setting.kind == "float"]
            others += [setting.default + 1] if setting.kind == "int" else []
        for other in others:
            try:
                config = MergeConfig.build(**{**asked, name: [other] if setting.many else other})
            except ValueError:
                continue  # out of its range, or not beside the others' defaults
            assert asked_again(config) == config, (name, other)


def test_settings_of_the_run_are_asked_for():
    config = MergeConfig.build(
        "paper", tasks=TASKS, library="/a folder/it's", heads="tuned", head_lr=0.02, evaluate="all", seed=7,
        device="cpu", scoring="generation",
    )  # fmt: skip
    assert asked_again(config) == config
    assert "--checkpoint-seconds" not in merge_command(config.with_settings(checkpoint_seconds=9.0))
