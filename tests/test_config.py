"""Configurations: presets, ranges, JSON both ways, and one sentence for every mistake."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from otmf_core.config import PRESETS, MergeConfig, presets, setting_named
from otmf_core.errors import InputError
from otmf_core.methods.average import Average
from otmf_core.methods.otmf import Otmf
from otmf_core.methods.table import METHODS
from otmf_core.methods.task_arithmetic import TaskArithmetic
from otmf_core.runs.folder import create_run, load_run
from tests.golden_runs import ALL, DEFAULT, DONE, FAILED, GOLDEN, QUEUED, STOPPED, WITHIN
from tests.tiny import is_one_sentence


def test_a_preset_fills_in_and_overrides_win():
    config = MergeConfig.build("paper", tasks=("a", "b"), iterations=7)
    paper = {**PRESETS["paper"], **Otmf.presets["paper"], "iterations": 7}
    assert {name: config.flat()[name] for name in paper} == paper
    assert isinstance(config.method, Otmf)
    assert config.method.iterations == 7
    assert config.preset == "paper"
    assert config.tasks == ("a", "b")


def test_the_paper_preset_is_the_papers():
    """arXiv 2511.19561, section 4 and its public scripts."""
    assert {**PRESETS["paper"], **Otmf.presets["paper"]} == {
        "update": "alternating", "space": "raw", "blur": 0.05, "p": 2, "lr": 0.01, "schedule": "constant", "batch": 16,
        "batch_earlier": None, "momentum": 0.9, "iterations": 100, "memory": 0, "views": 1, "loss": "sinkhorn",
        "temperature": 1.0, "head_lr": 0.01,
    }  # fmt: skip
    config = MergeConfig.build("paper", tasks=("a", "b"))
    assert config.flat() == {
        "tasks": ["a", "b"], "library": "minizoo", "method": "otmf", "preset": "paper", "alpha": 0.8,
        "update": "alternating", "space": "raw", "blur": 0.05, "p": 2, "lr": 0.01, "schedule": "constant", "batch": 16,
        "batch_earlier": None, "iterations": 100, "memory": 0, "views": 1, "masks": "element", "loss": "sinkhorn",
        "temperature": 1.0, "projections": 64, "reach": 1.0, "momentum": 0.9,
        "calibration": None, "alpha_rule": "fixed", "start": "plain", "filter_share": 0.1667,
        "heads": "none", "head_fraction": 0.25,
        "head_lr": 0.01, "evaluate": "seen", "seed": 0, "device": "auto", "checkpoint_seconds": 5.0,
    }  # fmt: skip


def test_a_preset_of_the_run_alone_is_one_for_every_method():
    assert presets() == ("default", "paper", "thorough")
    assert MergeConfig.build("paper", tasks=("a", "b"), method="average").head_lr == 0.01


@pytest.mark.parametrize("fields", [{"alpha": 0.1}, {"method": "average"}, {"method": "task-arithmetic", "scaling": 2}])
@pytest.mark.parametrize("preset", presets())
def test_json_both_ways(preset: str, fields: dict):
    config = MergeConfig.build(preset, tasks=("b", "a"), seed=3, **fields)
    assert MergeConfig.parse(json.loads(json.dumps(config.model_dump(mode="json")))) == config
    assert type(MergeConfig.parse(config.model_dump(mode="json")).method) is type(config.method)


def test_json_holds_the_format_and_the_methods_settings_under_the_method():
    config = MergeConfig.build(tasks=("b", "a"), method="task-arithmetic", scaling=0.4, seed=3)
    assert config.model_dump(mode="json") == {
        "format": 3, "tasks": ["b", "a"], "library": "minizoo", "preset": "default", "heads": "none",
        "method": {"name": "task-arithmetic", "scaling": 0.4, "rescaled": False, "retained": False},
        "head_fraction": 0.25, "head_lr": 0.0005, "evaluate": "seen", "seed": 3, "device": "auto",
        "checkpoint_seconds": 5.0,
    }  # fmt: skip


def test_a_configuration_without_a_method_is_otmfs():
    assert MergeConfig.parse({"format": 3, "tasks": ["a", "b"]}).method == Otmf()


def test_other_settings_of_the_same_merge():
    config = MergeConfig.build("paper", tasks=("a", "b"), alpha=0.3, seed=4)
    changed = config.with_settings(alpha=0.4, seed=5)
    assert changed == MergeConfig.build("paper", tasks=("a", "b"), alpha=0.4, seed=5)
    assert config.with_settings() == config
    with pytest.raises(InputError, match=r"^scaling is a setting of task-arithmetic, .*, not of otmf, received 0\.4$"):
        config.with_settings(scaling=0.4)


def test_a_setting_is_described_by_name_the_runs_and_the_methods_alike():
    assert [setting_named(name).bounds for name in ("head_fraction", "scaling")] == ["above 0, at most 1", "0 to 2"]
    assert setting_named("alpha").default == 0.8


def test_a_configuration_is_frozen():
    config = MergeConfig.build(tasks=("a", "b"))
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 5  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        config.method.alpha = 0.5  # type: ignore[misc]


@pytest.mark.parametrize("alpha", [0, 1, 0.0, 1.0])
def test_both_ends_of_alpha_are_allowed(alpha: float):
    assert MergeConfig.build(tasks=("a", "b"), alpha=alpha).method == Otmf(alpha=alpha)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"tasks": ()}, "a merge needs at least two tasks, received 0: none"),
        ({"tasks": ("a",)}, "a merge needs at least two tasks, received 1: a"),
        ({"tasks": ("a", "b", "a")}, "a task can be merged once, received twice: a"),
        ({"alpha": 1.1}, "alpha must be 0 to 1, received 1.1"),
        ({"alpha": -0.1}, "alpha must be 0 to 1, received -0.1"),
        ({"alpha": math.nan}, "alpha: input should be a finite number, received nan"),
        (
            {"alpha": "much"},
            "alpha: input should be a valid number, unable to parse string as a number, received 'much'",
        ),
        ({"lr": math.inf}, "lr: input should be a finite number, received inf"),
        ({"iterations": 0}, "iterations must be 1 to 100000, received 0"),
        ({"steps": 7}, "a configuration has no field 'steps', received 7"),
        ({"batch": 1}, "batch must be 2 to 1024, received 1"),
        ({"seed": 2**31}, "seed must be at least 0, below 2147483648, received 2147483648"),
        ({"blur": 0}, "blur must be above 0, at most 10, received 0"),
        ({"method": "magic"}, f"a method is one of {', '.join(METHODS)}, received 'magic'"),
        ({"drop": 0.4}, "drop is a setting of dare, not of otmf, received 0.4"),
        ({"method": "average", "masks": "row"}, "masks is a setting of otmf, not of average, received 'row'"),
        ({"method": "task-arithmetic", "scaling": 2.5}, "scaling must be 0 to 2, received 2.5"),
        ({"method": "average", "seed": -1}, "seed must be at least 0, below 2147483648, received -1"),
        ({"head_fraction": 0}, "head_fraction must be above 0, at most 1, received 0"),
        ({"checkpoint_seconds": -1}, "checkpoint_seconds must be at least 0, received -1"),
        ({"colour": "red"}, "a configuration has no field 'colour', received 'red'"),
    ],
)
def test_a_mistake_gets_one_sentence(fields: dict, sentence: str):
    with pytest.raises(InputError) as caught:
        MergeConfig.build(**{"tasks": ("a", "b"), **fields})
    assert str(caught.value) == sentence


def test_an_unknown_preset_and_missing_tasks():
    with pytest.raises(InputError, match=r"^a preset is one of default, paper, thorough, received 'best'$"):
        MergeConfig.build("best", tasks=("a", "b"))
    with pytest.raises(InputError, match=r"^a configuration needs tasks, received preset$"):
        MergeConfig.build()


# --- format 1 --------------------------------------------------------------------------------------------------------

OTMF = Otmf(
    alpha=0.8, update="joint", space="logits", blur=0.05, p=2, lr=0.1, schedule="cosine", batch=6, iterations=4,
    memory=5, masks="element", loss="sinkhorn", views=1, temperature=1.0, batch_earlier=None, momentum=0.9,
)  # fmt: skip
PAPER = Otmf(
    alpha=0.8, update="alternating", space="raw", blur=0.05, p=2, lr=0.01, schedule="constant", batch=6, iterations=4,
    memory=5, masks="element", loss="sinkhorn", views=1, temperature=1.0, batch_earlier=None, momentum=0.9,
)  # fmt: skip
RUN = {
    "format": 3, "tasks": ("red", "green", "blue"), "library": "golden", "preset": "default", "heads": "none",
    "head_fraction": 0.25, "head_lr": 0.0005, "evaluate": "seen", "seed": 0, "device": "cpu",
    "checkpoint_seconds": 1e6, "scoring": "likelihood", "text_features": "decoder", "text_precision": "float32",
}  # fmt: skip
OF_PAPER = {"preset": "paper", "head_lr": 0.01}
OF_GOLDEN = {
    DEFAULT: {"method": OTMF},
    DONE[1]: {**OF_PAPER, "method": PAPER.model_copy(update={"alpha": 0.6})},
    DONE[2]: {"seed": 3, "method": Average()},
    DONE[3]: {"heads": "tuned", "evaluate": "all", "method": TaskArithmetic(scaling=0.4)},
    STOPPED: {"method": OTMF},
    WITHIN: {**OF_PAPER, "method": PAPER},
    FAILED: {"method": OTMF.model_copy(update={"memory": 0})},
    QUEUED: {"method": OTMF},
}


def test_every_golden_run_is_told_by_hand():
    assert set(OF_GOLDEN) == set(ALL)


@pytest.mark.parametrize("run", ALL)
def test_a_configuration_of_format_1_becomes_one_of_format_3(run: str):
    fields = json.loads((GOLDEN / "format-1/runs" / run / "config.json").read_text(encoding="utf-8"))
    assert "format" not in fields
    config = MergeConfig.parse(fields)
    expected = {**RUN, **OF_GOLDEN[run]}
    assert {name: getattr(config, name) for name in MergeConfig.model_fields} == expected
    assert MergeConfig.parse(config.model_dump(mode="json")) == config
    assert "steps" in fields  # what is read is not changed


def test_format_1_is_refused_in_the_same_sentences():
    for fields, sentence in (
        ({"tasks": ["a", "b"], "alpha": 1.1}, "alpha must be 0 to 1, received 1.1"),
        ({"tasks": ["a", "b"], "steps": 0}, "iterations must be 1 to 100000, received 0"),
        ({"tasks": ["a", "b"], "zeal": 1}, "a configuration has no field 'zeal', received 1"),
        (
            {"tasks": ["a", "b"], "method": "magic"},
            "a method is one that this version knows, received 'magic'",
        ),
        ({"alpha": 1}, "a configuration needs tasks, received alpha"),
    ):
        with pytest.raises(InputError) as caught:
            MergeConfig.parse(fields)
        assert str(caught.value) == sentence


# --- format 2 --------------------------------------------------------------------------------------------------------


def test_what_a_configuration_of_format_2_does_not_say_is_what_it_was_then():
    """By the defaults before format 3; a file may leave out any setting."""
    then = {"iterations": 100, "batch_earlier": None, "lr": 0.1, "memory": 64, "views": 1, "loss": "sinkhorn",
            "temperature": 1.0, "momentum": 0.9}  # fmt: skip
    config = MergeConfig.parse({"format": 2, "tasks": ["a", "b"], "method": {"name": "otmf", "alpha": 0.7}})
    assert (config.format, config.method) == (3, Otmf(alpha=0.7, **then))  # type: ignore[arg-type]
    config = MergeConfig.parse({"format": 2, "tasks": ["a", "b"], "method": {"name": "joint-masks"}})
    assert config.method.settings() == {
        "scaling": 0.3, "lr": 0.05, "iterations": 300, "batch": 128, "memory": 64, "every_step": False, "views": 1,
        "loss": "sinkhorn", "space": "logits", "blur": 0.05, "temperature": 1.0, "reach": 1.0, "projections": 64,
        "p": 2,
    }  # fmt: skip
    config = MergeConfig.parse({"format": 2, "tasks": ["a", "b"], "method": {"name": "average"}})
    assert (config.format, config.method) == (3, Average())


def test_what_a_configuration_of_format_2_says_is_kept():
    said = {"name": "otmf", "iterations": 7, "lr": 0.02, "memory": 3, "loss": "kl", "batch": 10}
    fields = {"format": 2, "tasks": ["a", "b"], "seed": 5, "method": said}
    config = MergeConfig.parse(fields)
    assert config.seed == 5
    assert {name: config.method.model_dump()[name] for name in said} == said
    assert fields == {"format": 2, "tasks": ["a", "b"], "seed": 5, "method": said}  # what is read is not changed
    assert MergeConfig.parse(config.model_dump(mode="json")) == config


# --- from a stranger -------------------------------------------------------------------------------------------------

TWO = {"tasks": ["a", "b"]}
NESTED = {"a": [{"b": [[], {}]}]}
METHODS_ARE = "a method is one that this version knows, received "
NO_METHOD = "method: input should be a valid dictionary or object to extract fields from, received "
HOSTILE = [
    ({}, "a configuration needs tasks, received nothing"),
    ({"method": []}, "a configuration needs tasks, received nothing"),
    ({"format": 3, **dict.fromkeys("abcdefghijk", 1)}, "a configuration needs tasks, received a, b, c, d, e, f, "
     "g, h, 3 more"),
    ({"method": {"name": 3}}, "a configuration needs tasks, received nothing"),
    ({**TWO, "method": []}, f"{METHODS_ARE}[]"),
    ({**TWO, "method": {"name": 3}}, METHODS_ARE + "{'name': 3}"),
    ({**TWO, "method": None}, f"{METHODS_ARE}None"),
    ({**TWO, "steps": NESTED}, f"iterations: input should be a valid integer, received {NESTED}"),
    ({"format": 3}, "a configuration needs tasks, received nothing"),
    ({"format": 3, "method": "otmf"}, "a configuration needs tasks, received nothing"),
    ({"format": 3, "method": 3}, "a configuration needs tasks, received nothing"),
    ({"format": 3, "method": None}, "a configuration needs tasks, received nothing"),
    ({"format": 3, "method": ["alpha"]}, "a configuration needs tasks, received nothing"),
    ({"format": 3, "method": {"name": "otmf", "alpha": 1}}, "a configuration needs tasks, received alpha"),
    ({"format": 3, **TWO, "method": "otmf"}, f"{NO_METHOD}'otmf'"),
    ({"format": 3, **TWO, "method": []}, f"{NO_METHOD}[]"),
    ({"format": 3, **TWO, "method": {}}, METHODS_ARE + "{}"),
    ({"format": 3, **TWO, "method": {"name": 3}}, f"{METHODS_ARE}3"),
    ({"format": 3, **TWO, "method": {"name": ["otmf"]}}, f"{METHODS_ARE}['otmf']"),
    ({"format": 3, **TWO, "method": {"name": "otmf", "alpha": NESTED}},
     f"alpha: input should be a valid number, received {NESTED}"),
    ({"format": 3, **TWO, "method": {"name": "otmf", "zeal": NESTED}},
     f"a configuration has no field 'zeal', received {NESTED}"),
    ({"format": 3, **TWO, "method": {"name": "average", "masks": "row"}},
     "masks is a setting of otmf, not of average, received 'row'"),
    ({"format": 3, **TWO, "masks": "row"}, "masks is a setting of otmf, not of a run, received 'row'"),
    ({"format": 3, **TWO, "method": {"name": "otmf", "alpha": math.nan}},
     "alpha: input should be a finite number, received nan"),
    ({"format": 3, "tasks": NESTED}, f"tasks: input should be a valid tuple, received {NESTED}"),
    ({"format": 3, "tasks": [["a"], "b"]}, "tasks.0: input should be a valid string, received ['a']"),
    ({"format": 3, "tasks": "ab"}, "tasks: input should be a valid tuple, received 'ab'"),
    ({"format": 3, **TWO, "preset": []}, "preset: input should be a valid string, received []"),
    ({"format": 3, **TWO, "preset": "best"}, "a preset is one of default, paper, thorough, received 'best'"),
    ({"format": 2}, "a configuration needs tasks, received nothing"),
    ({"format": 2, "method": {"name": "otmf", "alpha": 1}}, "a configuration needs tasks, received alpha"),
    ({"format": 2, **TWO, "method": []}, f"{NO_METHOD}[]"),
    ({"format": 2, **TWO, "method": {"name": ["otmf"]}}, f"{METHODS_ARE}['otmf']"),
    ({"format": 2, **TWO, "method": {"name": NESTED}}, f"{METHODS_ARE}{NESTED}"),
    ({"format": 2, **TWO, "method": {"name": "otmf", "loss": None}},
     "loss: input should be 'sinkhorn', 'unbalanced', 'sliced', 'exact', 'energy', 'mmd', 'paired', 'cosine', "
     "'podnet', 'sinkhorn-kl', 'kl' or 'entropy', received None"),
    ({"format": 4, **TWO}, "format: input should be 3, received 4"),
    ({"format": 4, **TWO, "method": {"name": "new", "zeal": 1}}, "format: input should be 3, received 4"),
    ({"format": 1, **TWO}, "format: input should be 3, received 1"),
    ({"format": None, **TWO}, "format: input should be 3, received None"),
    ({"format": "2", **TWO}, "format: input should be 3, received '2'"),
    ({"format": [2], **TWO}, "format: input should be 3, received [2]"),
    ({"format": True, **TWO}, "format: input should be 3, received True"),
    ({"format": NESTED, **TWO}, f"format: input should be 3, received {NESTED}"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "sentence"), HOSTILE)
def test_a_strangers_configuration_gets_one_sentence(fields: dict, sentence: str, tmp_path: Path):
    with pytest.raises(InputError) as caught:
        MergeConfig.parse(fields)
    assert str(caught.value) == sentence
    assert is_one_sentence(sentence)

    create_run(tmp_path / "run", MergeConfig.build(tasks=("a", "b")))
    file = tmp_path / "run/config.json"
    file.write_text(json.dumps(fields))
    with pytest.raises(InputError) as caught:
        load_run(tmp_path / "run")
    assert str(caught.value) == f"a run needs a configuration this version knows: {file} ({sentence})"


@pytest.mark.parametrize(
    "content", ['{"seed": ' + "9" * 5000 + "}", "[" * 100_000, '{"tasks": ' + '{"a": ' * 50_000, "\xff"]
)
def test_a_strangers_file_that_is_no_json_gets_one_sentence(content: str, tmp_path: Path):
    create_run(tmp_path / "run", MergeConfig.build(tasks=("a", "b")))
    (tmp_path / "run/config.json").write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=r"^a file must be valid JSON: .*config\.json \(.*\)$") as caught:
        load_run(tmp_path / "run")
    assert is_one_sentence(str(caught.value))


def test_settings_of_texts_are_written_where_they_differ():
    plain, generated = (MergeConfig.build(tasks=("a", "b"), scoring=each) for each in ("likelihood", "generation"))
    assert not {"scoring", "text_features", "text_precision"} & plain.model_dump(mode="json").keys()
    fields = generated.model_dump(mode="json")
    assert fields["scoring"] == "generation" and "text_features" not in fields
    assert MergeConfig.parse(fields) == generated
