"""The rest that a running merge takes while a page is drawn, which needs the same processor."""

from __future__ import annotations

import time

DRAWING_SECONDS = 0.25  # that drawing a page takes, script and browser

_drawn_at = float("-inf")


def begin_drawing() -> None:
    """Note that a page is drawn from now on."""
    global _drawn_at
    _drawn_at = time.monotonic()


def drawing_seconds() -> float:
    """Seconds until the page that was begun last is drawn; 0 or less where it is."""
    return _drawn_at + DRAWING_SECONDS - time.monotonic()
