"""What the Features page is made of: features taken on a click, the chosen step, the map, numbers and pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from dashboard.app_pages.features.charts import MODELS
from dashboard.library.pictures import data_uri, evaluation_pictures
from dashboard.state import runs_folder
from dashboard.text import sentence
from dashboard.ui.chart import heading
from otmf_core import layout
from otmf_core.analysis.features import BLUR, TaskFeatures, images_per_task, stored, take_features
from otmf_core.analysis.projection import installed, projection, projection_file
from otmf_core.files import Mark, inside, mark
from otmf_core.library.library import TaskInfo, open_library
from otmf_core.runs.view import JobView
from otmf_core.transport.transport_plan import class_mass, transport_plan

METHODS = {"tsne": "t-SNE", "pca": "PCA", "umap": "UMAP"}
LAYOUT = "One fit over all steps: a model keeps its place whichever step shows it, so points move, never the frame."
SIDE = 96  # pixels of a thumbnail
PICTURES = 12  # thumbnails at most


def ready(view: JobView) -> tuple[Path, dict]:
    """The run's folder and what its features were taken with; without them, offers to take them and ends the page."""
    path = inside(runs_folder(), view.run)
    tasks = len(view.tasks)
    facts = stored(path, tasks)
    if facts is None:
        _offer(path, tasks)
        st.stop()
    return path, facts


def _offer(path: Path, tasks: int) -> None:
    models = 2 * tasks + 1
    st.subheader("Features are not taken yet", anchor=False)
    st.markdown(
        f"The merge is replayed from what this run kept, and up to {images_per_task(tasks)} test images of each task "
        f"go through {models} models: the pre-trained one, {tasks} fine-tuned and {tasks} merged ones. With eight "
        "tasks of the embedded library that takes about 20 seconds on one core, with a ViT-B/32 minutes. It is done "
        "once and kept with the run."
    )
    if st.button("Take features", type="primary", icon=":material/scatter_plot:", key="take"):
        bar = st.progress(0.0, text="Reading weights and images")
        take_features(path, lambda done: bar.progress(done, text=f"Taking features: **{done:.0%}**"))
        st.rerun()


def controls(tasks: Sequence[str], names: dict[str, str]) -> tuple[str, int, str, str, bool]:
    """Task, step, method, colouring and whether all lines are drawn, as chosen."""
    last = len(tasks)
    if st.session_state.get("step", last) > last:  # chosen on a longer run
        del st.session_state["step"]
    with st.container(horizontal=True, gap="medium"):
        task = st.selectbox(
            "Test images of",
            tasks,
            index=last - 1,
            format_func=names.__getitem__,
            key="task",
            bind="query-params",
            width=260,
        )
        step = last
        if last > 2:
            step = st.slider("Step", 2, last, last, key="step", bind="query-params", width="stretch")
        methods = installed()
        method = st.segmented_control(
            "Projection", methods, default="tsne", format_func=METHODS.__getitem__, key="projection_method",
            bind="query-params", required=True,
        )  # fmt: skip
        by = st.segmented_control(
            "Colour by", ["class", "model"], default="class", format_func=str.title, key="colour_by",
            bind="query-params", required=True,
        )  # fmt: skip
        lines = st.toggle(
            "All lines",
            key="lines",
            bind="query-params",
            help="From each image before the step to the same image merged.",
        )
    return task, step, method, by, lines


def layout_of(path: Path, tasks: Sequence[str], task: str, method: str) -> np.ndarray:
    """The projection (2T + 1, n, 2), with a spinner where it is computed for the first time."""
    kept = projection_file(path, tuple(tasks), task, method)
    if kept.is_file():
        return _layout(path, tuple(tasks), task, method, mark(kept))
    with st.spinner(f"Fitting {METHODS[method]} once for all steps: a few seconds", show_time=True):
        return projection(path, tuple(tasks), task, method)


@st.cache_resource(max_entries=64, show_spinner=False)
def _layout(path: Path, tasks: tuple[str, ...], task: str, method: str, kept: Mark) -> np.ndarray:
    return projection(path, tasks, task, method)


def mass_of(path: Path, task: str, step: int, taken: TaskFeatures, teacher: int) -> np.ndarray:
    """The transport plan's mass from class to class between the merged model after `step` and the teacher."""
    taken_at = mark(path / layout.FEATURES)
    return _mass(str(path), task, taken_at, step, teacher, taken)


@st.cache_resource(max_entries=64, show_spinner=False)
def _mass(path: str, task: str, taken_at: Mark, step: int, teacher: int, _taken: TaskFeatures) -> np.ndarray:
    plan = transport_plan(_taken.features[step], _taken.features[teacher], BLUR)
    return class_mass(plan, _taken.labels, _taken.labels, int(_taken.labels.max()) + 1)


def distances(taken: TaskFeatures, step: int, own: int, names: Sequence[str]) -> None:
    """Four distances to the features of the teacher, the expert of step `own`, and what each of them is."""
    teacher, incoming = names[own - 1], names[step - 1]
    first = "the model of task 1" if step == 2 else f"the merged model of tasks 1 to {step - 1}"
    before, after = float(taken.distances[step - 1]), float(taken.distances[step])
    shown = {
        "Before the step": (before, f"{sentence(first)} {incoming} is not yet fused in."),
        "Merged": (after, f"The merged model after step {step}, with {incoming} fused in."),
        "Incoming expert": (float(taken.distances[len(names) + step]), f"The fine-tuned model of {incoming}."),
        "Pre-trained": (float(taken.distances[0]), "The model that everything started from."),
    }
    heading(
        lambda: pd.DataFrame({"model": list(shown), "distance": [value for value, _ in shown.values()]}),
        title="Distance to the teacher",
        measured=f"step {step}",
        key="teacher",
        name=f"distance-{teacher}-{step}",
    )
    st.caption(
        f"From a model's features of these images to those of the fine-tuned model of {teacher}: Sinkhorn divergence, "
        f"p = 2, blur {BLUR}, features of unit length. Lower is nearer."
    )
    columns = [column for _ in range(2) for column in st.columns(2)]
    for column, (label, (value, text)) in zip(columns, shown.items(), strict=True):
        change = f"{after - before:+.3f}" if label == "Merged" else None
        column.metric(label, f"{value:.3f}", change, delta_color="inverse", help=text)


def toggle_selected(chart: str, place: str, images: int) -> None:
    """Add the images just selected in the chart to those selected before; a single one that was there goes."""
    hit = {point["point_index"] for point in st.session_state[chart].selection.points if point["point_index"] < images}
    before = list(st.session_state.get(place, []))
    if len(hit) == 1 and hit <= set(before):
        st.session_state[place] = [image for image in before if image not in hit]
    elif hit:
        st.session_state[place] = before + sorted(hit - set(before))


def pictures(
    sources: Sequence[str], task: TaskInfo, taken: TaskFeatures, models: dict[str, int], selected: Sequence[int]
) -> None:
    """The selected ones of the test images `sources`, each with its class and what every model answers."""
    with st.grid(6, min_column_width=150):
        for image in list(selected)[:PICTURES]:
            label = taken.labels[image]
            with st.container(border=True):
                st.image(sources[image], width=SIDE)
                said = [f"**{task.classes[label]}**"]
                for model, title in MODELS.items():
                    answer = taken.answers[models[model], image]
                    colour = "green" if answer == label else "red"
                    said.append(f":small[{title}:] :{colour}[{task.classes[answer]}]")
                st.markdown("  \n".join(said))
    if len(selected) > PICTURES:
        st.caption(f"The first {PICTURES} of {len(selected)} selected images.")


@st.cache_resource(max_entries=64, show_spinner=False)
def thumbnails(library: str, task: str, rows: tuple[int, ...]) -> list[str]:
    """Test images as data URIs, enlarged without smoothing them away; raises InputError when they cannot be read."""
    opened = open_library(library)
    blobs = [blob for blob, _ in evaluation_pictures(str(opened.root), opened.manifest_hash, task)]
    sizes = SIDE, SIDE
    return [
        data_uri(Image.open(io.BytesIO(blobs[row])).convert("RGB").resize(sizes, Image.Resampling.BICUBIC))
        for row in rows
    ]
