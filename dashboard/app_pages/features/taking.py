"""Taking the features of a run, on a click, where they are not stored with it yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.runs.afterwards import afterwards
from dashboard.runs.changes import take
from dashboard.sharing.rules import why_not_changed
from dashboard.state import run_folder
from dashboard.text import reason
from otmf_core.analysis.features import images_per_task, stored
from otmf_core.errors import InputError
from otmf_core.runs.view import RunView

POLL_SECONDS = 1.0
DURATIONS = {
    "images": "With eight tasks of the embedded library that takes about 20 seconds on one core, with a ViT-B/32 "
    "minutes.",
    "texts": "With the six tasks of the embedded library that takes about 20 seconds on one core, with a Flan-T5 base "
    "minutes.",
}


def features_ready(view: RunView, noun: str) -> tuple[Path, dict[str, Any]]:
    """The run's folder and what its features were taken with; without them, offer to take
    them, of examples called `noun`, and end the page."""
    path = run_folder(view.run)
    tasks = len(view.tasks)
    facts = stored(path, tasks)
    if facts is None:
        if taken_now(view.run) is not None:
            st.subheader("Features are being taken", anchor=False)
            _follow(view.run)
        else:
            _offer(view.run, tasks, noun)
        st.stop()
    return path, facts


def taken_now(run: str) -> float | None:
    """The share done of a run's features that are being taken by themselves; None where none are."""
    done = afterwards().done
    return done[1] if done and done[0] == run else None


@st.fragment(run_every=POLL_SECONDS)
def _follow(run: str) -> None:
    """Draw how far features are that are taken by themselves; the page anew when that has ended."""
    share = taken_now(run)
    if share is None:
        st.rerun()
    st.progress(share, text=f"Taken by themselves after the merge: **{share:.0%}**")


def _offer(run: str, tasks: int, noun: str) -> None:
    models = 2 * tasks + 1
    st.subheader("Features are not taken yet", anchor=False)
    st.markdown(
        f"The merge is replayed from what this run kept, and up to {images_per_task(tasks)} test {noun} of each task "
        f"go through {models} models: the pre-trained one, {tasks} fine-tuned and {tasks} merged ones. "
        f"{DURATIONS[noun]} It is done once and kept with the run."
    )
    locked = why_not_changed()
    icon = ":material/scatter_plot:"
    if st.button("Take features", type="primary", icon=icon, key="take", disabled=locked is not None, help=locked):
        bar = st.progress(0.0, text=f"Reading weights and {noun}")

        def report(done: float) -> None:
            bar.progress(done, text=f"Taking features: **{done:.0%}**")

        try:
            take(run, report)
        except InputError as error:
            st.error(reason(error), title="The features were not taken")
        else:
            st.rerun()
