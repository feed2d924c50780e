"""What lies below the first screen of a page, drawn after it on arrival, so that the page is there sooner."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

# Not while the script runs, nor just after the reader did something: a run that another one cuts short has not seen
# which button was pressed for it.
JS = """
const ACTS = ["pointerdown", "pointerup", "keydown", "keyup", "input", "change"];
const QUIET = 300;

export default function ({ setTriggerValue }) {
  const idle = window.requestIdleCallback ?? ((call) => call());
  const script = document.querySelector("[data-test-script-state]")?.dataset;
  let acted = -Infinity;
  let timer = null;
  const act = () => { acted = performance.now(); };
  const wait = () => { timer = setTimeout(() => idle(report, { timeout: 500 }), 60); };
  const report = () => {
    const runs = script && script.testScriptState !== "notRunning";
    if (runs || performance.now() - acted < QUIET) wait();
    else setTriggerValue("shown", true);
  };
  ACTS.forEach((kind) => window.addEventListener(kind, act, true));
  wait();
  return () => {
    clearTimeout(timer);
    ACTS.forEach((kind) => window.removeEventListener(kind, act, true));
  };
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
