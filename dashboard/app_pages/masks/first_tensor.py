"""The tensor that the Masks page shows until one is chosen."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from otmf_core.models.tensor_names import TensorPlace

QUERIES = ("qkv.weight", "q.weight")  # the kinds that hold the queries of self-attention


def choose_first_tensor(tensor_places: Mapping[str, TensorPlace]) -> None:
    """Choose the first queries of a network, else its first tensor, unless one of its own is chosen or linked to.

    One that was chosen on a run of another network is none of its own.
    """
    chosen = st.session_state.get("tensor") or st.query_params.get("tensor")
    if chosen in tensor_places:
        return
    queries = (name for name, place in tensor_places.items() if place.kind in QUERIES)
    st.session_state["tensor"] = next(queries, next(iter(tensor_places)))
