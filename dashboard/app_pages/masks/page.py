"""Masks: where a merge kept, shrank or amplified its task vectors, from the whole tower down to single weights."""

import streamlit as st

from dashboard.app_pages.masks.charts.tensor import SIDE_NAMES
from dashboard.app_pages.masks.first_tensor import choose_first_tensor
from dashboard.app_pages.masks.map_section import map_section
from dashboard.app_pages.masks.reading import attention_heads, statistics_of
from dashboard.app_pages.masks.tensor_section import tensor_section
from dashboard.library.labels import library_labels
from dashboard.runs.picker import choose_run
from dashboard.state import run_folder
from dashboard.text import letters
from dashboard.ui.deferred import defer
from otmf_core.masks.reading import SIDES, has_masks, mask_steps
from otmf_core.models.tensor_names import locate

view = choose_run(
    "masks",
    lambda run: has_masks(run.path),
    "Masks appear here as soon as an OTMF merge has taken in its second task. Other methods train none.",
)
steps = mask_steps(run_folder(view.run))
names = library_labels(view.config).names
incoming = {step: f"{step} · {names[view.tasks[step - 1]]}" for step in steps}

# Step, side and tensor. A step that was not chosen is the last, whose merged model is the run's: also of another run,
# and once a run under way has another one.
if "step" in st.session_state and st.session_state["step"] == st.session_state.get("masks_last"):
    st.session_state["step"] = steps[-1]
st.session_state["masks_last"] = steps[-1]
with st.container(horizontal=True, gap="medium"):
    if len(steps) > 1:
        step = st.select_slider(
            "Incoming task",
            steps,
            value=steps[-1],
            format_func=lambda step: letters(incoming[step]),
            key="step",
            bind="query-params",
            width=460,
            help="Each step from the second on fuses what was merged so far with one more task, by two masks.",
        )
    else:
        step = steps[0]
        st.markdown(f"Incoming task **{letters(incoming[step])}**", width="content")
    side = st.segmented_control(
        "Mask",
        SIDES,
        format_func=SIDE_NAMES.__getitem__,
        default="pre",
        required=True,
        key="side",
        bind="query-params",
    )
    stats = statistics_of(view.run, step)
    tensor_places = locate(stats.tensors)
    choose_first_tensor(tensor_places)
    tensor = st.selectbox(
        "Tensor",
        stats.tensors,
        key="tensor",
        bind="query-params",
        width=340,
        help="Or click its cell in the map.",
    )

# All tensors.
map_section(stats, tensor_places, side, tensor, f"{view.run}-step-{step}")


def one_tensor() -> None:
    """Draw the tensor chosen in the map, entry by entry."""
    tensor_place = tensor_places[tensor]
    st.subheader(letters(f"{tensor_place.layer} · {tensor_place.kind}"), anchor=False)
    tensor_section(view.run, step, stats, side, tensor, tensor_place, attention_heads(view.config))


defer(one_tensor)
