"""The models' answers in words: a verdict for each, and a table of all of a run's models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard.app_pages.try_it.charts import ranking
from dashboard.app_pages.try_it.models import ask_experts
from dashboard.app_pages.try_it.picture_choice import Picture
from dashboard.text import letters
from dashboard.ui.layout import cells
from otmf_core.library.manifest import TaskInfo


def verdicts(
    answers: Mapping[str, Sequence[float]], names: Mapping[str, str], task: TaskInfo, truth: int | None
) -> None:
    """Draw each model's answer in a word, how sure it is, and whether it is right."""
    for cell, (model, values) in zip(cells(len(answers), "verdicts"), answers.items(), strict=True):
        best = ranking(values)[0]
        cell.metric(
            letters(names[model]),
            letters(task.classes[best]),
            None if truth is None else "right" if best == truth else "wrong",
            delta_color="off" if truth is None else "green" if best == truth else "red",
            delta_arrow="off",
            delta_description=f"{values[best]:.0%} sure",
        )


def every_model(
    run: Path,
    tasks: Sequence[str],
    answers: Mapping[str, Sequence[float]],
    names: Mapping[str, str],
    task: TaskInfo,
    picture: Picture,
) -> None:
    """Draw what every fine-tuned model answers, on demand, beside the `answers` of the other ones."""
    panel = st.expander("All models of this run", icon=":material/groups:", key="everyone", on_change="rerun")
    if not panel.open:
        return
    fine_tuned = ask_experts(str(run), tuple(tasks), task.id, picture.blob)
    all_answers = {names[model]: values for model, values in answers.items() if model not in fine_tuned}
    all_answers |= {f"Fine-tuned on {names[model]}": values for model, values in fine_tuned.items()}
    rows = []
    for model, values in all_answers.items():
        best = ranking(values)[0]
        of_truth = None if picture.truth is None else 100 * values[picture.truth]
        rows.append((model, task.classes[best], 100 * values[best], of_truth))
    column = st.column_config
    percent = {"format": "%.1f%%", "min_value": 0, "max_value": 100}
    panel.dataframe(
        pd.DataFrame(rows, columns=["model", "answer", "probability", "true_class"]),
        hide_index=True,
        height=38 + 35 * len(rows),
        alt="What every model answers",
        column_config={
            "model": column.TextColumn("Model"),
            "answer": column.TextColumn("Answer"),
            "probability": column.ProgressColumn("Its probability", **percent),
            "true_class": column.ProgressColumn("Probability of the true class", **percent)
            if picture.truth is not None
            else None,
        },
    )
