"""The theme of the page, light or dark, and a new drawing of it when the reader changes that."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

JS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")

_watch = component("otmf_theme_watch", html="<span></span>", js=JS)


def theme() -> str:
    """The page's theme: light or dark."""
    return st.context.theme.type or "light"


def watch_theme() -> None:
    """Run the page again when its theme has changed."""
    _watch(key="theme_watch", on_changed_change=lambda: None)
