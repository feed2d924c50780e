"""The engine, loaded in the background soon after the first page, so that the first merge or answer need not wait."""

from __future__ import annotations

import gc
from importlib import import_module
from threading import Timer

import streamlit as st
from streamlit import runtime

AFTER = 4.0  # seconds, in which the first page is painted even from a cold disk


def warm_up() -> None:
    """Begin to load torch and the models' code, once for each server."""
    if runtime.exists():
        _begun()


@st.cache_resource(show_spinner=False)
def _begun() -> Timer:
    timer = Timer(AFTER, _load)
    timer.daemon = True
    timer.start()
    return timer


def _load() -> None:
    import_module("otmf_core.merging.fold")
    gc.freeze()  # half a million objects that stay: no collection looks through them again, which took 0.4 s
