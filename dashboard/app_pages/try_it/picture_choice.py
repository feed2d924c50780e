"""The choice of a picture: a test image, an upload or a drawing."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboard.app_pages.try_it.drawing_pad import drawing_pad
from dashboard.app_pages.try_it.draws import choose_draw
from dashboard.app_pages.try_it.picture_grid import picture_grid
from dashboard.app_pages.try_it.task_choice import linked_example
from dashboard.app_pages.try_it.uploads import MOST_UPLOAD_BYTES, fit, image_side, png_of_uri
from dashboard.library.pictures import test_labels, test_pictures, thumbnail
from dashboard.sharing.rules import why_not_changed
from dashboard.text import letters
from otmf_core.library.library import Library
from otmf_core.library.manifest import TaskInfo

SOURCES = {"test": "Test image", "upload": "Upload", "draw": "Draw"}
THUMBNAILS = 24


@dataclass(frozen=True)
class Picture:
    """An image file, what the page calls it and, of a test image, its class."""

    blob: bytes
    name: str
    truth: int | None = None


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
        locked = why_not_changed()
        file = st.file_uploader(
            "PNG or JPEG",
            ["png", "jpg", "jpeg"],
            key="upload",
            max_upload_size=MOST_UPLOAD_BYTES // 10**6,
            disabled=locked is not None,
            help=locked or f"Its middle square is resized to {pixels} × {pixels} pixels, as the library's images are.",
        )
        return Picture(fit(file.getvalue(), file.name, pixels), file.name) if file else None
    st.caption("Draw with a mouse, a pen or a finger. The models answer each time you lift it.")
    uri = drawing_pad("drawing")
    return Picture(fit(png_of_uri(uri), "the drawing", pixels), "Your drawing") if uri else None


def _test_picture(library: Library, task: TaskInfo) -> Picture:
    of_task = str(library.root), library.manifest_hash, task.id
    labels = test_labels(*of_task)
    images = choose_draw(THUMBNAILS, len(labels))
    linked = linked_example("image", len(labels))
    selected = images[0] if linked is None else linked

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
