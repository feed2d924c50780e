"""Actions of the Runs page that may be refused, and the reason, told once."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.text import letters, reason
from otmf_core.errors import InputError

REFUSAL_KEY = "runs_refused"  # of the session's state: title and sentence of what was just asked for and not done


def attempt(action: Callable[[], object], heading: str) -> bool:
    """Do `action` and return whether it was done; a refusal (InputError) is told under `heading`."""
    try:
        action()
    except InputError as error:
        st.session_state[REFUSAL_KEY] = (heading, reason(error))
        return False
    return True


def show_refusal() -> None:
    """Say, once, why what was asked for in the last click was not done."""
    if REFUSAL_KEY in st.session_state:
        heading, said = st.session_state.pop(REFUSAL_KEY)
        st.error(said, title=letters(heading), icon=":material/block:")
