"""The part of a page below its first screen, drawn after it on arrival, so that the page is there sooner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from dashboard.ui.streamlit_internals import SCRIPT_STATE

JS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")

_first_screen = component("otmf_first_screen", html="<span></span>", js=JS)


def arrive(page: str) -> None:
    """Note which page is drawn next; on arrival at another one than before, its rest is due."""
    st.session_state["rest_due"] = st.session_state.get("at_page") != page
    st.session_state["at_page"] = page


def defer(draw: Callable[[], object]) -> None:
    """Call `draw` here, once on a page: on arrival when the browser has shown all before it, otherwise at once."""
    if st.session_state.get("rest_due"):
        # Outside a fragment: Streamlit sends what is done within one turn as one message, to one fragment if any is in
        # it, and a click in that turn on anything else would be lost.
        _first_screen(key="first_screen", data=SCRIPT_STATE, on_shown_change=_end_wait)
    else:
        st.fragment(draw)()


def _end_wait() -> None:
    st.session_state["rest_due"] = False
