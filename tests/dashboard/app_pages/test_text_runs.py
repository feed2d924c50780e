"""Pages of a run of texts: texts and not images, the places of a T5, prompts for pictures, and its own exports."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.features import reading
from dashboard.ui import deferred
from otmf_core.analysis.features import read_features, take_features
from otmf_core.export.layouts import LAYOUTS
from tests import t5s
from tests.dashboard.conftest import APP
from tests.dashboard.pages import opener, texts, widget
from tests.tiny import merge_config, merged

TASKS = ("mood", "same", "scale")
QUERIES = "encoder.block.0.layer.0.SelfAttention.q.weight"
OUTPUTS = "decoder.block.1.layer.1.EncDecAttention.o.weight"
PAGES = ("accuracy", "masks", "features", "alpha", "compare", "runs")


@pytest.fixture(scope="module")
def merged_texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of texts with its features, which no test changes."""
    folder = tmp_path_factory.mktemp("texts")
    library = t5s.write_library(folder / "library", folder / "sources")
    run = merged(merge_config(library, tasks=TASKS), folder / "runs", "words")
    take_features(run)
    return run


@pytest.fixture
def run(merged_texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same in a runs folder of the test's own, which pages show."""
    monkeypatch.setenv("OTMF_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(deferred, "arrive", lambda page: None)  # no browser says that the first screen is there
    st.cache_data.clear()
    return Path(shutil.copytree(merged_texts, tmp_path / "runs" / "words"))


def app_at(page: str, **link: str) -> AppTest:
    return opener(page)(AppTest.from_file(str(APP), default_timeout=60).run(), **link)


def everything(app: AppTest) -> str:
    """What a page says, its tooltips and its charts among it."""
    parts = [texts(app), *(str(part.proto) for part in (*app.selectbox, *app.toggle, *app.button, *app.markdown))]
    return "\n".join([*parts, *(part.proto.spec for part in app.get("plotly_chart"))])


@pytest.mark.parametrize("page", PAGES)
def test_no_page_calls_texts_images(page: str, run: Path):
    app = app_at(
        page, **({"sequence": "words"} if page == "alpha" else {"runs" if page == "compare" else "run": "words"})
    )
    said = everything(app).replace("Published for CLIP", "")
    found = [line for line in said.splitlines() if re.search(r"\bimages?\b|\bpictures?\b", line)]
    assert not [line for line in found if "Labels used" not in line], found
    assert "texts" in said


def test_the_stamp_says_how_answers_are_scored(run: Path):
    said = texts(app_at("accuracy", run="words"))
    assert "memory: 5 texts per earlier task" in said
    assert re.search(r"test, \d+ texts, answers by likelihood", said)


def test_the_masks_page_begins_at_queries_and_keeps_to_tensors_that_exist(run: Path):
    app = app_at("masks", run="words", tensor="trunk.blocks.0.attn.qkv.weight")
    assert app.selectbox(key="tensor").value == QUERIES
    assert app.subheader[0].value == "Encoder 0 · q.weight"
    app = app_at("accuracy", run="words")
    app.session_state["tensor"] = "trunk.blocks.1.attn.qkv.weight"  # as left behind by a run of images
    opener("masks")(app, run="words")
    assert app.selectbox(key="tensor").value == QUERIES


def test_the_masks_page_goes_over_to_a_run_of_another_network_and_back(run: Path, default: tuple[Path, list]):
    shutil.copytree(default[0], run.parent / "pictures")
    app = app_at("masks", run="words")
    for name, tensor in (("pictures", None), ("words", QUERIES)):
        app.selectbox(key="masks-run-choice").select(name).run()
        assert not app.exception
        chosen = app.selectbox(key="tensor")
        assert chosen.value in chosen.options and tensor in (None, chosen.value)


def test_heads_of_a_t5_are_rows_of_queries_and_columns_of_outputs(run: Path):
    app = app_at("masks", run="words")
    app.selectbox(key=f"head-{QUERIES}").select(1).run()
    assert app.slider(key=f"rows-{QUERIES}").value == (8, 15)  # two heads of eight
    app = app_at("masks", run="words", tensor=OUTPUTS)
    app.selectbox(key=f"head-{OUTPUTS}").select(1).run()
    assert app.slider(key=f"columns-{OUTPUTS}").value == (8, 15)
    distances = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    app = app_at("masks", run="words", tensor=distances)
    app.selectbox(key=f"head-{distances}").select(0).run()
    assert app.slider(key=f"columns-{distances}").value == (0, 0)


def test_the_map_tells_stacks_and_uses_apart(run: Path):
    layout = json.loads(app_at("masks", run="words").get("plotly_chart")[0].proto.spec)["layout"]
    rows = layout["yaxis"]["ticktext"]
    assert rows == ["Stem", "Encoder 0", "Encoder 1", "Encoder", "Decoder 0", "Decoder 1", "Head"]
    uses = [note["text"] for note in layout["annotations"]]
    assert uses == ["Embedding", "Self-attention", "Cross-attention", "Feed-forward", "Output"]
    lines = {shape["y0"] for shape in layout["shapes"] if shape["type"] == "line" and shape["y0"] == shape["y1"]}
    assert lines == {0.5, 3.5, 5.5}


@pytest.mark.parametrize("task", TASKS)
def test_features_show_prompts_for_pictures(task: str, run: Path):
    app = app_at("features", run="words", task=task.title())
    app.selectbox(key="task").select(task).run()
    app.session_state[f"selected-words-{task}"] = [0, 3]
    app.run()
    assert not app.exception and not app.error
    found = read_features(run, task)
    classes = t5s.PARTS[task]["classes"]
    assert "**Selected texts** · 2 of" in texts(app)
    assert f"**{classes[found.labels[3]]}**" in texts(app)
    if task == "mood":  # the first test text that was taken is the first one
        assert found.rows[0] == 0 and ":small[is it good or bad ? a cat sat is]" in texts(app)
    assert "Point at one for its text" in texts(app)
    chart = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert chart["data"][0]["text"][0].startswith(f"<b>{classes[found.labels[0]]}</b><br><i>")


def test_a_hostile_prompt_is_letters(run: Path, monkeypatch: pytest.MonkeyPatch):
    hostile = "[click](javascript:alert(1)) <b>x</b> $y$ :material/delete: " * 9
    monkeypatch.setattr("dashboard.app_pages.features.reading.read_prompts", lambda path, task: [hostile] * 24)
    reading._prompts.clear()
    app = app_at("features", run="words")
    app.session_state["selected-words-scale"] = [0]
    app.run()
    reading._prompts.clear()
    (shown,) = [each.value for each in app.markdown if "click" in each.value]
    assert "\\[click\\]" in shown and "\\<b\\>" in shown and not re.search(r"(?<!\\)\]\(", shown)
    assert len(shown) < 600
    label = json.loads(app.get("plotly_chart")[0].proto.spec)["data"][0]["text"][0]
    assert "&lt;b&gt;" in label and label.count("<b>") == 1


def test_a_run_of_texts_is_exported_as_a_t5_is(run: Path):
    choice = app_at("runs", run="words").selectbox(key="runs-layout-texts")
    assert choice.options == ["Hugging Face", "Task vector"]
    assert choice.value == "huggingface"
    assert LAYOUTS["huggingface"].about not in choice.options


def test_runs_of_two_libraries_stand_apart(run: Path, default: tuple[Path, list]):
    images = shutil.copytree(default[0], run.parent / "pictures")
    app = app_at("compare", runs=f"words,{images.name}")
    assert [each.value for each in app.subheader if each.value in ("library", "Tiny")] in (
        ["library", "Tiny"],
        ["Tiny", "library"],
    )
    boards = [each.value for each in app.dataframe if "bwt" in each.value and "method" in each.value]
    assert [len(board) for board in boards] == [1, 1]
    assert "on test texts" in texts(app) and "on test images" in texts(app)
    assert "compared by themselves" in texts(app)
    assert not [each for each in app.warning if "libraries" in each.value]
    beside = "Curves and costs appear beside those of another run of this library."
    assert [each.value for each in app.info if each.value == beside] == [beside, beside]


def test_runs_and_pickers_name_the_library_where_there_are_several(run: Path, default: tuple[Path, list]):
    alone = app_at("runs", run="words")
    assert "library" not in alone.dataframe[0].value
    shutil.copytree(default[0], run.parent / "pictures")
    app = app_at("runs", run="words")
    assert sorted(app.dataframe[0].value["library"]) == ["Tiny", "library"]
    options = widget(app_at("accuracy", run="words"), "accuracy-run-choice").options
    assert {each.split(" · ")[0] for each in options} == {"Tiny", "library"}
