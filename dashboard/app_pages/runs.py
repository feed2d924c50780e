"""Runs: every merge so far, newest first; select one to open it."""

import pandas as pd
import streamlit as st

from dashboard.run_view import readable_runs, run_view, view_of
from dashboard.session import show_run, shown_run
from dashboard.widgets import BADGES, METHODS, duration, sentence
from otmf_core.errors import InputError
from otmf_core.runs import Run

VISIBLE = 6  # rows without scrolling

runs, problems = readable_runs()
opened = shown_run("runs") or (runs[0].id if runs else None)


def row(run: Run) -> dict[str, object]:
    """A run in the table; figures are empty until it is done."""
    known = run.record or {}
    return {
        "status": [BADGES[run.status][0]],
        "created": pd.Timestamp(run.created),
        "method": METHODS[run.config["method"]],
        "tasks": len(run.config["tasks"]),
        "alpha": run.config["alpha"] if run.config["method"] == "otmf" else None,
        "acc": known.get("acc"),
        "bwt": known.get("bwt"),
        "labels": known.get("labels", ""),
        "time": duration(known["seconds"]) if "seconds" in known else "",
        "run": run.id,
    }


def open_selected() -> None:
    """A row was selected: show that run."""
    for place in st.session_state[key]["selection"]["rows"]:
        show_run("runs", runs[place].id)


if problems:
    folders = "A run folder" if len(problems) == 1 else f"{len(problems)} run folders"
    st.warning(
        "\n".join(f"- {sentence(problem)}" for problem in problems),
        title=f"{folders} cannot be shown",
        icon=":material/folder_off:",
    )

if opened is None:
    st.subheader("No runs yet", anchor=False)
    st.markdown("Every merge leaves a folder with its settings, matrix, curves and merged weights. It appears here.")
    st.page_link("app_pages/merge.py", label="Start a merge", icon=":material/merge:")
    st.stop()

if runs:
    places = [place for place, run in enumerate(runs) if run.id == opened]
    key = f"runs-{len(runs)}-{runs[0].id}-{bool(places)}"
    column = st.column_config
    st.dataframe(
        pd.DataFrame([row(run) for run in runs]),
        key=key,
        hide_index=True,
        height=38 + 35 * min(len(runs), VISIBLE),
        on_select=open_selected,
        selection_mode="single-row-required" if places else "single-row",
        selection_default={"selection": {"rows": places}},
        placeholder="",
        alt="Runs, newest first",
        column_config={
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
            "labels": column.TextColumn("Labels"),
            "time": column.TextColumn("Time"),
            "run": column.TextColumn("Run"),
        },
    )

try:
    view = view_of(opened)
except InputError as error:
    st.error(sentence(str(error)), title="This run cannot be shown")
else:
    run_view(view, "runs")
    with st.expander("Settings", icon=":material/tune:"):
        st.json(dict(view.config))
