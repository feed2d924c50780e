"""What the dialogs of the Library page share: which one is open, what was typed, and how one begins a job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from dashboard.app_pages.library.jobs import Job, Report, library_jobs
from dashboard.app_pages.library.uploads import MOST_BYTES, TYPES, Upload
from dashboard.app_pages.library.work import Source
from dashboard.library.folders import typed_path
from dashboard.text import reason
from otmf_core.errors import InputError
from otmf_core.library.making.splits import Sizes

# Of the session's state: the dialog that is open, the last job that it began, and how many sets of texts were used up.
OPEN_KEY, BEGUN_KEY, USED_KEY = "library_dialog", "library_begun", "library_used"
HERE, UPLOAD = "On this machine", "Upload"
LABELLED = {"images": "heads may be tuned on them", "texts": "no method reads them yet"}


def opened() -> str | None:
    """The dialog that is open; it stays so when the page is drawn anew."""
    return st.session_state.get(OPEN_KEY)


def open_dialog(name: str) -> None:
    """Open the dialog of that name."""
    st.session_state[OPEN_KEY] = name


def close_dialog() -> None:
    """Close whatever dialog is open."""
    st.session_state.pop(OPEN_KEY, None)


def key(name: str) -> str:
    """The key of an input, under which what was typed stays until the job that it was typed for has succeeded."""
    return f"library-{name}-{st.session_state.get(USED_KEY, 0)}"


def forget_typed(job: Job) -> None:
    """Empty the dialogs of this session once the job that they began has succeeded."""
    if job.status == "done" and st.session_state.get(BEGUN_KEY) == job.number:
        del st.session_state[BEGUN_KEY]
        st.session_state[USED_KEY] = st.session_state.get(USED_KEY, 0) + 1


def begin(title: str, work: Callable[[Report], object]) -> None:
    """Begin a job and close the dialog; raises InputError while another job runs."""
    st.session_state[BEGUN_KEY] = library_jobs().start(title, work)
    close_dialog()
    st.rerun()


def on_press(label: str, icon: str, act: Callable[[], object]) -> None:
    """Draw the button that ends a dialog, and why what it asks for cannot be."""
    pressed = st.button(label, type="primary", icon=icon, key="library-go")
    if pressed:
        try:
            act()
        except InputError as error:
            st.error(reason(error), icon=":material/block:")


def model_input(label: str, name: str, what: str, about: str) -> Callable[[], Source]:
    """Draw the choice of a checkpoint, a path or a file to upload; return how to read it, which raises InputError."""
    where = st.segmented_control(
        label,
        [HERE, UPLOAD],
        default=HERE,
        required=True,
        key=key(f"{name}-where"),
        persist_state="session",
        help=about,
    )
    if where == HERE:
        path = text(f"Path of {what}", f"{name}-path", placeholder="Path of a file or folder", hidden=True)
        return lambda: typed_path(path, what)
    upload: Upload | None = st.file_uploader(
        f"Upload {what}",
        type=list(TYPES),
        key=key(f"{name}-upload"),
        max_upload_size=MOST_BYTES >> 20,
        label_visibility="collapsed",
    )

    def uploaded() -> Upload:
        if upload is None:
            raise InputError(f"{what} is a file that was uploaded, received none")
        return upload

    return uploaded


def text(label: str, name: str, *, placeholder: str = "", about: str | None = None, hidden: bool = False) -> str:
    """Draw an input of one line; return what was typed, without spaces around it."""
    typed = st.text_input(
        label,
        key=key(name),
        placeholder=placeholder,
        help=about,
        label_visibility="collapsed" if hidden else "visible",
        persist_state="session",
    )
    return (typed or "").strip()


def optional_path(typed: str, what: str) -> Path | None:
    """The path typed, or None where nothing was; raises InputError as `typed_path` does."""
    return typed_path(typed, what) if typed else None


def lines(label: str, name: str, placeholder: str, about: str) -> tuple[str, ...]:
    """Draw an input of a text a line; return those that are not empty."""
    typed = st.text_area(label, key=key(name), placeholder=placeholder, help=about, height=120, persist_state="session")
    return tuple(line.strip() for line in (typed or "").splitlines() if line.strip())


def splits_input(name: str, noun: str = "images") -> tuple[Sizes, int, bool]:
    """Draw how splits are drawn; return their sizes, the seed, and whether calibration examples come from the test.

    `noun` is what examples are called.
    """
    default = Sizes()
    columns = st.columns(4)
    fields = (
        ("Calibration", default.calibration, 2, f"Unlabelled training {noun}, at most."),
        ("Labelled", default.labelled, 0, f"Labelled training {noun}, at most: {LABELLED[noun]}."),
        ("Test", default.test, 0, f"Test {noun}, at most; 0: all."),
        ("Seed", 0, 0, "Of the draw."),
    )
    values = [
        column.number_input(
            label,
            min_value=least,
            max_value=2_000_000,
            value=value,
            step=1,
            key=key(f"{name}-{label}"),
            help=about,
            persist_state="session",
        )
        for column, (label, value, least, about) in zip(columns, fields, strict=True)
    ]
    transductive = st.checkbox(
        f"Calibrate on test {noun}",
        key=key(f"{name}-transductive"),
        help=f"Draw calibration {noun} from the test split (transductive), which every result then says.",
        persist_state="session",
    )
    calibration, labelled, test, seed = values
    return Sizes(calibration, labelled, test), seed, transductive
