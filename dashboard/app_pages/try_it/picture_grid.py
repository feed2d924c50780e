"""A component: a grid of pictures to choose one from. It fetches nothing; its only way back is the index of a click."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

CSS = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
JS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")

_grid = component("otmf_picture_grid", html="<div id='grid' role='group'></div>", css=CSS, js=JS)


def picture_grid(
    pictures: Sequence[tuple[str, str]], selected: int | None, key: str, on_pick: Callable[[int], None]
) -> None:
    """Draw pictures (data URI, name) as buttons, the one at `selected` marked; `on_pick` gets the index of a click."""

    def pick() -> None:
        on_pick(int(st.session_state[key].picked))

    data = {"pictures": [{"source": source, "name": name} for source, name in pictures], "selected": selected}
    _grid(key=key, data=data, on_picked_change=pick)
