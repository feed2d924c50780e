"""Texts that stand on any page: plurals, numbers, sizes, durations, sentences. No screen, so charts use them too."""

from __future__ import annotations


def sentence(message: str) -> str:
    """A message of the engine as a sentence: a capital first, a full stop last."""
    return f"{message[:1].upper()}{message[1:]}{'' if message.endswith('.') else '.'}" if message else ""


def plural(count: int, noun: str) -> str:
    """1 merge, 3 merges, 0 merges; of nouns whose plural ends in s."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def rounded(value: float, digits: int) -> float:
    """`value` to `digits` decimals, and never −0.0."""
    return round(value, digits) + 0.0


def with_minus(number: str) -> str:
    """A formatted number with a minus sign for its hyphen."""
    return number.replace("-", "−")


def number_text(value: float, digits: int, signed: bool = False) -> str:
    """−4.2 or 4.1 and, where `signed`, +4.1; a rounded zero has no sign."""
    number = rounded(value, digits)
    return with_minus(f"{number:{'+' if signed and number else ''}.{digits}f}")


def with_unit(value: float | None, unit: str, signed: bool = False) -> str | None:
    """67.6% where `unit` is %, and −4.2 where it is pt, for percentage points; None where there is no value."""
    if value is None or value != value:
        return None
    return number_text(value, 1, signed) + ("%" if unit == "%" else "")


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
