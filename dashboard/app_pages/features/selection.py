"""The test images selected in the map, and what every model answers to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from dashboard.app_pages.features.charts.feature_map import MODELS
from dashboard.app_pages.features.reading import THUMBNAIL_SIDE
from dashboard.text import letters
from otmf_core.analysis.features import TaskFeatures
from otmf_core.library.manifest import TaskInfo

MOST_PICTURES = 12


def selected_images(
    pictures: Sequence[str],
    task: TaskInfo,
    features: TaskFeatures,
    answers: Mapping[str, np.ndarray],
    selected: Sequence[int],
    selection_key: str,
) -> None:
    """Draw the selected ones of the test images `pictures`, each with its class and what every model answers.

    `answers[model]` (n,) are labels; the session's state keeps the images selected as `selection_key`.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Selected images** · {len(selected)} of {len(features.labels)}", width="stretch")
        st.button("Clear", key="clear", type="tertiary", on_click=lambda: st.session_state.pop(selection_key))
    with st.grid(6, min_column_width=150):
        for image in list(selected)[:MOST_PICTURES]:
            label = features.labels[image]
            with st.container(border=True):
                st.image(pictures[image], width=THUMBNAIL_SIDE)
                lines = [f"**{letters(task.classes[label])}**"]
                for model, title in MODELS.items():
                    answer = answers[model][image]
                    colour = "green" if answer == label else "red"
                    lines.append(f":small[{title}:] :{colour}[{letters(task.classes[answer])}]")
                st.markdown("  \n".join(lines))
    if len(selected) > MOST_PICTURES:
        st.caption(f"The first {MOST_PICTURES} of {len(selected)} selected images.")
