"""This machine as a claim names it: its host, this start of its system, and whether a disk is its own."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from functools import cache
from pathlib import Path

import psutil

# File systems that one system at a time can have mounted.
# fmt: off
OWN_DISKS = frozenset({
    "apfs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fat32", "fuseblk", "hfs", "jfs", "msdos",
    "ntfs", "ntfs3", "overlay", "ramfs", "refs", "reiserfs", "tmpfs", "ufs", "vfat", "xfs", "zfs",
})
# fmt: on


def host() -> str:
    """The name of this host; containers have their own."""
    return platform.node()


@cache
def boot() -> str:
    """The identity of this start of the system, the same in all its containers; empty where there is none to read."""
    if sys.platform == "linux":
        file = Path("/proc/sys/kernel/random/boot_id")
        return file.read_text().strip() if file.is_file() else ""
    if sys.platform == "darwin":
        text, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
        done = ctypes.CDLL(None).sysctlbyname(b"kern.bootsessionuuid", text, ctypes.byref(size), None, 0)
        return text.value.decode() if done == 0 else ""
    return ""


def is_own_disk(path: Path) -> bool:
    """Whether a folder is on a disk of this system alone, so that nobody else can be writing there."""
    place = os.path.normcase(os.path.realpath(path))
    around = []
    for partition in psutil.disk_partitions(all=True):
        point = os.path.normcase(partition.mountpoint)
        if place == point or place.startswith(point.rstrip(os.sep) + os.sep):
            around.append((point, partition))
    if not around:
        return False
    _, partition = max(around, key=lambda pair: len(pair[0]))  # of two at one place, any: both say what it is
    return partition.fstype.lower() in OWN_DISKS and "remote" not in partition.opts.split(",")
