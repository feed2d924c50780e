"""The head of a card is YAML that says what was meant, whatever stands in it."""

from __future__ import annotations

import pytest
import yaml
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from otmf_core.export.front_matter import front_matter, is_hub_name
from tests.hostile_texts import TEXT

TEXTS = [
    "plain", "", " ", "no", "null", "1e3", "- a: b", "a: b # c", "'", '"', "\\", "\\u0041", "---", "{}", "é 日本 😀",
    "a\x7fb", "a\x85b", "a\u2028b", "a\ufeffb", "a\uffffb", "a\tb", "a\n---\nb",
]  # fmt: skip


@pytest.mark.parametrize("text", [*TEXTS, TEXT], ids=ascii)
def test_any_text_comes_back(text: str):
    fields = {"a": text, "list": [text, text], "nested": [{"x": {"y": text}, "z": [1, 2.5]}, {"x": text}]}
    written = front_matter(fields)
    assert written.startswith("---\n") and written.endswith("\n---")
    assert written.count("\n---") == 1
    assert yaml.safe_load(written.removeprefix("---\n").removesuffix("\n---")) == fields


@pytest.mark.parametrize(
    "name",
    [
        "openai/clip-vit-base-patch32", "tanganke/clip-vit-base-patch16_stanford-cars", "a/b", "_a/b.c", "a", "",
        "a/b/c", "/a/b", "https://host/a", "./a", "../a", "~/a", "a/", "a/b.", "a/.b", "-a/b", "a/b-", "a--b/c",
        "a/b..c", "a/b.git", "a b/c", "C:\\models/clip", "é/b", "a/" + "b" * 96, "a/" + "b" * 97, "a/b\n",
    ],
)  # fmt: skip
def test_hub_names_are_those_that_the_hub_has(name: str):
    try:
        validate_repo_id(name)
        valid = "/" in name  # a name without an owner is as likely a folder
    except HFValidationError:
        valid = False
    assert is_hub_name(name) == valid


def test_no_name_is_none():
    assert not is_hub_name(None)
