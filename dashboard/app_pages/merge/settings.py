"""The input of one setting, drawn from what the setting says of itself."""

from __future__ import annotations

from typing import Any

from streamlit.delta_generator import DeltaGenerator

from dashboard.text import sentence
from otmf_core.errors import InputError
from otmf_core.settings import Setting

FEW_CHOICES = 3  # up to which they stand beside each other
LEAST = 1e-4  # above a bound that is not itself allowed, where no default lies nearer to it


def is_wide(setting: Setting) -> bool:
    """Whether a setting's input takes a row beside others of its kind, not one of two columns."""
    return setting.kind == "bool" or (_is_one_choice(setting) and len(setting.values) <= FEW_CHOICES)


def setting_input(container: DeltaGenerator, setting: Setting, key: str) -> Any:
    """Draw the input of a setting whose value stands in the session under `key`; return the value.

    Raises InputError on a list that cannot be read.
    """
    trades = [f"- **{setting.text(value)}**: {text}" for value, text in setting.shown.trades.items()]
    explained = "\n".join([sentence(setting.help), *trades])
    shared: dict[str, Any] = {"key": key, "persist_state": "session", "help": explained}
    if setting.shown.slider:
        return container.slider(setting.label, *setting.shown.slider, step=setting.shown.step, **shared)
    if setting.kind == "bool" and not setting.many:
        return container.toggle(setting.label, **shared)
    if setting.kind == "choice":
        return _choice(container, setting, shared)
    if setting.many:
        text = container.text_input(setting.label, placeholder="none", **shared)
        try:
            return setting.parse(text or "")
        except ValueError as error:
            raise InputError(f"{setting.name} is a list with commas: {error}") from None
    if setting.kind == "text":
        return container.text_input(setting.label, **shared)
    return _number(container, setting, shared)


def session_value(setting: Setting, value: Any) -> Any:
    """A setting's value as its input holds it in the session."""
    if setting.many and setting.kind != "choice":
        return ", ".join(map(str, value))
    return list(value) if setting.many else value


def _is_one_choice(setting: Setting) -> bool:
    return setting.kind == "choice" and not setting.many


def _choice(container: DeltaGenerator, setting: Setting, shared: dict[str, Any]) -> Any:
    values, about = list(setting.values), {"format_func": setting.text, **shared}
    if setting.many:
        return container.multiselect(setting.label, values, **about)
    if len(values) <= FEW_CHOICES:
        return container.segmented_control(
            setting.label, values, required=not setting.optional, width="content", **about
        )
    return container.selectbox(setting.label, values, placeholder="none", **about)


def _number(container: DeltaGenerator, setting: Setting, shared: dict[str, Any]) -> Any:
    whole = setting.kind == "int"
    low = _lowest(setting)
    kind = int if whole else float
    return container.number_input(
        setting.label,
        value=None if setting.optional else "min",  # what an input that is emptied comes back to
        min_value=None if low is None else kind(low),
        max_value=None if setting.high is None else kind(setting.high),
        step=kind(setting.shown.step or (1 if whole else 0.1)),
        format=None if whole else "%.4g",
        placeholder="none" if setting.optional else None,
        **shared,
    )


def _lowest(setting: Setting) -> float | None:
    if setting.low is None or not setting.above:
        return setting.low
    return setting.low + (LEAST if setting.default is None else min(LEAST, setting.default - setting.low))
