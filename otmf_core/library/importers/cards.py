"""What the hub's data sets say of themselves: features in a table's schema or in README.md, files of configurations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otmf_core.errors import InputError
from otmf_core.files import brief
from otmf_core.library.importers.splits import MAX_CLASSES, SPLITS
from otmf_core.library.importers.tree import read_text

if TYPE_CHECKING:
    import pyarrow as pa

MAX_CARD = 4 << 20  # bytes of README.md
MAX_FRONT = 256 << 10  # of its front matter
MAX_NOTE = 4 << 20  # bytes of a schema's note
NOTE = b"huggingface"


def read_card(folder: Path) -> Mapping[str, Any]:
    """The YAML at the head of a folder's README.md, {} where there is none; raises InputError when it is damaged."""
    import yaml

    path = folder / "README.md"
    if not path.is_file():
        return {}
    text = read_text(path, MAX_CARD).replace("\r\n", "\n")
    front, end, _ = text.removeprefix("---\n").partition("\n---")
    if not text.startswith("---\n") or not end:
        return {}
    if len(front) > MAX_FRONT:
        raise InputError(f"the head of a card has at most {MAX_FRONT >> 10} KiB: {path} has more")
    try:
        card = yaml.safe_load(front)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"a data set's card begins with YAML: {path} ({brief(error)})") from None
    return card if isinstance(card, dict) else {}


def configured(card: Mapping[str, Any], name: str) -> tuple[str, str] | None:
    """The configuration and the split that a card gives a file; None where it gives none, or one that is not read."""
    for config in _dicts(card.get("configs")):
        for entry in _dicts(config.get("data_files")):
            paths = entry.get("path")
            split = SPLITS.get(str(entry.get("split")))
            if split and any(fnmatchcase(name, str(p)) for p in (paths if isinstance(paths, list) else [paths])):
                return str(config.get("config_name", "")), split
    return None


def names_in_schema(schema: pa.Schema, column: str) -> tuple[str, ...]:
    """The classes that a schema's note gives a column of labels, () for none."""
    note = (schema.metadata or {}).get(NOTE, b"")
    if not 0 < len(note) <= MAX_NOTE:
        return ()
    try:
        info = json.loads(note)
    except (ValueError, RecursionError):  # a note of another maker: labels have no names then
        return ()
    features = _get(_get(info, "info"), "features")
    return _class_names(_get(_get(features, column), "names"))


def names_in_card(card: Mapping[str, Any], config: str, column: str) -> tuple[str, ...]:
    """The classes that a card gives a column of labels of a configuration, () for none."""
    infos = _dicts(card.get("dataset_info"))
    for info in infos:
        if len(infos) == 1 or str(info.get("config_name", "")) in (config, config or "default"):
            for feature in _dicts(info.get("features")):
                if feature.get("name") == column:
                    return _class_names(_get(_get(feature.get("dtype"), "class_label"), "names"))
    return ()


def _class_names(names: Any) -> tuple[str, ...]:
    """A list of names, or a mapping of "0", "1", …: as texts, () for anything else."""
    if isinstance(names, dict):
        keys = {str(key): value for key, value in names.items()}
        names = [keys.get(str(number)) for number in range(len(keys))]
    if not isinstance(names, list) or not 0 < len(names) <= MAX_CLASSES or None in names:
        return ()
    return tuple(map(str, names))


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _dicts(value: Any) -> Sequence[Mapping[str, Any]]:
    return [entry for entry in (value if isinstance(value, list) else [value]) if isinstance(entry, dict)]
