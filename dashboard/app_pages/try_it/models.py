"""The models of a run, kept in memory and never changed, and what they answered; torch loads on the first question."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from dashboard.library.kept import kept_library
from otmf_core.library.library import Library, open_library
from otmf_core.library.pictures import open_picture
from otmf_core.library.preparation import preparation, prepare
from otmf_core.runs.folder import load_run

Example = bytes | str  # a picture's file, or a text as it is asked
MOST_ENCODERS = 6  # in memory: two runs' pre-trained, merged and one fine-tuned model


@st.cache_resource(max_entries=64, show_spinner=False)
def ask(run: Path, models: Sequence[str], task: str, example: Example) -> tuple[dict[str, list[float]], float, float]:
    """Model → probabilities over the task's classes of an example, and the seconds that loading and answering took.

    Asked once for the same example; nobody changes the answer.
    """
    began = time.perf_counter()
    with st.spinner("Loading the models"):
        from otmf_core.analysis.answers import answer

        encoders = {model: _encoder(str(run), model) for model in models}
    loaded = time.perf_counter()
    inputs = _inputs(run, example)
    answers = {model: answer(run, model, encoders[model], task, inputs)[0].tolist() for model in models}
    return answers, loaded - began, time.perf_counter() - loaded


@st.cache_data(max_entries=16, show_spinner="Asking every fine-tuned model")
def ask_experts(run: str, tasks: Sequence[str], task: str, example: Example) -> dict[str, list[float]]:
    """Fine-tuned model → probabilities over the task's classes of an example, asked one model after the other."""
    from otmf_core.analysis.answers import experts

    inputs = _inputs(Path(run), example)
    return {model: answer[0].tolist() for model, answer in experts(Path(run), tasks, task, inputs)}


@st.cache_resource(max_entries=MOST_ENCODERS, show_spinner=False)
def _encoder(run: str, model: str) -> Any:
    from otmf_core.analysis.answers import load_model

    return load_model(Path(run), model)


def is_cut(library: Library, prompt: str) -> bool:
    """Whether a text has more tokens than models read."""
    return _tokens(library, prompt)[1] > 0


def _inputs(run: Path, example: Example) -> Any:
    """An example as the run's models take it: a picture as uint8 (1, H, W, 3), a text as its tokens."""
    library = open_library(load_run(run).config.library)
    if isinstance(example, str):
        return _tokens(library, example)[0]
    import torch

    how = preparation(library.backbone_config)
    return torch.from_numpy(np.array(prepare(open_picture(example, "the picture"), how))).unsqueeze(0)


def _tokens(library: Library, prompt: str) -> tuple[Any, int]:
    return kept_library(str(library.root), library.manifest_hash).tokenizer.tokens([prompt], "the text")
