"""What pages are drawn on, light or dark, and that they are drawn anew when the reader changes it."""

from __future__ import annotations

import streamlit as st

# Streamlit recolours its own elements, but runs no script: figures would keep the old ground.
JS = """
export default function ({ parentElement, setTriggerValue }) {
  const element = parentElement.host ?? parentElement;
  const colour = () => getComputedStyle(element).getPropertyValue("--st-background-color");
  let drawn = colour();
  const look = () => {
    const [before, now] = [drawn, colour()];
    drawn = now;
    if (before && now !== before) setTriggerValue("changed", true);
  };
  const timer = setInterval(look, 300);
  return () => clearInterval(timer);
}
"""

_watch = st.components.v2.component("otmf_ground", html="<span></span>", js=JS)


def ground() -> str:
    """What the page is drawn on: light or dark."""
    return st.context.theme.type or "light"


def watch_ground() -> None:
    """Run the page again when its ground has changed."""
    _watch(key="ground", on_changed_change=lambda: None)
