"""The button that downloads a report; the one file of this room that knows pages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboard.report.building import check_runs, report, report_name
from dashboard.text import html_letters, reason, sentence, shortened
from otmf_core.errors import InputError
from otmf_core.runs.folder import Run

ABOUT = (
    "One file of HTML to hand over: protocol, settings, versions, figures and how to reproduce it. It opens without a "
    "network, and prints."
)


def report_button(runs: Sequence[Run], key: str, command: str = "") -> None:
    """Draw the button; off, and saying why, where there can be no report. `command` made all runs, if there is one."""
    try:
        check_runs(runs)
    except InputError as error:
        st.button("Report", icon=":material/description:", key=key, disabled=True, help=reason(error))
        return
    st.download_button(
        "Report",
        partial(report_or_reason, runs, command),
        report_name(runs),
        "text/html",
        key=key,
        on_click="ignore",
        icon=":material/description:",
        help=ABOUT,
    )


def report_or_reason(runs: Sequence[Run], command: str = "") -> str:
    """The report or, where a file turns out to be damaged, a page with the one sentence that says so.

    It is asked for when the page is long drawn, and Streamlit would say no more than that it failed.
    """
    try:
        return report(runs, command).html
    except InputError as error:
        said = html_letters(f"There is no report. {sentence(shortened(str(error), 400))}")
        return f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>No report</title><p>{said}</p></html>\n'
