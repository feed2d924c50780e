"""The choice of a text: a test text, or one that is typed."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from dashboard.app_pages.try_it.draws import choose_draw
from dashboard.app_pages.try_it.task_choice import linked_example
from dashboard.library.samples import samples, text_labels
from dashboard.text import excerpt, letters
from otmf_core.library.library import Library
from otmf_core.library.manifest import TaskInfo, prompt_fields
from otmf_core.library.texts import filled

SOURCES = {"test": "Test text", "type": "Type"}
LISTED = 12
LONGEST = 20_000  # characters of a text that is typed
PROMPT_SHOWN = 400  # characters of a prompt above its fields


@dataclass(frozen=True)
class Text:
    """What is asked, what the page calls it and, of a test text, its answer; `truth` as of a Sample."""

    prompt: str
    name: str
    answer: str = ""
    truth: int | None = None


def choose_text(library: Library, task: TaskInfo) -> Text | None:
    """Draw the choice of a text; return it, or None while there is none. Raises InputError on a damaged one."""
    source = st.segmented_control(
        "Text",
        list(SOURCES),
        default="test",
        required=True,
        format_func=SOURCES.__getitem__,
        key="text_source",
        bind="query-params",
    )
    return _test_text(library, task) if source == "test" else _typed_text(library, task)


def _test_text(library: Library, task: TaskInfo) -> Text:
    of_task = str(library.root), library.manifest_hash, task.id, "test"
    count = len(text_labels(*of_task))
    rows = choose_draw(LISTED, count)
    listed = len(rows)
    linked = linked_example("text", count)
    selected = rows[0] if linked is None else linked
    if selected not in rows:
        rows = [selected, *rows[:-1]]
    key = f"texts-{library.root}-{task.id}-{rows}"

    def put_in_link() -> None:
        for index in st.session_state[key]["selection"]["rows"]:
            st.query_params.update({"task": task.id, "text": str(rows[index])})

    found = samples(*of_task, tuple(rows))
    fields = prompt_fields(task.prompt)
    table = pd.DataFrame(
        {"answer": [each.answer for each in found]}
        | {f"text {place}": [each.texts[field] for each in found] for place, field in enumerate(fields)}
    )
    column = st.column_config
    st.dataframe(
        table,
        key=key,
        hide_index=True,
        height=38 + 35 * len(table),
        on_select=put_in_link,
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [rows.index(selected)]}},
        alt=f"Test texts of {task.name}",
        column_config={
            "answer": column.TextColumn("Answer", width=84),
            **{f"text {place}": column.TextColumn(field) for place, field in enumerate(fields)},
        },
    )
    st.caption(f"{listed} of {count:,} test texts of {letters(task.name)}, drawn by the seed.")
    chosen = found[rows.index(selected)]
    return Text(chosen.prompt, f"Test text {selected}", chosen.answer, chosen.truth)


def _typed_text(library: Library, task: TaskInfo) -> Text | None:
    """Draw an input for each field of the prompt."""
    st.caption(f"What is asked: {excerpt(task.prompt, PROMPT_SHOWN)}")
    fields = prompt_fields(task.prompt)
    typed = {
        field: st.text_area(
            letters(field),
            key=f"typed-{library.root}-{task.id}-{field}",
            max_chars=LONGEST,
            height=100,
            persist_state="session",
        )
        for field in fields
    }
    texts = {field: (text or "").strip()[:LONGEST] for field, text in typed.items()}
    missing = [field for field in fields if not texts[field]]
    if missing:
        if len(missing) < len(fields):
            st.caption(f"A text has words: {letters(', '.join(missing))} has none yet.")
        return None
    return Text(filled(task.prompt, texts), "Your text")
