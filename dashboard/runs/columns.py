"""The columns of leaderboards and grids: headings, decimals and cells; no streamlit, so that reports have them too."""

from __future__ import annotations

from dashboard.text import number_text
from otmf_core.analysis.comparison import Row

COLUMNS = {  # by metric: heading and decimals
    "acc": ("ACC (%)", 1),
    "bwt": ("BWT (pt)", 1),
    "stability": ("Stability (%)", 1),
    "plasticity": ("Plasticity (%)", 1),
    "held_out": ("Held out (%)", 1),
    "seconds": ("Time (s)", 1),
    "memory_gib": ("Memory (GiB)", 2),
}
SIGNED = ("bwt", "difference", "low", "high")
NUMBERS = {  # beside a leaderboard's: heading and decimals
    **{name: column for name, column in COLUMNS.items() if name != "held_out"},
    "acc_std": ("± std", 1),
    "parameters": ("Parameters", 0),
    "encode_ms": ("Image (ms)", 2),
    "difference": ("Difference (pt)", 1),
    "low": ("95% from", 1),
    "high": ("to", 1),
}
TEXTS = {  # heading and pixels
    "part": ("Part", 68),
    "labels": ("Labels", 125),
    "held_out": ("Held out (%)", 100),
    "win_tie_loss": ("Win/tie/loss", 88),
}
COUNTS = {"rank": "#", "images_kept": "Kept", "n": "Runs"}
STANDING = (
    *("rank", "colour", "name", "labels", "images_kept", "n", "acc", "acc_std", "bwt", "stability", "plasticity"),
    *("held_out", "seconds", "memory_gib", "difference", "win_tie_loss", "parameters", "encode_ms"),
)


def mean_and_deviation(mean: float | None, std: float | None, digits: int, signed: bool = False) -> str:
    """67.5 ± 0.5, or the mean alone where there is no deviation; empty without a mean."""
    if mean is None or mean != mean:
        return ""
    text = number_text(mean, digits, signed)
    return text if std is None or std != std else f"{text} ± {number_text(std, digits)}"


def before_and_after(row: Row) -> str | None:
    """Accuracy on the tasks that are not merged, before the merge and after it; None where it was not measured."""
    if row["held_out"] is None or row["held_out_before"] is None:
        return None
    return f"{number_text(row['held_out_before'], 1)} → {number_text(row['held_out'], 1)}"
