"""Merges and runs in a notebook: begun or opened by one call, with their figures as tables of pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.files import user_path
from otmf_core.masks.reading import SIDES, mask_steps, read_statistics
from otmf_core.runs import folder
from otmf_core.runs.events import Event
from otmf_core.runs.folder import Run
from otmf_core.runs.record import RunRecord
from otmf_core.runs.view import RunView, stored_view

if TYPE_CHECKING:
    import pandas as pd

METRICS = {  # by field of a record: its name and unit
    "acc": ("ACC", "%"),
    "bwt": ("BWT", "points"),
    "fwt": ("FWT", "points"),
    "stability": ("Stability", "%"),
    "plasticity": ("Plasticity", "%"),
    "normalised_acc": ("Normalised ACC", "%"),
}


def run_merge(
    config: MergeConfig | None = None,
    out: str | Path = "runs",
    *,
    run_id: str | None = None,
    emit: Callable[[Event], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> OpenedRun:
    """Merge into a new run folder under `out`, and return the run.

    What is merged is a configuration or, without one, the settings of `MergeConfig.build`, `tasks` among them. `emit`
    is told every event. Raises InputError on bad input; interrupted, the run stands stopped and can be resumed.
    """
    if (config is None) == (not settings):
        raise InputError("a merge is asked for by a configuration or by its settings, received both or neither")
    config = config or MergeConfig.build(**settings)
    from otmf_core.merging import merge

    path = user_path(str(out)) / (run_id or folder.new_run_id(config.method.name))
    merge.run_merge(config, path.parent, emit=emit, should_stop=should_stop, run_id=path.name)
    return OpenedRun(folder.load_run(path))


def load_run(path: str | Path) -> OpenedRun:
    """Open a run folder; raises InputError when it is none, damaged, or written by a newer version."""
    return OpenedRun(folder.load_run(user_path(str(path))))


@dataclass(frozen=True)
class OpenedRun:
    """A run with its figures as tables, which need pandas; a notebook shows it as its metrics and its matrix."""

    run: Run

    @property
    def id(self) -> str:
        """The name of its folder."""
        return self.run.id

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.run.path

    @property
    def status(self) -> str:
        """Where it stands: done, stopped, failed and so on."""
        return self.run.status

    @property
    def config(self) -> MergeConfig:
        """What was asked for."""
        return self.run.config

    @property
    def record(self) -> RunRecord | None:
        """What it found, None until it is done."""
        return self.run.record

    @property
    def tasks(self) -> tuple[str, ...]:
        """Task ids in merge order."""
        return self.run.config.tasks

    @cached_property
    def view(self) -> RunView:
        """The run with the curves of its fusions, as charts take it; raises InputError when a file is damaged."""
        return stored_view(self.run)

    @property
    def metrics(self) -> dict[str, float | None]:
        """ACC and its kin by the names of the record, percent or points; empty until the run is done."""
        record = self.record
        return {name: getattr(record, name) for name in METRICS} if record else {}

    @property
    def matrix(self) -> pd.DataFrame:
        """Test accuracy, percent: a row per step (0: the pre-trained model), a column per task; NaN where unknown."""
        frame = _pandas().DataFrame(self.run.matrix, columns=list(self.tasks), dtype=float)
        return frame.rename_axis(index="step", columns="task")

    @property
    def losses(self) -> pd.DataFrame:
        """A row per iteration of every fusion: step, task taken in, iteration from 1, and every curve; may be empty.

        Raises InputError when a file is damaged.
        """
        names = dict.fromkeys(name for fusion in self.view.fusions.values() for name in fusion.curves)
        rows = [
            (step, self.tasks[step - 1], iteration, *values)
            for step, fusion in sorted(self.view.fusions.items())
            for iteration, values in enumerate(_rows(fusion.curve(name) for name in names), 1)
        ]
        return _pandas().DataFrame(rows, columns=["step", "task", "iteration", *names])

    def masks(self, step: int | None = None, threshold: float = 0.5) -> pd.DataFrame:
        """Statistics of the masks, a row per fusion, tensor and side, of every fusion or of one; may be empty.

        Columns: step, task, tensor, side, entries, mean, std, min, max, and `sparsity`, the share (0…1) of entries
        with |mask| below `threshold`. Raises InputError where that step has no masks or a file is damaged.
        """
        pandas = _pandas()
        from otmf_core.masks.measures import share_below

        parts = []
        for each in mask_steps(self.path) if step is None else [step]:
            stored = read_statistics(self.path, each)
            if not 1 <= each <= len(self.tasks):
                raise InputError(f"a run has steps 1 to {len(self.tasks)}, received masks of step {each}")
            for side in SIDES:
                own = getattr(stored, side)
                columns = {"step": each, "task": self.tasks[each - 1], "tensor": stored.tensors, "side": side}
                columns |= {"entries": own.entries, "mean": own.mean, "std": own.std, "min": own.low, "max": own.high}
                columns["sparsity"] = share_below(own.histogram, own.low, own.high, threshold)
                parts.append(pandas.DataFrame(columns))
        return pandas.concat(parts, ignore_index=True) if parts else pandas.DataFrame()

    def _repr_html_(self) -> str:
        """Its metrics and its matrix, every text letter by letter."""
        facts = [f"{name} {value:.1f} {unit}" for name, value, unit in self._named_metrics()]
        about = [self.status, *facts, f"labels: {self.record.labels}" if self.record else ""]
        head = _cells("th", ["step", *self.tasks])
        rows = [_cells("td", [step, *row]) for step, row in enumerate(self.run.matrix)]
        title = f"{self.config.method.title}, {len(self.tasks)} tasks: {self.id}"
        return (
            f"<p><b>{_letters(title)}</b><br>{_letters(' · '.join(filter(None, about)))}</p>"
            f"<table><caption>Test accuracy, %, after each step; 0 is the pre-trained model</caption>"
            f"<thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
        )

    def _named_metrics(self) -> list[tuple[str, float, str]]:
        named = [(*METRICS[name], value) for name, value in self.metrics.items()]
        return [(name, value, unit) for name, unit, value in named if value is not None]


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise InputError(f"tables of a run need pandas, which is not installed here ({error})") from None
    return pandas


def _rows(curves: Iterable[Sequence[float | None]]) -> list[tuple[float | None, ...]]:
    """Curves as rows, a value of each, as long as the longest."""
    every = list(curves)
    length = max(map(len, every), default=0)
    return list(zip(*(tuple(curve) + (None,) * (length - len(curve)) for curve in every), strict=True))


def _cells(kind: str, values: Iterable[object]) -> str:
    texts = ("" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value) for value in values)
    return f"<tr>{''.join(f'<{kind}>{_letters(text)}</{kind}>' for text in texts)}</tr>"


def _letters(text: str) -> str:
    """A text that HTML shows letter by letter, unseen characters as their escapes."""
    return escape("".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text))
