"""Merge: choose tasks and their order, run, and watch the merged model learn and forget."""

import streamlit as st

from dashboard.app_pages.merge.form import merge_form
from dashboard.app_pages.merge.waiting_list import waiting_list
from dashboard.app_pages.merge.welcome import welcome
from dashboard.library.picker import choose_library
from dashboard.merge_choices import chosen_tasks
from dashboard.runs.loading import view_of
from dashboard.runs.panel import run_panel
from dashboard.state import queue, run_of, show_run
from dashboard.text import letters, plural, reason
from otmf_core.errors import InputError

left, right = st.columns([5, 9], gap="medium")

with left:
    name, library = choose_library()
    if not library.tasks:
        st.error(f"A library to merge from has tasks, and {letters(library.name)} has none.", title="Nothing to merge")
        st.stop()
    config = merge_form(name, library)

# Run was pressed: queue the merge, and show it unless it waits for another one.
if config is not None:
    busy, begins = len(queue().active()), queue().has_room(config.device)
    try:
        run = queue().submit(config)
    except InputError as error:  # another tab was faster
        left.error(reason(error), title="The merge was not queued", icon=":material/block:")
    else:
        if not begins:
            st.toast(f"Queued behind {plural(busy, 'other merge')}", icon=":material/schedule:")
        else:
            show_run("merge", run)

with right:
    run = run_of("merge") or next((run for run, _ in queue().active()), None)
    waiting_list(run)
    if run is None:
        welcome(library, chosen_tasks())
    else:
        show_run("merge", run)
        try:
            view = view_of(run)
        except InputError as error:
            st.error(reason(error), title="This run cannot be shown")
        else:
            run_panel(view, "merge")
