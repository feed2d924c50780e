"""The controls of the part of a tensor to look at: sliders, attention heads, and boxes drawn on the heatmap."""

from __future__ import annotations

from typing import NamedTuple, cast

import streamlit as st

from dashboard.app_pages.masks.reading import Span
from otmf_core.models.tensor_names import TensorPlace

QKV = ("Query", "Key", "Value")


class ByHeads(NamedTuple):
    """The axis along which attention heads follow one another: rows or columns; `parts` where three stand stacked."""

    axis: str
    parts: bool = False


BY_HEADS = {  # by the kind of a tensor, of self-attention and of cross-attention alike
    "qkv.weight": ByHeads("rows", parts=True),
    **{f"{letter}.weight": ByHeads("rows") for letter in "qkv"},
    "proj.weight": ByHeads("columns"),
    "distance": ByHeads("columns"),
}


def choose_part(
    tensor: str, tensor_place: TensorPlace, height: int, width: int, attention_heads: int | None
) -> tuple[Span, Span]:
    """Draw the controls; return the rows and the columns to look at."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        by_heads = BY_HEADS.get(tensor_place.kind.removeprefix("cross_"))
        if by_heads and attention_heads:
            length = height if by_heads.axis == "rows" else width
            if length % (attention_heads * (3 if by_heads.parts else 1)) == 0:
                _head_controls(tensor, length, attention_heads, by_heads)
        rows = _span_slider("Rows", "rows", tensor, height)
        columns = _span_slider("Columns" if height > 1 else "Entries", "columns", tensor, width)
        whole = (rows, columns) == ((0, height), (0, width))
        if height * width > 1:
            st.button(
                "Whole", icon=":material/zoom_out_map:", disabled=whole, on_click=_set_spans, args=(tensor, None, None)
            )
    return rows, columns


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


def _span_slider(label: str, kind: str, tensor: str, length: int) -> Span:
    """Draw the slider of the rows or of the columns, and return those it is at."""
    if length == 1:
        return 0, 1
    key = f"{kind}-{tensor}"
    if key not in st.session_state:
        st.session_state[key] = (0, length - 1)
    slider = st.slider(label, 0, length - 1, key=key, on_change=_forget_head, args=(tensor,), width=240)
    first, last = cast(tuple[int, int], slider)  # by its state
    return first, last + 1


def _head_controls(tensor: str, length: int, attention_heads: int, by_heads: ByHeads) -> None:
    """Draw what jumps to an attention head along an axis of `length`, in all of it or in its query, key or value."""
    args = (tensor, length, attention_heads, by_heads)
    if by_heads.parts:
        st.segmented_control("Part", QKV, key=f"part-{tensor}", on_change=_show_head, args=args)
    st.selectbox(
        "Head",
        range(attention_heads),
        index=None,
        placeholder="All heads",
        key=f"head-{tensor}",
        on_change=_show_head,
        args=args,
        width=140,
    )


def _show_head(tensor: str, length: int, attention_heads: int, by_heads: ByHeads) -> None:
    head = st.session_state[f"head-{tensor}"]
    first, size = 0, length
    if by_heads.parts:
        if head is not None and st.session_state[f"part-{tensor}"] is None:
            st.session_state[f"part-{tensor}"] = QKV[0]
        part = st.session_state[f"part-{tensor}"]
        if part is not None:
            first, size = QKV.index(part) * length // 3, length // 3
    if head is not None:
        head_size = (length // 3 if by_heads.parts else length) // attention_heads
        first, size = first + head * head_size, head_size
    st.session_state[f"{by_heads.axis}-{tensor}"] = (first, first + size - 1)


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
