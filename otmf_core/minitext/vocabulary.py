"""The library's own small vocabulary: byte-pair pieces of whole words, as a transformers tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"  # ids 0, 1, 2, as T5 has them
SENTINELS = tuple(f"<extra_id_{i}>" for i in range(4))
WEIGHT = 1000  # of a word that must be one piece, in sentences


def train_vocabulary(texts: Iterable[str], words: Sequence[str], size: int) -> Tokenizer:
    """A lower-casing tokenizer of `size` pieces learnt from `texts`; every one of `words` is a single piece.

    Raises ValueError for a word that the size leaves in pieces.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"(?<!\p{L})'|'(?!\p{L})"), " ' "),  # a quotation mark, not an apostrophe
            *(normalizers.Replace(mark, f" {mark} ") for mark in "?.,:;"),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=[PAD, END, UNKNOWN, *SENTINELS], show_progress=False)
    tokenizer.train_from_iterator([*texts, *(word for word in words for _ in range(WEIGHT))], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {END}", special_tokens=[(END, 1)])
    for word in words:
        if len(tokenizer.encode(word, add_special_tokens=False).ids) != 1:
            raise ValueError(f"the answer {word!r} is one piece of the vocabulary, but {size} pieces leave it in parts")
    return tokenizer
