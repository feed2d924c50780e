"""Features: the same test images as seen before a step, by the incoming expert and by the merged model."""

from functools import partial

import streamlit as st

from dashboard.app_pages.features.charts.distances import distance_curves, distance_frame
from dashboard.app_pages.features.charts.feature_map import feature_map, limits, points
from dashboard.app_pages.features.charts.transport import plan_frame, plan_heatmap
from dashboard.app_pages.features.controls import METHODS, controls
from dashboard.app_pages.features.distances import distances
from dashboard.app_pages.features.map_section import LAYOUT
from dashboard.app_pages.features.motion import feature_motion
from dashboard.app_pages.features.reading import layout_of, mass_of, thumbnails
from dashboard.app_pages.features.selection import pictures, toggle_selected
from dashboard.app_pages.features.taking import ready
from dashboard.charts.colours import INK
from dashboard.library.task_labels import task_labels
from dashboard.runs.picker import choose_run
from dashboard.text import sentence
from dashboard.ui.chart import cached_chart, heading, png_settings, show_chart
from dashboard.ui.deferred import defer
from dashboard.ui.theme import theme
from otmf_core.analysis.features import BLUR, models_at, read_features
from otmf_core.errors import InputError
from otmf_core.library.library import open_library

view = choose_run(
    "features",
    lambda run: run.status == "done",
    "Features of a run's models can be looked at here as soon as a merge is done.",
)
tasks, shown = list(view.tasks), task_labels(view.config)
names = [shown.names[task] for task in tasks]
try:
    path, facts = ready(view)
    task, step, method, by, lines = controls(tasks, dict(shown.names))
    info = open_library(view.config["library"]).task(task)
    taken = read_features(path, task)
    layout = layout_of(path, tasks, task, method)
    sources = thumbnails(view.config["library"], task, tuple(taken.rows.tolist()))
except InputError as error:
    st.error(sentence(str(error)), title="Features of this run cannot be shown")
    st.stop()

own, models = tasks.index(task) + 1, models_at(step, len(tasks))
images, theme = len(taken.labels), theme()
place = f"selected-{view.run}-{task}"
selected = st.session_state.setdefault(place, [])
places = {model: layout[number] for model, number in models.items()}
table = points(
    places,
    {model: taken.answers[number] for model, number in models.items()},
    taken.labels,
    info.classes,
)
left, right = st.columns([5, 3], gap="medium")
with left:
    about = {"measured": f"{METHODS[method]} of {images} test images, step {step}: {names[step - 1]} fused in"}
    heading(lambda: table, title=f"Features of {names[own - 1]}", key="map", name=f"{view.run}-{task}-{step}", **about)
    st.plotly_chart(
        cached_chart(
            feature_map,
            table,
            info.classes,
            by=by,
            lines=lines,
            selected=selected,
            limits=limits(layout),
            ground=theme,
        ),
        theme=None,
        key="map",
        on_select=lambda: toggle_selected("map", place, images),
        selection_mode=("points", "box"),
        config=png_settings(f"{view.run}-{task}-{step}") | {"modeBarButtonsToRemove": ["autoScale2d"]},
        alt=f"Features of {names[own - 1]}, {about['measured']}",
    )
    st.caption(
        f"{LAYOUT} Point at one for its picture and its way from before the step to merged; click it, or draw a "
        "box, to keep that and see the answers. They are the zero-shot head's. "
        f"Earlier merged models are rebuilt from what the run kept; the last one so rebuilt is "
        f"{facts['deviation']:.2%} off the stored one."
    )
with right:
    distances(taken, step, own, names)
    mass = mass_of(path, task, step, taken, len(tasks) + own)
    show_chart(
        cached_chart(plan_heatmap, mass, info.classes, theme),
        partial(plan_frame, mass, info.classes),
        title="Transport plan",
        measured=f"{100 * mass.trace():.1f}% stays in its class",
        key="plan",
        name=f"{view.run}-{task}-{step}-plan",
    )
if selected:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**Selected images** · {len(selected)} of {images}", width="stretch")
        st.button("Clear", key="clear", type="tertiary", on_click=lambda: st.session_state.pop(place))
    pictures(sources, info, taken, models, selected)


def along() -> None:
    """Pictures at the points, points that move, and how the distance to the teacher changed over the steps."""
    feature_motion("map", places, sources, f"{view.run}-{task}-{method}", INK[theme][0])
    curve = distance_frame(taken.distances.tolist(), len(tasks))
    show_chart(
        cached_chart(distance_curves, curve, names, own, step, shown.colours[task]),
        lambda: curve,
        title="Distance to the teacher along the merge",
        measured=f"Sinkhorn divergence, p = 2, blur {BLUR}, of unit features of {names[own - 1]}",
        key="distances",
        name=f"{view.run}-{task}-distances",
    )


defer(along)
