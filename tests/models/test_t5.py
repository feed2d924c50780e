"""The tower of texts against transformers' own forward, its gradients against autograd, and its answers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from otmf_core.errors import InputError
from otmf_core.masks.families import FAMILIES, Fusion
from otmf_core.methods.gradients import consumed
from otmf_core.models.heads import Head
from otmf_core.models.t5 import T5Tower, output_rows, t5_tower, transformers_t5
from otmf_core.models.tensor_names import layers, locate
from otmf_core.models.tokens import Tokens, padded
from otmf_core.models.verbalizers import Verbalizers
from tests import t5s
from tests.tiny import is_one_sentence

CPU = torch.device("cpu")
FLAN: dict[str, Any] = {"tie_word_embeddings": False}
FIRST: dict[str, Any] = {"tie_word_embeddings": True, "feed_forward_proj": "relu"}  # T5 v1.0: tied, and scaled
LAYOUTS = {
    "Flan, written by 4.x": (FLAN, False),
    "Flan, written by 5.x": ({"tie_word_embeddings": True, "scale_decoder_outputs": False}, False),
    "v1.0": (FIRST, True),
    "v1.0, written by 5.x": ({**FIRST, "scale_decoder_outputs": True}, True),
}


def texts(count: int = 5, seed: int = 0) -> Tokens:
    """Texts of 2 to 8 tokens, each ended."""
    random = torch.Generator().manual_seed(seed)
    sizes = torch.randint(1, 8, (count,), generator=random).tolist()
    return padded([[*torch.randint(3, 60, (size,), generator=random).tolist(), 1] for size in sizes], 0)


def tower(seed: int = 0, tied: bool = False, **changes: Any) -> T5Tower:
    options: Any = {name: changes.pop(name) for name in ("features", "precision") if name in changes}
    return t5_tower(t5s.fields(**changes), t5s.weights(seed, tied, **changes), CPU, "here", **options)


def original(folder: Path, state: Mapping[str, Tensor], **changes: Any) -> Any:
    """transformers' own model of these weights."""
    from transformers import T5ForConditionalGeneration

    t5s.write_folder(folder, state, **changes)
    model: Any = T5ForConditionalGeneration.from_pretrained(folder)
    return model.eval()


def verbalizers(*tokens: tuple[int, ...], **changes: Any) -> Verbalizers:
    """The answers that these tokens are, each to be ended."""
    words = (*t5s.SPECIAL, *t5s.WORDS, *map(str, range(100)))
    own = tuple(" ".join(words[token] for token in each) for each in tokens)

    def text_of(row: Any) -> str:
        return " ".join(words[token] for token in row if token not in (0, 1))

    ended = tuple((*each, 1) for each in tokens)
    given: dict[str, Any] = {"task": "a task", "texts": own, "tokens": ended, "text_of": text_of}
    return Verbalizers(**{**given, **changes})


@pytest.mark.parametrize(("changes", "tied"), LAYOUTS.values(), ids=LAYOUTS)
def test_logits_are_those_of_transformers(tmp_path: Path, changes: dict[str, Any], tied: bool):
    inputs, written = texts(), torch.tensor([[0, 5, 9]] * 5)
    model = original(tmp_path, t5s.weights(0, tied, **changes), **changes)
    with torch.no_grad():
        found = tower(0, tied, **changes).logits(inputs, written)
        expected = model(
            input_ids=inputs.ids.long(), attention_mask=inputs.mask.long(), decoder_input_ids=written
        ).logits
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_features_are_what_lm_head_takes_at_the_first_position_or_the_mean_of_what_the_encoder_saw():
    inputs = texts()
    own = tower()
    features = own.features(inputs, "a test")
    assert features.dtype == torch.float32 and features.shape == (5, 16)
    first = own.logits(inputs, torch.zeros(5, 1, dtype=torch.long))[:, 0]
    torch.testing.assert_close(features @ own.base["lm_head.weight"].T, first.detach(), atol=1e-5, rtol=1e-5)
    pooled = tower(features="encoder")
    encoder: Any = pooled.module.encoder
    states = [
        encoder(input_ids=row[seen][None].long()).last_hidden_state[0].mean(0)  # without its padding
        for row, seen in zip(inputs.ids, inputs.mask, strict=True)
    ]
    torch.testing.assert_close(pooled.features(inputs, "a test"), torch.stack(states).detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("count", [5, 20], ids=["alone", "in lanes"])
def test_every_mask_but_that_of_lm_head_is_trained_by_the_gradient_of_autograd(count: int):
    """dL/dm of one entry a tensor, from the gradients as they arrive, against autograd through the whole network."""
    own, inputs = tower(), texts(count)
    vectors = [{name: d - own.base[name] for name, d in t5s.tuned(own.base, seed).items()} for seed in (1, 2)]
    pre, post = vectors
    masks: Any = FAMILIES["layer"](Fusion(own.base, pre, post, {"pre": 0.8, "post": 0.2}, own.attention_heads))
    weights = own.weights()
    masks.apply(weights)
    with consumed(own, masks.consume):
        masks.begin(("pre", "post"), 0.1)
        own.encode_in_lanes(inputs).square().sum().backward()

    scales = {side: {key: torch.ones(1, requires_grad=True) for key in masks.values[side]} for side in ("pre", "post")}
    merged = {
        name: base
        + 0.8 * scales["pre"][masks.groups[name].key] * pre[name]
        + 0.2 * scales["post"][masks.groups[name].key] * post[name]
        for name, base in own.base.items()
    }
    for alias in ("encoder", "decoder"):
        merged[f"{alias}.embed_tokens.weight"] = merged["shared.weight"]
    output = functional_call(
        own.module,
        merged,
        kwargs={
            "input_ids": inputs.ids.long(),
            "attention_mask": inputs.mask.long(),
            "decoder_input_ids": torch.zeros(count, 1, dtype=torch.long),
            "output_hidden_states": True,
        },
        tie_weights=False,
    )
    output.decoder_hidden_states[-1][:, 0].square().sum().backward()
    for side in ("pre", "post"):
        for key, scale in scales[side].items():
            torch.testing.assert_close(masks.gradients[side][key], scale.grad, atol=1e-3, rtol=1e-3)
            assert scale.grad is not None and scale.grad.abs() > 1e-3, key


def test_gradients_reach_every_weight_but_lm_head_and_the_decoders_own_scores():
    """Of one position attention is sure, so that its queries, keys and distances change nothing there."""
    own, reached = tower(), set()
    with consumed(own, lambda name, grad, weight: reached.add(name) if grad.any() else None):
        own.encode(texts()).square().sum().backward()
    silent = {"lm_head.weight", "decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"}
    silent |= {f"decoder.block.{block}.layer.0.SelfAttention.{part}.weight" for block in (0, 1) for part in "qk"}
    assert reached == own.base.keys() - silent


def test_answers_are_scored_by_the_likelihood_of_all_their_tokens(tmp_path: Path):
    inputs, answers = texts(), verbalizers((5, 9), (5, 11, 7), (8,))
    own = tower()
    model = original(tmp_path, own.base)
    expected = torch.zeros(5, 3)
    for row in range(5):
        for column, tokens in enumerate(answers.tokens):
            ids = inputs.ids[row][inputs.mask[row]][None].long()
            with torch.no_grad():
                loss = model(input_ids=ids, labels=torch.tensor([tokens])).loss
            expected[row, column] = -loss * len(tokens)
    head = Head(output_rows(own.base, answers.first), 1.0, answers)
    torch.testing.assert_close(own.scores(inputs, head, "a test"), expected, atol=1e-4, rtol=1e-5)
    assert own.answers(inputs, head, "a test").tolist() == expected.argmax(1).tolist()


def test_scores_of_many_texts_are_those_of_each():
    own, answers, inputs = tower(), verbalizers((5, 9), (8,)), texts(20)
    head = Head(output_rows(own.base, answers.first), 1.0, answers)
    alone = torch.cat([own.scores(inputs[row : row + 1], head, "a test") for row in range(20)])
    torch.testing.assert_close(own.scores(inputs, head, "a test"), alone, atol=1e-4, rtol=1e-5)


def test_numbers_are_answered_by_their_expectation():
    answers = verbalizers((8,), (9,), (10,), numeric=True, texts=("1", "2", "4"))
    own = tower()
    head = Head(output_rows(own.base, answers.first), 1.0, answers)
    chances = own.scores(texts(), head, "a test").double().softmax(-1)
    expected = chances @ torch.tensor([1.0, 2.0, 4.0]).double()
    torch.testing.assert_close(own.answers(texts(), head, "a test"), expected)
    assert head.measured(torch.tensor([1.0, 5.0, 9.0]), torch.tensor([0.5, 0.2, 0.7])) == pytest.approx(50.0)


def test_texts_are_generated_as_transformers_does(tmp_path: Path):
    inputs, own = texts(8), tower(3)
    model = original(tmp_path, own.base)
    answers = verbalizers((5,), (9,), scoring="generation")
    rows = model.generate(
        inputs.ids.long(), attention_mask=inputs.mask.long(), max_length=10, num_beams=1, do_sample=False
    )
    expected = [answers.text_of(row).strip() for row in rows[:, 1:].tolist()]
    assert len(set(expected)) > 1
    assert own.generated(inputs, answers) == expected
    chosen = verbalizers((5,), (9,), texts=(expected[0], "no such text"), scoring="generation")
    head = Head(output_rows(own.base, chosen.first), 1.0, chosen)
    assert own.answers(inputs, head, "a test").tolist() == [0 if text == expected[0] else -1 for text in expected]


def test_views_hide_tokens_and_are_the_same_however_many_follow():
    own, inputs = tower(), texts(12)
    views = own.views(inputs, 4, (3, 1))
    assert len(views) == 48
    assert torch.equal(views.mask[::4], inputs.mask) and torch.equal(views.ids[::4], inputs.ids)
    ends = inputs.mask.sum(1) - 1
    for place in range(48):
        assert views.mask[place, ends[place // 4]]
        assert not (views.mask[place] & ~inputs.mask[place // 4]).any()
    assert not torch.equal(views.mask[1::4], inputs.mask)
    few = own.views(own.join([inputs[:5]]), 4, (3, 1))
    width = few.ids.shape[1]
    assert torch.equal(few.mask, views.mask[:20, :width]) and torch.equal(few.ids, views.ids[:20, :width])


def test_padding_changes_no_feature():
    own, inputs = tower(), texts(6)
    alone = torch.cat([own.features(inputs[row : row + 1], "a test") for row in range(6)])
    torch.testing.assert_close(own.features(inputs, "a test"), alone, atol=1e-5, rtol=1e-4)


def test_many_long_texts_are_encoded_in_parts(monkeypatch: pytest.MonkeyPatch):
    own, inputs = tower(), texts(15)
    whole = own.features(inputs, "a test")
    sizes: list[int] = []
    read = T5Tower._read
    monkeypatch.setattr("otmf_core.models.t5.AT_ONCE", 20)
    monkeypatch.setattr(T5Tower, "_read", lambda self, part: [sizes.append(part.ids.numel()), read(self, part)][1])
    torch.testing.assert_close(own.features(inputs, "a test"), whole, atol=1e-5, rtol=1e-4)
    assert len(sizes) > 4 and max(sizes) <= 20


def test_bfloat16_is_computed_where_it_is_asked_for():
    exact, half = tower().features(texts(), "a test"), tower(precision="bfloat16").features(texts(), "a test")
    assert half.dtype == torch.float32
    assert 1e-4 < (exact - half).abs().max() < 0.1


def test_tensors_stand_in_two_stacks():
    places = locate(tower().base)
    assert layers(places.values()) == [
        "Stem", "Encoder 0", "Encoder 1", "Encoder", "Decoder 0", "Decoder 1", "Head"
    ]  # fmt: skip
    cross = places["decoder.block.1.layer.1.EncDecAttention.q.weight"]
    assert (cross.layer, cross.kind) == ("Decoder 1", "cross_q.weight")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "mt5"}, "'mt5'"),
        ({"num_layers": 0}, "num_layers"),
        ({"d_model": "16"}, "d_model"),
        ({"decoder_start_token_id": 64}, "64"),
    ],
)
def test_a_configuration_of_no_t5_is_refused(change: dict[str, Any], said: str):
    with pytest.raises(InputError, match=said) as caught:
        t5s.fields(**change)
    assert is_one_sentence(str(caught.value))


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"shared\.weight is \(64, 16\), expected \(60, 16\)"):
        t5_tower(t5s.fields(vocab_size=60), t5s.weights(), CPU, "here")


@pytest.mark.parametrize("version", ["4.56.2", "5.0.0"])
def test_versions_of_transformers_that_read_a_t5_otherwise_are_refused(version: str, monkeypatch: pytest.MonkeyPatch):
    import transformers

    monkeypatch.setattr(transformers, "__version__", version)
    with pytest.raises(InputError, match=rf"otmf\[text\].*{version} is installed") as caught:
        transformers_t5()
    assert is_one_sentence(str(caught.value))


def test_texts_without_transformers_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"otmf\[text\].*not installed"):
        transformers_t5()
