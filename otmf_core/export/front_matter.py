"""The YAML block at the head of a model card, which hubs read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

# What JSON leaves as it is and YAML does not print.
NOT_PRINTED = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
HUB_NAME = re.compile(r"[A-Za-z0-9_](?:[\w.-]*\w)?/[A-Za-z0-9_](?:[\w.-]*\w)?", re.ASCII)  # owner/name
MOST = 96  # letters of the name after the owner's


def front_matter(fields: Mapping[str, Any]) -> str:
    """Mappings, lists, texts and numbers as a YAML block between its two lines; texts may hold anything.

    Keys are plain words of this program. Texts stand in quotes, as JSON, which is YAML, writes them.
    """
    return "\n".join(["---", *_lines(fields), "---"])


def is_hub_name(name: str | None) -> bool:
    """Whether a name is one that a hub's repository can have: owner/name."""
    return (
        name is not None
        and HUB_NAME.fullmatch(name) is not None
        and not ("--" in name or ".." in name or name.endswith(".git") or len(name.partition("/")[2]) > MOST)
    )


def _lines(value: Any) -> list[str]:
    """A value's lines, without their indentation."""
    if isinstance(value, Mapping):
        return [line for key, item in value.items() for line in _below(f"{key}:", item, "  ")]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [line for item in value for line in _item(_lines(item))]
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return [NOT_PRINTED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)]


def _below(key: str, value: Any, indent: str) -> list[str]:
    nested = isinstance(value, Mapping) or (isinstance(value, Sequence) and not isinstance(value, str))
    return [key, *(indent + line for line in _lines(value))] if nested else [f"{key} {_lines(value)[0]}"]


def _item(lines: list[str]) -> list[str]:
    return [f"- {lines[0]}", *(f"  {line}" for line in lines[1:])]
