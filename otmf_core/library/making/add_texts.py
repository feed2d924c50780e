"""The texts of a new task: what is asked and answered, its data set, and the tables of its splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from otmf_core.errors import InputError
from otmf_core.files import shown, write_table
from otmf_core.library import texts
from otmf_core.library.examples import Split
from otmf_core.library.importers.base import Expert
from otmf_core.library.importers.t5 import T5Checkpoint
from otmf_core.library.importers.text_tables import Row, TextDataset, open_texts
from otmf_core.library.known_texts import KnownText, known_text
from otmf_core.library.labels import check_labels
from otmf_core.library.library import Library
from otmf_core.library.making.contents import Contents, Written
from otmf_core.library.making.splits import draw
from otmf_core.library.manifest import FIELD, TaskInfo, is_number, prompt_fields

if TYPE_CHECKING:
    from otmf_core.library.making.add import NewTask

NAMED = 3  # of the texts left out


@dataclass(frozen=True)
class Question:
    """What is asked in a task, its answers by label, how they are compared, and a note on them."""

    prompt: str
    answers: tuple[str, ...]
    metric: Literal["accuracy", "spearman"]
    note: str = ""


def question_of(known: KnownText | None, new: NewTask) -> Question:
    """The prompt, answers and metric given, else the known ones; raises InputError where there are none."""
    prompt = new.prompt or (known.prompt if known else "")
    answers = new.classes or (known.answers if known else ())
    if new.head is not None or new.templates:
        raise InputError("a task of texts is asked by a prompt: heads and templates are of images")
    if "label" in prompt_fields(prompt):
        raise InputError("a prompt does not ask with the label in it: {label} is the column of labels")
    if not prompt_fields(prompt):
        raise InputError(
            f"a prompt has a column of the data set in braces, as in 'Is it good? {{text}}': received {shown(prompt)}"
        )
    if set("{}") & set(FIELD.sub("", prompt)):
        raise InputError(f"braces in a prompt hold a column's name, of letters, digits and _: received {shown(prompt)}")
    empty = next((number for number, answer in enumerate(answers) if not answer.strip()), None)
    if empty is not None:
        raise InputError(
            f"an answer has words: number {empty} of {len(answers)} is empty, counted from 0 as labels are"
        )
    if len(answers) < 2:
        raise InputError(f"a task has at least two answers, by label: received {shown(', '.join(answers) or 'none')}")
    twice = next((answer for answer in answers if answers.count(answer) > 1), None)
    if twice is not None:
        raise InputError(f"a task has an answer once: {shown(twice)} is there twice")
    metric = new.metric or (known.metric if known else "accuracy")
    if metric == "spearman" and not all(map(is_number, answers)):
        raise InputError(f"answers that are compared by rank are numbers: received {shown(', '.join(answers), 200)}")
    note = ""
    if known is not None and (prompt, answers) != (known.prompt, known.answers):
        note = f"the prompt or the answers are not those that the published models of {known.name} know"
    return Question(prompt, answers, metric, note)


def contents(root: Path, library: Library, new: NewTask, expert: Expert) -> Contents:
    """What a new task of texts is made of; raises InputError on what cannot be read or asked."""
    known = known_text(new.name)
    question = question_of(known, new)
    _check_room(question, library)
    config = new.config or (known.config if known else None)
    path = new.data / config if config and (new.data / config).is_dir() else new.data
    dataset = open_texts(path, prompt_fields(question.prompt), question.answers, question.metric == "spearman")
    drawn = draw(dataset, new.sizes, new.seed, new.transductive)

    def fields(identity: str) -> dict[str, Any]:
        return {"classes": question.answers, "prompt": question.prompt, "metric": question.metric}

    def write(task: TaskInfo) -> Written:
        texts.verbalizers(task, library.tokenizer, "likelihood")
        counts: dict[Split, int] = {}
        cut = 0
        for split, rows in drawn.splits.items():
            if rows:
                path = root / "tasks" / task.id / f"{split}.parquet"
                cut += _write_split(path, rows, split, task, library, dataset.where)
                counts[split] = len(rows)
        return Written(counts, _left_out(dataset, cut), {})

    notes = filter(None, (question.note, _of_prefix(question, expert)))
    return Contents(drawn, "; ".join(notes), fields, write)


def _of_prefix(question: Question, expert: Expert) -> str:
    """A note where a fine-tuned model's configuration states a prompt that this one does not begin with."""
    prefix = expert.settings().get("prefix") if isinstance(expert, T5Checkpoint) and expert.fields() else None
    if not isinstance(prefix, str) or question.prompt.startswith(prefix.strip()):
        return ""
    return f"the fine-tuned model's config.json states {shown(prefix, 60)} before every text, the prompt does not"


def _check_room(question: Question, library: Library) -> None:
    """Raise InputError where nothing of a text would be read behind what is asked."""
    fields = dict.fromkeys(prompt_fields(question.prompt), "")
    own = len(library.tokenizer.ids(texts.filled(question.prompt, fields)))
    if own >= texts.MAX_TOKENS:
        raise InputError(
            f"a prompt leaves room for texts: {shown(question.prompt, 80)} has {own} tokens alone, of which "
            f"{texts.MAX_TOKENS} are read"
        )


def _write_split(path: Path, rows: Sequence[Row], split: Split, task: TaskInfo, library: Library, where: Path) -> int:
    """Write a split's table, of rows from `where`; returns how many of its texts are cut when they are read."""
    labels = [row.label for row in rows]
    check_labels(labels, task, split, where)
    columns = {field: [row.texts[place] for row in rows] for place, field in enumerate(prompt_fields(task.prompt))}
    write_table(path, {**columns, "label": labels})
    return library.tokenizer.tokens(texts.read_prompts(path, task), str(path))[1]


def _left_out(dataset: TextDataset, cut: int) -> str:
    """What was left out of the texts and what is cut, in a sentence; empty where nothing was."""
    parts = []
    if dataset.empty:
        named = "; ".join(dataset.empty[:NAMED]) + (" …" if len(dataset.empty) > NAMED else "")
        parts.append(f"{len(dataset.empty):,} texts were empty and are left out: {named}")
    if cut:
        parts.append(f"{cut:,} texts of more than {texts.MAX_TOKENS} tokens are cut")
    return ", ".join(parts)
