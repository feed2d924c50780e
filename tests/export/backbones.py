"""Finished merges of tiny libraries whose backbones differ, and what their merged towers make of images."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from otmf_core.library.library import Library, open_library
from otmf_core.models.clip import build_clip, preprocess
from tests.tiny import change_tensors, merge_config, merged, pixels, vouch

Change = Callable[[Path], object]


def reconfigure(change: Callable[[dict[str, Any]], object]) -> Change:
    """A change of a library's backbone configuration."""

    def changed(root: Path) -> None:
        path = root / "backbone/config.json"
        fields = json.loads(path.read_text())
        change(fields)
        path.write_text(json.dumps(fields))
        vouch(root)

    return changed


def rewrite_manifest(change: Callable[[dict[str, Any]], object]) -> Change:
    def changed(root: Path) -> None:
        fields = json.loads((root / "manifest.json").read_text())
        change(fields)
        (root / "manifest.json").write_text(json.dumps(fields))

    return changed


quick = reconfigure(lambda fields: fields["model_cfg"].update(quick_gelu=True))
without_text = change_tensors(
    "backbone/weights.safetensors",
    lambda state: [state.pop(name) for name in list(state) if not name.startswith("visual.")],
)


def average(library: Path, out: Path) -> Path:
    """A finished run, quickly; its Δ_m is as large as an expert's."""
    return merged(merge_config(library, method="average"), out)


def library_of(run: Path) -> Library:
    return open_library(json.loads((run / "config.json").read_text())["library"])


def images(run: Path) -> Tensor:
    """Test images as an image tower takes them."""
    library = library_of(run)
    return preprocess(pixels(library.examples("green", "test")), library.backbone_config)


def clip_of(run: Path) -> Any:
    """The merged CLIP, put together by open_clip from the library and the run's Δ_m."""
    library = library_of(run)
    model = build_clip(library.backbone_config)
    state = load_file(library.backbone("weights"))
    for name, tensor in load_file(run / "merged.safetensors").items():
        state[f"visual.{name}"] = state[f"visual.{name}"].float() + tensor
    model.load_state_dict(state, strict=any(not name.startswith("visual.") for name in state))
    return model.eval()


def features(run: Path) -> Tensor:
    with torch.no_grad():
        return clip_of(run).encode_image(images(run))


def code(folder: Path, **places: Path) -> dict[str, Any]:
    """What the Python of a card defines, with its paths replaced."""
    found = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert found
    text = found[1].replace("path/of/this/folder", str(folder))
    for words, place in places.items():
        text = text.replace(f"path/of/{words.replace('_', '/').replace('pre/trained', 'pre-trained')}", str(place))
    names: dict[str, Any] = {}
    exec(text, names)
    return names
