"""Lengths and cosines of a library's task vectors, computed once for each manifest."""

from __future__ import annotations

import streamlit as st

from otmf_core.library.geometry import Geometry, geometry
from otmf_core.library.library import Library, open_library

COMPARING = "Comparing the task vectors"  # said while that lasts
BYTES_READ_UNASKED = 1 << 28  # of task vectors; more are read when somebody asks


def vector_bytes(library: Library) -> int:
    """The size of all its task vectors' files; raises InputError where one is missing or is not the manifest's."""
    return sum(library.file(task.id, "task_vector").stat().st_size for task in library.tasks)


@st.cache_resource(max_entries=8, show_spinner=False)
def task_geometry(root: str, manifest: str) -> Geometry:
    """Norms and cosines of all task vectors of the library in folder `root`, computed once for each manifest."""
    library = open_library(root)
    return geometry(library, [task.id for task in library.tasks])
