"""The Try it page: what the models of a run answer, by link; pictures brought along; what is refused."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.try_it.charts import RIGHT, WRONG, answers_chart, answers_frame, classes_shown
from dashboard.app_pages.try_it.draws import drawn
from dashboard.app_pages.try_it.uploads import fit, png_of_uri
from dashboard.charts.colours import POST
from dashboard.library.pictures import data_uri
from otmf_core.analysis.answers import MERGED, PRE_TRAINED, answer, load_model
from otmf_core.errors import InputError
from otmf_core.library import pictures
from otmf_core.library.library import open_library
from tests.dashboard.pages import metrics, opener, texts
from tests.tiny import is_one_sentence, merge_config, merged

RUN = "20260101-000000-average-0000"
CLASSES = ["dark", "middle", "bright"]


@pytest.fixture
def real(tiny: Path, engine, tmp_path: Path) -> Path:
    """A real finished run of the tiny library, in the dashboard's runs folder."""
    return merged(merge_config(tiny, method="average"), tmp_path / "runs", RUN)


open_page = opener("try_it")


def png(mode: str = "RGB", size: tuple[int, int] = (20, 10), colour: Any = "red", kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, format=kind)
    return file.getvalue()


def test_without_runs_the_page_shows_the_way(app: AppTest):
    open_page(app)
    assert "Nothing to show yet" in texts(app)
    assert app.page_link[0].value == "Start a merge"


def test_runs_without_merged_weights_are_not_offered(finished: list[str], app: AppTest, tmp_path: Path):
    for run in finished:
        (tmp_path / "runs" / run / "merged.safetensors").unlink()
    open_page(app)
    assert "As soon as a merge has finished" in texts(app)


def test_each_model_answers_what_it_answers_alone(real: Path, tiny: Path, app: AppTest):
    open_page(app, run=RUN, task="green", image="7")
    assert not app.error
    images = open_library(str(tiny)).examples("green", "test")
    truth = int(images.labels[7])
    labels = {PRE_TRAINED: "Pre-trained", "green": "Fine-tuned on Green", MERGED: "Merged, 3 tasks"}
    for model, label in labels.items():
        expected = answer(real, model, load_model(real, model), "green", images.inputs[7:8])[0]
        assert metrics(app)[label] == CLASSES[expected.argmax()]
    assert f"Test image 7 · **{CLASSES[truth]}**" in texts(app)
    assert "Zero-shot heads." in texts(app)
    assert "24 of 24 test images of Green" in texts(app)
    assert "all 3 classes" in texts(app)


def test_shuffling_draws_other_images(real: Path, app: AppTest):
    open_page(app, run=RUN, image="7")
    app.button(key="shuffle").click().run()
    assert not app.exception
    assert "image" not in app.query_params
    assert app.query_params["draw"] == "1"
    assert f"Test image {drawn(24, 24, 1)[0]} ·" in texts(app)


def test_another_task_forgets_the_image(real: Path, app: AppTest):
    open_page(app, run=RUN, image="7")
    app.selectbox(key="try_task").select("blue").run()
    assert not app.exception
    assert "image" not in app.query_params
    assert "Fine-tuned on Blue" in metrics(app)
    assert app.query_params["task"] == "blue"


@pytest.mark.parametrize("image", ["999", "-1", "x"])
def test_an_image_that_is_not_there_gives_way_to_the_first(real: Path, app: AppTest, image: str):
    open_page(app, run=RUN, image=image)
    assert f"Test image {drawn(24, 24, 0)[0]} ·" in texts(app)


@pytest.mark.parametrize("source", ["upload", "draw"])
def test_without_a_picture_nothing_is_claimed(real: Path, app: AppTest, source: str):
    open_page(app, run=RUN)
    app.segmented_control(key="source").set_value(source).run()
    assert not app.exception
    assert not app.metric
    assert "the models answer here" in app.info[0].value


def test_an_upload_is_answered_without_a_verdict(real: Path, app: AppTest):
    open_page(app, run=RUN)
    app.segmented_control(key="source").set_value("upload").run()
    app.file_uploader(key="upload").set_value(("red.png", png(), "image/png")).run()
    assert not app.exception
    assert not app.error
    assert {metric.delta for metric in app.metric} == {""}
    pixels = torch.full((1, 16, 16, 3), 0, dtype=torch.uint8)
    pixels[..., 0] = 255
    expected = answer(real, MERGED, load_model(real, MERGED), "red", pixels)[0]
    assert metrics(app)["Merged, 3 tasks"] == CLASSES[expected.argmax()]


def test_an_upload_that_is_no_picture_is_refused_in_a_sentence(real: Path, app: AppTest):
    open_page(app, run=RUN)
    app.segmented_control(key="source").set_value("upload").run()
    app.file_uploader(key="upload").set_value(("note.png", b"not an image", "image/png")).run()
    assert not app.exception
    assert app.error[0].value == "A picture is a whole PNG or JPEG file, received note.png."


def test_a_changed_library_is_said(real: Path, tiny: Path, own_tiny: Path, app: AppTest, tmp_path: Path):
    changed = merged(merge_config(own_tiny, method="average"), tmp_path / "runs", "20260102-000000-average-0000")
    manifest = own_tiny / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    open_page(app, run=changed.name)
    assert "has changed since" in app.error[0].value


def test_a_picture_is_cut_to_its_middle_and_flattened_on_white():
    striped = Image.new("RGB", (30, 10), "red")
    striped.paste("blue", (10, 0, 20, 10))
    file = io.BytesIO()
    striped.save(file, format="PNG")
    square = Image.open(io.BytesIO(fit(file.getvalue(), "a.png", 10)))
    assert (square.mode, square.size) == ("RGB", (10, 10))
    assert square.getcolors() == [(100, (0, 0, 255))]
    clear = Image.open(io.BytesIO(fit(png("RGBA", (9, 9), (0, 0, 0, 0)), "b.png", 4)))
    assert clear.getcolors() == [(16, (255, 255, 255))]
    assert Image.open(io.BytesIO(fit(png(kind="JPEG"), "c.jpg", 4))).size == (4, 4)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"not an image", "a whole PNG or JPEG file, received x.png"),
        (png(size=(200, 200))[:100], "a whole PNG or JPEG file"),
        (png(kind="GIF"), "a whole PNG or JPEG file"),
        (b"", "a whole PNG or JPEG file"),
        (b"0" * 10_000_001, "at most 10 MB, received 10.0 MB in x.png"),
    ],
)
def test_other_files_are_refused_in_a_sentence(data: bytes, rule: str):
    with pytest.raises(InputError) as refusal:
        fit(data, "x.png", 8)
    assert rule in str(refusal.value)
    assert is_one_sentence(str(refusal.value))


def test_a_small_file_of_many_pixels_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 100)
    with pytest.raises(InputError, match=r"at most 0 million pixels, received 20 × 10 in x\.png"):
        fit(png(), "x.png", 8)


def test_a_drawing_comes_as_png():
    assert png_of_uri(data_uri(b"ab").replace("image;", "image/png;")) == b"ab"
    for bad in ("", "data:text/html;base64,YWI=", "data:image/png;base64,%%%"):
        with pytest.raises(InputError, match="a drawing comes as a PNG data URI"):
            png_of_uri(bad)


def test_the_chart_has_the_probabilities_and_marks_the_true_class():
    chart: Any = answers_chart({"A": [0.1, 0.7, 0.2], "B": [0.5, 0.2, 0.3]}, CLASSES, 2)
    bars = [trace for trace in chart.data if trace.type == "bar"]
    assert [list(bar.customdata) for bar in bars] == [["middle", "bright", "dark"], ["dark", "bright", "middle"]]
    assert list(bars[0].x) == pytest.approx([70, 20, 10])
    assert list(bars[1].marker.color) == [WRONG, RIGHT, WRONG]
    unknown = answers_chart({"A": [0.1, 0.7, 0.2]}, CLASSES, None)
    assert set(unknown.data[0].marker.color) == {POST}


def test_a_true_class_far_down_follows_the_first_five():
    chart: Any = answers_chart({"A": [0.3, 0.25, 0.2, 0.1, 0.08, 0.05, 0.02]}, list("abcdefg"), 6)
    assert list(chart.data[0].customdata) == ["a", "b", "c", "d", "e", "g"]
    assert chart.data[0].x[-1] == pytest.approx(2)
    assert list(answers_chart({"A": [0.5, 0.5]}, ["a", "b"], 1).data[0].customdata) == ["a", "b"]


def test_what_is_shown_of_few_and_of_many_classes_is_said():
    assert classes_shown(4) == "all 4 classes"
    assert classes_shown(5) == "all 5 classes"
    assert classes_shown(6) == "the five most probable of 6 classes"


def test_the_table_holds_every_class():
    table = answers_frame({"A": [0.1, 0.7, 0.2]}, CLASSES, 0)
    assert table["class"].tolist() == ["middle", "bright", "dark"]
    assert table["true_class"].tolist() == [False, False, True]
    assert answers_frame({"A": [1.0]}, ["only"], None)["true_class"].tolist() == [None]


def test_the_parts_of_the_page_load_no_torch():
    pages = "dashboard.app_pages"
    modules = f"{pages}.try_it.picture_choice, {pages}.try_it.answers, {pages}.library.tasks"
    program = f"import {modules}, sys\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_all_models_are_asked_on_demand(real: Path, tiny: Path, app: AppTest):
    open_page(app, run=RUN, task="green", image="7")
    assert not app.dataframe
    app.session_state["everyone"] = True
    app.run()
    assert not app.exception
    table = app.dataframe[0].value.set_index("model")
    fine_tuned = [f"Fine-tuned on {name}" for name in ("Red", "Green", "Blue")]
    assert list(table.index) == ["Pre-trained", "Merged, 3 tasks", *fine_tuned]
    images = open_library(str(tiny)).examples("green", "test")
    expected = answer(real, "blue", load_model(real, "blue"), "green", images.inputs[7:8])[0]
    blue, own = table.loc["Fine-tuned on Blue"], expected[images.labels[7]].item()
    assert blue["answer"] == CLASSES[expected.argmax()]
    assert blue["true_class"] == pytest.approx(100 * own, rel=1e-4)
