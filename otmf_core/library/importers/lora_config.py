"""The configuration of a LoRA adapter as PEFT writes it: what is added to weights, and what is not and is refused."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from otmf_core.errors import InputError
from otmf_core.files import read_object, shown
from otmf_core.settings import first_mistake

# What would be ignored, or is no sum of θ⁰ and a product of factors; by the name of its setting.
REFUSED = {
    "use_dora": "DoRA scales the columns of what it adds to",
    "use_qalora": "QA-LoRA pools the inputs in groups",
    "use_bdlora": "BD-LoRA's factors are block-diagonal",
    "arrow_config": "Arrow routes between adapters by token",
    "kasa_config": "KaSA cuts singular values of θ⁰ off",
    "velora_config": "VeLoRA changes what is trained on",
    "monteclora_config": "MonteCLoRA draws its factors at random",
    "alora_invocation_tokens": "aLoRA acts behind some tokens alone",
    "layer_replication": "its model has more layers than the pre-trained one",
    "trainable_token_indices": "it trains rows of a table of tokens",
    "target_parameters": "it adds to parameters outside layers",
    "megatron_config": "Megatron splits layers over machines",
}
INITIAL = (True, False, "gaussian")  # of factors, which leave θ⁰ as it is
PATTERN = re.compile(r"[A-Za-z0-9_.^$|\\*+()\[\]-]{1,200}")
# Matching may take long where a repetition is repeated, or where many of them or many choices follow each other.
SLOW = re.compile(r"\)[*+]|[*+][*+]|\\[1-9]")
MOST = {"*": 1, "+": 1, "(": 2, "|": 16}

Rank = Annotated[int, Field(strict=True, ge=1, le=1 << 16)]
Alpha = Annotated[float, Field(strict=True, gt=0, le=1e6)]


class AdapterConfig(BaseModel):
    """What adapter_config.json says of the factors; settings that training alone needs are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    peft_type: Literal["LORA"]
    r: Rank
    lora_alpha: Alpha
    use_rslora: bool = Field(False, strict=True)
    rank_pattern: dict[str, Rank] = Field({}, max_length=1000)
    alpha_pattern: dict[str, Alpha] = Field({}, max_length=1000)
    base_model_name_or_path: str | None = Field(None, max_length=1000)

    @field_validator("rank_pattern", "alpha_pattern", mode="before")
    @classmethod
    def _patterns(cls, patterns: Any) -> Any:
        for pattern in patterns if isinstance(patterns, dict) else ():
            _check_pattern(pattern)
        return {} if patterns is None else patterns

    def rank(self, module: str) -> int:
        """The rank of the factors of a module, by its name in the model that was adapted."""
        return _matched(self.rank_pattern, module, self.r)

    def scaling(self, module: str) -> float:
        """The factor s of Δ = s · B A."""
        rank = self.rank(module)
        return _matched(self.alpha_pattern, module, self.lora_alpha) / (math.sqrt(rank) if self.use_rslora else rank)


def read_config(path: Path) -> AdapterConfig:
    """The configuration in that file; raises InputError unless it is of a LoRA whose Δ is s · B A, naming why not."""
    fields = read_object(path)
    kind = fields.get("peft_type")
    if kind != "LORA":
        raise InputError(f"an adapter is a LoRA, its peft_type LORA, received {shown(kind)} in {path}")
    for name, reason in REFUSED.items():
        if fields.get(name):
            raise InputError(f"a LoRA adds s · B A to weights: {name} is set ({reason}) in {path}")
    initial = fields.get("init_lora_weights", True)
    if initial not in INITIAL:
        raise InputError(
            f"a LoRA adds to the pre-trained weights as they were: init_lora_weights {shown(initial)} changed them "
            f"when training began, in {path}"
        )
    try:
        return AdapterConfig(**fields)
    except ValidationError as error:
        field, reason = first_mistake(error)
        raise InputError(f"an adapter's configuration is right: {shown(field)} is not ({reason}) in {path}") from None


def _check_pattern(pattern: Any) -> None:
    if not isinstance(pattern, str) or not PATTERN.fullmatch(pattern):
        raise ValueError(f"a pattern is of letters, digits and _.^$|\\*+()[]-, 200 at most: {shown(pattern, 60)}")
    if SLOW.search(pattern) or any(pattern.count(sign) > most for sign, most in MOST.items()):
        most = ", ".join(f"{most} {sign}" for sign, most in MOST.items())
        raise ValueError(f"a pattern repeats no group and has at most {most}: {shown(pattern, 60)}")
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        raise ValueError(f"a pattern is a regular expression: {shown(pattern, 60)}") from None


def _matched(patterns: dict[str, Any], module: str, otherwise: Any) -> Any:
    """The value of the first pattern that a module's name ends with, as PEFT matches them."""
    return next((patterns[each] for each in patterns if re.match(rf"(.*\.)?({each})$", module)), otherwise)
