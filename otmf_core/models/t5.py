"""T5 of transformers as a tower: built from a configuration, its weights named as in the checkpoint.

Whether lm_head is a matrix of its own and whether the decoder's output is scaled is told by the weights and the
configuration, and done here: versions of transformers read the same files differently.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from otmf_core.errors import InputError
from otmf_core.files import brief, shown
from otmf_core.models.base import Tower
from otmf_core.models.checkpoints import check_matches
from otmf_core.models.device import all_to_device, to_device
from otmf_core.models.heads import Head
from otmf_core.models.lanes import fits, in_lanes
from otmf_core.models.t5_config import T5Fields
from otmf_core.models.t5_names import HEAD, SHARED
from otmf_core.models.task_vector import StateDict
from otmf_core.models.tokens import Tokens, joined, views
from otmf_core.models.verbalizers import Verbalizers

LEAST, BROKEN = (4, 57), (5, 0)  # versions of transformers; 5.0 scales every decoder's output
NEEDED = "texts need transformers, 4.57 or later but not 5.0, as pip install 'otmf[text]' has it"
AT_ONCE = 1 << 14  # tokens that are encoded at once where no gradient is asked for: scores of attention take room
MOST_SCORED = 128  # texts that are scored at once
GENERATED = 10  # tokens of a generated text, the one it starts with among them, as the field has it

Features = Literal["decoder", "encoder"]
Precision = Literal["float32", "bfloat16"]


def transformers_t5() -> tuple[Any, Any]:
    """transformers' T5Config and T5ForConditionalGeneration; raises InputError without a version that is right."""
    try:
        import transformers
        from transformers import T5Config, T5ForConditionalGeneration
    except ImportError:
        raise InputError(f"{NEEDED}: it is not installed") from None
    version = tuple(int(part) for part in transformers.__version__.split(".")[:2])
    if version < LEAST or version == BROKEN:
        raise InputError(f"{NEEDED}: {transformers.__version__} is installed")
    return T5Config, T5ForConditionalGeneration


def build_t5(fields: T5Fields, separate: bool, device: torch.device) -> nn.Module:
    """The T5 of a configuration in eval mode, its weights not set; lm_head is a matrix of its own, or the embedding."""
    config, model = transformers_t5()
    try:
        with torch.device("meta"):
            module = model(config(**fields.network()))
    except (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"a configuration describes a T5 that can be built: {brief(error)}") from None
    if device.type != "meta":
        module.to_empty(device=device)
    shared = module.shared.weight
    module.encoder.embed_tokens.weight = module.decoder.embed_tokens.weight = shared
    module.lm_head.weight = nn.Parameter(torch.empty_like(shared)) if separate else shared
    return module.eval()


@dataclass(frozen=True, eq=False)
class T5Tower(Tower):
    """A T5; its inputs are `Tokens` on the CPU.

    Its features are the decoder's last state at the first position, scaled as before lm_head, or the mean of the
    encoder's last states over the tokens that are seen.
    """

    fields: T5Fields
    of: Features = "decoder"
    precision: Precision = "float32"

    def encode(self, inputs: Tokens) -> Tensor:
        if not torch.is_grad_enabled() and inputs.ids.numel() > AT_ONCE and len(inputs) > 1:
            middle = len(inputs) // 2
            return torch.cat([self.encode(inputs[:middle]), self.encode(inputs[middle:])])
        with self._autocast():
            states, mask = self._read(inputs)
            if self.of == "encoder":
                weights = mask[..., None].to(states.dtype)
                return ((states * weights).sum(1) / weights.sum(1)).float()
            return self._decoded(self._start(len(inputs)), states, mask)[:, 0].float()

    def encode_in_lanes(self, inputs: Tokens) -> Tensor:
        return in_lanes(self.encode, self.module, inputs) if fits(self.module) else self.encode(inputs)

    def views(self, inputs: Tokens, count: int, seed: Sequence[int]) -> Tokens:
        return views(inputs, count, seed)

    def join(self, parts: Sequence[Tokens]) -> Tokens:
        return joined(parts, self.fields.pad_token_id)

    @property
    def attention_heads(self) -> int:
        return self.fields.num_heads

    def weights(self) -> StateDict:
        # parameters, since the state dict has the embedding under several names
        return {name: parameter.detach() for name, parameter in self.module.named_parameters()}

    @torch.no_grad()
    def scores(self, inputs: Tokens, head: Head, of: str) -> Tensor:
        """log p of every answer, its tokens to the end of the text, given each input: float32 (n, answers)."""
        verbalizers = _verbalizers(head)
        small = fits(self.module)

        def likelihoods(batch: Tokens) -> Tensor:
            return self._likelihoods(batch, verbalizers)

        parts = [
            in_lanes(likelihoods, self.module, batch) if small else likelihoods(batch) for batch in _batches(inputs)
        ]
        scores = torch.cat(parts)
        if not scores.isfinite().all():
            raise InputError(f"likelihoods must be finite: those of {shown(of)} are not")
        return scores

    def answers(self, inputs: Tokens, head: Head, of: str) -> Tensor:
        """The most likely answer or the expected number; or what is generated: −1, or 0 of numbers, if it is none."""
        verbalizers = _verbalizers(head)
        if verbalizers.scoring == "generation":
            texts = [text for batch in _batches(inputs) for text in self.generated(batch, verbalizers)]
            return torch.tensor([_answer(text, verbalizers) for text in texts])
        scores = self.scores(inputs, head, of)
        if verbalizers.numeric:
            return scores.double().softmax(-1) @ torch.tensor(verbalizers.values, device=scores.device).double()
        return scores.argmax(dim=-1)

    @torch.no_grad()
    def generated(self, inputs: Tokens, verbalizers: Verbalizers) -> list[str]:
        """The texts of one batch, a token after the other, the likeliest each time."""
        with self._autocast():
            states, mask = self._read(inputs)
            written = self._start(len(inputs))
            ended = torch.zeros(len(inputs), dtype=torch.bool, device=self.device)
            while written.shape[1] < GENERATED and not ended.all():
                logits = self._logits(self._decoded(written, states, mask)[:, -1:])[:, 0]
                following = logits.argmax(dim=-1).masked_fill(ended, self.fields.pad_token_id)
                written = torch.cat([written, following[:, None]], 1)
                ended = ended | (following == self.fields.eos_token_id)
        return [verbalizers.text_of(row).strip() for row in written[:, 1:].tolist()]

    def logits(self, inputs: Tokens, written: Tensor) -> Tensor:
        """Those of every token behind each of `written`, int64 (n, m): float32 (n, m, vocabulary)."""
        with self._autocast():
            return self._logits(self._decoded(written.to(self.device), *self._read(inputs)))

    def _likelihoods(self, inputs: Tokens, verbalizers: Verbalizers) -> Tensor:
        columns = []
        with self._autocast():
            states, mask = self._read(inputs)
            for tokens in verbalizers.tokens:
                answer = torch.tensor(tokens, device=self.device)
                written = torch.cat([self._start(len(inputs)), answer[:-1].expand(len(inputs), -1)], 1)
                likelihoods = self._logits(self._decoded(written, states, mask)).log_softmax(-1)
                columns.append(likelihoods.gather(2, answer.expand(len(inputs), -1)[..., None]).sum((1, 2)))
        return torch.stack(columns, 1)

    def _read(self, inputs: Tokens) -> tuple[Tensor, Tensor]:
        """The encoder's last states (n, L, d), and the mask (n, L) as whole numbers."""
        ids, mask = to_device(inputs.ids.long(), self.device), to_device(inputs.mask.long(), self.device)
        return self._t5.encoder(input_ids=ids, attention_mask=mask).last_hidden_state, mask

    def _decoded(self, written: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        """The decoder's last states (n, m, d) behind each token of `written` (n, m), as lm_head takes them."""
        states = self._t5.decoder(
            input_ids=written, encoder_hidden_states=states, encoder_attention_mask=mask, use_cache=False
        ).last_hidden_state
        return states * self.fields.d_model**-0.5 if self.fields.scaled else states

    def _logits(self, states: Tensor) -> Tensor:
        return F.linear(states, self._t5.lm_head.weight).float()

    @property
    def _t5(self) -> Any:
        """transformers' own model, whose parts are called one by one."""
        return self.module

    def _start(self, count: int) -> Tensor:
        return torch.full((count, 1), self.fields.start, device=self.device)

    def _autocast(self) -> AbstractContextManager:
        # never float16, in which the products of a T5's MLPs overflow
        half = self.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16) if half else nullcontext()


def _batches(inputs: Tokens) -> Iterator[Tokens]:
    size = max(1, min(MOST_SCORED, AT_ONCE // max(1, inputs.ids.shape[1])))
    return (inputs[start : start + size] for start in range(0, len(inputs), size))


def _verbalizers(head: Head) -> Verbalizers:
    assert head.verbalizers is not None  # as of every task of texts
    return head.verbalizers


def _answer(text: str, verbalizers: Verbalizers) -> float:
    """The number of a generated text among the answers, or the number that it is."""
    if not verbalizers.numeric:
        texts = [each.strip() for each in verbalizers.texts]
        return texts.index(text) if text in texts else -1
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if abs(value) < float("inf") else 0.0


def t5_tower(
    fields: T5Fields,
    base: Mapping[str, Tensor],
    device: torch.device,
    where: str,
    features: Features = "decoder",
    precision: Precision = "float32",
) -> T5Tower:
    """The T5 of a configuration at θ⁰, on that device; raises InputError about `where` unless θ⁰ fits it.

    lm_head is a matrix of its own if θ⁰ has it. Weights are float32; `precision` is what products are computed in.
    """
    separate = HEAD in base
    drawn = build_t5(fields, separate, torch.device("meta"))  # shapes alone, which take no memory
    check_matches(base, dict(drawn.named_parameters()), where)
    module = build_t5(fields, separate, device)
    tower = T5Tower(module, all_to_device(base, device), device, fields, features, precision)
    tower.load()
    return tower


def output_rows(base: Mapping[str, Tensor], tokens: Sequence[int]) -> Tensor:
    """The rows of lm_head for these tokens, (tokens, d) in float32: of the embedding where they are one."""
    return (base[HEAD] if HEAD in base else base[SHARED])[list(tokens)].float()
