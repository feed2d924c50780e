"""The models' answers in words: a verdict for each, and a table of all of a run's models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from dashboard.app_pages.try_it.charts import ranking
from dashboard.app_pages.try_it.models import Example, ask_experts
from dashboard.text import letters, number_text
from dashboard.ui.layout import cells
from otmf_core.library.manifest import TaskInfo

ABOUT_EXPECTED = "The mean of the answers, which are numbers, by their probabilities; what counts is its rank."


def verdicts(
    answers: Mapping[str, Sequence[float]], names: Mapping[str, str], task: TaskInfo, truth: int | None
) -> None:
    """Draw each model's answer in a word, how sure it is, and whether it is right; or the number that it expects."""
    for cell, (model, values) in zip(cells(len(answers), "verdicts"), answers.items(), strict=True):
        best = ranking(values)[0]
        if task.metric == "spearman":
            expected = sum(value * float(number) for value, number in zip(values, task.classes, strict=True))
            cell.metric(letters(names[model]), number_text(expected, 2), help=ABOUT_EXPECTED)
            continue
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
    example: Example,
    truth: int | None,
) -> None:
    """Draw what every fine-tuned model answers, on demand, beside the `answers` of the other ones."""
    panel = st.expander("All models of this run", icon=":material/groups:", key="everyone", on_change="rerun")
    if not panel.open:
        return
    fine_tuned = ask_experts(str(run), tuple(tasks), task.id, example)
    all_answers = {names[model]: values for model, values in answers.items() if model not in fine_tuned}
    all_answers |= {f"Fine-tuned on {names[model]}": values for model, values in fine_tuned.items()}
    rows = []
    for model, values in all_answers.items():
        best = ranking(values)[0]
        of_truth = None if truth is None else 100 * values[truth]
        rows.append((model, task.classes[best], 100 * values[best], of_truth))
    column, one = st.column_config, "answer" if isinstance(example, str) else "class"
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
            "true_class": column.ProgressColumn(f"Probability of the true {one}", **percent)
            if truth is not None
            else None,
        },
    )
