"""What transformers writes beside a CLIP and weights do not tell: activation, heads, the preparation of images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otmf_core.errors import InputError
from otmf_core.files import read_object, shown
from otmf_core.library.importers.base import Activation
from otmf_core.library.importers.open_clip import preprocessing
from otmf_core.models.clip_config import check_config

CONFIG = "config.json"
PROCESSOR, ALL_PROCESSORS = "preprocessor_config.json", "processor_config.json"  # the second since version 5
ACTIVATIONS: tuple[Activation, ...] = ("quick_gelu", "gelu")
EPSILON = 1e-5  # of open_clip's layer norms
BICUBIC = 3
STEPS = ("do_resize", "do_center_crop", "do_rescale", "do_normalize")


@dataclass(frozen=True)
class ClipSettings:
    """What a config.json says of a CLIP or its image tower; None where it says nothing."""

    activation: Activation | None = None
    image_heads: int | None = None
    text_heads: int | None = None
    image_size: int | None = None


def settings_files(folder: Path) -> tuple[Path, ...]:
    """The files of settings in a folder that are read."""
    processor = next((name for name in (PROCESSOR, ALL_PROCESSORS) if (folder / name).is_file()), PROCESSOR)
    return tuple(folder / name for name in (CONFIG, processor) if (folder / name).is_file())


def read_settings(folder: Path) -> ClipSettings:
    """Those of the config.json in a folder, transformers' defaults where it is silent, nothing where there is none.

    Raises InputError, naming the field, on another model's and on what open_clip does not express.
    """
    path = folder / CONFIG
    if not path.is_file():
        return ClipSettings()
    fields = read_object(path)
    kind = fields.get("model_type")
    if kind == "clip_vision_model":
        vision, text = fields, None
    elif kind == "clip":
        vision, text = _part(fields, "vision", path), _part(fields, "text", path)
    else:
        raise InputError(f"a model is of type 'clip' or 'clip_vision_model', received {shown(kind)} in {path}")
    activation = _activation(vision, path)
    _check_epsilon(vision, path)
    if text is not None:
        _check_epsilon(text, path)
        if _activation(text, path) != activation:
            raise InputError(
                f"both towers of a CLIP have one hidden_act, received {activation!r} of images and "
                f"{_activation(text, path)!r} of texts in {path}"
            )
    return ClipSettings(
        activation=activation,
        image_heads=_count(vision, "num_attention_heads", 12, path),
        text_heads=None if text is None else _count(text, "num_attention_heads", 8, path),
        image_size=_count(vision, "image_size", 224, path),
    )


def with_settings(fields: dict[str, Any], settings: ClipSettings, folder: Path) -> dict[str, Any]:
    """open_clip's configuration by shapes, with what config.json and the processor in that folder say instead.

    Raises InputError where they contradict the weights, and on a preparation that is not CLIP's.
    """
    model = fields["model_cfg"]
    vision, text = dict(model["vision_cfg"]), dict(model["text_cfg"])
    if settings.image_heads:
        vision["head_width"] = _head_width(vision["width"], settings.image_heads, folder)
    if settings.text_heads:
        _head_width(text["width"], settings.text_heads, folder)
        text["heads"] = settings.text_heads
    size = settings.image_size or vision["image_size"]
    if size // vision["patch_size"] != vision["image_size"] // vision["patch_size"]:
        raise InputError(
            f"weights have a position for every patch of an image: {CONFIG} has image_size {size}, they have those of "
            f"{vision['image_size']}, in {folder}"
        )
    vision["image_size"] = size
    changed = {
        "model_cfg": {**model, "vision_cfg": vision, "text_cfg": text},
        "preprocess_cfg": _preprocessing(folder, size),
    }
    check_config(changed, str(folder))
    return changed


def _preprocessing(folder: Path, size: int) -> dict[str, Any]:
    path = next((path for path in settings_files(folder) if path.name != CONFIG), None)
    if path is None:
        return preprocessing(size)
    fields = read_object(path)
    if path.name == ALL_PROCESSORS:
        fields = fields.get("image_processor")
        if not isinstance(fields, dict):
            raise InputError(f"a processor of a CLIP has an image_processor, which is missing in {path}")
    wanted = dict.fromkeys(STEPS, (True,))
    wanted |= {"resample": (BICUBIC,), "size": (size, {"shortest_edge": size})}
    wanted |= {"crop_size": (size, {"height": size, "width": size})}
    for field, accepted in wanted.items():
        if fields.get(field) is not None and fields[field] not in accepted:
            raise InputError(
                f"images are prepared as CLIP's are, bicubic to {size} × {size}: {field} is {shown(fields[field])}, "
                f"expected {accepted[0]}, in {path}"
            )
    return preprocessing(size, fields.get("image_mean"), fields.get("image_std"))


def _part(fields: dict[str, Any], part: str, path: Path) -> dict[str, Any]:
    """The settings of a tower; the older of two fields stands above the newer, as in transformers."""
    for field in (f"{part}_config_dict", f"{part}_config"):
        if (found := fields.get(field)) is not None:
            if not isinstance(found, dict):
                raise InputError(f"{field} is an object, received {shown(found)} in {path}")
            return found
    return {}


def _activation(part: dict[str, Any], path: Path) -> Activation:
    name = part.get("hidden_act", "quick_gelu")
    for activation in ACTIVATIONS:
        if name == activation:
            return activation
    raise InputError(f"hidden_act is {' or '.join(ACTIVATIONS)}, which open_clip has, received {shown(name)} in {path}")


def _check_epsilon(part: dict[str, Any], path: Path) -> None:
    epsilon = part.get("layer_norm_eps", EPSILON)
    if epsilon != EPSILON:
        raise InputError(f"layer_norm_eps is {EPSILON:g}, as open_clip has it, received {shown(epsilon)} in {path}")


def _count(part: dict[str, Any], field: str, default: int, path: Path) -> int:
    value = part.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{field} is a whole number above 0, received {shown(value)} in {path}")
    return value


def _head_width(width: int, heads: int, folder: Path) -> int:
    if width % heads:
        raise InputError(f"attention heads divide the width of a tower, received {heads} of {width} in {folder}")
    return width // heads
