"""The choice of a task and of a picture: a test image, an upload or a drawing."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.app_pages.try_it.drawing_pad import drawing_pad
from dashboard.app_pages.try_it.picture_grid import picture_grid
from dashboard.app_pages.try_it.uploads import MOST_BYTES, fitted, from_uri, side
from dashboard.library.pictures import data_uri, evaluation_pictures
from otmf_core.library.library import Library, TaskInfo

SOURCES = {"test": "Test image", "upload": "Upload", "draw": "Draw"}
THUMBNAILS = 24


@dataclass(frozen=True)
class Picture:
    """An image file and, of a test image, its place in the split and its class."""

    blob: bytes
    name: str
    truth: int | None = None


def choose_task(tasks: Sequence[str], names: Mapping[str, str]) -> str:
    """Draw the choice among a run's tasks; returns the id of the one chosen (the link's, else the first)."""
    wanted = st.query_params.get("task")
    if wanted and wanted not in tasks:
        forget_image()  # it was of a task that only another run has
    st.session_state["try_task"] = wanted if wanted in tasks else tasks[0]

    def choose() -> None:
        st.query_params["task"] = st.session_state["try_task"]
        forget_image()

    return st.selectbox(
        "Task",
        tasks,
        format_func=names.__getitem__,
        key="try_task",
        on_change=choose,
        help="Whose classes the models choose among, and whose fine-tuned model is asked.",
    )


def choose_picture(library: Library, task: TaskInfo) -> Picture | None:
    """Draw the choice of a picture; returns it, or None while there is none. Raises InputError on a bad one."""
    source = st.segmented_control(
        "Picture",
        list(SOURCES),
        default="test",
        required=True,
        format_func=SOURCES.__getitem__,
        key="source",
        bind="query-params",
    )
    if source == "test":
        return _test_picture(library, task)
    pixels = side(library)
    if source == "upload":
        file = st.file_uploader(
            "PNG or JPEG",
            ["png", "jpg", "jpeg"],
            key="upload",
            max_upload_size=MOST_BYTES // 10**6,
            help=f"Its middle square is resized to {pixels} × {pixels} pixels, as the library's images are.",
        )
        return Picture(fitted(file.getvalue(), file.name, pixels), file.name) if file else None
    st.caption("Draw with a mouse, a pen or a finger. The models answer each time you lift it.")
    uri = drawing_pad("drawing")
    return Picture(fitted(from_uri(uri), "the drawing", pixels), "Your drawing") if uri else None


def _test_picture(library: Library, task: TaskInfo) -> Picture:
    pictures = evaluation_pictures(str(library.root), library.manifest_hash, task.id)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = st.number_input("Seed", 0, 9999, key="draw", width=130, bind="query-params", on_change=forget_image)
        st.button("Shuffle", icon=":material/shuffle:", key="shuffle", on_click=_shuffle)
    places = drawn(THUMBNAILS, len(pictures), int(seed))
    wanted = st.query_params.get("image", "")
    chosen = int(wanted) if wanted.isdecimal() and int(wanted) < len(pictures) else places[0]

    def pick(place: int) -> None:
        st.query_params.update({"task": task.id, "image": str(places[place])})

    named = [(data_uri(blob), task.classes[label]) for blob, label in (pictures[place] for place in places)]
    picture_grid(named, places.index(chosen) if chosen in places else None, "thumbnails", pick)
    st.caption(f"{len(places)} of {len(pictures):,} test images of {task.name}, drawn by the seed.")
    blob, truth = pictures[chosen]
    return Picture(blob, f"Test image {chosen}", truth)


def forget_image() -> None:
    """Another task or another draw was chosen: the link's image is not among them."""
    st.query_params.pop("image", None)


def _shuffle() -> None:
    st.session_state["draw"] = (st.session_state["draw"] + 1) % 10_000
    forget_image()


def drawn(count: int, of: int, seed: int) -> list[int]:
    """`count` different places below `of`, the same for the same seed."""
    return random.Random(seed).sample(range(of), min(count, of))
