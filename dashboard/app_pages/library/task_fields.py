"""What both dialogs that add a task ask for, of pictures and of texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from dashboard.app_pages.library.dialogs import begin, key, splits_input, text
from dashboard.app_pages.library.work import Source, add_to
from dashboard.library.folders import typed_path
from otmf_core.errors import InputError
from otmf_core.library.library import Library
from otmf_core.library.making.add import NewTask
from otmf_core.library.making.splits import Sizes


class Origin(NamedTuple):
    """How a task's splits are drawn and where it comes from, by the names that a `NewTask` has for them."""

    sizes: Sizes
    seed: int
    transductive: bool
    licence: str
    source: str | None


def name_input(prefix: str, known: Sequence[str], about: str) -> str | None:
    """Draw the choice among known tasks, where any other name can be typed; return it."""
    return st.selectbox(
        "Task",
        known,
        index=None,
        key=key(f"{prefix}-task"),
        accept_new_options=True,
        placeholder="Choose one, or type a name",
        help=about,
        persist_state="session",
    )


def data_input(prefix: str, label: str, about: str) -> tuple[str, str]:
    """Draw the path of a data set and the name of one of its configurations; return both."""
    left, right = st.columns([3, 1])
    with left:
        data = text(label, f"{prefix}-data", placeholder="Path of a data set", about=about)
    with right:
        config = text("Configuration", f"{prefix}-config", placeholder="The only one", about="If it has several.")
    return data, config


def origin_input(prefix: str, of: str, noun: str) -> Origin:
    """Draw how splits are drawn and where `of`, the pictures or the texts, come from; `noun` is what examples are."""
    with st.expander("Splits, and where it comes from"):
        sizes, seed, transductive = splits_input(prefix, noun)
        left, right = st.columns(2)
        with left:
            licence = text(f"Licence of the {of}", f"{prefix}-licence", about="Model cards name it.")
        with right:
            hub = text("Name on the hub", f"{prefix}-source", placeholder="org/name", about="For model cards.")
    return Origin(sizes, seed, transductive, licence, hub or None)


def begin_adding(
    library: Library,
    name: str | None,
    source: Callable[[], Source],
    data: tuple[str, str],
    origin: Origin,
    own: Callable[[], dict[str, Any]],
) -> None:
    """Begin to add a task of that name; `own` gives what its kind has. Raises InputError on what is missing."""
    if not name:
        raise InputError("a task has a name, received none")
    chosen = source()
    path, config = data
    task = NewTask(
        name=name,
        checkpoint=chosen if isinstance(chosen, Path) else Path(),
        data=typed_path(path, "its data set"),
        config=config or None,
        **own(),
        **origin._asdict(),
    )
    upload = None if isinstance(chosen, Path) else chosen
    begin(f"Adding {name} to {library.name}", partial(add_to, library.root, task, upload, noun=library.noun))
