"""An engine whose merges are told to trackers too, for whoever runs merges: the command line, the queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import Interrupted
from otmf_core.runs.events import Emit, Event
from otmf_core.tracking.table import TOOLS

if TYPE_CHECKING:
    from otmf_core.config import MergeConfig
    from otmf_core.runs.record import RunRecord
    from otmf_core.tracking.base import End


class TrackedEngine:
    """The calls of an engine, each also told to the tools of these names, and `say` told where one of them stops.

    `engine` gives the engine when it is first needed. Raises InputError, before anything is run, where runs of folder
    `out` surely could not be tracked.
    """

    def __init__(self, engine: Callable[[], Any], tools: Sequence[str], out: Path, say: Callable[[str], None]) -> None:
        self._engine, self._say = engine, say
        self._tools = [TOOLS[name] for name in dict.fromkeys(tools)]
        for tool in self._tools:
            tool.check(out)

    def run_merge(self, config: MergeConfig, out: Path, *, emit: Emit, run_id: str, **others: Any) -> RunRecord:
        """As the engine's own."""
        with self._told(Path(out) / run_id, emit) as tell:
            return self._engine().run_merge(config, out, emit=tell, run_id=run_id, **others)

    def resume_merge(self, path: Path, *, emit: Emit, **others: Any) -> RunRecord:
        """As the engine's own; a run that was tracked goes on where its trackers have it."""
        with self._told(path, emit) as tell:
            return self._engine().resume_merge(path, emit=tell, **others)

    def devices(self) -> tuple[str, ...]:
        """As the engine's own."""
        return self._engine().devices()

    @contextmanager
    def _told(self, path: Path, emit: Emit) -> Iterator[Emit]:
        from otmf_core.tracking.mirror import Mirror

        mirrors = [Mirror(tool, path, self._say) for tool in self._tools]

        def tell(event: Event) -> None:
            emit(event)
            for mirror in mirrors:
                mirror(event)

        end: End = "failed"
        try:
            yield tell
            end = "done"
        except (Interrupted, KeyboardInterrupt):
            end = "stopped"
            raise
        finally:
            for mirror in mirrors:
                mirror.end(end)
