"""What a merge will take, before it starts: from finished runs with its settings, else measured when asked for."""

from __future__ import annotations

from collections.abc import Hashable

import streamlit as st

from dashboard.runs.loading import readable_runs
from dashboard.state import queue
from dashboard.text import duration, sentence, size_text
from otmf_core.config import MergeConfig
from otmf_core.errors import InputError
from otmf_core.forecast.sizes import Sizes, sizes
from otmf_core.forecast.work import ALIKE, Estimate, Rates, alike, extrapolate, rates_of_runs
from otmf_core.library.library import Library, open_library

RECENT = 5  # finished runs that an estimate is made from, the newest
KEPT = 64  # measurements remembered
TASKS_THAT_MATTER = 5  # a mini-batch holds images of at most four earlier tasks and of the incoming one


def estimate_line(config: MergeConfig, library: Library) -> None:
    """Draw the time and memory of this merge and what they come from; without finished runs, a button that measures."""
    key = _key(config, library)
    try:
        found = _from_runs(config, library) or _at(_measurements().get(key), config, library)
        if found is None and _asked():
            with st.spinner("Measuring a few mask steps"):
                _remember(key, config, library)
            st.rerun()
    except InputError as error:
        st.caption(f"No estimate: {sentence(str(error))}")
        return
    if found:
        st.caption(f"About **{duration(found.seconds)}** · **{size_text(found.memory)}** of memory, {found.source}")


def _asked() -> bool:
    busy = bool(queue().active())
    return st.button(
        "Estimate time and memory",
        icon=":material/timer:",
        type="tertiary",
        key="estimate",
        disabled=busy,
        help="Merges under way would slow the measurement; ask when they are done."
        if busy
        else "Takes a few real mask steps with these settings, on this device, in a few seconds; nothing is kept.",
    )


def _from_runs(config: MergeConfig, library: Library) -> Estimate | None:
    here = {task.id for task in library.tasks}
    equal = [run for run in readable_runs()[0] if alike(config, run) and here.issuperset(run.config["tasks"])][:RECENT]
    if not equal:
        return None
    known = {run.id: _sizes(library, MergeConfig.parse(run.config)) for run in equal}
    return _at(rates_of_runs(config, known, equal), config, library)


def _at(rates: Rates | None, config: MergeConfig, library: Library) -> Estimate | None:
    return rates and extrapolate(config, _sizes(library, config), rates)


def _remember(key: Hashable, config: MergeConfig, library: Library) -> None:
    from otmf_core.forecast import measure as estimate  # torch: only when somebody asks

    known = _measurements()
    known[key] = estimate.measure(config, library)
    for old in list(known)[:-KEPT]:
        del known[old]


def _key(config: MergeConfig, library: Library) -> Hashable:
    """What a measurement depends on."""
    settings = tuple(getattr(config, name) for name in ALIKE)
    return (str(library.root), min(len(config.tasks), TASKS_THAT_MATTER), *settings)


@st.cache_resource(max_entries=1, show_spinner=False)
def _measurements() -> dict[Hashable, Rates]:
    """The measurements of this process, shared by all tabs."""
    return {}


def _sizes(library: Library, config: MergeConfig) -> Sizes:
    return _sizes_of(str(library.root), library.manifest_hash, config.tasks, config.reads_images, config.heads)


@st.cache_resource(max_entries=64, show_spinner=False)
def _sizes_of(root: str, manifest: str, tasks: tuple[str, ...], reads_images: bool, heads: str) -> Sizes:
    method = "otmf" if reads_images else "average"
    return sizes(open_library(root), MergeConfig.build(tasks=tasks, method=method, heads=heads))
