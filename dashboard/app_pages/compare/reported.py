"""A table of what others report, which stands apart from what was measured here and says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.ui.chart import heading


def reported(
    table: pd.DataFrame, of: str, note: str, columns: Mapping[str, Any], footnote: str, key: str, name: str
) -> None:
    """Draw the figures published for the models `of`, with a note above and one below; `name` is that of its CSV."""
    st.subheader(f"Published for {of}", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge("Not measured here", icon=":material/menu_book:", color="orange")
        st.caption(f"Other models and other tasks than the runs above{note}", width="content")
    heading(lambda: table, title="As printed", measured="in the sources named", key=key, name=name)
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        column_config={
            "method": st.column_config.TextColumn("Method", width=190),
            **columns,
            "source": st.column_config.TextColumn("Source"),
        },
        placeholder="–",
        alt=f"Published figures of {of}",
    )
    st.caption(footnote)
