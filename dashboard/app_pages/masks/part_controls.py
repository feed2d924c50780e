"""Which rows and columns of a tensor are looked at: by sliders, by attention head, or by a box drawn on the heatmap."""

from __future__ import annotations

import streamlit as st

from otmf_core.models.tensor_names import Place

Span = tuple[int, int]  # half-open
QKV = ("Query", "Key", "Value")


def choose_part(tensor: str, place: Place, height: int, width: int, n_heads: int | None) -> tuple[Span, Span]:
    """The controls that choose rows and columns, and what they stand at."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        if place.kind == "qkv.weight" and n_heads and height % (3 * n_heads) == 0:
            _head_controls(tensor, height, n_heads, parts=True)
        elif place.kind == "proj.weight" and n_heads and width % n_heads == 0:
            _head_controls(tensor, width, n_heads, parts=False)
        rows = _range("Rows", "rows", tensor, height)
        columns = _range("Columns" if height > 1 else "Entries", "columns", tensor, width)
        whole = (rows, columns) == ((0, height), (0, width))
        if height * width > 1:
            st.button(
                "Whole", icon=":material/zoom_out_map:", disabled=whole, on_click=_set_spans, args=(tensor, None, None)
            )
    return rows, columns


def _range(label: str, kind: str, tensor: str, length: int) -> Span:
    """The rows or columns to look at."""
    if length == 1:
        return 0, 1
    key = f"{kind}-{tensor}"
    if key not in st.session_state:
        st.session_state[key] = (0, length - 1)
    first, last = st.slider(label, 0, length - 1, key=key, on_change=_forget_head, args=(tensor,), width=240)
    return first, last + 1


def _head_controls(tensor: str, length: int, n_heads: int, *, parts: bool) -> None:
    """Jump to a head: of the query, key or value rows of an input projection, or of an output projection's columns."""
    args = (tensor, length, n_heads, parts)
    if parts:
        st.segmented_control("Part", QKV, key=f"part-{tensor}", on_change=_show_head, args=args)
    st.selectbox(
        "Head",
        range(n_heads),
        index=None,
        placeholder="All heads",
        key=f"head-{tensor}",
        on_change=_show_head,
        args=args,
        width=140,
    )


def _show_head(tensor: str, length: int, n_heads: int, parts: bool) -> None:
    head = st.session_state[f"head-{tensor}"]
    first, size = 0, length
    if parts:
        if head is not None and st.session_state[f"part-{tensor}"] is None:
            st.session_state[f"part-{tensor}"] = QKV[0]
        part = st.session_state[f"part-{tensor}"]
        if part is not None:
            first, size = QKV.index(part) * length // 3, length // 3
    if head is not None:
        span = (length // 3 if parts else length) // n_heads
        first, size = first + head * span, span
    st.session_state[f"{'rows' if parts else 'columns'}-{tensor}"] = (first, first + size - 1)


def _forget_head(tensor: str) -> None:
    for key in (f"part-{tensor}", f"head-{tensor}"):
        if key in st.session_state:
            st.session_state[key] = None


def _set_spans(tensor: str, rows: Span | None, columns: Span | None) -> None:
    """Look at these rows and columns, or at all of them."""
    for key, span in ((f"rows-{tensor}", rows), (f"columns-{tensor}", columns)):
        if span is None:
            st.session_state.pop(key, None)
        elif key in st.session_state:
            st.session_state[key] = (span[0], span[1] - 1)
    _forget_head(tensor)


def zoom(tensor: str, height: int, width: int) -> None:
    """Look at the box that was drawn; one that holds no whole entry changes nothing."""
    boxes = st.session_state["mask-matrix"]["selection"]["box"]
    if boxes:
        rows, columns = (
            (max(0, round(min(box))), min(length, round(max(box)) + 1))
            for box, length in ((boxes[-1]["y"], height), (boxes[-1]["x"], width))
        )
        if rows[0] < rows[1] and columns[0] < columns[1]:
            _set_spans(tensor, rows, columns)
