"""The command that asks for a merge once more."""

from __future__ import annotations

import shlex
from typing import Any

from otmf_core.analysis.comparison import SAVING
from otmf_core.config import MergeConfig

PROGRAM = "python -m otmf_core"
DEFAULT: str = MergeConfig.model_fields["method"].default.name  # which no command has to name


def merge_command(config: MergeConfig) -> str:
    """The command line of a merge, for a shell: its tasks, and every setting that differs from its preset's.

    When it is saved is left out, which changes nothing that it finds.
    """
    plain = MergeConfig.build(config.preset, tasks=config.tasks, method=config.method.name).flat()
    words = ["merge", "--tasks", ",".join(config.tasks)]
    words += ["--preset", config.preset] if config.preset != "default" else []
    words += ["--method", config.method.name] if config.method.name != DEFAULT else []
    for name, value in config.flat().items():
        if name not in ("tasks", "preset", "method", SAVING) and (name not in plain or value != plain[name]):
            words += _option(config, name, value)
    return f"{PROGRAM} {shlex.join(words)}"


def _option(config: MergeConfig, name: str, value: Any) -> list[str]:
    flag = name.replace("_", "-")
    own = config.method.described().get(name)
    if isinstance(value, bool) and not (own and own.optional):
        return [f"--{flag}" if value else f"--no-{flag}"]
    text = _text(value)
    return [f"--{flag}={text}"] if text.startswith("-") else [f"--{flag}", text]  # a value is no other option


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)
