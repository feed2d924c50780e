"""Runs: every merge so far, newest first; select one to open it, name it, take it along or delete it."""

import streamlit as st

from dashboard.app_pages.runs.attempts import show_refusal
from dashboard.app_pages.runs.clean_up import clean_up
from dashboard.app_pages.runs.damaged import show_damaged
from dashboard.app_pages.runs.table import follow_runs, runs_table
from dashboard.app_pages.runs.tools import run_tools
from dashboard.app_pages.runs.transfer import import_button
from dashboard.runs.example import example_runs, is_whole, way_back
from dashboard.runs.loading import readable_runs, view_of
from dashboard.runs.panel import run_panel
from dashboard.state import run_of
from dashboard.text import plural, reason
from otmf_core.errors import InputError

runs, damaged = readable_runs()
follow_runs(runs)
examples = [run.id for run in example_runs() if is_whole(run)]
opened = run_of("runs") or next((run.id for run in runs), None) or next(iter(examples), None)

# What was refused, and what cannot be shown.
show_refusal()
show_damaged(damaged)

# All runs.
with st.container(horizontal=True, vertical_alignment="center"):
    st.subheader(plural(len(runs), "run") if runs else "No runs yet", anchor=False, width="content")
    import_button()  # on the left: at the right the table's own buttons appear over it
if not runs:
    st.markdown("Every merge leaves a folder with its settings, matrix, curves and merged weights. It appears here.")
    with st.container(horizontal=True):
        st.page_link("app_pages/merge/page.py", label="Start a merge", icon=":material/merge:")
        way_back()
if runs and opened is not None:
    runs_table(runs, opened)
if runs or damaged:
    clean_up(runs, damaged)
if opened is None:
    st.stop()

# The run that is open; once it is deleted, the one below it is, or the one above.
row = next((row for row, run in enumerate(runs) if run.id == opened), None)
if row is not None:
    others = [run.id for run in (*runs[row + 1 :], *runs[:row][::-1])]
    run_tools(runs[row], others[0] if others else None)
try:
    view = view_of(opened)
except InputError as error:
    st.error(reason(error), title="This run cannot be shown")
else:
    run_panel(view, "runs")
