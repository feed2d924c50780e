"""Masks: where a merge kept, shrank or amplified its task vectors, from the whole tower down to single weights."""

import streamlit as st

from dashboard.app_pages.masks.charts.tensor import NAMES
from dashboard.app_pages.masks.map_section import mask_section
from dashboard.app_pages.masks.reading import attention_heads, run_path, statistics_of
from dashboard.app_pages.masks.tensor_section import tensor_section
from dashboard.library.task_labels import task_labels
from dashboard.runs.picker import choose_run
from dashboard.ui.deferred import defer
from otmf_core.masks.reading import SIDES, has_masks, mask_steps
from otmf_core.models.tensor_names import places

view = choose_run(
    "masks",
    lambda run: has_masks(run.path),
    "Masks appear here as soon as an OTMF merge has taken in its second task. Other methods train none.",
)
steps = mask_steps(run_path(view.run))
names = task_labels(view.config).names
labels = {step: f"{step} · {names[view.config['tasks'][step - 1]]}" for step in steps}

with st.container(horizontal=True, gap="medium"):
    if len(steps) > 1:
        step = st.select_slider(
            "Incoming task",
            steps,
            format_func=labels.__getitem__,
            key="step",
            bind="query-params",
            width=460,
            help="Each step from the second on fuses what was merged so far with one more task, by two masks.",
        )
    else:
        step = steps[0]
        st.markdown(f"Incoming task **{labels[step]}**", width="content")
    side = st.segmented_control(
        "Mask",
        SIDES,
        format_func=NAMES.__getitem__,
        default="pre",
        required=True,
        key="side",
        bind="query-params",
    )
    stats = statistics_of(view.run, step)
    where = places(stats.tensors)
    if not {"tensor"} & {*st.session_state, *st.query_params}:
        st.session_state["tensor"] = next((t for t in stats.tensors if where[t].kind == "qkv.weight"), stats.tensors[0])
    tensor = st.selectbox(
        "Tensor",
        stats.tensors,
        key="tensor",
        bind="query-params",
        width=340,
        help="Or click its cell in the map.",
    )

mask_section(stats, where, side, tensor, f"{view.run}-step-{step}")


def one_tensor() -> None:
    """The tensor chosen in the map, entry by entry."""
    st.subheader(f"{where[tensor].layer} · {where[tensor].kind}", anchor=False)
    tensor_section(view.run, step, stats, side, tensor, where[tensor], attention_heads(view.config))


defer(one_tensor)
