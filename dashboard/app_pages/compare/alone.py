"""One run alone: there is nothing to hold it against, so the page says what to tick."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.app_pages.compare.picker import RUNS_AT_FIRST
from dashboard.text import plural
from otmf_core.runs.folder import Run


def alone(run: Run, finished: Sequence[Run], key: str) -> None:
    """Say what of the `finished` runs, newest first, can be ticked beside `run`; `key` ends the button's key."""
    others = [each for each in finished if each.id != run.id and each.config.library == run.config.library]
    alike = [each for each in others if sorted(each.config.tasks) == sorted(run.config.tasks)]
    if not others:
        st.info("Curves and costs appear beside those of another run of this library.", icon=":material/add_circle:")
        st.page_link("app_pages/merge/page.py", label="Start a merge", icon=":material/merge:")
        return
    found = plural(len(alike), "other run") if alike else "None of the others"
    st.info(
        f"Curves and costs appear beside those of another run: tick one above. {found} merged the same tasks.",
        icon=":material/check_box:",
    )
    if alike:
        ticked = [run, *alike][:RUNS_AT_FIRST]
        st.button(
            f"Tick {plural(len(ticked) - 1, 'run')}",
            key=f"compare-tick{key}",
            icon=":material/done_all:",
            on_click=lambda: st.query_params.update(runs=",".join(each.id for each in ticked)),
        )
