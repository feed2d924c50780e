"""Which devices of this computer may take a merge, by the device that its configuration asks for."""

from __future__ import annotations

from collections.abc import Sequence

CPU = "cpu"


def fits(asked: str, device: str) -> bool:
    """Whether a device, such as cuda:1, is one that was asked for: auto, a kind of device, or one by its number."""
    return asked in ("auto", device, device.partition(":")[0])


def takers(asked: str, devices: Sequence[str]) -> tuple[str, ...]:
    """Those of the devices that may take a merge: for auto the CPU only where there is no other.

    A device that is not there is asked of the first, where the merge is refused.
    """
    accelerators = [device for device in devices if device != CPU]
    choice = accelerators if asked == "auto" and accelerators else devices
    return tuple(device for device in choice if fits(asked, device)) or tuple(devices[:1])
