"""What can be done with a stored run: name it, note, take it along, export its model, delete it; and import one."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import cast

import streamlit as st

from dashboard.runs.titles import title
from dashboard.state import forget_run, queue, runs_folder, show_run
from dashboard.text import sentence
from otmf_core.errors import InputError
from otmf_core.runs.archive import MAX_BYTES, import_run, write_zip
from otmf_core.runs.folder import NAME_LENGTH, NOTE_LENGTH, Run, load_run, set_notes
from otmf_core.layout import CARD, EXPORT
from otmf_core.runs.lock import owner

UPLOAD_MB = 1024  # held in memory while it is checked
REFUSED = "runs_refused"  # title and sentence of what was just asked for and not done


def run_tools(run: Run, after: str | None) -> None:
    """Draw the name, the note and the buttons of a stored run; `after` is the run to show once it is deleted."""
    busy = run.id in dict(queue().active()) or owner(run.path) is not None
    for what, stored in (("name", run.name), ("note", run.note)):
        st.session_state.setdefault(f"{what}-{run.id}", stored)
    left, right = st.columns(2)
    with left:
        st.text_input(
            "Name",
            key=f"name-{run.id}",
            max_chars=NAME_LENGTH,
            placeholder="Shown beside the run's id",
            on_change=_note,
            args=(run, "name"),
        )
        with st.container(horizontal=True, gap="small"):
            _download_run(run, busy)
            _export(run)
            if st.button(
                "Delete",
                icon=":material/delete:",
                key="runs-delete",
                disabled=busy,
                help="A run can be deleted once it has ended." if busy else None,
            ):
                _confirm(run, after)
    with right:
        st.text_area(
            "Note",
            key=f"note-{run.id}",
            max_chars=NOTE_LENGTH,
            height=124,
            placeholder="What was this run for, and what did it show?",
            on_change=_note,
            args=(run, "note"),
        )
    st.space("small")


def import_tool() -> None:
    """Draw the button that opens a run's zip as a new run."""
    with st.popover("Import", icon=":material/upload:"):
        times = st.session_state.setdefault("imports", 0)  # a new key empties the uploader
        st.file_uploader(
            "A run that was downloaded as a zip",
            type="zip",
            key=f"import-{times}",
            max_upload_size=UPLOAD_MB,
            on_change=_import,
            args=(f"import-{times}",),
            help=f"At most {UPLOAD_MB >> 10} GB, {MAX_BYTES >> 30} GB unpacked. It is checked whole before it is kept.",
        )


def refused() -> None:
    """Say, once, why what was asked for in the last click was not done."""
    if REFUSED in st.session_state:
        heading, reason = st.session_state.pop(REFUSED)
        st.error(reason, title=heading, icon=":material/block:")


def zipped(folder: Path, name: str) -> io.RawIOBase:
    """The folder as a zip, under that name, in a temporary file that disappears when it is closed."""
    file = cast(io.BufferedRandom, TemporaryFile())  # noqa: SIM115 (whoever reads it closes it)
    write_zip(folder, file, name)
    return file.detach()


def _attempt(action: Callable[[], object], heading: str) -> bool:
    try:
        action()
    except InputError as error:
        st.session_state[REFUSED] = (heading, sentence(str(error)))
        return False
    return True


def _note(run: Run, what: str) -> None:
    """Save the name or the note; the other stays as it is stored, whatever another tab has made of it."""

    def save() -> None:
        stored = load_run(run.path)
        set_notes(run.path, **{"name": stored.name, "note": stored.note, what: st.session_state[f"{what}-{run.id}"]})

    _attempt(save, f"The {what} was not saved")


def _import(key: str) -> None:
    file = st.session_state[key]
    if file is None:
        return
    st.session_state["imports"] += 1
    _attempt(lambda: show_run("runs", import_run(file, runs_folder())), f"{file.name} was not imported")


def _download_run(run: Run, busy: bool) -> None:
    text = "The run's folder as a zip, which Import opens here or on another machine."
    if not run.record:
        text += " It can be looked at there; what it would resume from stays here."
    if busy:
        text = "A run can be downloaded once it has ended."
    _download("Download run", run.path, run.id, disabled=busy, help=text)


def _download(label: str, folder: Path, name: str, **options) -> None:
    st.download_button(
        label,
        lambda: zipped(folder, name),
        f"{name}.zip",
        "application/zip",
        key=f"runs-{label}",
        on_click="ignore",
        icon=":material/download:",
        **options,
    )


def _export(run: Run) -> None:
    """Export the merged model or, where that was done, take it along."""
    if (run.path / EXPORT / CARD).is_file():
        _download(
            "Download model",
            run.path / EXPORT,
            f"{run.id}-model",
            help="The merged CLIP as safetensors with its model card, in a folder that open_clip loads.",
        )
        return
    if st.button(
        "Export model",
        icon=":material/deployed_code:",
        key="runs-export",
        disabled=run.record is None,
        help="Write the merged CLIP as safetensors with a model card, in a folder that open_clip loads."
        if run.record
        else "A model is exported when its run is done.",
    ):
        with st.spinner("Writing the merged model"):
            from otmf_core.export.open_clip import export_model  # torch

            _attempt(lambda: export_model(run.path), "The model was not exported")
        st.rerun()


@st.dialog("Delete this run?")
def _confirm(run: Run, after: str | None) -> None:
    files = [path for path in run.path.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    st.text(run.name or title(run.config))
    st.caption(run.id)
    st.markdown(
        f"Its settings, figures, masks and merged weights ({len(files)} files, {size / 1e6:,.1f} MB) are deleted for "
        "good. Other runs stay as they are."
    )
    with st.container(horizontal=True, horizontal_alignment="right"):
        cancelled = st.button("Cancel", key="runs-keep")
        deleted = st.button(
            "Delete",
            type="primary",
            key="runs-delete-now",
            icon=":material/delete:",
            on_click=_delete,
            args=(run, after),
        )
    if cancelled or deleted:
        st.rerun()


def _delete(run: Run, after: str | None) -> None:
    if _attempt(lambda: queue().delete(run.id), "The run was not deleted"):
        forget_run(run.id)
        show_run("runs", after)
