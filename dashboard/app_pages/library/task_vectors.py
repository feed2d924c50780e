"""The cosines and the lengths of the library's task vectors."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard.app_pages.library.charts import lengths
from dashboard.app_pages.library.tables import cosine_frame, lengths_frame
from dashboard.charts.colours import task_colours
from dashboard.charts.geometry import cosine_matrix
from dashboard.library.geometry import COMPARING, comparison_wanted, task_geometry
from dashboard.text import reason
from dashboard.ui.chart import cached_chart, show_chart
from dashboard.ui.theme import theme
from otmf_core.errors import InputError
from otmf_core.library.geometry import Geometry
from otmf_core.library.library import Library


def task_vectors(library: Library) -> Geometry | None:
    """Draw cosines and lengths of two task vectors or more; return them, or None where they are not compared."""
    try:
        if not library.tasks or not comparison_wanted(library):
            return None
        with st.spinner(COMPARING):
            geometry = task_geometry(str(library.root), library.manifest_hash)
    except InputError as error:
        st.error(reason(error), title="The task vectors cannot be compared")
        return None
    if len(geometry.tasks) < 2:
        return geometry
    names = {task.id: task.name for task in library.tasks}
    labels = [names[task] for task in geometry.tasks]
    left, right = st.columns([7, 3], gap="medium")
    with left:
        show_chart(
            cached_chart(cosine_matrix, geometry.cosines, labels, theme()),
            partial(cosine_frame, geometry, labels),
            title="Cosine between task vectors",
            measured="0: orthogonal, 1: the same direction",
            key="cosines",
            name=f"{library.id}-cosines",
        )
    with right:
        show_chart(
            cached_chart(lengths, geometry.relative, geometry.tasks, names, task_colours(list(names))),
            partial(lengths_frame, geometry, labels),
            title="Their lengths",
            measured="% of ‖θ⁰‖",
            key="lengths",
            name=f"{library.id}-lengths",
        )
    return geometry
