"""Merge, Library and Try it with a library of texts: sentences for pictures, and what texts refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.app_pages.library import task_fields
from dashboard.app_pages.library.tables import task_table
from dashboard.app_pages.try_it.draws import drawn
from dashboard.library.samples import calibration_samples
from otmf_core.analysis.answers import MERGED, PRE_TRAINED, answer, load_model
from otmf_core.config import MergeConfig
from otmf_core.library.library import open_library
from otmf_core.library.texts import MAX_TOKENS, read_prompts
from tests import t5s
from tests.dashboard.pages import metrics, opener, press, texts, widget, with_options
from tests.hostile_texts import read_columns
from tests.tiny import merged

RUN = "20260101-000000-average-0000"
open_merge, open_library_page, try_it = opener("merge"), opener("library"), opener("try_it")


@pytest.fixture
def real(words: Path, engine: Any, tmp_path: Path) -> Path:
    """A real finished run of the texts, in the dashboard's runs folder."""
    config = MergeConfig.build(tasks=("mood", "same", "scale"), library=str(words), method="average", device="cpu")
    return merged(config, tmp_path / "runs", RUN)


def test_the_welcome_shows_questions_and_their_answers(words: Path, app: AppTest):
    open_merge(app, library=str(words))
    said = texts(app)
    assert "3 fine-tuned models of words into one" in said
    assert "These are the texts they know:" in said
    cells = read_columns(words / "tasks/mood/calibration.parquet")
    for label, word in enumerate(t5s.MOOD["classes"]):
        text = cells["text"][cells["label"].index(label)]
        assert f"is it good or bad ? {text} **{word}**" in said
    assert "**mood** · 2 answers" in said
    assert "image" not in said and "picture" not in said
    assert not app.button(key="run").disabled


def test_settings_of_texts_are_offered_for_texts_alone(words: Path, app: AppTest):
    with_options(open_merge(app, library=str(words)))
    assert [widget(app, name).value for name in ("scoring", "text_features", "text_precision")] == [
        "likelihood",
        "decoder",
        "float32",
    ]
    widget(app, "scoring").set_value("generation").run()
    assert app.session_state["options"]["scoring"] == "generation"
    open_merge(app, library="colours")
    assert "scoring" not in [each.key for each in app.segmented_control]


@pytest.mark.parametrize("library", ["words", "colours"])
def test_a_merge_has_the_settings_of_texts_where_it_is_of_texts(
    library: str, words: Path, app: AppTest, monkeypatch: pytest.MonkeyPatch
):
    from otmf_core.jobs.queue import JobQueue

    asked: list[MergeConfig] = []
    submit = JobQueue.submit
    monkeypatch.setattr(JobQueue, "submit", lambda queue, config: (asked.append(config), submit(queue, config))[1])
    app.session_state["options"] = {"scoring": "generation", "text_precision": "bfloat16"}
    open_merge(app, library=str(words) if library == "words" else library)
    press(app, "run")
    expected = ("generation", "bfloat16") if library == "words" else ("likelihood", "float32")
    assert (asked[0].scoring, asked[0].text_precision) == expected


@pytest.mark.parametrize(
    "options, method, said",
    [
        ({"heads": "tuned"}, "average", "Heads are tuned of images: words is of texts"),
        ({}, "mingle", "routes by the mean of tokens"),
        ({"text_features": "encoder"}, "adamerging", "Class probabilities of texts are the decoder's"),
    ],
)
def test_what_texts_refuse_is_said_before_run(
    options: dict[str, Any], method: str, said: str, words: Path, app: AppTest
):
    app.session_state["options"] = options
    open_merge(app, library=str(words))
    app.selectbox(key="method").select(method).run()
    assert not app.exception
    assert app.button(key="run").disabled
    assert any(said in warning.value for warning in app.warning)


def test_a_library_of_texts_is_shown_in_full(words: Path, app: AppTest):
    open_library_page(app, library=str(words), task="same")
    assert not app.error
    assert metrics(app)["Answers"] == "11"
    assert "Image tower" not in metrics(app)
    tasks, shown = app.dataframe[0].value, app.dataframe[1].value
    assert list(tasks["prompt"]) == [t5s.PARTS[task]["prompt"] for task in ("mood", "same", "scale")]
    assert tasks["example"].tolist()[0].startswith("bad: ")
    assert shown["answer"].tolist()[:3] == list(t5s.SAME["classes"])
    cells = read_columns(words / "tasks/same/calibration.parquet")
    assert shown["text 0"][0] == cells["first"][cells["label"].index(0)]
    said = texts(app)
    assert "**Prompt** · {first} : {second} . is the second of these the same ?" in said
    assert "**3 answers** · no, yes, not really" in said
    assert " texts" in said and "image" not in said and "picture" not in said


def test_answers_that_are_numbers_are_said_to_be(words: Path, app: AppTest):
    open_library_page(app, library=str(words), task="scale")
    assert "**6 answers** · compared by rank (Spearman's ρ) · 0, 1, 2, 3, 4, 5" in texts(app)
    column = read_columns(words / "tasks/scale/calibration.parquet")["label"]
    assert float(app.dataframe[1].value["answer"].tolist()[0]) == min(column)


def test_a_task_without_texts_has_none_to_show(words: Path, tmp_path: Path):
    copy = Path(shutil.copytree(words, tmp_path / "words"))
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["tasks"][0]["calibration"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert task_table(open_library(str(copy)), {})["example"].isna().tolist() == [True, False, False]


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was asked to be added."""
    asked: list[Any] = []
    monkeypatch.setattr(task_fields, "begin", lambda title, work: asked.append(work.args[1]))
    return asked


def test_a_task_of_texts_is_added_as_it_was_typed(words: Path, app: AppTest, tmp_path: Path, added: list[Any]):
    mine = Path(shutil.copytree(words, tmp_path / "libraries" / "mine"))
    press(open_library_page(app, library=str(mine)), "library-add")
    keys = [each.key for each in (*app.text_input, *app.text_area)]
    assert not any(name in str(key) for key in keys for name in ("head", "templates", "classes"))
    press(app, "library-go")
    assert app.error[0].value == "A task has a name, received none."
    values = {
        "task": "RTE",
        "model-path": str(tmp_path),
        "data": str(mine),
        "prompt": "is {text} meant ?",
        "answers": "no\n\n yes ",
        "metric": "Accuracy",
    }
    for name, value in values.items():
        widget(app, f"library-text-{name}-0").set_value(value)
    app.run()
    press(app, "library-go")
    [task] = added
    assert (task.name, task.checkpoint, task.data) == ("RTE", tmp_path, mine)
    assert (task.prompt, task.classes, task.metric) == ("is {text} meant ?", ("no", "yes"), "accuracy")
    assert (task.head, task.templates, task.copy) == (None, (), False)


def test_each_model_answers_what_it_answers_alone(real: Path, words: Path, app: AppTest):
    try_it(app, run=RUN, task="same", text="3")
    assert not app.error
    library = open_library(str(words))
    examples = library.examples("same", "test")
    truth = t5s.SAME["classes"][int(examples.labels[3])]
    labels = {PRE_TRAINED: "Pre-trained", "same": "Fine-tuned on same", MERGED: "Merged, 3 tasks"}
    for model, label in labels.items():
        expected = answer(real, model, load_model(real, model), "same", examples.inputs[3:4])[0]
        assert metrics(app)[label] == t5s.SAME["classes"][expected.argmax()]
    said = texts(app)
    assert f"Test text 3 · **{truth}**" in said
    assert read_prompts(library.file("same", "test"), library.task("same"))[3] in said
    assert "Answers by their likelihood." in said
    assert "all 3 answers" in said
    assert app.dataframe[0].value["answer"][0] == truth or 3 in drawn(12, len(examples), 0)


def test_numbers_are_answered_by_their_mean(real: Path, words: Path, app: AppTest):
    try_it(app, run=RUN, task="scale", text="0")
    inputs = open_library(str(words)).examples("scale", "test").inputs[:1]
    probabilities = answer(real, MERGED, load_model(real, MERGED), "scale", inputs)[0].tolist()
    expected = sum(number * share for number, share in enumerate(probabilities))
    assert float(metrics(app)["Merged, 3 tasks"]) == pytest.approx(expected, abs=0.006)
    assert {metric.delta for metric in app.metric} == {""}


def test_a_typed_text_is_asked_as_the_prompt_has_it(real: Path, words: Path, app: AppTest):
    try_it(app, run=RUN, task="same", text="3")
    app.segmented_control(key="text_source").set_value("type").run()
    assert not app.metric
    assert "Choose a test text or type one" in app.info[0].value
    app.text_area[0].set_value("the cat {second}").run()
    assert "A text has words: second has none yet." in texts(app)
    app.text_area[1].set_value("  a dog ran ").run()
    assert not app.exception
    prompt = "the cat {second} : a dog ran . is the second of these the same ?"
    tokens, cut = open_library(str(words)).tokenizer.tokens([prompt], "here")
    expected = answer(real, MERGED, load_model(real, MERGED), "same", tokens)[0]
    assert metrics(app)["Merged, 3 tasks"] == t5s.SAME["classes"][expected.argmax()]
    assert prompt in texts(app)
    assert not cut and "the rest is cut" not in texts(app)


def test_a_text_that_is_too_long_is_said_to_be_cut(real: Path, app: AppTest):
    try_it(app, run=RUN, task="mood")
    app.segmented_control(key="text_source").set_value("type").run()
    app.text_area[0].set_value("cat " * MAX_TOKENS).run()
    assert not app.exception
    assert f"It has more than {MAX_TOKENS} tokens: the models read its beginning" in texts(app)
    assert metrics(app)["Merged, 3 tasks"] in t5s.MOOD["classes"]


@pytest.mark.parametrize("text", ["999", "-1", "x", "9" * 40])
def test_a_text_that_is_not_there_gives_way_to_the_first(real: Path, words: Path, app: AppTest, text: str):
    try_it(app, run=RUN, task="mood", text=text)
    count = len(open_library(str(words)).examples("mood", "test"))
    assert f"Test text {drawn(12, count, 0)[0]} ·" in texts(app)


def test_another_task_forgets_the_text(real: Path, app: AppTest):
    try_it(app, run=RUN, task="same", text="3")
    app.selectbox(key="try_task").select("mood").run()
    assert not app.exception
    assert "text" not in app.query_params
    assert "Fine-tuned on mood" in metrics(app)


def test_samples_are_of_different_answers_first(words: Path):
    library = open_library(str(words))
    samples = calibration_samples(str(words), library.manifest_hash, "same", 4)
    assert [sample.truth for sample in samples[:3]] == [0, 1, 2]
    assert len({sample.prompt for sample in samples}) >= 3
    rows = read_prompts(library.file("same", "calibration"), library.task("same"))
    assert all(sample.prompt in rows for sample in samples)
