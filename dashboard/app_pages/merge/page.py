"""Merge: choose tasks and their order, run, and watch the merged model learn and forget."""

import streamlit as st

from dashboard.app_pages.merge.form import merge_form
from dashboard.app_pages.merge.waiting_list import waiting
from dashboard.app_pages.merge.welcome import gallery
from dashboard.library.picker import choose_library
from dashboard.merge_choices import chosen_tasks
from dashboard.runs.loading import view_of
from dashboard.runs.panel import run_view
from dashboard.state import queue, show_run, shown_run
from dashboard.text import sentence
from otmf_core.errors import InputError

left, right = st.columns([5, 9], gap="medium")

with left:
    name, library = choose_library()
    if not library.tasks:
        st.error(f"A library to merge from has tasks, and {library.name} has none.", title="Nothing to merge")
        st.stop()
    config = merge_form(name, library)

if config is not None:
    busy = len(queue().active())
    run = queue().submit(config)
    if busy:
        st.toast(f"Queued behind {busy} other merge{'s' * (busy > 1)}", icon=":material/schedule:")
    else:
        show_run("merge", run)

with right:
    run = shown_run("merge") or next((run for run, _ in queue().active()), None)
    waiting(run)
    if run is None:
        tasks = chosen_tasks()
        st.subheader("One model out of many, fused task by task", anchor=False)
        st.markdown(
            f"Press **Run** to merge {len(tasks)} fine-tuned models of {library.name} into one, and watch what the "
            "merged model gains with each task and what it forgets. These are the images they know:"
        )
        try:
            gallery(library, tasks)
        except InputError as error:
            st.error(sentence(str(error)), title="The library cannot be read")
    else:
        show_run("merge", run)
        try:
            view = view_of(run)
        except InputError as error:
            st.error(sentence(str(error)), title="This run cannot be shown")
        else:
            run_view(view, "merge")
