"""The engine, loaded in the background soon after the first page, so that the first merge or answer need not wait."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from threading import Timer

import streamlit as st
from streamlit import runtime

from otmf_core.errors import InputError

DELAY_SECONDS = 4.0  # in which the first page is painted even from a cold disk


def warm_up() -> None:
    """Begin to load torch and the models' code, once for each server."""
    if runtime.exists():
        _timer()


def warm_up_texts() -> None:
    """Begin to load what models of texts need beside it, once for each server; they are not for everybody."""
    if runtime.exists():
        _timer_of_texts()


@st.cache_resource(show_spinner=False)
def _timer() -> Timer:
    return _begun(_load)


@st.cache_resource(show_spinner=False)
def _timer_of_texts() -> Timer:
    return _begun(_load_texts)


def _begun(load: Callable[[], None]) -> Timer:
    timer = Timer(DELAY_SECONDS, load)
    timer.daemon = True
    timer.start()
    return timer


def _load_texts() -> None:
    from otmf_core.models.t5 import transformers_t5

    with suppress(InputError):  # which whoever asks for a model of texts is told
        transformers_t5()


def _load() -> None:
    for module in ("merging.fold", "models.clip", "transport.losses"):  # that import torch, open_clip and geomloss
        import_module(f"otmf_core.{module}")
    gc.freeze()  # half a million objects that stay: no collection looks through them again, which took 0.4 s
