"""Settings that describe themselves: what a field of a model may hold, in words, for command lines and forms."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

Kind = Literal["bool", "int", "float", "text", "choice"]
SWITCH = {"on": True, "off": False}
KINDS: dict[Any, Kind] = {bool: "bool", int: "int", float: "float", str: "text"}


@dataclass(frozen=True)
class Shown:
    """The looks of a setting in forms and titles; put into a field's `Annotated`.

    `symbol` stands for it in titles, if it belongs there. `main` settings stand in the form itself, the others under
    the heading of their `group`. `step` is that of its number field or, between the ends of `slider`, of its slider. A
    sweep varies the setting that has values to `sweep`, at first these. `given` names another setting and the values of
    it without which this one has no effect.
    """

    label: str = ""
    symbol: str = ""
    help: str = ""
    group: str = "Method"
    main: bool = False
    slider: tuple[float, float] | None = None
    step: float | None = None
    sweep: tuple[float, ...] = ()
    choices: dict[Any, str] = field(default_factory=dict)  # texts of the values to choose from
    trades: dict[Any, str] = field(default_factory=dict)  # what each of them gives and costs, in a line
    given: tuple[str, tuple[Any, ...]] | None = None


@dataclass(frozen=True)
class Setting:
    """One field: its name, kind, range, default and texts. `many` are a list of values; `optional` ones may be None."""

    name: str
    kind: Kind
    description: str
    default: Any
    optional: bool = False
    many: bool = False
    values: tuple[Any, ...] = ()  # of a choice
    low: float | None = None
    high: float | None = None
    above: bool = False  # whether `low` itself is out of its range
    bounds: str = ""  # the range in words
    shown: Shown = field(default_factory=Shown)

    @property
    def label(self) -> str:
        """The name that a form gives it."""
        return self.shown.label or self.name.replace("_", " ").capitalize()

    @property
    def symbol(self) -> str:
        """The sign for it in titles and on axes."""
        return self.shown.symbol or self.label

    @property
    def help(self) -> str:
        """The text that a form explains it with."""
        return self.shown.help or self.description

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Whether it has an effect beside these values of the other settings."""
        return self.shown.given is None or values[self.shown.given[0]] in self.shown.given[1]

    def text(self, value: Any) -> str:
        """A value in words: none, on, off, a choice's text, a number without needless digits."""
        if value is None:
            return "none"
        if isinstance(value, list | tuple):
            return ", ".join(self.text(one) for one in value) or "none"
        if isinstance(value, bool):
            return "on" if value else "off"
        if isinstance(value, Enum):
            value = value.value
        return self.shown.choices.get(value) or (f"{value:g}" if isinstance(value, float) else str(value))

    def parse(self, text: str) -> Any:
        """The value of a text as it is typed; raises ValueError. Whether it lies in its range is the model's to say."""
        if self.optional and text == "none":
            return None
        if self.many:
            return [self._parse(part.strip()) for part in text.split(",") if part.strip()]
        return self._parse(text)

    def _parse(self, text: str) -> Any:
        if self.kind == "choice":
            for value in self.values:
                if str(value) == text:
                    return value
            raise ValueError(f"{self.name} is one of {', '.join(map(str, self.values))}, received {text!r}")
        if self.kind == "bool":
            if text not in SWITCH:
                raise ValueError(f"{self.name} is on or off, received {text!r}")
            return SWITCH[text]
        return {"int": int, "float": float, "text": str}[self.kind](text)


def first_mistake(error: ValidationError) -> tuple[str, str]:
    """The field, dotted, and the reason of the first mistake that a model finds; the field is empty for the whole."""
    first = error.errors()[0]
    return ".".join(str(part) for part in first["loc"]), first["msg"].removeprefix("Value error, ")


def settings_of(model: type[BaseModel], *without: str) -> dict[str, Setting]:
    """The fields of a model by name, in order, but some; raises TypeError on a type that no form can ask for."""
    return {name: _setting(name, info) for name, info in model.model_fields.items() if name not in without}


def _setting(name: str, info: FieldInfo) -> Setting:
    annotation, metadata = info.annotation, list(info.metadata)
    optional = False
    if get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation):
        optional = True
        annotation = Union[tuple(part for part in get_args(annotation) if part is not type(None))]  # noqa: UP007
    many = get_origin(annotation) in (tuple, list)
    if many:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata += [each for part in more for each in (part.metadata if isinstance(part, FieldInfo) else [part])]
    values: tuple[Any, ...] = ()
    if get_origin(annotation) is Literal:
        values = get_args(annotation)
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        values = tuple(member.value for member in annotation)
    elif annotation not in KINDS:
        raise TypeError(f"a setting is a bool, a number, a text, a choice, or a list of them: {name} is {annotation}")
    bounds = {
        sign: getattr(part, sign) for part in metadata for sign in ("ge", "gt", "le", "lt") if hasattr(part, sign)
    }
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    return Setting(
        name=name,
        kind="choice" if values else KINDS[annotation],
        description=info.description or "",
        default=[_plain(each) for each in default] if many and default is not None else _plain(default),
        optional=optional,
        many=many,
        values=values,
        low=bounds.get("ge", bounds.get("gt")),
        high=bounds.get("le", bounds.get("lt")),
        above="gt" in bounds,
        bounds=_in_words(bounds),
        shown=next((part for part in metadata if isinstance(part, Shown)), Shown()),
    )


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


def _in_words(bounds: dict[str, float]) -> str:
    if {"ge", "le"} <= bounds.keys():
        return f"{bounds['ge']:.10g} to {bounds['le']:.10g}"
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return ", ".join(f"{words[sign]} {value:.10g}" for sign, value in bounds.items())
