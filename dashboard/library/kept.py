"""Libraries that stay in memory with what was read of them, a tokenizer above all, which takes a moment to load."""

from __future__ import annotations

import streamlit as st

from otmf_core.library.library import Library, open_library


@st.cache_resource(max_entries=8, show_spinner=False)
def kept_library(root: str, manifest: str) -> Library:
    """The library in folder `root` whose manifest has this hash; nobody changes it."""
    return open_library(root)
