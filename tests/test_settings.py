"""Settings that describe themselves: kinds, ranges in words, and values as text and back."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import BaseModel, Field

from otmf_core.config import MergeConfig, run_settings
from otmf_core.methods.table import METHODS
from otmf_core.settings import Setting, Shown, settings_of


class Side(Enum):
    LEFT = "left"
    RIGHT = "right"


class Plain(BaseModel):
    switch: bool = Field(True, description="whether")
    whole: int = 3
    real: Annotated[float, Field(gt=0, le=2, description="how much")] = 0.5
    word: str = "w"
    either: Literal["a", "b"] = "a"
    power: Literal[1, 2] = 2
    side: Side = Side.RIGHT


class Maybe(BaseModel):
    switch: Optional[bool] = None  # noqa: UP045  the spelling of older models
    whole: Annotated[int | None, Field(ge=1)] = None
    real: Annotated[float, Field(lt=1)] | None = 0.25
    word: str | None = None
    either: Literal["a", "b"] | None = "b"
    side: Side | None = Side.LEFT


class Many(BaseModel):
    switches: list[bool] = Field(default_factory=lambda: [True, False])
    wholes: tuple[Annotated[int, Field(ge=0, lt=9, description="of one")], ...] = (1, 2)
    reals: list[float] = []
    words: tuple[str, ...] = ("x", "y")
    eithers: tuple[Literal["a", "b"], ...] = ("a",)
    sides: list[Side] = [Side.LEFT]
    perhaps: list[int] | None = None


def kinds(model: type[BaseModel]) -> dict[str, tuple[str, bool, bool]]:
    return {name: (s.kind, s.optional, s.many) for name, s in settings_of(model).items()}


# --- what a field may hold -------------------------------------------------------------------------------------------


def test_kinds_of_plain_fields():
    assert kinds(Plain) == {
        "switch": ("bool", False, False), "whole": ("int", False, False), "real": ("float", False, False),
        "word": ("text", False, False), "either": ("choice", False, False), "power": ("choice", False, False),
        "side": ("choice", False, False),
    }  # fmt: skip


def test_kinds_of_optional_fields():
    assert kinds(Maybe) == {
        "switch": ("bool", True, False), "whole": ("int", True, False), "real": ("float", True, False),
        "word": ("text", True, False), "either": ("choice", True, False), "side": ("choice", True, False),
    }  # fmt: skip


def test_kinds_of_lists():
    assert kinds(Many) == {
        "switches": ("bool", False, True), "wholes": ("int", False, True), "reals": ("float", False, True),
        "words": ("text", False, True), "eithers": ("choice", False, True), "sides": ("choice", False, True),
        "perhaps": ("int", True, True),
    }  # fmt: skip


def test_choices_have_their_values_and_others_none():
    values = {name: s.values for model in (Plain, Maybe, Many) for name, s in settings_of(model).items() if s.values}
    assert values == {
        "either": ("a", "b"), "power": (1, 2), "side": ("left", "right"), "eithers": ("a", "b"),
        "sides": ("left", "right"),
    }  # fmt: skip


def test_defaults_are_the_models_own():
    defaults = {name: setting.default for name, setting in settings_of(Plain).items()}
    assert defaults == {
        "switch": True, "whole": 3, "real": 0.5, "word": "w", "either": "a", "power": 2, "side": "right",
    }  # fmt: skip
    assert [setting.default for setting in settings_of(Maybe).values()] == [None, None, 0.25, None, "b", "left"]
    assert settings_of(Many)["switches"].default == [True, False]
    assert settings_of(Many)["sides"].default == ["left"]

    class Required(BaseModel):
        needed: int

    assert settings_of(Required)["needed"].default is None


def test_descriptions_and_order_are_the_models_and_some_fields_are_left_out():
    assert [s.description for s in settings_of(Plain).values()] == ["whether", "", "how much", "", "", "", ""]
    assert list(settings_of(Plain, "whole", "word")) == ["switch", "real", "either", "power", "side"]


@pytest.mark.parametrize(
    ("field", "low", "high", "above", "words"),
    [
        (Annotated[float, Field(ge=0, le=1)], 0, 1, False, "0 to 1"),
        (Annotated[float, Field(gt=0, le=10)], 0, 10, True, "above 0, at most 10"),
        (Annotated[float, Field(gt=-0.5, lt=1e-9)], -0.5, 1e-9, True, "above -0.5, below 1e-09"),
        (Annotated[int, Field(ge=0, lt=2**31)], 0, 2**31, False, "at least 0, below 2147483648"),
        (Annotated[int, Field(ge=1, le=100_000)], 1, 100_000, False, "1 to 100000"),
        (Annotated[int, Field(ge=5)], 5, None, False, "at least 5"),
        (Annotated[int, Field(gt=5)], 5, None, True, "above 5"),
        (Annotated[int, Field(le=5)], None, 5, False, "at most 5"),
        (Annotated[int, Field(lt=5)], None, 5, False, "below 5"),
        (Annotated[float | None, Field(ge=0.25, le=0.75)], 0.25, 0.75, False, "0.25 to 0.75"),
        (Optional[Annotated[float, Field(ge=0.25, le=0.75)]], 0.25, 0.75, False, "0.25 to 0.75"),  # noqa: UP045
        (tuple[Annotated[int, Field(ge=1, le=3)], ...], 1, 3, False, "1 to 3"),
        (int, None, None, False, ""),
    ],
)
def test_bounds_in_words(field: Any, low: float | None, high: float | None, above: bool, words: str):
    class Model(BaseModel):
        value: field  # type: ignore[valid-type]

    Model.model_rebuild(_types_namespace={"field": field})
    setting = settings_of(Model)["value"]
    assert (setting.low, setting.high, setting.above, setting.bounds) == (low, high, above, words)


@pytest.mark.parametrize(
    "field", [dict, dict[str, int], bytes, Any, int | str, int | str | None, list[dict], tuple[int | str, ...], Plain]
)
def test_a_type_that_no_form_can_ask_for_is_refused(field: Any):
    class Model(BaseModel):
        odd: field  # type: ignore[valid-type]

    Model.model_rebuild(_types_namespace={"field": field})
    with pytest.raises(
        TypeError, match=r"^a setting is a bool, a number, a text, a choice, or a list of them: odd is "
    ):
        settings_of(Model)


# --- texts -----------------------------------------------------------------------------------------------------------

VALUES: list[tuple[type[BaseModel], str, list[tuple[Any, str]]]] = [
    (Plain, "switch", [(True, "on"), (False, "off")]),
    (Plain, "whole", [(0, "0"), (-12, "-12"), (2**40, "1099511627776")]),
    (Plain, "real", [(0.5, "0.5"), (2.0, "2"), (1e-7, "1e-07")]),
    (Plain, "word", [("w", "w"), ("two words", "two words")]),
    (Plain, "either", [("a", "a"), ("b", "b")]),
    (Plain, "power", [(1, "1"), (2, "2")]),
    (Plain, "side", [("left", "left")]),
    (Maybe, "switch", [(None, "none"), (False, "off")]),
    (Maybe, "whole", [(None, "none"), (1, "1")]),
    (Maybe, "real", [(None, "none"), (0.0, "0")]),
    (Maybe, "word", [(None, "none"), ("nothing", "nothing")]),
    (Maybe, "either", [(None, "none"), ("b", "b")]),
    (Many, "switches", [([True, False], "on, off"), ([True], "on")]),
    (Many, "wholes", [([3, 1, 3], "3, 1, 3")]),
    (Many, "reals", [([0.5, 1.0], "0.5, 1")]),
    (Many, "words", [(["x", "y z"], "x, y z")]),
    (Many, "eithers", [(["b", "a"], "b, a")]),
    (Many, "sides", [(["right"], "right")]),
    (Many, "perhaps", [(None, "none"), ([4], "4")]),
]


@pytest.mark.parametrize(("model", "name", "values"), VALUES, ids=[f"{m.__name__}.{name}" for m, name, _ in VALUES])
def test_values_as_text_and_back(model: type[BaseModel], name: str, values: list[tuple[Any, str]]):
    setting = settings_of(model)[name]
    for value, text in values:
        assert setting.text(value) == text
        parsed = setting.parse(text)
        assert parsed == value
        assert type(parsed) is type(value)
        model(**{name: parsed})  # what was parsed is what the model takes


def test_tuples_enums_and_empty_lists_as_text():
    assert settings_of(Many)["words"].text(("x", "y")) == "x, y"
    assert settings_of(Many)["words"].text(()) == "none"
    assert settings_of(Plain)["side"].text(Side.RIGHT) == "right"
    assert settings_of(Many)["sides"].text([Side.RIGHT, Side.LEFT]) == "right, left"
    assert settings_of(Many)["wholes"].parse("") == []
    assert settings_of(Many)["wholes"].parse("1,2, 3 ,") == [1, 2, 3]


@pytest.mark.parametrize(
    ("model", "name", "text", "sentence"),
    [
        (Plain, "switch", "yes", "switch is on or off, received 'yes'"),
        (Plain, "either", "c", "either is one of a, b, received 'c'"),
        (Plain, "power", "3", "power is one of 1, 2, received '3'"),
        (Plain, "side", "top", "side is one of left, right, received 'top'"),
        (Plain, "whole", "1.5", "invalid literal for int"),
        (Plain, "whole", "none", "invalid literal for int"),
        (Plain, "real", "much", "could not convert string to float"),
        (Many, "switches", "on,maybe", "switches is on or off, received 'maybe'"),
        (Many, "eithers", "a,c", "eithers is one of a, b, received 'c'"),
    ],
)
def test_a_text_that_is_no_value_is_refused(model: type[BaseModel], name: str, text: str, sentence: str):
    with pytest.raises(ValueError, match=f"^{sentence}"):
        settings_of(model)[name].parse(text)


def test_labels_symbols_and_help_fall_back_on_the_name_and_the_description():
    plain = Setting("head_lr", "float", "a rate", 0.1)
    assert (plain.label, plain.symbol, plain.help) == ("Head lr", "Head lr", "a rate")
    shown = Setting("alpha", "float", "a weight", 0.1, shown=Shown(label="α, retention", symbol="α", help="Longer."))
    assert (shown.label, shown.symbol, shown.help) == ("α, retention", "α", "Longer.")
    labelled = Setting("lr", "float", "a rate", 0.1, shown=Shown(label="Rate"))
    assert (labelled.label, labelled.symbol, labelled.help) == ("Rate", "Rate", "a rate")
    named = Setting("p", "choice", "", 1, values=(1, 2), shown=Shown(choices={1: "Distance"}))
    assert (named.text(1), named.text(2)) == ("Distance", "2")


def test_a_setting_applies_beside_the_values_it_is_given_with():
    always = Setting("blur", "float", "", 0.1)
    given = Setting("reach", "float", "", 1.0, shown=Shown(given=("loss", ("near", "far"))))
    assert always.applies({}) and given.applies({"loss": "far"}) and not given.applies({"loss": "all"})


# --- the settings there are ------------------------------------------------------------------------------------------


def test_every_setting_of_the_run_and_of_every_method_goes_through_text_and_keeps_to_its_model():
    for settings, build in (
        (run_settings(), lambda name, value: MergeConfig(**{"tasks": ("a", "b"), name: value})),
        *((m.described(), lambda name, value, m=m: m(**{name: value})) for m in METHODS.values()),
    ):
        for name, setting in settings.items():
            if name in ("tasks", "preset"):
                continue
            assert setting.description, name
            plain = Setting(**{**vars(setting), "shown": Shown()})  # a choice's own text is no input
            assert plain.parse(plain.text(setting.default)) == setting.default, name
            build(name, setting.default)
            assert set(setting.shown.trades) <= set(setting.values), name
            if setting.shown.given:
                other, values = setting.shown.given
                assert set(values) < set(settings[other].values), name


def test_the_setting_that_a_sweep_varies():
    swept = {name: setting.name for name, method in METHODS.items() if (setting := method.swept())}
    assert "average" not in swept
    assert [swept[name] for name in ("otmf", "task-arithmetic", "dare")] == ["alpha", "scaling", "drop"]


def test_a_method_is_named_by_its_symbols():
    asked: list[dict[str, Any]] = [
        {"alpha": 0.25},
        {"method": "task-arithmetic", "scaling": 1.0},
        {"method": "average"},
    ]
    named = [MergeConfig.build(tasks=("a", "b"), **fields).method.symbols() for fields in asked]
    assert named == [["α = 0.25"], ["λ = 1"], []]
