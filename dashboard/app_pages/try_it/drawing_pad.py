"""A component: a pad to draw on. It fetches nothing; its only way back is the drawing."""

from __future__ import annotations

import streamlit as st

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
_pad = st.components.v2.component(
    "otmf_drawing_pad",
    html="<div id='pad'><canvas width='256' height='256' role='img' aria-label='Draw here'></canvas>"
    "<button type='button'>Clear</button></div>",
    css=PAD_CSS,
    js=PAD_JS,
)


def drawing_pad(key: str) -> str | None:
    """Draw a pad with what was on it before; returns what is on it as a PNG data URI, None while it is empty."""
    before = st.session_state.get(key, {}).get("drawing")
    return _pad(key=key, data={"drawing": before}, on_drawing_change=lambda: None).drawing
