"""The line under the form on how the chosen task vectors lie to each other; it warns where they are hard to merge."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.charts.geometry import cosine_matrix
from dashboard.library.geometry import COMPARING, comparison_wanted, task_geometry
from dashboard.text import letters, reason, sentence
from dashboard.ui.chart import cached_chart, show_chart
from dashboard.ui.theme import theme
from otmf_core.errors import InputError
from otmf_core.library.geometry import concerns
from otmf_core.library.library import Library


def geometry_line(library: Library, tasks: Sequence[str]) -> None:
    """Draw lengths and mean cosine of `tasks`, what speaks against merging them, and the table of cosines behind it."""
    try:
        if not comparison_wanted(library):
            return
        with st.spinner(COMPARING):
            geometry = task_geometry(str(library.root), library.manifest_hash).only(tasks)
    except InputError as error:
        st.caption(f"Task vectors were not compared: {reason(error)}")
        return
    names = {task: library.task(task).name for task in tasks}
    cosines = [geometry.cosines[i][j] for i in range(len(tasks)) for j in range(i)]
    shortest, longest = (100 * pick(geometry.relative) for pick in (min, max))
    for concern in concerns(geometry, names):
        st.warning(letters(sentence(concern)), icon=":material/warning:")
    panel = st.popover(
        f"Task vectors: mean cosine {sum(cosines) / len(cosines):.2f}, lengths {shortest:.0f}–{longest:.0f}%",
        type="tertiary",
        icon=":material/compare_arrows:",
        help="Cosine: 0 orthogonal, 1 the same direction. Length: of a task vector against the pre-trained weights.",
        key="geometry",
        on_change="rerun",
    )
    if not panel.open:
        return
    with panel:
        show_chart(
            cached_chart(cosine_matrix, geometry.cosines, list(names.values()), theme()),
            lambda: (
                pd.DataFrame(geometry.cosines, index=[*names.values()], columns=[*names.values()])
                .rename_axis("task")
                .reset_index()
            ),
            title="Cosine between task vectors",
            measured="0: orthogonal, 1: the same direction",
            key="form-cosines",
            name="cosines",
        )
