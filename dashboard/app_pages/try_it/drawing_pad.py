"""A component: a pad to draw on. It fetches nothing; its only way back is the drawing."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

CSS = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
JS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")

_pad = component(
    "otmf_drawing_pad",
    html="<div id='pad'><canvas width='256' height='256' role='img' aria-label='Draw here'></canvas>"
    "<button type='button'>Clear</button></div>",
    css=CSS,
    js=JS,
)


def drawing_pad(key: str) -> str | None:
    """Draw a pad with what was on it before; returns what is on it as a PNG data URI, None while it is empty."""
    before = st.session_state.get(key, {}).get("drawing")
    return _pad(key=key, data={"drawing": before}, on_drawing_change=lambda: None).drawing
