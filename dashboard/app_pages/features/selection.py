"""The test images selected in the map, and what every model answers to them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.app_pages.features.charts.feature_map import MODELS
from dashboard.app_pages.features.reading import SIDE
from otmf_core.analysis.features import TaskFeatures
from otmf_core.library.library import TaskInfo

PICTURES = 12  # thumbnails at most


def toggle_selected(chart: str, place: str, images: int) -> None:
    """Add the images just selected in the chart to those selected before; a single one that was there goes."""
    hit = {point["point_index"] for point in st.session_state[chart].selection.points if point["point_index"] < images}
    before = list(st.session_state.get(place, []))
    if len(hit) == 1 and hit <= set(before):
        st.session_state[place] = [image for image in before if image not in hit]
    elif hit:
        st.session_state[place] = before + sorted(hit - set(before))


def pictures(
    sources: Sequence[str], task: TaskInfo, taken: TaskFeatures, models: dict[str, int], selected: Sequence[int]
) -> None:
    """The selected ones of the test images `sources`, each with its class and what every model answers."""
    with st.grid(6, min_column_width=150):
        for image in list(selected)[:PICTURES]:
            label = taken.labels[image]
            with st.container(border=True):
                st.image(sources[image], width=SIDE)
                said = [f"**{task.classes[label]}**"]
                for model, title in MODELS.items():
                    answer = taken.answers[models[model], image]
                    colour = "green" if answer == label else "red"
                    said.append(f":small[{title}:] :{colour}[{task.classes[answer]}]")
                st.markdown("  \n".join(said))
    if len(selected) > PICTURES:
        st.caption(f"The first {PICTURES} of {len(selected)} selected images.")
