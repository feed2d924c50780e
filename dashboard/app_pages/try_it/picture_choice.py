"""The choice of a task and of a picture: a test image, an upload or a drawing."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.app_pages.try_it.drawing_pad import drawing_pad
from dashboard.app_pages.try_it.picture_grid import picture_grid
from dashboard.app_pages.try_it.uploads import MOST_UPLOAD_BYTES, fit, image_side, png_of_uri
from dashboard.library.pictures import test_labels, test_pictures, thumbnail
from dashboard.text import letters
from otmf_core.library.library import Library
from otmf_core.library.manifest import TaskInfo

SOURCES = {"test": "Test image", "upload": "Upload", "draw": "Draw"}
THUMBNAILS = 24
SEEDS = 10_000


@dataclass(frozen=True)
class Picture:
    """An image file, what the page calls it and, of a test image, its class."""

    blob: bytes
    name: str
    truth: int | None = None


def choose_task(tasks: Sequence[str], names: Mapping[str, str]) -> str:
    """Draw the choice among a run's tasks; return the id of the one selected (the link's, else the first)."""
    linked = st.query_params.get("task")
    if linked and linked not in tasks:
        _forget_image()  # it was of a task that only another run has
    st.session_state["try_task"] = linked if linked in tasks else tasks[0]

    def put_in_link() -> None:
        st.query_params["task"] = st.session_state["try_task"]
        _forget_image()

    return st.selectbox(
        "Task",
        tasks,
        format_func=names.__getitem__,
        key="try_task",
        on_change=put_in_link,
        help="Whose classes the models choose among, and whose fine-tuned model is asked.",
    )


def choose_picture(library: Library, task: TaskInfo) -> Picture | None:
    """Draw the choice of a picture; return it, or None while there is none. Raises InputError on a bad one."""
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
    pixels = image_side(library)
    if source == "upload":
        file = st.file_uploader(
            "PNG or JPEG",
            ["png", "jpg", "jpeg"],
            key="upload",
            max_upload_size=MOST_UPLOAD_BYTES // 10**6,
            help=f"Its middle square is resized to {pixels} × {pixels} pixels, as the library's images are.",
        )
        return Picture(fit(file.getvalue(), file.name, pixels), file.name) if file else None
    st.caption("Draw with a mouse, a pen or a finger. The models answer each time you lift it.")
    uri = drawing_pad("drawing")
    return Picture(fit(png_of_uri(uri), "the drawing", pixels), "Your drawing") if uri else None


def _test_picture(library: Library, task: TaskInfo) -> Picture:
    of_task = str(library.root), library.manifest_hash, task.id
    labels = test_labels(*of_task)
    is_number = len(linked := st.query_params.get("draw", "0")) < 10 and linked.isdecimal()
    if not is_number:
        del st.query_params["draw"]  # Streamlit raises on an infinite one
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = st.number_input(
            "Seed",
            0,
            SEEDS - 1,
            key="draw",
            width=130,
            bind="query-params" if is_number else None,
            on_change=_forget_image,
        )
        st.button("Shuffle", icon=":material/shuffle:", key="shuffle", on_click=_shuffle)
    images = draw_images(THUMBNAILS, len(labels), int(seed))
    linked = st.query_params.get("image", "")
    selected = int(linked) if linked.isdecimal() and len(linked) < 10 and int(linked) < len(labels) else images[0]

    def put_in_link(index: int) -> None:
        st.query_params.update({"task": task.id, "image": str(images[index])})

    blobs = test_pictures(*of_task, tuple(images))
    thumbnails = [
        (thumbnail(blob, f"test image {image}"), task.classes[labels[image]])
        for image, blob in zip(images, blobs, strict=True)
    ]
    picture_grid(thumbnails, images.index(selected) if selected in images else None, "thumbnails", put_in_link)
    st.caption(f"{len(images)} of {len(labels):,} test images of {letters(task.name)}, drawn by the seed.")
    (blob,) = test_pictures(*of_task, (selected,))
    return Picture(blob, f"Test image {selected}", labels[selected])


def draw_images(count: int, of: int, seed: int) -> list[int]:
    """`count` different numbers below `of`, the same for the same seed."""
    return random.Random(seed).sample(range(of), min(count, of))


def _forget_image() -> None:
    """Remove the image from the link: it is not of the task or the draw just chosen."""
    st.query_params.pop("image", None)


def _shuffle() -> None:
    st.session_state["draw"] = (st.session_state["draw"] + 1) % SEEDS
    _forget_image()
