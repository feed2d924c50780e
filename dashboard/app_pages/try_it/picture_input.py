"""Two small components that Streamlit has no widget for: a grid of pictures to choose from, and a pad to draw on.

Both are inline and fetch nothing; their only way back is a value handed to Python.
"""

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
PAD_CSS = """
#pad { display: flex; flex-direction: column; gap: 8px; width: 264px; }
canvas { width: 264px; height: 264px; border: 1px solid var(--st-border-color); border-radius: 8px;
  background: white; cursor: crosshair; touch-action: none; }
button { align-self: flex-start; padding: 4px 12px; font: inherit; font-size: 0.875rem; cursor: pointer;
  color: var(--st-text-color); background: none; border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius); }
button:hover, button:focus-visible { border-color: var(--st-primary-color); color: var(--st-primary-color); }
"""
PAD_JS = """
export default function ({ parentElement, data, setStateValue }) {
  const canvas = parentElement.querySelector("canvas");
  const pen = canvas.getContext("2d");
  let drawing = false;
  const wipe = () => { pen.fillStyle = "white"; pen.fillRect(0, 0, canvas.width, canvas.height); };
  const at = (event) => [event.offsetX * canvas.width / canvas.clientWidth,
    event.offsetY * canvas.height / canvas.clientHeight];
  if (!canvas.dataset.ready) {
    wipe();
    const before = new Image();
    before.onload = () => pen.drawImage(before, 0, 0);
    if (data.drawing) before.src = data.drawing;
    canvas.dataset.ready = "yes";
  }
  Object.assign(pen, { lineWidth: 24, lineCap: "round", lineJoin: "round", strokeStyle: "black" });
  canvas.onpointerdown = (event) => {
    drawing = true;
    canvas.setPointerCapture(event.pointerId);
    pen.beginPath();
    pen.moveTo(...at(event));
    pen.lineTo(...at(event));
    pen.stroke();
  };
  canvas.onpointermove = (event) => { if (drawing) { pen.lineTo(...at(event)); pen.stroke(); } };
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (drawing) setStateValue("drawing", canvas.toDataURL("image/png"));
    drawing = false;
  };
  parentElement.querySelector("button").onclick = () => { wipe(); setStateValue("drawing", null); };
}
"""

_grid = st.components.v2.component(
    "otmf_picture_grid", html="<div id='grid' role='group'></div>", css=GRID_CSS, js=GRID_JS
)
_pad = st.components.v2.component(
    "otmf_drawing_pad",
    html="<div id='pad'><canvas width='256' height='256' role='img' aria-label='Draw here'></canvas>"
    "<button type='button'>Clear</button></div>",
    css=PAD_CSS,
    js=PAD_JS,
)


def picture_grid(
    pictures: Sequence[tuple[str, str]], chosen: int | None, key: str, on_picked: Callable[[int], None]
) -> None:
    """Draw pictures (data URI, name) as buttons, the one at place `chosen` marked; reports the place of a click."""

    def picked() -> None:
        on_picked(int(st.session_state[key].picked))

    data = {"pictures": [{"source": source, "name": name} for source, name in pictures], "chosen": chosen}
    _grid(key=key, data=data, on_picked_change=picked)


def drawing_pad(key: str) -> str | None:
    """Draw a pad with what was on it before; returns what is on it as a PNG data URI, None while it is empty."""
    before = st.session_state.get(key, {}).get("drawing")
    return _pad(key=key, data={"drawing": before}, on_drawing_change=lambda: None).drawing
