"""The picture or the text that the models were asked about, with its true answer where that is known."""

from __future__ import annotations

import streamlit as st

from dashboard.app_pages.try_it.models import is_cut
from dashboard.app_pages.try_it.picture_choice import Picture
from dashboard.app_pages.try_it.text_choice import Text
from dashboard.text import letters
from otmf_core.library.library import Library
from otmf_core.library.manifest import TaskInfo
from otmf_core.library.texts import MAX_TOKENS

LONG, TALL = 800, 220  # characters beyond which a text scrolls, in so many pixels


def show_picture(picture: Picture, task: TaskInfo) -> None:
    """Draw a picture, its name and its class."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(picture.blob, width=112, alt=picture.name)
        truth = f" · **{letters(task.classes[picture.truth])}**" if picture.truth is not None else ""
        st.markdown(f"{letters(picture.name)}{truth}", width="content")


def show_text(text: Text, library: Library) -> None:
    """Draw what was asked, whole, its name and its answer, and whether the models read only its beginning."""
    st.markdown(letters(text.name) + (f" · **{letters(text.answer)}**" if text.answer else ""))
    with st.container(border=True, height=TALL if len(text.prompt) > LONG else "content"):
        st.markdown(letters(text.prompt))
    if is_cut(library, text.prompt):
        st.caption(f"It has more than {MAX_TOKENS} tokens: the models read its beginning, and the rest is cut.")
