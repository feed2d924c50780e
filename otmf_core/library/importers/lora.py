"""LoRA adapters of CLIP, in open_clip's names, and of T5, as Hugging Face has both: factors of low rank, expanded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from otmf_core.errors import InputError
from otmf_core.files import inside, shown
from otmf_core.library.importers.base import PROJECTION, Expert, floating, precision
from otmf_core.library.importers.lora_config import read_config
from otmf_core.library.importers.pickles import TorchContents
from otmf_core.models.checkpoints import Header, read_header, read_tensor
from otmf_core.models.clip_names import IMAGE_PROJECTION, IN_IMAGE, IN_LAYER, IN_PROJECTION, STACKED
from otmf_core.models.t5_names import NAME

if TYPE_CHECKING:
    from torch import Tensor

    from otmf_core.models.task_vector import StateDict

CONFIG = "adapter_config.json"
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
LINEARISED = "linearized_adapter_model.safetensors"
ADAPTED = "base_model.model."  # what PEFT puts before the names of the model that it adapts
PREFIXES = (ADAPTED, "module.", "model.", "clip_model.", "vision_model.")
MAX_NAME = 160
FACTOR = re.compile(r"(?P<module>.+)\.lora_(?P<part>A|B|embedding_A|embedding_B)(?P<end>\.weight|\.bias|)")
FACTORS = {"A.weight": "A", "B.weight": "B", "B.bias": "bias", "embedding_A": "A", "embedding_B": "B"}

LAYER = re.compile(r"encoder\.layers\.(0|[1-9]\d{0,3})\.(.+)\.(weight|bias)")
OUTSIDE = {**IN_IMAGE, IMAGE_PROJECTION: PROJECTION}


class _Place(NamedTuple):
    """Where a tensor of Hugging Face's CLIP stands in open_clip's image tower: whole, or one of three parts of rows."""

    name: str
    third: int | None = None

    def shape(self, whole: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that Hugging Face has for it, of the shape of open_clip's tensor."""
        if self.name == PROJECTION:
            return whole[::-1]
        return whole if self.third is None else (whole[0] // 3, *whole[1:])

    def of(self, tensor: Tensor) -> Tensor:
        """The view of open_clip's tensor that is laid out as Hugging Face's."""
        if self.name == PROJECTION:
            return tensor.T
        if self.third is None:
            return tensor
        rows = tensor.shape[0] // 3
        return tensor[self.third * rows : (self.third + 1) * rows]


class _Pair(NamedTuple):
    """The factors of one module, by their keys, and the factor s of Δ = s · B A."""

    module: str
    first: str
    second: str
    bias: str | None
    rank: int
    scaling: float
    place: _Place

    @property
    def table(self) -> bool:
        """Whether it belongs to an embedding, whose weights are laid out as the transpose of B A."""
        return self.first.endswith("lora_embedding_A")


class LoraAdapter(Expert):
    """A folder with adapter_config.json and adapter_model.safetensors or .bin, as PEFT writes them.

    Raises InputError on what is no LoRA or not one that is added to weights, and on factors without a place in CLIP's
    image tower.
    """

    family = "lora"

    def __init__(self, folder: Path) -> None:
        if _own(folder, LINEARISED).exists():
            raise InputError(
                f"a LoRA adds s · B A to weights: {LINEARISED} is of a linearised model, a first-order expansion, in "
                f"{folder}"
            )
        path = next((path for name in WEIGHTS if (path := _own(folder, name)).exists()), None)
        if path is None:
            raise InputError(f"an adapter has its weights in {' or '.join(WEIGHTS)}: none is in {folder}")
        self.files = (path, _own(folder, CONFIG))
        self._config = read_config(self.files[1])
        self.base_model = self._config.base_model_name_or_path or ""
        self._contents = TorchContents(path) if path.suffix != ".safetensors" else None
        self._header = floating(self._contents.header if self._contents else read_header(path), str(path))
        self.precision = precision(self._header)
        self._pairs, self._whole = self._sorted()
        for places in ([pair.place for pair in self._pairs], [*self._whole.values()]):
            twice = next((place for place in places if places.count(place) > 1), None)
            if twice is not None:
                raise InputError(f"an adapter changes a tensor once: {shown(twice.name)} is changed twice in {path}")

    def _sorted(self) -> tuple[list[_Pair], dict[str, _Place]]:
        """The pairs of factors, and where tensors belong that were trained themselves, by their keys."""
        where = self.files[0]
        modules: dict[str, dict[str, str]] = {}
        whole: dict[str, _Place] = {}
        for key in self._header:
            factor = FACTOR.fullmatch(key)
            part = FACTORS.get(factor["part"] + factor["end"]) if factor else None
            if len(key) > MAX_NAME or (part is None and ".lora_" in key):
                raise InputError(f"a LoRA has factors A and B: {shown(key)} is none of them in {where}")
            if factor and part:
                modules.setdefault(factor["module"], {})[part] = key
                continue
            once = key.replace(".modules_to_save.", ".").replace(".original_module.", ".")
            if once == key or once not in self._header:  # with bias "all", PEFT writes those thrice
                whole[key] = self._place(key.replace(".base_layer.", "."))
        if not modules:
            raise InputError(f"a LoRA has factors A and B: none is in {where}")
        pairs = []
        for module, keys in modules.items():
            if not {"A", "B"} <= keys.keys():
                raise InputError(f"a LoRA's factors come in pairs: {shown(module)} has one alone in {where}")
            named = module.removeprefix(ADAPTED)
            rank, scaling = self._config.rank(named), self._config.scaling(named)
            place = self._place(f"{module}.weight")
            pairs.append(_Pair(module, keys["A"], keys["B"], keys.get("bias"), rank, scaling, place))
        return pairs, whole

    def _place(self, name: str) -> _Place:
        bare = _bare(name)
        if NAME.fullmatch(bare):
            return _Place(bare)
        if bare in OUTSIDE:
            return _Place(OUTSIDE[bare])
        layer = LAYER.fullmatch(bare)
        if layer and layer[2] in IN_LAYER:
            return _Place(f"transformer.resblocks.{layer[1]}.{IN_LAYER[layer[2]]}.{layer[3]}")
        if layer and layer[2] in STACKED:
            return _Place(f"transformer.resblocks.{layer[1]}.{IN_PROJECTION}_{layer[3]}", STACKED.index(layer[2]))
        raise InputError(
            f"an adapter changes the image tower of a CLIP, or a T5, as transformers names them: {shown(name)} is no "
            f"tensor of either, in {self.files[0]}"
        )

    def check(self, tower: Header) -> None:
        shapes = {name: shape for name, (_, shape) in self._header.items()}
        for pair in self._pairs:
            first, second = shapes[pair.first], shapes[pair.second]
            right = len(first) == len(second) >= 2 and first[0] == second[1] == pair.rank
            if not right or any(size != 1 for size in second[2:]):
                raise InputError(
                    f"a LoRA's factors are A (rank, …) and B (…, rank): {shown(pair.module)} has {first} and {second}, "
                    f"its configuration rank {pair.rank}, in {self.files[0]}"
                )
            product = (second[0], *first[1:])
            self._check_place(pair.place, pair.module, product[::-1] if pair.table else product, tower)
            if pair.bias:
                self._check_place(self._place(f"{pair.module}.bias"), pair.bias, shapes[pair.bias], tower)
        for key, place in self._whole.items():
            self._check_place(place, key, shapes[key], tower)

    def _check_place(self, place: _Place, key: str, shape: tuple[int, ...], tower: Header) -> None:
        if place.name not in tower:
            raise InputError(
                f"an adapter changes tensors of the pre-trained model: {shown(key)} belongs to {place.name}, which is "
                f"none, in {self.files[0]}"
            )
        expected = place.shape(tower[place.name][1])
        if shape != expected:
            raise InputError(
                f"shapes follow the pre-trained model: {shown(key)} gives {shape}, expected {expected}, in "
                f"{self.files[0]}"
            )

    def difference(self, name: str, base: Tensor) -> Tensor:
        """s · B A in float32, and what was trained itself less θ⁰; zeros for a tensor that the adapter leaves alone."""
        import torch

        delta = torch.zeros_like(base, dtype=torch.float32)
        # fan_in_fan_out changes nothing: PEFT takes it as unset for layers of the kinds that CLIP has
        for pair in self._pairs:
            if pair.place.name == name:
                first, second = self._read(pair.first), self._read(pair.second)
                product = (second.flatten(1) @ first.flatten(1)).view(second.shape[0], *first.shape[1:])
                pair.place.of(delta).add_(product.T if pair.table else product, alpha=pair.scaling)
            place = self._place(f"{pair.module}.bias") if pair.bias else None
            if pair.bias and place and place.name == name:
                place.of(delta).add_(self._read(pair.bias), alpha=pair.scaling)
        for key, place in self._whole.items():
            if place.name == name:
                place.of(delta).add_(self._read(key) - place.of(base).float())
        return delta

    def task_vector(self, base: Mapping[str, Tensor]) -> StateDict:
        self.check({name: ("F32", tuple(tensor.shape)) for name, tensor in base.items()})
        delta = super().task_vector(base)
        if not any(tensor.any() for tensor in delta.values()):
            raise InputError(f"an adapter changes something: its Δ is zero, untrained (B is zero), in {self.files[0]}")
        return delta

    def _read(self, key: str) -> Tensor:
        tensor = read_tensor(self.files[0], key) if self._contents is None else self._contents.read(key)
        return tensor.float()


def _own(folder: Path, name: str) -> Path:
    """A file of the folder; raises InputError where it is a link that leads out.

    In the hub's cache, whose snapshots are links to the files beside them, out of the repository.
    """
    root = folder.parent.parent if folder.parent.name == "snapshots" else folder
    inside(root, (folder / name).relative_to(root).as_posix())
    return folder / name


def _bare(name: str) -> str:
    """A name without what wrappers put before it; they nest."""
    while True:
        prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), None)
        if prefix is None:
            return name
        name = name.removeprefix(prefix)
