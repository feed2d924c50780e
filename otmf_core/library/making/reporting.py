"""How work on a library tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[str, float], None]  # what is being done, and the share of it that is


def silent(text: str, done: float) -> None:
    """Tell nobody."""
