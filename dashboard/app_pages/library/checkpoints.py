"""The library's weights files."""

from __future__ import annotations

import streamlit as st

from dashboard.app_pages.library.tables import checkpoint_table
from dashboard.text import reason
from otmf_core.errors import InputError
from otmf_core.library.geometry import Geometry
from otmf_core.library.library import Library


def checkpoints(library: Library, geometry: Geometry | None) -> None:
    """Draw what the weights' files say of themselves, and the hash that the manifest records of each."""
    try:
        table = checkpoint_table(library, geometry)
    except InputError as error:
        st.error(reason(error), title="The checkpoints cannot be shown")
        return
    st.markdown("**Checkpoints** · types and sizes from the files' headers, SHA-256 as the manifest records it")
    column, tower = st.column_config, "T5" if library.of_texts else "image tower"
    st.dataframe(
        table,
        hide_index=True,
        height=min(38 + 35 * len(table), 360),
        placeholder="",
        alt=f"Checkpoints of {library.name}",
        column_config={
            "model": column.TextColumn("Model", width=140),
            "file": column.TextColumn("File", width=260),
            "format": column.TextColumn("Format", width=90),
            "dtype": column.TextColumn("Type", width=60),
            "parameters": column.NumberColumn("Parameters", format="localized"),
            "size": column.NumberColumn("Size (MB)", format="%.2f"),
            "norm": column.NumberColumn(
                "‖Δ‖ / ‖θ⁰‖ (%)", format="%.2f", help=f"Norm of the task vector against the pre-trained {tower}'s."
            ),
            "sha256": column.TextColumn("SHA-256", width=480),
        },
    )
