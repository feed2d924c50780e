"""What runs take on disk, the largest first: which to delete, several at a time, asked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import streamlit as st

from dashboard.app_pages.runs.attempts import attempt
from dashboard.app_pages.runs.deletion import cancel_or_delete
from dashboard.runs.titles import BADGES, title
from dashboard.sharing.rules import why_not_changed
from dashboard.sharing.settings import sharing
from dashboard.state import forget_run, queue, runs_folder
from dashboard.text import disk_text, letters, plural, reason
from otmf_core.errors import InputError
from otmf_core.runs.folder import Damaged, Run
from otmf_core.runs.usage import runs_bytes

DAMAGED = "Damaged"
VISIBLE_ROWS = 8  # without scrolling
NAMED = 6  # runs that the dialog names


@dataclass(frozen=True)
class Item:
    """A run folder that nobody merges, with what it is called, its bytes and why one might part with it."""

    run: str
    name: str
    kind: str
    created: str | None
    size: int


def clean_up(runs: Sequence[Run], damaged: Sequence[Damaged]) -> None:
    """Draw, once it is opened, what all runs take, the table to select from, and the button that deletes."""
    opened = st.expander("Clean up", icon=":material/cleaning_services:", key="clean-up", on_change="rerun")
    if not opened.open:
        return
    with opened:
        try:
            sizes = runs_bytes(runs_folder())
        except InputError as error:
            st.error(reason(error))
            return
        _used(sum(sizes.values()), len(runs) + len(damaged))
        items = _items(runs, damaged, sizes)
        kinds = sorted({item.kind for item in items})
        chosen = st.pills("Kind", kinds, selection_mode="multi", key="clean-up-kinds") if len(kinds) > 1 else kinds
        selected = _table([item for item in items if not chosen or item.kind in chosen])
        locked = why_not_changed()
        size = disk_text(sum(item.size for item in selected))
        label = f"Delete {plural(len(selected), 'run')}, {size}" if selected else "Delete"
        off = locked is not None or not selected
        if st.button(label, icon=":material/delete:", key="clean-up-delete", disabled=off, help=locked):
            _confirm(selected)


def _used(used: int, count: int) -> None:
    budget = sharing().runs_budget
    if budget is None:
        st.caption(f"{plural(count, 'run')}, **{disk_text(used)}** on disk.")
    else:
        text = f"{plural(count, 'run')}, **{disk_text(used)}** of the {disk_text(budget)} that runs may take"
        st.progress(min(1.0, used / budget), text=text)


def _items(runs: Sequence[Run], damaged: Sequence[Damaged], sizes: dict[str, int]) -> list[Item]:
    """Runs that have ended and damaged ones, the largest first."""
    ended = [run for run in runs if run.status not in ("queued", "running")]
    items = [
        Item(run.id, run.name or title(run.config), BADGES[run.status][0], run.created, sizes.get(run.id, 0))
        for run in ended
    ]
    items += [Item(path.name, "", DAMAGED, None, sizes.get(path.name, 0)) for path, _ in damaged]
    return sorted(items, key=lambda item: (-item.size, item.run))


def _table(items: Sequence[Item]) -> list[Item]:
    """Draw the table; return the items of the rows that are selected."""
    column = st.column_config
    created = [None if item.created is None else datetime.fromisoformat(item.created) for item in items]
    table = pd.DataFrame(
        {
            "size": [item.size / 1e6 for item in items],
            "age": pd.to_datetime(pd.Series(created, dtype=object), utc=True),
            "kind": [item.kind for item in items],
            "name": [item.name for item in items],
            "run": [item.run for item in items],
        }
    )
    event = st.dataframe(
        table,
        key=f"clean-up-{hash(tuple(item.run for item in items))}",  # a selection is of rows, and is lost with them
        hide_index=True,
        height=38 + 35 * max(1, min(len(items), VISIBLE_ROWS)),
        on_select="rerun",
        selection_mode="multi-row",
        placeholder="",
        alt="Runs, the largest first",
        column_config={
            "size": column.NumberColumn("Size (MB)", format="%.1f", width=100),
            "age": column.DatetimeColumn("Created", format="distance", width=140),
            "kind": column.TextColumn("Kind", width=110),
            "name": column.TextColumn("Run", width="medium"),
            "run": column.TextColumn("Id"),
        },
    )
    return [items[row] for row in event.selection.rows]


@st.dialog("Delete these runs?")
def _confirm(items: Sequence[Item]) -> None:
    for item in items[:NAMED]:
        st.markdown(f"- {letters(item.name or item.run)} · {disk_text(item.size)}")
    if len(items) > NAMED:
        st.markdown(f"- and {len(items) - NAMED} more")
    size = disk_text(sum(item.size for item in items))
    st.markdown(f"{plural(len(items), 'run')} with settings, figures, masks and weights, {size}, deleted for good.")
    cancel_or_delete("clean-up-keep", "clean-up-now", _delete, [item.run for item in items])


def _delete(runs: Sequence[str]) -> None:
    """Delete what can be deleted; of the rest the last reason is told."""
    for run in runs:
        if attempt(lambda run=run: queue().delete(run), "Not all of these runs were deleted"):
            forget_run(run)
            if st.query_params.get("run") == run:
                del st.query_params["run"]
