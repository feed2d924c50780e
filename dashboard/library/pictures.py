"""Test images of tasks as stored, and pictures as data URIs."""

from __future__ import annotations

import base64
import io

import streamlit as st
from PIL import Image

from otmf_core.library.examples import image_column, picture_bytes, read_labels
from otmf_core.library.library import open_library


@st.cache_resource(max_entries=6, show_spinner=False)
def evaluation_pictures(root: str, manifest: str, task: str) -> list[tuple[bytes, int]]:
    """A task's test images as stored, each with its class; raises InputError where the table is damaged."""
    path = open_library(root).file(task, "test")
    column = image_column(path)
    return list(zip(picture_bytes(column, path, len(column)), read_labels(path), strict=True))


def data_uri(blob: bytes, kind: str = "image") -> str:
    """An image file as a data URI; of a `kind` left open browsers tell the format by its content."""
    return f"data:{kind};base64,{base64.b64encode(blob).decode()}"


def webp_uri(picture: Image.Image) -> str:
    """A picture as the data URI of a WebP: st.image decodes and encodes anything else anew whenever the page runs."""
    encoded = io.BytesIO()
    picture.save(encoded, format="WebP", quality=90)
    return data_uri(encoded.getvalue(), "image/webp")
