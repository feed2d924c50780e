"""The picker of the runs to compare: a table to tick them in, and their ids in the link."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.library.labels import library_labels
from dashboard.runs.titles import title
from otmf_core.analysis.comparison import runs_of_commonest_tasks
from otmf_core.runs.folder import Run

RUNS_AT_FIRST = 6  # compared on a first visit
VISIBLE_ROWS = 11  # without scrolling


def choose_runs(runs: Sequence[Run]) -> list[Run]:
    """Draw the table of finished `runs`, newest first; return those ticked, in that order."""
    arrived = st.session_state.get("page") != "compare"
    st.session_state["page"] = "compare"
    remembered = st.session_state.get("compared")
    selection = st.query_params.get("runs", remembered if arrived else None)
    if selection is None:
        selection = ",".join(run.id for run in runs_of_commonest_tasks(runs, RUNS_AT_FIRST))
    if arrived or selection != remembered:  # a link, or a step in history: the table starts from it
        st.session_state["compare_turn"] = st.session_state.get("compare_turn", 0) + 1
    _remember(selection)
    ids = selection.split(",") if selection else []
    rows = [row for row, run in enumerate(runs) if run.id in ids]
    missing = len(ids) - len(rows)
    if missing:
        st.warning(
            f"{missing} of the runs in this link {'is' if missing == 1 else 'are'} not here, or not finished.",
            icon=":material/info:",
        )
    several = len({run.config.library for run in runs}) > 1
    key = f"compare-runs-{len(runs)}-{runs[0].id}-{st.session_state['compare_turn']}"
    column = st.column_config
    st.markdown("**Finished runs** · tick those to compare")
    st.dataframe(
        pd.DataFrame([_cells(run, several) for run in runs]).astype({"created": "datetime64[ns, UTC]"}),
        key=key,
        hide_index=True,
        height=38 + 35 * min(len(runs), VISIBLE_ROWS),
        on_select=lambda: _remember(",".join(runs[k].id for k in sorted(st.session_state[key]["selection"]["rows"]))),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": rows}},
        placeholder="",
        alt="Finished runs, newest first; tick those to compare",
        column_config={
            "merge": column.TextColumn("Merge", width=220),
            "library": column.TextColumn("Library", width=100),
            "preset": column.TextColumn("Preset", width=70),
            "acc": column.NumberColumn("ACC (%)", format="%.1f", width=70),
            "labels": column.TextColumn("Labels", width=130),
            "seed": column.NumberColumn("Seed", width=60),
            "created": column.DatetimeColumn(
                "Created", format="D MMM YYYY, HH:mm", timezone=st.context.timezone or "UTC", width=140
            ),
            "order": column.TextColumn("Order of tasks"),
            "run": column.TextColumn("Run"),
        },
    )
    return [runs[row] for row in rows]


def _remember(ids: str) -> None:
    st.session_state["compared"] = ids
    if st.query_params.get("runs") != ids:
        st.query_params["runs"] = ids


def _cells(run: Run, with_library: bool) -> dict[str, object]:
    config, record, labels = run.config, run.record, library_labels(run.config)
    return {
        "merge": title(config),
        **({"library": labels.name} if with_library else {}),
        "preset": config.preset if config.method.presets else "",
        "acc": record.acc if record else None,
        "labels": record.labels if record else "",
        "seed": config.seed,
        "created": run.created,
        "order": ", ".join(labels.names[task] for task in config.tasks),
        "run": run.id,
    }
