"""The models of a run, kept in memory and never changed, and what they answered; torch loads on the first question."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from otmf_core.library.library import open_library
from otmf_core.library.pictures import open_picture
from otmf_core.library.preparation import preparation, prepare
from otmf_core.runs.folder import load_run

MOST_ENCODERS = 6  # in memory: two runs' pre-trained, merged and one fine-tuned model


@st.cache_resource(max_entries=64, show_spinner=False)
def ask(run: Path, models: Sequence[str], task: str, picture: bytes) -> tuple[dict[str, list[float]], float, float]:
    """Model → probabilities over the task's classes of a picture, and the seconds that loading and answering took.

    Asked once for the same picture; nobody changes the answer.
    """
    began = time.perf_counter()
    with st.spinner("Loading the models"):
        from otmf_core.analysis.answers import answer

        encoders = {model: _encoder(str(run), model) for model in models}
    loaded = time.perf_counter()
    answers = {model: answer(run, model, encoders[model], task, _pixels(run, picture))[0].tolist() for model in models}
    return answers, loaded - began, time.perf_counter() - loaded


@st.cache_data(max_entries=16, show_spinner="Asking every fine-tuned model")
def ask_experts(run: str, tasks: Sequence[str], task: str, picture: bytes) -> dict[str, list[float]]:
    """Fine-tuned model → probabilities over the task's classes of a picture, asked one model after the other."""
    from otmf_core.analysis.answers import experts

    return {model: answer[0].tolist() for model, answer in experts(Path(run), tasks, task, _pixels(Path(run), picture))}


@st.cache_resource(max_entries=MOST_ENCODERS, show_spinner=False)
def _encoder(run: str, model: str) -> Any:
    from otmf_core.analysis.answers import load_model

    return load_model(Path(run), model)


def _pixels(run: Path, picture: bytes) -> Any:
    """The picture as the run's models take it: uint8 (1, H, W, 3)."""
    import torch

    how = preparation(open_library(load_run(run).config.library).backbone_config)
    return torch.from_numpy(np.array(prepare(open_picture(picture, "the picture"), how))).unsqueeze(0)
