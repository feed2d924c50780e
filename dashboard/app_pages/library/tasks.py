"""The library's tasks: all of them in a table, and one in full."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.app_pages.library.tables import Measured, split_sizes
from dashboard.library.calibration_sheets import calibration_sheet
from otmf_core.library.library import Library, TaskInfo

TALL = 560  # pixels of the task table
SHEET = 6, 6  # columns and most rows of the chosen task's images


def tasks_table(library: Library, table: pd.DataFrame, known: Measured) -> str | None:
    """Draw the tasks, one of them chosen (the link's, else the first); returns its id."""
    ids = list(table["id"]) if len(table) else []
    if not ids:
        st.info("This library has no tasks.")
        return None
    key = f"tasks-{library.root}"

    def choose() -> None:
        for place in st.session_state[key]["selection"]["rows"]:
            st.query_params["task"] = ids[place]

    wanted = st.query_params.get("task")
    if wanted and wanted not in ids:
        st.warning(f"{library.name} has no task {wanted!r}. This is its first one.", icon=":material/info:")
    chosen = wanted if wanted in ids else ids[0]
    runs = sorted({run for _, _, run in known.values()})
    source = f"test images, zero-shot heads, as measured by {'run' if len(runs) == 1 else 'runs'} {', '.join(runs)}"
    st.markdown(f"**Tasks** · accuracy: {source if runs else 'appears once a run on these tasks has finished'}")
    column = st.column_config
    st.dataframe(
        table,
        key=key,
        hide_index=True,
        height=min(38 + 44 * len(ids), TALL),
        row_height=44,
        on_select=choose,
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [ids.index(chosen)]}},
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
    return chosen


def task_panel(library: Library, manifest: str, task: TaskInfo, known: tuple[float, float, str] | None) -> None:
    """One task in full: images, classes, sizes of its splits, sources and licence."""
    st.subheader(task.name, anchor=False)
    sizes = split_sizes(str(library.root), manifest, task.id)
    st.caption(" · ".join(f"{split} {count:,} images" for split, count in sizes.items()))
    if known:
        st.caption(f"Test accuracy: zero-shot {known[0]:.1f}%, individual {known[1]:.1f}% (run {known[2]})")
    if "calibration" in task.files:
        columns = SHEET[0]
        rows = min(-(-len(task.classes) // columns), SHEET[1])
        st.image(
            calibration_sheet(str(library.root), task.id, columns, max(rows, 2)),
            width="stretch",
            alt=f"Calibration images of {task.name}, one of each class where they fit",
        )
    st.markdown(f"**{len(task.classes)} classes** · " + ", ".join(task.classes))
    for label, text in (
        ("Train images", task.train_source),
        ("Test images", task.test_source),
        ("Licence", task.licence),
    ):
        if text:
            st.caption(f"**{label}:** {text}")
