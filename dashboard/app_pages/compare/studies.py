"""The studies: a question, its chart, its table, what follows, and the command that answers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.app_pages.compare.charts.studies import series_chart
from dashboard.app_pages.compare.study_charts import Drawing, colour, drawings
from dashboard.text import letters, plural, reason, rounded
from dashboard.ui.chart import cached_chart, heading, show_chart
from dashboard.ui.layout import panels
from otmf_core.analysis.comparison import Row
from otmf_core.analysis.studies.base import Found, Study
from otmf_core.analysis.studies.shipped import FOLDER, StudyResults, shipped_study
from otmf_core.analysis.studies.table import STUDIES
from otmf_core.errors import InputError
from otmf_core.library.library import Library, list_libraries

WHICH = "study-which"
VISIBLE_ROWS = 16  # without scrolling
TEXTS = {"name": "Row", "labels": "Labels", "stopped": "Stopped by"}
NUMBERS = {  # heading and format; columns stand in the order of a study's rows
    "d": ("d", "%d"),
    "points": ("Points n", "localized"),
    "seconds": ("Time (s)", "%.3f"),
    "memory_mib": ("Peak memory (MiB)", "%.0f"),
    "entries": ("Mask entries", "localized"),
    "memory": ("Images kept", "%d"),
    "n": ("Runs", "%d"),
    "tasks": ("Tasks", "%d"),
    "acc": ("ACC (%)", "%.1f"),
    "acc_std": ("± std", "%.1f"),
    "cosine": ("Cosine", "%.3f"),
    "domain": ("Domain distance", "%.4f"),
    "left": ("Transport cost left", "%.4f"),
    "lost": ("Lost (pt)", "%.1f"),
    "lost_unbalanced": ("Lost, unbalanced (pt)", "%.1f"),
    "remedy": ("By unbalanced (pt)", "%+.1f"),
    "difference": ("Difference (pt)", "%+.1f"),
    "rate": ("Kept a step", "%.3f"),
    "low": ("95% from", "%+.1f"),
    "high": ("to", "%+.1f"),
    "half_life": ("Half-life (steps)", "%.1f"),
    "misfit": ("Misfit", "%.3f"),
}


def studies_view() -> None:
    """Draw the choice of a study, and what a library brings of it, or the command that would make it."""
    name = st.segmented_control(
        "Study",
        list(STUDIES),
        format_func=lambda each: STUDIES[each].title,
        default=next(iter(STUDIES)),
        required=True,
        key=WHICH,
        label_visibility="collapsed",
    )
    study = STUDIES[name]
    st.subheader(study.question, anchor=False)
    try:
        library, results = _results(study)
        found = results and study.found(results.runs, results.measured)
    except InputError as error:
        st.error(reason(error), title="The study cannot be shown")
        return
    if results is None or found is None:
        st.info("Not measured on this library yet. This command does it:", icon=":material/science:")
        st.code(_command(study, library), language="sh")
        return
    study_section(study, results, found)


def _results(study: Study) -> tuple[Library | None, StudyResults | None]:
    """The first installed library that brings this study, and what it brings; else the first library, and None."""
    libraries = list_libraries()
    for library in libraries:
        if results := shipped_study(library, study):
            return library, results
    return next(iter(libraries), None), None


def _command(study: Study, library: Library | None) -> str:
    place = f" --results assets/{library.root.name}/{FOLDER}/{study.name}.json" if library else ""
    return f"otmf study {study.name}{place}"


def study_section(study: Study, results: StudyResults, found: Found) -> None:
    """Draw what a study found, its charts and rows, and how it was made."""
    st.markdown(f"**{letters(found.finding)}**")
    st.caption(letters(_measured(study, results)))
    charts = drawings(study.name, found)
    for number, (place, drawing) in enumerate(zip(panels(len(charts), f"study-{study.name}"), charts, strict=True)):
        with place:
            _draw(study, drawing, f"study-{study.name}-{number}")
    frame = pd.DataFrame(found.rows)
    heading(lambda: frame, title="Rows", measured="as the finding reads them", key="study-rows", name=study.name)
    _table(study, found.rows)
    st.caption("Made by")
    st.code(results.command, language="sh")


def _measured(study: Study, results: StudyResults) -> str:
    """What was measured: merges, orders, tasks, labels; points; and on what."""
    runs, parts = results.runs, []
    if runs:
        orders = plural(len({run.config.tasks for run in runs}), "order")
        labels = sorted({run.record.labels for run in runs if run.record})
        parts.append(f"{plural(len(runs), 'merge')} of {len(runs[0].config.tasks)} tasks in {orders}")
        parts += [f"labels: {' · '.join(labels)}", "accuracies on test images"]
    else:
        parts.append(plural(len(results.measured), "measurement"))
    return "; ".join([*parts, *([results.conditions] if results.conditions else [])])


def _draw(study: Study, drawing: Drawing, key: str) -> None:
    points = [(each.name, x, y) for each in drawing.series for x, y in zip(each.x, each.y, strict=True)]
    show_chart(
        cached_chart(series_chart, drawing.series, drawing.x, drawing.y),
        lambda: pd.DataFrame(points, columns=["name", drawing.x.title or "group", drawing.y.title]),
        title=drawing.title,
        measured=drawing.measured,
        key=key,
        name=f"study-{study.name}",
    )


def _table(study: Study, rows: Sequence[Row]) -> None:
    colours = [colour(study.name, row) for row in rows]
    shown = [name for name in (rows[0] if rows else {}) if name in TEXTS or name in NUMBERS]
    cells = pd.DataFrame({name: [_cell(row[name]) for row in rows] for name in shown})
    if any(colours):
        cells.insert(0, "colour", "●")
    styles = {"colour": [f"color: {each}" if each else "" for each in colours]} if any(colours) else {}
    st.dataframe(
        cells.style.apply(lambda values: styles[values.name], subset=list(styles)),
        hide_index=True,
        height=38 + 35 * min(len(rows), VISIBLE_ROWS),
        placeholder="–",
        column_config={name: _column(name, of_rates="rate" in shown) for name in cells},
        alt=f"Rows of the study: {study.question}",
    )


def _cell(value: Any) -> Any:
    return rounded(value, 6) if isinstance(value, float) else value


def _column(name: str, of_rates: bool) -> Any:
    column = st.column_config
    if name == "colour":
        return column.TextColumn("", width=24, help="Its colour in the charts.")
    if name in TEXTS:
        return column.TextColumn(TEXTS[name], width=190 if name == "name" else None, pinned=name == "name")
    title, form = NUMBERS[name]
    if of_rates and name in ("low", "high"):
        form = NUMBERS["rate"][1]
    return column.NumberColumn(title, format=form)
