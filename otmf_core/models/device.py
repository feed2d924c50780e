"""The device of a merge: choice, autocast, transfers and peak memory, the same calls for CPU, CUDA and MPS."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

import psutil
import torch
from torch import Tensor

from otmf_core.errors import InputError
from otmf_core.models.inputs import LARGE

M_MMAP_THRESHOLD = -3  # of malloc.h


def resolve(name: str) -> torch.device:
    """The torch device of auto, cpu, cuda, cuda:N or mps; raises InputError when it is unknown or absent."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"a device is auto, cpu, cuda, cuda:N or mps, received {name!r}") from None
    available = {
        "cpu": device.index in (None, 0),
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available.get(device.type, False):
        raise InputError(f"a device must be present on this machine, received {name!r}")
    return device


def devices() -> tuple[str, ...]:
    """The devices of this machine by name, the CPU last: every visible CUDA device has its number."""
    numbers = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    others = [f"cuda:{number}" for number in numbers] or ["mps"] * torch.backends.mps.is_available()
    return (*others, "cpu")


def use(device: torch.device) -> None:
    """Make a CUDA device this thread's own: pinned memory is otherwise taken through the first one, which pays for it.

    Nothing happens for other devices.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)


def autocast(device: torch.device) -> AbstractContextManager:
    """bfloat16 autocast on CUDA, nothing elsewhere."""
    return torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext()


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Move a CPU tensor; to CUDA from pinned memory, without waiting for the copy."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def all_to_device(tensors: Mapping[str, Tensor], device: torch.device) -> Mapping[str, Tensor]:
    """Tensors on a device; on the CPU those that are there, which are not read."""
    return tensors if device.type == "cpu" else {name: tensor.to(device) for name, tensor in tensors.items()}


def return_freed_memory(parameters: int) -> None:
    """Have the C library return the freed tensors of a large model to the system at once, where it is glibc.

    It would keep what is smaller than 32 MiB for itself, in pieces: a ViT-B/32 then peaks 0.3 to 0.5 GiB higher. Small
    models are left alone, since new pages take time.
    """
    if sys.platform != "linux" or parameters < LARGE:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 1 << 20)


def reset_peak_memory(device: torch.device) -> None:
    """Start measuring peak memory afresh, where that can be: on CUDA, and on Linux for this process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        with suppress(OSError):  # a container may refuse; the peak is then that since the process began
            Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device: torch.device) -> int:
    """Peak bytes since the last reset, or since the process began where there is none: of the GPU, or resident here."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
