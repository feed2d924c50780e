"""The comparisons that come with a library, apart from the reader's own runs."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.app_pages.compare.grid import grid_view
from dashboard.app_pages.compare.published import published_tables
from dashboard.report.button import report_button
from dashboard.text import letters, plural, reason
from dashboard.ui.deferred import defer
from otmf_core.analysis.ablations import part_of
from otmf_core.analysis.results import Results, shipped_results
from otmf_core.errors import InputError
from otmf_core.library.library import list_libraries

SHIPPED, MINE, STUDIES = "Shipped comparison", "My runs", "Studies"
VIEW, KEPT, HIDDEN = "compare-view", "compare_view", "shipped_hidden"  # the widget; what the session keeps


def shipped() -> list[tuple[str, Results]]:
    """Every comparison that comes with an installed library, by its name: methods first, then OTMF taken apart.

    One that is damaged is told.
    """
    found = []
    for library in list_libraries():
        try:
            found += [(_label(library.name, results), results) for results in shipped_results(library)]
        except InputError as error:
            st.error(reason(error), title="The shipped comparison cannot be shown")
    return sorted(found, key=lambda each: _is_apart(each[1]))


def choose_view(there: bool) -> str:
    """Draw the choice of what is compared, and return it: what came with the program until own runs were picked.

    A link to runs opens them. A comparison that is hidden, or not `there`, is no choice; hidden, a way back is drawn.
    """
    hidden = bool(there and st.session_state.get(HIDDEN))
    views = [*([SHIPPED] if there and not hidden else []), MINE, STUDIES]
    kept = MINE if "runs" in st.query_params else st.session_state.get(KEPT)
    st.session_state[VIEW] = kept if kept in views else views[0]
    with st.container(horizontal=True, vertical_alignment="center"):
        view = st.segmented_control(
            "Compared", views, key=VIEW, required=True, on_change=_change, label_visibility="collapsed"
        )
        if view == SHIPPED or hidden:
            st.space("stretch")
        if view == SHIPPED:
            st.button("Hide", icon=":material/visibility_off:", type="tertiary", key="shipped-hide", on_click=_hide)
        if hidden:
            st.button(SHIPPED, icon=":material/inventory_2:", type="tertiary", key="shipped-show", on_click=_show)
    st.session_state[KEPT] = view
    return view or views[0]


def _change() -> None:
    st.session_state[KEPT] = st.session_state[VIEW]
    if st.session_state[VIEW] != MINE:
        st.query_params.pop("runs", None)  # which would open them again


def _hide() -> None:
    st.session_state[HIDDEN] = True


def _show() -> None:
    st.session_state[HIDDEN] = False
    st.session_state[KEPT] = SHIPPED
    st.query_params.pop("runs", None)


def shipped_view(found: Sequence[tuple[str, Results]]) -> None:
    """Draw a comparison that came with the program: which, how it was made, and its grid; and what papers report."""
    labels, at = [label for label, _ in found], 0
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if len(found) > 1:
            at = labels.index(
                st.segmented_control(
                    "Comparison",
                    labels,
                    format_func=letters,
                    default=labels[0],
                    required=True,
                    key="shipped-which",
                    label_visibility="collapsed",
                )
            )
        results = found[at][1]
        st.badge("Shipped with the library", icon=":material/inventory_2:", color="blue")
        made = f"{letters(results.command)} · {plural(len(results.runs), 'run')}"
        st.markdown(f":gray[:small[{made}]]", width="content")
        report_button(results.runs, f"shipped-report-{at}", results.command)
    grid_view(results.runs, f"shipped-{at}")
    defer(published_tables)


def _label(library: str, results: Results) -> str:
    tasks = f"{library}, {len(results.runs[0].config.tasks)} tasks"
    return f"{tasks}, OTMF taken apart" if _is_apart(results) else tasks


def _is_apart(results: Results) -> bool:
    return any(part_of(run.config) not in (None, "whole") for run in results.runs)
