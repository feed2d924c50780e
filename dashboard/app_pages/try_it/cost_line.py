"""The line under the answers: what they took, and by what the models answered."""

from __future__ import annotations

import streamlit as st

from otmf_core.config import MergeConfig
from otmf_core.library.library import Library


def cost_line(config: MergeConfig, library: Library, loading: float, answering: float) -> None:
    """Draw the seconds that loading and answering took, and where the probabilities come from."""
    models = "Models were in memory" if loading < 0.01 else f"Models loaded in {loading:.2f} s"
    if not library.of_texts:
        tuned = "; the merged model's head is the one tuned on labels" if config.heads != "none" else ""
        by = f"Zero-shot heads{tuned}"
    elif config.scoring == "generation":
        by = "Answers by their likelihood; the run's accuracies are of what is generated"
    else:
        by = "Answers by their likelihood"
    st.caption(f"{models}, answered in {_taken(answering)}. {by}.")


def _taken(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
