"""The library's tasks: all of them in a table, and one in full."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard.app_pages.library.tables import Accuracies, model_text, split_sizes
from dashboard.library.calibration_sheets import calibration_sheet
from dashboard.library.samples import calibration_samples
from dashboard.text import letters, plural
from otmf_core.files import shown
from otmf_core.library.library import Library
from otmf_core.library.manifest import TaskInfo, prompt_fields

TABLE_HEIGHT = 560  # pixels at most
SHEET_COLUMNS, SHEET_ROWS = 6, 6  # at most, of the task's images
TEXTS = 8  # at most, of the task's texts
# Of tasks of texts numbers come first: what follows them is as long as it likes.
NUMBERS, SOURCES = ("classes", "zero_shot", "individual"), ("train_source", "test_source", "licence")
TEXT_ORDER = ("task", *NUMBERS, "prompt", "example", *SOURCES)


def choose_task(library: Library, table: pd.DataFrame, accuracies: Accuracies) -> str | None:
    """Draw the tasks, one of them selected (the link's, else the first); return its id, or None without tasks."""
    ids = list(table["id"]) if len(table) else []
    if not ids:
        st.info("This library has no tasks yet.")
        return None
    key = f"tasks-{library.root}"

    def put_in_link() -> None:
        for row in st.session_state[key]["selection"]["rows"]:
            st.query_params["task"] = ids[row]

    linked = st.query_params.get("task")
    if linked and linked not in ids:
        st.warning(
            f"{letters(library.name)} has no task {letters(shown(linked))}. This is its first one.",
            icon=":material/info:",
        )
    selected = linked if linked in ids else ids[0]
    runs = sorted({run for _, _, run in accuracies.values()})
    by = "texts" if library.of_texts else "images, zero-shot heads"
    source = f"test {by}, as measured by {'run' if len(runs) == 1 else 'runs'} {letters(', '.join(runs))}"
    st.markdown(f"**Tasks** · accuracy: {source if runs else 'appears once a run on these tasks has finished'}")
    column = st.column_config
    st.dataframe(
        table,
        key=key,
        hide_index=True,
        height=min(38 + 44 * len(ids), TABLE_HEIGHT),
        row_height=44,
        on_select=put_in_link,
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [ids.index(selected)]}},
        placeholder="",
        alt=f"Tasks of {library.name}",
        column_order=TEXT_ORDER if library.of_texts else None,
        column_config={
            "id": None,
            **_columns(library),
            "zero_shot": column.NumberColumn("Zero-shot (%)", format="%.1f", width=96),
            "individual": column.NumberColumn("Individual (%)", format="%.1f", width=96),
            "train_source": column.TextColumn(f"Train {library.noun} from", width=220),
            "test_source": column.TextColumn(f"Test {library.noun} from", width=220),
            "licence": column.TextColumn("Licence", width=200),
        },
    )
    return selected


def _columns(library: Library) -> dict[str, Any]:
    """The columns of what tasks are called and look like."""
    column = st.column_config
    if not library.of_texts:
        return {
            "images": column.ImageColumn("Images", width=150),
            "task": column.TextColumn("Task", width=140),
            "classes": column.NumberColumn("Classes", width=64),
        }
    return {
        "task": column.TextColumn("Task", width=110),
        "prompt": column.TextColumn("Prompt", width=240),
        "example": column.TextColumn("Example", width=200),
        "classes": column.NumberColumn("Answers", width=68),
    }


def task_panel(library: Library, task: TaskInfo, accuracies: tuple[float, float, str] | None) -> None:
    """Draw one task in full: examples, what is asked and answered, sizes of its splits, model, sources and licence."""
    st.subheader(letters(task.name), anchor=False)
    sizes = split_sizes(str(library.root), library.manifest_hash, task.id)
    st.caption(" · ".join(f"{split} {count:,} {library.noun}" for split, count in sizes.items()))
    if accuracies:
        zero_shot, individual, run = accuracies
        st.caption(f"Test accuracy: zero-shot {zero_shot:.1f}%, individual {individual:.1f}% (run {letters(run)})")
    (_texts if library.of_texts else _images)(library, task)
    for label, text in (
        ("Model", model_text(library, task)),
        ("Name on the hub", task.source or ""),
        (f"Calibration {library.noun}", "from the test split" if task.calibration_split == "test" else ""),
        ("Left out", task.left_out),
        (f"Train {library.noun}", task.train_source),
        (f"Test {library.noun}", task.test_source),
        ("Licence", task.licence),
    ):
        if text:
            st.caption(f"**{label}:** {letters(text)}")


def _images(library: Library, task: TaskInfo) -> None:
    """Draw calibration images, classes and templates."""
    if "calibration" in task.files:
        rows = min(-(-len(task.classes) // SHEET_COLUMNS), SHEET_ROWS)
        st.image(
            calibration_sheet(str(library.root), task.id, SHEET_COLUMNS, max(rows, 2)),
            width="stretch",
            alt=f"Calibration images of {task.name}, one of each class where they fit",
        )
    st.markdown(f"**{len(task.classes)} classes** · " + letters(", ".join(task.classes)))
    if task.templates:
        st.markdown(f"**{plural(len(task.templates), 'template')}** · " + letters(" · ".join(task.templates)))


def _texts(library: Library, task: TaskInfo) -> None:
    """Draw what is asked and answered, and calibration texts with their answers."""
    st.markdown("**Prompt** · " + letters(task.prompt))
    by_rank = " · compared by rank (Spearman's ρ)" if task.metric == "spearman" else ""
    st.markdown(f"**{len(task.classes)} answers**{by_rank} · " + letters(", ".join(task.classes)))
    if "calibration" not in task.files:
        return
    samples = calibration_samples(str(library.root), library.manifest_hash, task.id, TEXTS)
    column, fields = st.column_config, list(enumerate(prompt_fields(task.prompt)))
    st.dataframe(
        pd.DataFrame(
            {"answer": [each.answer for each in samples]}
            | {f"text {place}": [each.texts[field] for each in samples] for place, field in fields}
        ),
        hide_index=True,
        alt=f"Calibration texts of {task.name}, one of each answer where they fit",
        column_config={
            "answer": column.TextColumn("Answer", width=84),
            **{f"text {place}": column.TextColumn(field) for place, field in fields},
        },
    )
