"""Lengths and cosines of a library's task vectors, computed once for each manifest."""

from __future__ import annotations

import streamlit as st

from otmf_core.library.geometry import Geometry, geometry
from otmf_core.library.library import Library, open_library

COMPARING = "Comparing the task vectors"  # said while that lasts
BYTES_READ_UNASKED = 1 << 28  # of task vectors; more are read when somebody asks


def vector_bytes(library: Library) -> int:
    """The size of all files that task vectors are read from; raises InputError where one is missing or of another."""
    return sum(path.stat().st_size for task in library.tasks for path in library.vector_files(task.id))


def comparison_wanted(library: Library) -> bool:
    """Whether to compare the task vectors: those of a large library once somebody asks, by the toggle drawn here."""
    size = vector_bytes(library)
    about = f"Reads {size / 1e9:.1f} GB of weights once."
    return size <= BYTES_READ_UNASKED or st.toggle("Compare task vectors", help=about)


@st.cache_resource(max_entries=8, show_spinner=False)
def task_geometry(root: str, manifest: str) -> Geometry:
    """Norms and cosines of all task vectors of the library in folder `root`, computed once for each manifest."""
    library = open_library(root)
    return geometry(library, [task.id for task in library.tasks])
