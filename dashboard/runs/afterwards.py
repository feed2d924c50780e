"""Features taken by themselves after a merge: begun once for each server, turned off and on for all of its tabs."""

from __future__ import annotations

import os

import streamlit as st
from streamlit import runtime

from dashboard.engine.throttle import drawing_seconds
from dashboard.runs.changes import check_room_for_features
from dashboard.state import queue
from otmf_core.jobs.afterwards import SHORT_SECONDS, Afterwards

KEY = "features_afterwards"


def begin_afterwards() -> None:
    """Begin to take features after merges, once for each server."""
    if runtime.exists():
        _begun()


@st.cache_resource(show_spinner=False, max_entries=1)
def _begun() -> None:
    afterwards().start()


@st.cache_resource(show_spinner=False, max_entries=1)
def afterwards() -> Afterwards:
    """What takes features after merges, off at first where OTMF_FEATURES is `off`; shared by all tabs."""
    own = Afterwards(queue(), rest=drawing_seconds, check=check_room_for_features)
    own.on = os.environ.get("OTMF_FEATURES") != "off"
    return own


def afterwards_toggle() -> None:
    """Draw the switch."""
    st.session_state[KEY] = afterwards().on

    def switch() -> None:
        afterwards().on = st.session_state[KEY]

    st.toggle(
        "Take features after the merge",
        key=KEY,
        on_change=switch,
        help=f"For the Features page, once nothing is merged, where that takes at most about {SHORT_SECONDS:.0f} "
        "seconds; longer ones are offered there. It gives way to pages and to the next merge. For all tabs.",
    )
