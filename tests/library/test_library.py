"""Libraries: what a manifest says, what is verified, and what damaged ones get."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from otmf_core.errors import InputError
from otmf_core.library.library import Library, list_libraries, open_library, order
from tests.tiny import CLASSES, TASKS, pixels, vouch


def edit(root: Path, change: Callable[[dict], object]) -> Library:
    """The library after a change of its manifest."""
    manifest = json.loads((root / "manifest.json").read_text())
    change(manifest)
    (root / "manifest.json").write_text(json.dumps(manifest))
    return open_library(str(root))


def test_what_the_manifest_says(tiny: Path):
    library = open_library(str(tiny))
    assert (library.id, library.name) == ("tiny", "Tiny")
    assert [task.id for task in library.tasks] == list(TASKS)
    assert library.task("green").classes == ("dark", "middle", "bright")
    assert library.suites == {"3": list(TASKS)}


def test_weights_heads_and_images(tiny: Path):
    library = open_library(str(tiny))
    stored = load_file(tiny / "backbone/weights.safetensors")
    base = library.base()
    assert set(base) == {name.removeprefix("visual.") for name in stored if name.startswith("visual.")}
    assert all(tensor.dtype == torch.float32 for tensor in base.values())
    delta = library.task_vector("red")
    assert all(tensor.dtype == torch.float16 for tensor in delta.values())
    weight, scale = library.head("red")
    torch.testing.assert_close(weight.norm(dim=-1), torch.ones(CLASSES))
    assert scale == 20
    images = library.examples("blue", "test")
    assert pixels(images).shape == (len(images), 16, 16, 3)
    assert pixels(images).dtype == torch.uint8
    assert images.labels.tolist() == [i % CLASSES for i in range(len(images))]
    brightness = pixels(images)[..., 2].float().mean(dim=(1, 2))
    assert ((brightness / 60 - 0.5).round().long() == images.labels).all()


def test_half_precision_weights_become_float32(own_tiny: Path):
    path = own_tiny / "backbone/weights.safetensors"
    stored = load_file(path)
    save_file({name: t.half() if t.is_floating_point() else t for name, t in stored.items()}, path)
    vouch(own_tiny)
    base = open_library(str(own_tiny)).base()
    assert all(torch.equal(tensor, stored[f"visual.{name}"].half().float()) for name, tensor in base.items())


def test_the_order_of_the_field(tiny: Path):
    library = open_library(str(tiny))
    assert order(library, 3) == list(TASKS)
    for seed in range(42, 52):
        expected = list(TASKS)
        random.seed(seed)
        random.shuffle(expected)
        assert order(library, "3", seed) == expected
    assert library.suites["3"] == list(TASKS)
    with pytest.raises(InputError, match=r"^a suite is one of Tiny's \(3\), received 8$"):
        order(library, 8)


def test_an_unknown_library_and_an_unknown_task(tiny: Path, tmp_path: Path):
    installed = ", ".join(library.id for library in list_libraries()) or "none"
    for name in ("nowhere", "", str(tmp_path)):
        with pytest.raises(InputError) as caught:
            open_library(name)
        rule = f"a library is installed ({installed}) or a folder with a manifest.json"
        assert str(caught.value) == f"{rule}, received {name!r}"
    with pytest.raises(InputError, match=r"^a task is one of Tiny's \(red, green, blue\), received 'pink'$"):
        open_library(str(tiny)).task("pink")


@pytest.mark.parametrize("found", [2, 0, "1", None])
def test_another_format(found: object, own_tiny: Path):
    with pytest.raises(InputError, match=f"^a library's format is 1, received {found!r} in "):
        edit(own_tiny, lambda manifest: manifest.update(format=found))


@pytest.mark.parametrize("key", ["id", "name", "backbone", "tasks", "files"])
def test_a_manifest_without_a_part(key: str, own_tiny: Path):
    with pytest.raises(InputError, match=f"^a manifest names '{key}', which is missing in "):
        edit(own_tiny, lambda manifest: manifest.pop(key))


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"text"'])
def test_a_damaged_manifest(content: str, own_tiny: Path):
    (own_tiny / "manifest.json").write_text(content)
    with pytest.raises(InputError, match=r"^a file must (be valid JSON|hold a JSON object): .*manifest\.json"):
        open_library(str(own_tiny))


@pytest.mark.parametrize("key", ["id", "name", "classes"])
def test_a_task_without_a_part(key: str, own_tiny: Path):
    library = edit(own_tiny, lambda manifest: manifest["tasks"][1].pop(key))
    with pytest.raises(InputError, match=f"^a task has an id, a name and classes: .*{key}.* in .*manifest.json$"):
        library.task("red")


def test_a_task_without_a_file(own_tiny: Path):
    library = edit(own_tiny, lambda manifest: manifest["tasks"][0].pop("labelled"))
    with pytest.raises(InputError, match=r"^the library is incomplete: Red names no labelled in "):
        library.examples("red", "labelled")
    assert len(library.examples("red", "calibration")) == 24


@pytest.mark.parametrize("part", ["config", "weights"])
def test_a_backbone_without_a_part(part: str, own_tiny: Path):
    library = edit(own_tiny, lambda manifest: manifest["backbone"].pop(part))
    with pytest.raises(InputError, match=f"^a backbone has a config and weights: {part} is missing in "):
        _ = library.base(), library.backbone_config


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/hostname", "tasks/../../outside.safetensors"])
def test_a_path_out_of_the_library(name: str, own_tiny: Path):
    (own_tiny.parent / "outside.safetensors").write_bytes(b"secret")
    library = edit(own_tiny, lambda manifest: manifest["tasks"][0].update(task_vector=name))
    with pytest.raises(InputError, match=r"^a file must lie inside its folder: "):
        library.task_vector("red")


def test_a_link_out_of_the_library(own_tiny: Path):
    vector = own_tiny / "tasks/red/task_vector.safetensors"
    vector.rename(own_tiny.parent / "elsewhere.safetensors")
    vector.symlink_to(own_tiny.parent / "elsewhere.safetensors")
    library = open_library(str(own_tiny))
    with pytest.raises(InputError, match=r"^a file must lie inside its folder: "):
        library.task_vector("red")


@pytest.mark.parametrize("name", ["vector.pt", "vector.bin"])
def test_a_checkpoint_that_could_run_code(name: str, own_tiny: Path):
    torch.save({"a": torch.zeros(1)}, own_tiny / "tasks/red" / name)
    edit(own_tiny, lambda manifest: manifest["tasks"][0].update(task_vector=f"tasks/red/{name}"))
    vouch(own_tiny)
    library = open_library(str(own_tiny))
    with pytest.raises(InputError, match=f"which cannot run code, received {name}$"):
        library.task_vector("red")


def test_a_missing_file_and_one_that_the_manifest_does_not_vouch_for(own_tiny: Path):
    (own_tiny / "tasks/red/head.safetensors").unlink()
    with pytest.raises(InputError, match=r"^the library is incomplete: .*red/head\.safetensors is missing$"):
        open_library(str(own_tiny)).head("red")
    library = edit(own_tiny, lambda manifest: manifest["files"].pop("tasks/green/head.safetensors"))
    with pytest.raises(InputError, match=r"^every file of a library stands in its manifest: tasks/green/head"):
        library.head("green")


@pytest.mark.parametrize("name", ["task_vector.safetensors", "head.safetensors", "test.parquet"])
def test_one_flipped_bit(name: str, own_tiny: Path):
    path = own_tiny / "tasks/red" / name
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    library = open_library(str(own_tiny))
    with pytest.raises(InputError, match=rf"^a file must have the hash its manifest records: {path} has .*, expected "):
        library.path(f"tasks/red/{name}")


def test_a_verified_file_is_verified_again_when_it_changes(own_tiny: Path):
    library, path = open_library(str(own_tiny)), own_tiny / "tasks/red/head.safetensors"
    library.path("tasks/red/head.safetensors")
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(InputError, match=r"^a file must have the hash"):
        library.path("tasks/red/head.safetensors")


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        ({"weight": torch.ones(3, 16)}, "a head has a weight and a logit_scale: logit_scale is missing in "),
        ({"weight": torch.ones(2, 16)}, r"a head is \(classes, features\): \(2, 16\), expected \(3, 16\), in "),
        ({"weight": torch.ones(3, 8)}, r"a head is \(classes, features\): \(3, 8\), expected \(3, 16\), in "),
        (
            {"weight": torch.full((3, 16), torch.nan)},
            "weights must be finite: weight has 48 NaN or infinite values in ",
        ),
    ],
)
def test_a_head_that_does_not_fit(head: dict, sentence: str, own_tiny: Path):
    scale = {} if "missing" in sentence else {"logit_scale": torch.tensor(20.0)}
    save_file({**head, **scale}, own_tiny / "tasks/red/head.safetensors")
    vouch(own_tiny)
    with pytest.raises(InputError, match=f"^{sentence}"):
        open_library(str(own_tiny)).head("red")


def test_weights_without_an_image_tower(own_tiny: Path):
    save_file({"text.a": torch.ones(1)}, own_tiny / "backbone/weights.safetensors")
    vouch(own_tiny)
    with pytest.raises(InputError, match=r"^a pre-trained model has an image tower: no key starts with 'visual.' in "):
        open_library(str(own_tiny)).base()
