"""Tasks of texts: the tables of their splits, prompts filled in, and the tokens that a T5 reads.

A table has a text column for every field of the prompt, and `label`: the number of an answer, or a number on a scale.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError
from otmf_core.files import brief, shown
from otmf_core.library.labels import MAX_ROWS
from otmf_core.library.manifest import FIELD, TaskInfo, prompt_fields
from otmf_core.models.t5_config import T5Fields
from otmf_core.tables import column_names, picked_rows, read_table

if TYPE_CHECKING:
    import pyarrow as pa

    from otmf_core.models.tokens import Tokens
    from otmf_core.models.verbalizers import Scoring, Verbalizers

TABLE = "texts come as a Parquet table with the columns that the prompt names and a column label"
MAX_TOKENS = 512  # of a text, its end among them: what a T5 was pre-trained on; longer ones are cut
AT_ONCE = 1024  # texts that are tokenised together


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """A tokenizer.json, read by the tokenizers library; it runs no code of others."""

    path: Path
    fields: T5Fields
    encode: Callable[[list[str]], list[list[int]]]  # texts → ids, as the file has them
    decode: Callable[[Sequence[int]], str]  # ids → a text without special tokens
    vocabulary: Mapping[str, int]  # token → id

    def tokens(self, texts: Iterable[str], where: str) -> tuple[Tokens, int]:
        """Texts as a T5 reads them, each ended, and how many of them were cut to MAX_TOKENS.

        Raises InputError on ids outside the embedding.
        """
        from otmf_core.models.tokens import padded

        rows = list(self._ids(texts, where))
        cut = sum(len(ids) > MAX_TOKENS for ids in rows)
        end = self.fields.eos_token_id
        rows = [ids if len(ids) <= MAX_TOKENS else [*ids[: MAX_TOKENS - 1], end] for ids in rows]
        return padded(rows, self.fields.pad_token_id), cut

    def ids(self, text: str) -> tuple[int, ...]:
        """Those of one text, ended; raises InputError as `tokens` does."""
        return tuple(next(self._ids([text], shown(text))))

    def _ids(self, texts: Iterable[str], where: str) -> Iterator[list[int]]:
        end, most = self.fields.eos_token_id, self.fields.vocab_size
        every = list(texts)
        for start in range(0, len(every), AT_ONCE):
            for ids in self.encode(every[start : start + AT_ONCE]):
                if ids and max(ids) >= most:
                    raise InputError(
                        f"a tokenizer's ids lie below the embedding's {most:,} rows: {max(ids):,} does not, of {where}"
                    )
                yield ids if ids and ids[-1] == end else [*ids, end]


def open_tokenizer(path: Path, fields: T5Fields) -> Tokenizer:
    """The tokenizer in that file for a T5 of these fields.

    Raises InputError when it is missing or damaged, or has ids outside the embedding.
    """
    try:
        import tokenizers
    except ImportError:
        raise InputError(
            "texts need the library tokenizers, as pip install 'otmf[text]' has it: it is not installed"
        ) from None
    if not path.is_file():
        raise InputError(f"texts are read by a tokenizer.json, of which there is none: {path} is missing")
    try:
        read: Any = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain ones
        raise InputError(f"a tokenizer is a tokenizer.json: {path} is none ({brief(error)})") from None
    read.no_padding()
    read.no_truncation()
    vocabulary = read.get_vocab(with_added_tokens=True)
    last = max(vocabulary.values(), default=-1)
    if last >= fields.vocab_size:
        raise InputError(
            f"a tokenizer's ids lie below the embedding's {fields.vocab_size:,} rows: {path} has ids up to {last:,}"
        )
    _check_end(read, fields.eos_token_id, path)

    def encode(texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in read.encode_batch(texts)]

    return Tokenizer(path, fields, encode, lambda ids: read.decode(list(ids), skip_special_tokens=True), vocabulary)


def _check_end(read: Any, end: int, path: Path) -> None:
    """Raise InputError unless it adds the token that ends a T5's text, or none, and has a special one there."""
    empty = read.encode("")
    added = [token for token, special in zip(empty.tokens, empty.special_tokens_mask, strict=True) if special]
    ending = read.get_added_tokens_decoder().get(end)
    if added not in ([], [read.id_to_token(end)]):
        names = ", ".join(shown(token, 40) for token in added[:3])
        raise InputError(f"the tokenizer of a T5 ends a text with id {end}: {path} adds {names}")
    if ending is None or not ending.special:
        there = shown(read.id_to_token(end), 40)
        raise InputError(f"the tokenizer of a T5 ends a text with id {end}: {path} adds nothing and has {there} there")


def filled(prompt: str, row: dict[str, str]) -> str:
    """A prompt with the texts of a row in the place of its fields."""
    return re.sub(FIELD, lambda found: row[found[1]], prompt)


def check_first(path: Path, task: TaskInfo) -> None:
    """Raise InputError unless a table has the columns that a task's prompt names."""
    names = column_names(path, TABLE)
    for field in (*prompt_fields(task.prompt), "label"):
        if field not in names:
            raise InputError(f"{TABLE}: {path} (column {field!r} is missing)")


def read_prompts(path: Path, task: TaskInfo, first: int | None = None) -> list[str]:
    """What is asked in the rows of a split, or its `first` ones; raises InputError on a text that is empty."""
    table = read_table(path, prompt_fields(task.prompt), TABLE, max_rows=MAX_ROWS)[:first]
    return [filled(task.prompt, row) for row in _texts(table, range(len(table)), path)]


def read_rows(path: Path, task: TaskInfo, rows: Sequence[int]) -> list[dict[str, str]]:
    """The texts of these rows of a split, from 0, in the order given: by field of the prompt; raises likewise."""
    found: list[dict[str, str]] = []
    for table in picked_rows(path, prompt_fields(task.prompt), TABLE, rows):
        found += _texts(table, rows[len(found) :], path)
    return found


def _texts(table: pa.Table, numbers: Sequence[int], path: Path) -> list[dict[str, str]]:
    """The rows of a table, numbered so in the file; raises InputError on what is no text or has no words."""
    try:
        rows = table.to_pylist()
    except UnicodeDecodeError:
        raise InputError(f"texts are UTF-8, which those of {path} are not") from None
    for number, row in zip(numbers, rows, strict=False):
        for field, text in row.items():
            if text is not None and not isinstance(text, str):
                raise InputError(f"texts are text: {field} of row {number} is {shown(text, 60)} in {path}")
            if not text or not text.strip():
                raise InputError(f"a text has words: {field} of row {number} has none in {path}")
    return rows


def verbalizers(task: TaskInfo, tokenizer: Tokenizer, scoring: Scoring) -> Verbalizers:
    """The answers of a task and their tokens; raises InputError on two that are the same tokens."""
    from otmf_core.models.verbalizers import Verbalizers

    tokens = tuple(tokenizer.ids(text) for text in task.classes)
    for number, own in enumerate(tokens):
        if len(own) < 2:
            raise InputError(f"an answer has words that the tokenizer knows: {shown(task.classes[number])} has none")
        if own in tokens[:number]:
            same = task.classes[tokens.index(own)]
            raise InputError(
                f"answers are told apart by their tokens: {shown(same)} and {shown(task.classes[number])} of "
                f"{shown(task.name)} have the same"
            )
    numeric = task.metric == "spearman"
    return Verbalizers(task.name, task.classes, tokens, tokenizer.decode, numeric, scoring)
