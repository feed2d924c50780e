"""Who may ask a queue for what."""

from __future__ import annotations

from collections.abc import Mapping

from otmf_core.config import MergeConfig


class Gate:
    """What may be asked of a queue: anything. One that forbids something raises InputError where it is asked."""

    def begin(self, run: str, config: MergeConfig, active: Mapping[str, MergeConfig]) -> None:
        """Whether a merge may be queued, begun or gone on with, beside those that wait and run (`active`, by run).

        `run` is empty where it is only asked whether it might.
        """

    def change(self) -> None:
        """Whether a merge may be stopped, and a run deleted."""
