"""The map of features."""

from __future__ import annotations

LAYOUT = "One fit over all steps: a model keeps its place whichever step shows it, so points move, never the frame."
