"""What this machine gives a merge: sizes in words, and the memory and device in use now."""

from __future__ import annotations


def size_text(count: float) -> str:
    """Bytes in words: 640 MiB, 1.4 GiB."""
    if count < 1000 * 2**20:
        return f"{count / 2**20:.0f} MiB"
    return f"{count / 2**30:.1f} GiB"
