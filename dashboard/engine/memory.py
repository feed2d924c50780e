"""The memory and the device that this program uses now, in words."""

from __future__ import annotations

import sys

import psutil

from dashboard.text import size_text


def memory_in_use() -> int:
    """The bytes of memory that this program holds now."""
    return psutil.Process().memory_info().rss


def memory_line(device: str) -> str:
    """The device of the running merge ("" while it is unknown), and the memory that it and this program use now."""
    parts = [f"Device: {device}"] if device else []
    torch = sys.modules.get("torch")  # the merge's thread has it; a page does not load it
    if torch and device.startswith("cuda"):
        allocated, total = torch.cuda.memory_allocated(device), torch.cuda.mem_get_info(device)[1]
        parts.append(f"GPU memory: {size_text(allocated)} of {size_text(total)}")
    parts.append(f"memory of this program: {size_text(memory_in_use())} of {size_text(psutil.virtual_memory().total)}")
    return " · ".join(parts)
