"""The library's tasks: all of them in a table, and one in full."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.app_pages.library.tables import Accuracies, model_text, split_sizes
from dashboard.library.calibration_sheets import calibration_sheet
from dashboard.text import letters, plural
from otmf_core.files import shown
from otmf_core.library.library import Library
from otmf_core.library.manifest import TaskInfo

TABLE_HEIGHT = 560  # pixels at most
SHEET_COLUMNS, SHEET_ROWS = 6, 6  # at most, of the task's images


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
    source = (
        f"test images, zero-shot heads, as measured by {'run' if len(runs) == 1 else 'runs'} {letters(', '.join(runs))}"
    )
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
        column_config={
            "id": None,
            "images": column.ImageColumn("Images", width=150),
            "task": column.TextColumn("Task", width=140),
            "classes": column.NumberColumn("Classes", width=64),
            "zero_shot": column.NumberColumn("Zero-shot (%)", format="%.1f", width=96),
            "individual": column.NumberColumn("Individual (%)", format="%.1f", width=96),
            "train_source": column.TextColumn("Train images from", width=220),
            "test_source": column.TextColumn("Test images from", width=220),
            "licence": column.TextColumn("Licence", width=200),
        },
    )
    return selected


def task_panel(library: Library, task: TaskInfo, accuracies: tuple[float, float, str] | None) -> None:
    """Draw one task in full: images, classes, templates, sizes of its splits, model, sources and licence."""
    st.subheader(letters(task.name), anchor=False)
    sizes = split_sizes(str(library.root), library.manifest_hash, task.id)
    st.caption(" · ".join(f"{split} {count:,} images" for split, count in sizes.items()))
    if accuracies:
        zero_shot, individual, run = accuracies
        st.caption(f"Test accuracy: zero-shot {zero_shot:.1f}%, individual {individual:.1f}% (run {letters(run)})")
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
    for label, text in (
        ("Model", model_text(library, task)),
        ("Name on the hub", task.source or ""),
        ("Calibration images", "from the test split" if task.calibration_split == "test" else ""),
        ("Left out", task.left_out),
        ("Train images", task.train_source),
        ("Test images", task.test_source),
        ("Licence", task.licence),
    ):
        if text:
            st.caption(f"**{label}:** {letters(text)}")
