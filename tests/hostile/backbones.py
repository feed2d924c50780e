"""Configurations of pre-trained models that are wrong, ask for the network, or ask for more than a machine has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.case import NO_OBJECTS, WRONG, Case, Damage, Expected, json_file, setting, vouched, without

CONFIG = "backbone/config.json"
VISION = {
    "width": 1 << 20,
    "layers": 100_000,
    "image_size": 1 << 16,
    "patch_size": 0,
    "head_width": 0,
    "mlp_ratio": 1e300,
    "unheard_of": 3,
}
FROM_THE_NETWORK: dict[str, dict[str, Any]] = {
    "vision tower of a hub": {"timm_model_name": "hf-hub:evil/model", "image_size": 32},
    "vision tower of a hub, pretrained": {
        "timm_model_name": "hf-hub:evil/model", "timm_model_pretrained": True, "image_size": 32,
    },
    "vision tower, pretrained": {"timm_model_name": "resnet18", "timm_model_pretrained": True, "image_size": 32},
    "vision tower of a local folder": {"timm_model_name": "local-dir:../outside", "image_size": 32},
    "vision tower of a module": {"timm_model_name": "os.system", "image_size": 32},
}  # fmt: skip


def cases() -> Iterator[Case]:
    """A case for every wrong configuration."""
    for name, text in NO_OBJECTS.items():
        yield Case(f"configuration is {name}", _written(text))
    yield Case("configuration is an empty object", _written(b"{}"))
    for key in ("embed_dim", "vision_cfg", "text_cfg"):
        yield Case(f"configuration without {key}", _changed(without("model_cfg", key)), "either")
        for label, value in WRONG.items():
            expected: Expected = "either" if key == "text_cfg" else "refused"  # a merge needs no text tower
            yield Case(f"configuration's {key} is {label}", _changed(setting("model_cfg", key, to=value)), expected)
    for key in ("mean", "std"):
        for label, value in WRONG.items():
            yield Case(f"{key} of the pictures is {label}", _changed(setting("preprocess_cfg", key, to=value)))
    yield Case("pictures are divided by zero", _changed(setting("preprocess_cfg", "std", to=[0, 0, 0])))
    yield Case("pictures have five channels", _changed(setting("preprocess_cfg", "mean", to=[0.5] * 5)))
    yield Case("nothing is said of the pictures", _changed(without("preprocess_cfg")), "either")
    for key, value in VISION.items():
        yield Case(f"{key} of the vision tower is {value}", _changed(setting("model_cfg", "vision_cfg", key, to=value)))
    yield Case("layers below zero", _changed(setting("model_cfg", "vision_cfg", "layers", to=-1)))
    yield Case("pictures of another size", _changed(setting("model_cfg", "vision_cfg", "image_size", to=24)))
    for name, vision in FROM_THE_NETWORK.items():
        yield Case(name, _changed(setting("model_cfg", "vision_cfg", to=vision)))
    text = _changed(setting("model_cfg", "text_cfg", "hf_model_name", to="evil/model"))
    yield Case("text tower of a hub", text, "either")
    yield Case(
        "tokenizer of a hub", _changed(setting("model_cfg", "text_cfg", "hf_tokenizer_name", to="a/b")), "either"
    )
    yield Case("a field that no model has", _changed(setting("model_cfg", "unheard_of", to=1)))
    vocabulary = _changed(setting("model_cfg", "text_cfg", "vocab_size", to=1 << 40))
    yield Case("vocabulary without end", vocabulary, "either")


def _changed(change: Callable[[Any], object]) -> Damage:
    return vouched(CONFIG, json_file(CONFIG, change))


def _written(text: bytes) -> Damage:
    return vouched(CONFIG, lambda root: (root / CONFIG).write_bytes(text))
