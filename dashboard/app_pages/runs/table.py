"""The table of all runs, newest first; selecting a row opens that run."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.library.labels import library_labels
from dashboard.runs.loading import readable_runs
from dashboard.runs.titles import BADGES
from dashboard.state import show_run
from dashboard.text import duration, rounded
from otmf_core.runs.folder import Run

VISIBLE_ROWS = 11  # without scrolling
SELDOM = ("name", "added_parameters", "encode_ms")  # columns that are there where any run has a value
POLL_SECONDS = 3.0


@st.fragment(run_every=POLL_SECONDS)
def follow_runs(drawn: Sequence[Run]) -> None:
    """Draw the page anew when a run has come, gone or changed its state, by this program or another."""
    if _states(readable_runs()[0]) != _states(drawn):
        st.rerun()


def _states(runs: Sequence[Run]) -> list[tuple[str, str]]:
    return [(run.id, run.status) for run in runs]


def runs_table(runs: Sequence[Run], opened: str) -> None:
    """Draw the table with the row of the run `opened` selected.

    Names are a column where any run has one, and so is what a merged model grew; libraries, where there are several.
    """
    rows = [row for row, run in enumerate(runs) if run.id == opened]
    key = f"runs-{len(runs)}-{runs[0].id}-{bool(rows)}"
    cells = [_cells(run) for run in runs]
    empty = [name for name in SELDOM if not any(row[name] for row in cells)]
    if len({run.config.library for run in runs}) == 1:
        empty.append("library")
    column = st.column_config
    st.dataframe(
        pd.DataFrame(cells).astype({"created": "datetime64[ns, UTC]"}).drop(columns=empty),
        key=key,
        hide_index=True,
        height=38 + 35 * min(len(runs), VISIBLE_ROWS),
        on_select=lambda: _open_selected(key, runs),
        selection_mode="single-row-required" if rows else "single-row",
        selection_default={"selection": {"rows": rows}},
        placeholder="",
        alt="Runs, newest first",
        column_config={
            "name": column.TextColumn("Name", width="medium"),
            "status": column.MultiselectColumn(
                "Status",
                options=[label for label, _, _ in BADGES.values()],
                color=[colour for _, _, colour in BADGES.values()],
            ),
            "created": column.DatetimeColumn(
                "Created", format="D MMM YYYY, HH:mm", timezone=st.context.timezone or "UTC"
            ),
            "library": column.TextColumn("Library"),
            "method": column.TextColumn("Method"),
            "tasks": column.NumberColumn("Tasks"),
            "setting": column.TextColumn("Setting"),
            "acc": column.NumberColumn("ACC (%)", format="%.1f"),
            "bwt": column.NumberColumn("BWT (pt)", format="%+.1f"),
            "labels": column.TextColumn("Labels", width=140),  # also where the table began with a run that had none yet
            "time": column.TextColumn("Time"),
            "added_parameters": column.NumberColumn(
                "Added parameters", format="localized", help="What a merged model that grew has beside its weights."
            ),
            "encode_ms": column.NumberColumn(
                "Image (ms)", format="%.2f", help="Time of a merged model that grew to encode an image."
            ),
            "run": column.TextColumn("Run"),
        },
    )


def _open_selected(key: str, runs: Sequence[Run]) -> None:
    for row in st.session_state[key]["selection"]["rows"]:
        show_run("runs", runs[row].id)


def _cells(run: Run) -> dict[str, object]:
    """A run in the table; metrics are empty until it is done."""
    config, record = run.config, run.record
    growth = record and record.growth
    return {
        "name": run.name,
        "status": [BADGES[run.status][0]],
        "created": run.created,
        "library": library_labels(config).name,
        "method": config.method.title,
        "tasks": len(config.tasks),
        "setting": ", ".join(config.method.symbols()),
        "acc": record and record.acc,
        "bwt": rounded(record.bwt, 1) if record and record.bwt is not None else None,
        "labels": record.labels if record else "",
        "time": duration(record.seconds) if record else "",
        "added_parameters": growth and growth.parameters[1] - growth.parameters[0],
        "encode_ms": growth and rounded(growth.encode_ms[1], 2),
        "run": run.id,
    }
