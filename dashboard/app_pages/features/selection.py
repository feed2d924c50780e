"""The test examples selected in the map, and what every model answers to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from dashboard.app_pages.features.charts.feature_map import MODELS, answer_text
from dashboard.app_pages.features.reading import THUMBNAIL_SIDE
from dashboard.text import letters
from otmf_core.analysis.features import TaskFeatures
from otmf_core.library.manifest import TaskInfo

MOST_SHOWN = 12
LONGEST = 240  # characters of a text
GRID = {"images": (6, 150), "texts": (3, 280)}  # columns, and pixels of one at least


def selected_examples(
    pictures: Sequence[str],
    prompts: Sequence[str],
    task: TaskInfo,
    features: TaskFeatures,
    answers: Mapping[str, np.ndarray],
    selected: Sequence[int],
    selection_key: str,
) -> None:
    """Draw the selected test images `pictures`, or texts `prompts`, with their class and what every model answers.

    `answers[model]` (n,) are labels, −1 for none; the session's state keeps those selected as `selection_key`.
    """
    noun = "texts" if prompts else "images"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Selected {noun}** · {len(selected)} of {len(features.labels)}", width="stretch")
        st.button("Clear", key="clear", type="tertiary", on_click=lambda: st.session_state.pop(selection_key))
    columns, width = GRID[noun]
    with st.grid(columns, min_column_width=width):
        for example in list(selected)[:MOST_SHOWN]:
            label = features.labels[example]
            with st.container(border=True):
                if prompts:
                    st.markdown(f":small[{letters(_shortened(prompts[example]))}]")
                else:
                    st.image(pictures[example], width=THUMBNAIL_SIDE)
                lines = [f"**{letters(task.classes[label])}**"]
                for model, title in MODELS.items():
                    answer = answers[model][example]
                    colour = "green" if answer == label else "red"
                    lines.append(f":small[{title}:] :{colour}[{letters(answer_text(task.classes, answer))}]")
                st.markdown("  \n".join(lines))
    if len(selected) > MOST_SHOWN:
        st.caption(f"The first {MOST_SHOWN} of {len(selected)} selected {noun}.")


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rstrip()}…"
