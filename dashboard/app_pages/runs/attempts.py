"""Actions that may be refused, and the reason, told once."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.text import sentence
from otmf_core.errors import InputError

REFUSED = "runs_refused"  # title and sentence of what was just asked for and not done


def refused() -> None:
    """Say, once, why what was asked for in the last click was not done."""
    if REFUSED in st.session_state:
        heading, reason = st.session_state.pop(REFUSED)
        st.error(reason, title=heading, icon=":material/block:")


def attempt(action: Callable[[], object], heading: str) -> bool:
    try:
        action()
    except InputError as error:
        st.session_state[REFUSED] = (heading, sentence(str(error)))
        return False
    return True
