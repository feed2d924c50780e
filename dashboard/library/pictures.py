"""Test images of tasks as stored, and pictures as data URIs."""

from __future__ import annotations

import base64
import io

import streamlit as st
from PIL import Image

from otmf_core.library.encoded import encoded_pictures
from otmf_core.library.labels import read_labels
from otmf_core.library.library import open_library
from otmf_core.library.pictures import open_picture

THUMBNAIL = 160  # pixels of its longer side, twice what a page shows


@st.cache_resource(max_entries=64, show_spinner=False)
def test_labels(root: str, manifest: str, task: str) -> list[int]:
    """The class of every test image of a task; raises InputError where the table is damaged."""
    return read_labels(open_library(root).file(task, "test"))


@st.cache_resource(max_entries=256, show_spinner=False)
def test_pictures(root: str, manifest: str, task: str, rows: tuple[int, ...]) -> list[bytes]:
    """These test images of a task, as stored; raises InputError where one is damaged or has changed."""
    return list(encoded_pictures(open_library(root).file(task, "test"), rows))


@st.cache_resource(max_entries=512, show_spinner=False)
def thumbnail(blob: bytes, name: str, side: int = THUMBNAIL) -> str:
    """A picture no larger than `side` pixels, as a data URI; raises InputError on a damaged one, about `name`."""
    picture = open_picture(blob, name)
    if max(picture.size) <= side:
        return data_uri(blob)
    picture.thumbnail((side, side))
    return webp_uri(picture)


def data_uri(blob: bytes, kind: str = "image") -> str:
    """An image file as a data URI; of a `kind` left open browsers tell the format by its content."""
    return f"data:{kind};base64,{base64.b64encode(blob).decode()}"


def webp_uri(picture: Image.Image) -> str:
    """A picture as the data URI of a WebP: st.image decodes and encodes anything else anew whenever the page runs."""
    encoded = io.BytesIO()
    picture.save(encoded, format="WebP", quality=90)
    return data_uri(encoded.getvalue(), "image/webp")
