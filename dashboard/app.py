"""Navigation and theme of every page; dashboard/server.py serves it."""

from pathlib import Path

import streamlit as st

from dashboard.engine.throttle import begin_drawing
from dashboard.engine.warm_up import warm_up
from dashboard.runs.afterwards import begin_afterwards
from dashboard.runs.queue_line import queue_line
from dashboard.sharing.sign_in import account_line, sign_in_screen
from dashboard.sharing.users import why_outside
from dashboard.ui import layout, streamlit_internals
from dashboard.ui.deferred import arrive
from dashboard.ui.theme import watch_theme

LOGO = Path(__file__).resolve().parent.parent / "assets" / "logo.svg"

st.set_page_config(page_title="OTMF", page_icon=LOGO, layout="wide")
st.logo(LOGO, size="large")
st.html(f"<style>{streamlit_internals.STYLE}{layout.STYLE}</style>")

outside = why_outside() is not None
page = st.navigation(
    [
        st.Page(
            "app_pages/merge/page.py",
            url_path="merge",
            title="Merge",
            icon=":material/merge:",
            default=True,
            help="Choose tasks and their order, run a continual merge and watch it.",
        ),
        st.Page(
            "app_pages/accuracy/page.py",
            url_path="accuracy",
            title="Accuracy",
            icon=":material/show_chart:",
            help="What a run gained and what it forgot, task by task.",
        ),
        st.Page(
            "app_pages/masks/page.py",
            url_path="masks",
            title="Masks",
            icon=":material/grid_on:",
            help="Where a merge kept, shrank or amplified its task vectors, down to single weights.",
        ),
        st.Page(
            "app_pages/features/page.py",
            url_path="features",
            title="Features",
            icon=":material/scatter_plot:",
            help="What the models of a run see in the same test images or texts, step by step.",
        ),
        st.Page(
            "app_pages/alpha/page.py",
            url_path="alpha",
            title="Alpha",
            icon=":material/tune:",
            help="Sweep α, or another method's main setting, over one sequence and choose it.",
        ),
        st.Page(
            "app_pages/compare/page.py",
            url_path="compare",
            title="Compare",
            icon=":material/compare_arrows:",
            help="Finished runs against each other: quality, cost and what was set differently.",
        ),
        st.Page(
            "app_pages/try_it/page.py",
            url_path="try_it",
            title="Try it",
            icon=":material/touch_app:",
            help="Ask the pre-trained, the fine-tuned and the merged model about a picture or a text, side by side.",
        ),
        st.Page(
            "app_pages/library/page.py",
            url_path="library",
            title="Library",
            icon=":material/photo_library:",
            help="The installed models, images and texts: tasks, checkpoints, how the task vectors lie to each other.",
        ),
        st.Page(
            "app_pages/runs/page.py",
            url_path="runs",
            title="Runs",
            icon=":material/history:",
            help="Every merge so far: its accuracy matrix, curves, settings and provenance.",
        ),
        st.Page(  # of one run, so reached from it
            "app_pages/present/page.py",
            url_path="present",
            title="Present",
            icon=":material/slideshow:",
            visibility="hidden",
        ),
    ],
    position="hidden" if outside else "top",
)
if outside:
    sign_in_screen(LOGO)
    st.stop()
account_line()
if page.title != "Merge":  # which shows the queue itself
    queue_line()
warm_up()
begin_afterwards()
watch_theme()
begin_drawing()
arrive(page.url_path)
page.run()
