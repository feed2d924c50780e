"""The line that estimates a merge's time and memory: from finished runs with its settings, or measured on a click."""

from __future__ import annotations

from collections.abc import Hashable

import streamlit as st

from dashboard.runs.loading import readable_runs
from dashboard.sharing.rules import why_not_changed
from dashboard.state import queue
from dashboard.text import duration, reason, size_text
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.forecast.devices import device_memory
from otmf_core.forecast.sizes import Sizes, sizes
from otmf_core.forecast.work import EARLIER, Estimate, Rates, alike, extrapolate, pace, rates_of_runs
from otmf_core.library.library import Library, open_library
from otmf_core.models.checkpoints import parameters
from otmf_core.models.inputs import LARGE

CARDS = (24, 80)  # GiB of common GPUs
MOST_RUNS = 5  # finished runs that an estimate is made from, the newest
MOST_MEASUREMENTS = 64  # remembered
TASKS_THAT_MATTER = 1 + EARLIER  # for a measurement


def estimate_line(config: MergeConfig, library: Library) -> None:
    """Draw the time and memory of this merge and what they come from; without finished runs, a button that measures."""
    key = _key(config, library)
    _on_gpus(config, library)
    try:
        estimate = _from_runs(config, library) or _estimate(_measurements().get(key), config, library)
        if estimate is None and _measure_button():
            with st.spinner("Measuring a few iterations"):
                _measure(key, config, library)
            st.rerun()
    except InputError as error:
        st.caption(f"No estimate: {reason(error)}")
        return
    if estimate:
        time, memory = duration(estimate.seconds), size_text(estimate.memory)
        st.caption(f"About **{time}** · **{memory}** of memory, {estimate.source}")


def _on_gpus(config: MergeConfig, library: Library) -> None:
    """Draw what a merge of a large model takes on a GPU, and whether common ones have it."""
    try:
        memory = device_memory(config, library) if parameters(library.tower_header) >= LARGE else None
    except InputError:
        return  # the page says elsewhere what is wrong with the library
    if memory is None:
        return
    verdicts = [f"{'fits' if memory <= card << 30 else 'does not fit'} {card} GiB" for card in CARDS]
    facts = [f"On a GPU **{size_text(memory)}** in bfloat16 autocast", *verdicts]
    st.caption(" · ".join(facts), help="Counted from the model's sizes and the batch; measured on none.")


def _measure_button() -> bool:
    busy = bool(queue().active())
    about = "Takes a few real iterations with these settings, on this device, in a few seconds; nothing is kept."
    if busy:
        about = "Merges under way would slow the measurement; ask when they are done."
    locked = why_not_changed()
    return st.button(
        "Estimate time and memory",
        icon=":material/timer:",
        type="tertiary",
        key="estimate",
        disabled=busy or locked is not None,
        help=locked or about,
    )


def _from_runs(config: MergeConfig, library: Library) -> Estimate | None:
    tasks = {task.id for task in library.tasks}
    runs = [run for run in readable_runs()[0] if alike(config, run) and tasks.issuperset(run.config.tasks)]
    runs = runs[:MOST_RUNS]
    if not runs:
        return None
    sizes_by_run = {run.id: _sizes(library, run.config) for run in runs}
    return _estimate(rates_of_runs(config, sizes_by_run, runs), config, library)


def _estimate(rates: Rates | None, config: MergeConfig, library: Library) -> Estimate | None:
    return rates and extrapolate(config, _sizes(library, config), rates)


def _measure(key: Hashable, config: MergeConfig, library: Library) -> None:
    """Measure and remember what this merge will take; the oldest measurements go."""
    from otmf_core.forecast import measure  # torch: only when somebody asks

    measurements = _measurements()
    measurements[key] = measure.measure(config, library)
    for old in list(measurements)[:-MOST_MEASUREMENTS]:
        del measurements[old]


def _key(config: MergeConfig, library: Library) -> Hashable:
    """Everything that a measurement depends on."""
    return (str(library.root), min(len(config.tasks), TASKS_THAT_MATTER), repr(pace(config)))


@st.cache_resource(max_entries=1, show_spinner=False)
def _measurements() -> dict[Hashable, Rates]:
    """The measurements of this process, shared by all tabs."""
    return {}


def _sizes(library: Library, config: MergeConfig) -> Sizes:
    return _sizes_of(str(library.root), library.manifest_hash, config.tasks, config.splits, config)


@st.cache_resource(max_entries=64, show_spinner=False)
def _sizes_of(root: str, manifest: str, tasks: tuple[str, ...], splits: tuple[str, ...], _config: MergeConfig) -> Sizes:
    return sizes(open_library(root), _config)
