"""The dashboard's entry point: `python -m streamlit run dashboard/app.py` from the repository root."""

from pathlib import Path

import streamlit as st

from dashboard.queue_line import queue_line

LOGO = Path(__file__).resolve().parent.parent / "assets" / "logo.svg"

st.set_page_config(page_title="OTMF", page_icon=LOGO, layout="wide")
st.logo(LOGO, size="large")

page = st.navigation(
    [
        st.Page(
            "app_pages/merge.py",
            title="Merge",
            icon=":material/merge:",
            default=True,
            help="Choose tasks and their order, run a continual merge and watch it.",
        ),
        st.Page(
            "app_pages/accuracy.py",
            title="Accuracy",
            icon=":material/show_chart:",
            help="What a run gained and what it forgot, task by task.",
        ),
        st.Page(
            "app_pages/runs.py",
            title="Runs",
            icon=":material/history:",
            help="Every merge so far: its accuracy matrix, curves, settings and provenance.",
        ),
    ],
    position="top",
)
if page.title != "Merge":  # which shows the queue itself
    queue_line()
page.run()
