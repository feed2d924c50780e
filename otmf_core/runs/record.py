"""The record of a run: its metrics, and what they were measured with. `merge --json` prints it."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from pydantic import BaseModel, ConfigDict

from otmf_core import metrics
from otmf_core.config import MergeConfig
from otmf_core.runs.state import AccuracyRow, Growth, Percent, Real, RunState, Seconds, Text, Whole


class RunRecord(BaseModel):
    """Everything a run found, by the names the field uses; percent, seconds and bytes. Metrics are null until done.

    `settings` are the method's own. Those of version 0.1.0 had none: readers look
    for them in the run's configuration.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    run: Text = ""
    status: Text = "done"
    library: Text = ""
    method: Text = ""
    settings: dict[str, Any] = {}
    alpha: Real | None = None  # also in settings; version 0.1.0 had it here
    preset: Text = ""
    tasks: tuple[Text, ...]
    heads: Text = "none"
    acc: Percent | None = None
    bwt: Real | None = None
    fwt: Real | None = None
    forgetting: tuple[Real, ...] | None = None
    stability: Real | None = None
    plasticity: Real | None = None
    normalised_acc: Real | None = None
    matrix: tuple[AccuracyRow, ...]
    individual: tuple[Percent, ...]
    zero_shot: AccuracyRow = ()
    held_out: dict[Text, tuple[Percent, ...]] = {}  # of tasks that are not merged: zero-shot, then after the merge
    labels: Text
    scoring: Text = ""  # of texts: whether answers were scored by likelihood or generated
    calibration_split: Text
    memory_per_task: Whole
    test_images: tuple[Whole, ...] = ()
    growth: Growth | None = None
    seed: Whole = 0
    device: Text = ""
    seconds: Seconds
    step_seconds: tuple[Seconds, ...] = ()
    peak_memory_bytes: Whole = 0
    created: Text = ""
    versions: dict[Text, Text] = {}

    @property
    def noun(self) -> str:
        """What the examples that were merged on are called."""
        return "texts" if self.scoring else "images"

    def held_out_means(self) -> tuple[float, float] | None:
        """Mean accuracy, percent, on the tasks that are not merged, before and after; None where none was evaluated."""
        if not self.held_out:
            return None
        before, after = zip(*self.held_out.values(), strict=True)
        return fmean(before), fmean(after)


def make_record(
    run: str, status: str, config: MergeConfig, state: RunState, created: str, versions: dict[str, str]
) -> RunRecord:
    """The record of a run that stands at `state`; its metrics are null unless `status` is done."""
    return RunRecord(
        run=run,
        status=status,
        library=config.library,
        method=config.method.name,
        settings=config.method.settings(),
        alpha=config.method.settings().get("alpha"),
        preset=config.preset,
        heads=config.heads,
        **(metrics.summary(state.matrix, state.individual) if status == "done" else {}),
        zero_shot=state.matrix[0] if state.matrix else (),
        **config.stamp(state.transductive, state.noun),
        seed=config.seed,
        created=created,
        versions=versions,
        **state.model_dump(exclude={"library", "transductive", "step", "unfinished_seconds"}),
    )
