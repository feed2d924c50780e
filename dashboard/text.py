"""Texts that stand on any page: plurals, signs, sizes, durations, sentences."""

from __future__ import annotations


def sentence(message: str) -> str:
    """A message of the engine as a sentence: a capital first, a full stop last."""
    return f"{message[:1].upper()}{message[1:]}{'' if message.endswith('.') else '.'}" if message else ""


def duration(seconds: float) -> str:
    """7.2 s, 48 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size_text(count: float) -> str:
    """Bytes in words: 640 MiB, 1.4 GiB."""
    if count < 1000 * 2**20:
        return f"{count / 2**20:.0f} MiB"
    return f"{count / 2**30:.1f} GiB"


def with_unit(value: float | None, unit: str, signed: bool = False) -> str | None:
    """67.6% or, in percentage points, −4.2 and +4.1 where `signed`; a rounded zero has no sign."""
    if value is None or value != value:
        return None
    rounded = round(value, 1) + 0.0
    return f"{rounded:{'+' if signed and rounded else ''}.1f}{'%' if unit == '%' else ''}".replace("-", "−")
