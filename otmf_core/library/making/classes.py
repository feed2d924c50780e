"""The class names and templates of a task, brought together from the list of known tasks, a data set and a caller."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from otmf_core.errors import InputError
from otmf_core.files import shown
from otmf_core.library.known_tasks import KnownTask

TEMPLATES = ("a photo of a {}.",)  # where nothing says better: CLIP's own


@dataclass(frozen=True)
class Classes:
    """Class names in the order of the labels, the templates around them, and what a reader should know of both."""

    names: tuple[str, ...]
    templates: tuple[str, ...]
    note: str = ""


def classes_of(
    known: KnownTask | None, of_data: Sequence[str], given: Sequence[str], templates: Sequence[str], where: str
) -> Classes:
    """Class names in the order of the data set's labels: those given, else the known ones, else the data set's own.

    Where a data set names the known classes in another order, theirs is followed. Raises InputError when their numbers
    differ, when nothing names them, and on a template without its {}.
    """
    chosen = tuple(templates) or (known.templates if known else TEMPLATES)
    for template in chosen:
        if template.count("{}") != 1:
            raise InputError(f"a template has one {{}} where the class stands, received {shown(template)}")
    if given:
        _check_count(given, of_data, "given", where)
        return Classes(_once(given, where), chosen)
    if known is None:
        if not of_data:
            raise InputError(f"classes need names, which neither the data set nor the task has: give them, for {where}")
        return Classes(_once([name.replace("_", " ") for name in of_data], where), chosen)
    if not of_data:
        return Classes(known.classes, chosen)
    _check_count(known.classes, of_data, f"of {known.name}", where)
    places = {_plain(name): name for name in known.classes}
    ordered = [places.get(_plain(name)) for name in of_data]
    if None not in ordered and len(set(ordered)) == len(ordered):
        return Classes(tuple(name for name in ordered if name), chosen)
    different = next((a, b) for a, b in zip(of_data, known.classes, strict=True) if _plain(a) != _plain(b))
    note = f"class names of {known.name} are taken in their order: {shown(different[0])} is {shown(different[1])}"
    return Classes(known.classes, chosen, note)


def _check_count(names: Sequence[str], of_data: Sequence[str], whose: str, where: str) -> None:
    if of_data and len(of_data) != len(names):
        raise InputError(
            f"classes are as many as the data set's, {len(of_data)}: {len(names)} are {whose}, for {where}"
        )


def _once(names: Sequence[str], where: str) -> tuple[str, ...]:
    if "" in names:
        raise InputError(f"a class has a name: number {list(names).index('')} of {len(names)} is empty, for {where}")
    twice = next((name for name in names if list(names).count(name) > 1), None)
    if twice is not None:
        raise InputError(f"a class has a name of its own: {shown(twice)} is there twice, for {where}")
    return tuple(names)


def _plain(name: str) -> str:
    return re.sub(r"[^\w]|_", "", name.casefold())
