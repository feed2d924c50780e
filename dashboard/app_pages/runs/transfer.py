"""Runs in and out: download as a zip, import of one, export of the merged model."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, cast

import streamlit as st

from dashboard.app_pages.runs.attempts import attempt
from dashboard.runs.changes import bring_in, export
from dashboard.sharing.rules import why_not_changed
from dashboard.state import show_run
from dashboard.text import sentence
from otmf_core.export.layouts import layouts_of, not_exported
from otmf_core.layout import CARD, EXPORTS
from otmf_core.runs.archive import MAX_BYTES, write_zip
from otmf_core.runs.folder import Run

UPLOAD_MB = 1024  # held in memory while it is checked


def import_button() -> None:
    """Draw the button that opens a run's zip as a new run."""
    locked = why_not_changed()
    with st.popover("Import", icon=":material/upload:", disabled=locked is not None, help=locked):
        imports = st.session_state.setdefault("imports", 0)  # a new key empties the uploader
        st.file_uploader(
            "A run that was downloaded as a zip",
            type="zip",
            key=f"import-{imports}",
            max_upload_size=UPLOAD_MB,
            on_change=_import,
            args=(f"import-{imports}",),
            help=f"At most {UPLOAD_MB >> 10} GB, {MAX_BYTES >> 30} GB unpacked. It is checked whole before it is kept.",
        )


def zipped(folder: Path, name: str) -> io.RawIOBase:
    """The folder as a zip, under that name, in a temporary file that disappears when it is closed."""
    file = cast(io.BufferedRandom, TemporaryFile())  # noqa: SIM115 (whoever reads it closes it)
    write_zip(folder, file, name)
    return file.detach()


def _import(key: str) -> None:
    file = st.session_state[key]
    if file is None:
        return
    st.session_state["imports"] += 1
    attempt(lambda: show_run("runs", bring_in(file, file.size)), f"{file.name} was not imported")


def download_button(run: Run, busy: bool) -> None:
    """Draw the button that downloads a run; not while it is `busy`."""
    about = "The run's folder as a zip, which Import opens here or on another machine."
    if not run.record:
        about += (
            " It can be looked at there. What it would resume from stays here: a zip may come from anyone, and a merge "
            "goes on only from what it saved itself. To go on elsewhere, copy the run's whole folder."
        )
    if busy:
        about = "A run can be downloaded once it has ended."
    _download("Download run", run.path, run.id, disabled=busy, help=about)


def _download(label: str, folder: Path, name: str, **options: Any) -> None:
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


def export_controls(run: Run) -> str:
    """Draw the choice of a layout and its button, and return a line on the layout.

    The button exports the merged model or, where that was done, downloads it. Where the model is not one checkpoint,
    the button is off, and the line says why.
    """
    if why := not_exported(run.config.method):
        st.button("Export model", icon=":material/deployed_code:", key="runs-export", disabled=True)
        return sentence(why)
    layouts = layouts_of(run.noun)
    layout = st.selectbox(
        "Layout of the exported model",
        layouts,
        format_func=lambda name: layouts[name].title,
        key="runs-layout" if run.noun == "images" else f"runs-layout-{run.noun}",
        label_visibility="collapsed",
        width=150,
    )
    folder, about, locked = run.path / EXPORTS[layout], layouts[layout].about, why_not_changed()
    if (folder / CARD).is_file():
        _download(
            "Download model", folder, f"{run.id}-{layout}", help="The exported model and its model card, as a zip."
        )
    elif st.button(
        "Export model",
        icon=":material/deployed_code:",
        key="runs-export",
        disabled=run.record is None or locked is not None,
        help=locked
        or (
            "Write the merged model as safetensors with a model card."
            if run.record
            else "A model is exported when its run is done."
        ),
    ):
        with st.spinner("Writing the merged model"):
            attempt(lambda: export(run, layout), "The model was not exported")
        st.rerun()
    return f"{layouts[layout].title}: {about}"
