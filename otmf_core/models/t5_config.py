"""The configuration of a T5 as transformers has it, of which the fields that describe the network are read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.settings import first_mistake

Layers = Annotated[int, Field(strict=True, ge=1, le=200)]
Width = Annotated[int, Field(strict=True, ge=1, le=131_072)]
Id = Annotated[int, Field(strict=True, ge=0, lt=10_000_000)]
Flag = Annotated[bool, Field(strict=True)]


class T5Fields(BaseModel):
    """Sizes, activation and special tokens of a T5; what else a config.json says is no part of the network."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model_type: Literal["t5"]
    vocab_size: Annotated[int, Field(strict=True, ge=1, le=10_000_000)] = 32_128
    d_model: Width = 512
    d_kv: Width = 64
    d_ff: Width = 2048
    num_layers: Layers = 6
    num_decoder_layers: Layers | None = None
    num_heads: Width = 8
    relative_attention_num_buckets: Width = 32
    relative_attention_max_distance: Width = 128
    layer_norm_epsilon: Annotated[float, Field(gt=0, le=1)] = 1e-6
    feed_forward_proj: Literal["relu", "gated-gelu", "gated-relu", "gated-silu", "gelu", "silu"] = "relu"
    tie_word_embeddings: Flag = True
    scale_decoder_outputs: Flag | None = None
    pad_token_id: Id = 0
    eos_token_id: Id = 1
    decoder_start_token_id: Id | None = None

    @property
    def scaled(self) -> bool:
        """Whether the decoder's output is scaled by d_model^-½ before lm_head.

        transformers 5 says so by a field of its own; before that the flag of tying said it, of untied models not.
        """
        return self.tie_word_embeddings if self.scale_decoder_outputs is None else self.scale_decoder_outputs

    @property
    def start(self) -> int:
        """The token that a decoder starts with."""
        return self.pad_token_id if self.decoder_start_token_id is None else self.decoder_start_token_id

    def network(self) -> dict[str, Any]:
        """What transformers builds the network from; whether it ties and scales is told by this program itself."""
        without = {"model_type", "tie_word_embeddings", "scale_decoder_outputs"}
        return {**self.model_dump(exclude=without), "dropout_rate": 0.0}


def t5_fields(fields: dict[str, Any], where: str) -> T5Fields:
    """The fields of a T5's config.json; raises InputError, naming the field, unless they are as they must be."""
    if fields.get("model_type") != "t5":
        raise InputError(f"a model of texts is of type 't5', received {shown(fields.get('model_type'))} in {where}")
    try:
        found = T5Fields(**fields)
    except (ValidationError, TypeError) as error:
        field, reason = first_mistake(error) if isinstance(error, ValidationError) else ("a field", "no text")
        raise InputError(f"a configuration describes a T5: {shown(field)} does not ({reason}) in {where}") from None
    most = max(found.start, found.pad_token_id, found.eos_token_id)
    if most >= found.vocab_size:
        raise InputError(f"special tokens have ids below vocab_size, {found.vocab_size}: received {most} in {where}")
    return found
