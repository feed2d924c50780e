"""Present: a finished run replayed for a talk, one large chart at a time, by keys; a view is a link."""

import streamlit as st

from dashboard.app_pages.present.average import average_of
from dashboard.app_pages.present.link import linked_view
from dashboard.app_pages.present.slides import slides_of, tasks_of
from dashboard.app_pages.present.stage import stage
from dashboard.runs.example import example_runs, is_whole
from dashboard.runs.loading import readable_runs, view_of
from dashboard.runs.titles import BADGES
from dashboard.state import current_run, run_folder, show_run
from dashboard.text import from_link, reason
from dashboard.ui.theme import theme
from otmf_core.errors import InputError


def refuse(said: str) -> None:
    """Say why nothing is presented, with the way to a run, and end the page."""
    st.error(said, title="This run cannot be presented")
    st.page_link("app_pages/runs/page.py", label="Choose a run", icon=":material/history:")
    st.stop()


run = current_run("present")
if run is None:
    finished = [each.id for each in (*readable_runs()[0], *filter(is_whole, example_runs())) if each.record]
    run = next(iter(finished), None)
if run is None:
    st.subheader("Nothing to present yet", anchor=False)
    st.markdown("A merge is replayed here, one large chart at a time, as soon as one is done.")
    st.page_link("app_pages/merge/page.py", label="Start a merge", icon=":material/merge:")
    st.stop()
show_run("present", run)
try:
    view = view_of(run)
    if view.record is None:
        refuse(f"A run is presented once it is done: {from_link(run)} is {BADGES[view.status][0].lower()}.")
    slides = slides_of(view, run_folder(run), average_of(view))
except InputError as error:
    refuse(reason(error))
else:
    shown = linked_view([slide["id"] for slide in slides], len(view.tasks))
    if stage(run, len(view.tasks), tasks_of(view), slides, theme(), shown):
        st.switch_page("app_pages/accuracy/page.py", query_params={"run": run})
