"""The dialog that deletes a run."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.app_pages.runs.attempts import attempt
from dashboard.runs.titles import title
from dashboard.state import forget_run, queue, show_run
from dashboard.text import letters
from otmf_core.runs.folder import Run


@st.dialog("Delete this run?")
def confirm_deletion(run: Run, after: str | None) -> None:
    """Ask whether to delete `run`, and do so; `after` is the run to show then."""
    files = [path for path in run.path.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    st.text(run.name or title(run.config))
    st.caption(letters(run.id))
    st.markdown(
        f"Its settings, figures, masks and merged weights ({len(files)} files, {size / 1e6:,.1f} MB) are deleted for "
        "good. Other runs stay as they are."
    )
    cancel_or_delete("runs-keep", "runs-delete-now", _delete, run, after)


def cancel_or_delete(cancel_key: str, delete_key: str, delete: Callable[..., None], *args: object) -> None:
    """Draw the two buttons of a dialog that deletes something by `delete(*args)`; either one closes it."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        cancelled = st.button("Cancel", key=cancel_key)
        deleted = st.button(
            "Delete",
            type="primary",
            key=delete_key,
            icon=":material/delete:",
            on_click=delete,
            args=args,
        )
    if cancelled or deleted:
        st.rerun()


def _delete(run: Run, after: str | None) -> None:
    if attempt(lambda: queue().delete(run.id), "The run was not deleted"):
        forget_run(run.id)
        show_run("runs", after)
