"""Test examples drawn by a seed, which is part of the link."""

from __future__ import annotations

import random

import streamlit as st

from dashboard.app_pages.try_it.task_choice import forget_example
from otmf_core.errors import InputError

SEEDS = 10_000


def choose_draw(count: int, of: int) -> list[int]:
    """Draw the choice of a seed; return the numbers of `count` examples among `of`; raises InputError without any."""
    if not of:
        raise InputError("a test set needs examples: this one has none")
    is_number = len(linked := st.query_params.get("draw", "0")) < 10 and linked.isdecimal()
    if not is_number:
        del st.query_params["draw"]  # Streamlit raises on an infinite one
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = st.number_input(
            "Seed",
            0,
            SEEDS - 1,
            key="draw",
            width=130,
            bind="query-params" if is_number else None,
            on_change=forget_example,
        )
        st.button("Shuffle", icon=":material/shuffle:", key="shuffle", on_click=_shuffle)
    return drawn(count, of, int(seed))


def drawn(count: int, of: int, seed: int) -> list[int]:
    """`count` different numbers below `of`, the same for the same seed."""
    return random.Random(seed).sample(range(of), min(count, of))


def _shuffle() -> None:
    st.session_state["draw"] = (st.session_state["draw"] + 1) % SEEDS
    forget_example()
