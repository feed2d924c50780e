"""A component: a grid of pictures to choose one from. It fetches nothing; its only way back is the index of a click."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

GRID_CSS = """
#grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(52px, 1fr)); gap: 6px; }
button { padding: 0; border: 0; border-radius: 6px; background: none; cursor: pointer; aspect-ratio: 1; }
button img { display: block; width: 100%; height: 100%; border-radius: 6px; object-fit: cover; }
button:hover { opacity: 0.85; }
button[aria-pressed="true"] { outline: 3px solid var(--st-primary-color); outline-offset: 1px; }
button:focus-visible { outline: 3px solid var(--st-text-color); outline-offset: 1px; }
"""
GRID_JS = """
export default function ({ parentElement, data, setTriggerValue }) {
  const grid = parentElement.querySelector("#grid");
  grid.replaceChildren(...data.pictures.map((picture, place) => {
    const button = document.createElement("button");
    const image = document.createElement("img");
    image.src = picture.source;
    image.alt = picture.name;
    button.type = "button";
    button.title = picture.name;
    button.setAttribute("aria-pressed", String(place === data.chosen));
    button.onclick = () => setTriggerValue("picked", place);
    button.append(image);
    return button;
  }));
}
"""
_grid = st.components.v2.component(
    "otmf_picture_grid", html="<div id='grid' role='group'></div>", css=GRID_CSS, js=GRID_JS
)


def picture_grid(
    pictures: Sequence[tuple[str, str]], chosen: int | None, key: str, on_picked: Callable[[int], None]
) -> None:
    """Draw pictures (data URI, name) as buttons, the one at place `chosen` marked; reports the place of a click."""

    def picked() -> None:
        on_picked(int(st.session_state[key].picked))

    data = {"pictures": [{"source": source, "name": name} for source, name in pictures], "chosen": chosen}
    _grid(key=key, data=data, on_picked_change=picked)
