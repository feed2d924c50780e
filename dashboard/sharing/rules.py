"""What a shared server refuses, and why in a sentence: asked by pages for their buttons, and behind every button."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dashboard.sharing.settings import sharing
from dashboard.sharing.users import reader, why_outside
from dashboard.text import disk_text, plural, reason
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.forecast.disk import DiskUse, disk_use
from otmf_core.jobs.gate import Gate
from otmf_core.library.library import open_library
from otmf_core.runs.usage import folder_bytes, runs_bytes

READ_ONLY = "this server is read-only: runs and libraries are looked at, and nothing is merged, changed or deleted"
CLEAN_UP = "delete runs on the Runs page, under Clean up"
NOTHING = DiskUse(0, 0)


def why_not_changed() -> str | None:
    """Why this reader can change nothing, as a sentence in Markdown for a button that is off; None where they can."""
    try:
        check_change()
    except InputError as error:
        return reason(error)
    return None


def check_change() -> None:
    """Raise InputError where this reader can change nothing."""
    if why := why_outside():
        raise InputError(why)
    if sharing().read_only:
        raise InputError(READ_ONLY)


def check_room(out: Path, needed: int, what: str) -> None:
    """Raise InputError where so many bytes more, for `what`, are over the budget of the runs in `out`."""
    budget = sharing().runs_budget
    if budget is None:
        return
    used = sum(runs_bytes(out).values())
    if used + needed > budget:
        raise InputError(
            f"runs may take {disk_text(budget)} on this server and take {disk_text(used)}: {what} takes about "
            f"{disk_text(needed)} more; {CLEAN_UP}"
        )


class ServerGate(Gate):
    """The gate of a shared server's queue: read-only mode, the limit of merges, the budget of disk."""

    def __init__(self, out: Path):
        self._out = out
        self._askers: dict[str, str] = {}  # who asked for the active merges, by run

    def begin(self, run: str, config: MergeConfig, active: Mapping[str, MergeConfig]) -> None:
        check_change()
        user = reader()
        self._askers = {other: who for other, who in self._askers.items() if other in active}
        mine = [other for other in active if user is None or self._askers.get(other) == user.key]
        limit = sharing().queue_limit
        if limit is not None and len(mine) >= limit:
            whose = "you have" if user else "it has"
            raise InputError(
                f"this server takes {plural(limit, 'merge')} at a time{' of a user' if user else ''}, waiting and "
                f"running, and {whose} {len(mine)}: wait for one to end, or take one out of the queue"
            )
        self._check_budget(run, config, active)
        if user and run:
            self._askers[run] = user.key

    def change(self) -> None:
        check_change()

    def _check_budget(self, run: str, config: MergeConfig, active: Mapping[str, MergeConfig]) -> None:
        budget = sharing().runs_budget
        if budget is None:
            return
        used = sum(runs_bytes(self._out).values())
        waiting, own = self._expected(active), self._expected({run: config})
        if used + waiting.kept + own.kept + max(waiting.beside, own.beside) > budget:
            others = f", and those under way about {disk_text(waiting.kept + waiting.beside)} more" if active else ""
            needed = own.kept + max(0, own.beside - waiting.beside)
            raise InputError(
                f"runs may take {disk_text(budget)} on this server and take {disk_text(used)}{others}: this merge "
                f"takes about {disk_text(needed)}; {CLEAN_UP}, or ask for fewer tasks"
            )

    def _expected(self, merges: Mapping[str, MergeConfig]) -> DiskUse:
        """What these merges, one after the other, will take beyond what is on disk of them."""
        kept, beside = 0, 0
        for run, config in merges.items():
            use = NOTHING
            with suppress(InputError):  # the merge itself says what is wrong with its library
                use = disk_use(config, open_library(config.library))
            there = folder_bytes(self._out / run) if run else 0
            kept += max(0, use.kept - there)
            beside = max(beside, use.beside - max(0, there - use.kept))
        return DiskUse(kept, beside)
