"""What lies below the first screen of a page, drawn after it on arrival, so that the page is there sooner."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

# The pause keeps a moment between two messages of the page itself from being taken for its end.
JS = """
export default function ({ setTriggerValue }) {
  const idle = window.requestIdleCallback ?? ((call) => call());
  const timer = setTimeout(() => idle(() => setTriggerValue("shown", true), { timeout: 500 }), 60);
  return () => clearTimeout(timer);
}
"""

_first_screen = st.components.v2.component("otmf_first_screen", html="<span></span>", js=JS)


def arrive(page: str) -> None:
    """Note which page is drawn next; on arrival at another one than before, its rest is due."""
    st.session_state["rest_due"] = st.session_state.get("at_page") != page
    st.session_state["at_page"] = page


def later(draw: Callable[[], None]) -> None:
    """Call `draw` here, once on a page: on arrival when the browser has shown all before it, otherwise at once."""
    if st.session_state.get("rest_due"):
        # Outside a fragment: Streamlit sends what is done within one turn as one message, to one fragment if any is in
        # it, and a click in that turn on anything else would be lost.
        _first_screen(key="first_screen", on_shown_change=_shown)
    else:
        st.fragment(draw)()


def _shown() -> None:
    st.session_state["rest_due"] = False
