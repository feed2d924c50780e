"""The engine, loaded in the background soon after the first page, so that the first merge or answer need not wait."""

from __future__ import annotations

import gc
from importlib import import_module
from threading import Timer

import streamlit as st
from streamlit import runtime

DELAY_SECONDS = 4.0  # in which the first page is painted even from a cold disk


def warm_up() -> None:
    """Begin to load torch and the models' code, once for each server."""
    if runtime.exists():
        _timer()


@st.cache_resource(show_spinner=False)
def _timer() -> Timer:
    timer = Timer(DELAY_SECONDS, _load)
    timer.daemon = True
    timer.start()
    return timer


def _load() -> None:
    for module in ("merging.fold", "models.clip", "transport.losses"):  # that import torch, open_clip and geomloss
        import_module(f"otmf_core.{module}")
    gc.freeze()  # half a million objects that stay: no collection looks through them again, which took 0.4 s
