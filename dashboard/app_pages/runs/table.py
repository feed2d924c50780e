"""The table of all runs, newest first; selecting a row opens that run."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.runs.loading import readable_runs
from dashboard.runs.titles import BADGES, METHODS
from dashboard.state import show_run
from dashboard.text import duration
from otmf_core.runs.folder import Run

VISIBLE = 11  # rows without scrolling
POLL_SECONDS = 3.0


@st.fragment(run_every=POLL_SECONDS)
def follow_runs(seen: Sequence[Run]) -> None:
    """Draw the page anew when a run has come, gone or changed its state, by this program or another."""
    if _states(readable_runs()[0]) != _states(seen):
        st.rerun()


def _states(runs: Sequence[Run]) -> list[tuple[str, str]]:
    return [(run.id, run.status) for run in runs]


def runs_table(runs: Sequence[Run], opened: str) -> None:
    """Draw the table with the row of the run `opened` selected; its names are a column where any run has one."""
    places = [place for place, run in enumerate(runs) if run.id == opened]
    key = f"runs-{len(runs)}-{runs[0].id}-{bool(places)}"
    named = any(run.name for run in runs)
    column = st.column_config
    st.dataframe(
        pd.DataFrame([_row(run) for run in runs])
        .astype({"created": "datetime64[ns, UTC]"})
        .drop(columns=[] if named else ["name"]),
        key=key,
        hide_index=True,
        height=38 + 35 * min(len(runs), VISIBLE),
        on_select=lambda: _open_selected(key, runs),
        selection_mode="single-row-required" if places else "single-row",
        selection_default={"selection": {"rows": places}},
        placeholder="",
        alt="Runs, newest first",
        column_config={
            "name": column.TextColumn("Name", width="medium"),
            "status": column.MultiselectColumn(
                "Status", options=[label for label, _, _ in BADGES.values()], color=[c for _, _, c in BADGES.values()]
            ),
            "created": column.DatetimeColumn(
                "Created", format="D MMM YYYY, HH:mm", timezone=st.context.timezone or "UTC"
            ),
            "method": column.TextColumn("Method"),
            "tasks": column.NumberColumn("Tasks"),
            "alpha": column.NumberColumn("α", format="%.2f"),
            "acc": column.NumberColumn("ACC (%)", format="%.1f"),
            "bwt": column.NumberColumn("BWT (pt)", format="%+.1f"),
            "labels": column.TextColumn("Labels", width=140),  # also where the table began with a run that had none yet
            "time": column.TextColumn("Time"),
            "run": column.TextColumn("Run"),
        },
    )


def _open_selected(key: str, runs: Sequence[Run]) -> None:
    for place in st.session_state[key]["selection"]["rows"]:
        show_run("runs", runs[place].id)


def _row(run: Run) -> dict[str, object]:
    """A run in the table; figures are empty until it is done."""
    known = run.record or {}
    return {
        "name": run.name,
        "status": [BADGES[run.status][0]],
        "created": run.created,
        "method": METHODS[run.config["method"]],
        "tasks": len(run.config["tasks"]),
        "alpha": run.config["alpha"] if run.config["method"] == "otmf" else None,
        "acc": known.get("acc"),
        "bwt": round(known["bwt"], 1) + 0.0 if "bwt" in known else None,  # no −0.0
        "labels": known.get("labels", ""),
        "time": duration(known["seconds"]) if "seconds" in known else "",
        "run": run.id,
    }
