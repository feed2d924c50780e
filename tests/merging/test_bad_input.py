"""What bad input gets: one sentence, no half-written run, and earlier runs as they were."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file

from otmf_core.errors import InputError
from tests.tiny import change_tensors, contents, merge_config, merged, refused, vouch, write_images

Damage = Callable[[Path], None]


def change_manifest(change: Callable[[dict], object]) -> Damage:
    def damage(library: Path) -> None:
        manifest = json.loads((library / "manifest.json").read_text())
        change(manifest)
        (library / "manifest.json").write_text(json.dumps(manifest))

    return damage


def truncate(path: str, vouched: bool) -> Damage:
    def damage(library: Path) -> None:
        (library / path).write_bytes((library / path).read_bytes()[:-40])
        if vouched:
            vouch(library)

    return damage


def no_images(library: Path) -> None:
    table = {"image": pa.array([], pa.binary()), "label": pa.array([], pa.int32())}
    pq.write_table(pa.table(table), library / "tasks/blue/calibration.parquet")
    vouch(library)


def one_class(library: Path) -> None:
    write_images(library / "tasks/blue/calibration.parquet", [1] * 8, 2, 0)
    vouch(library)


def pickled(library: Path) -> None:
    torch.save(load_file(library / "tasks/blue/task_vector.safetensors"), library / "tasks/blue/task_vector.bin")
    change_manifest(lambda manifest: manifest["tasks"][2].update(task_vector="tasks/blue/task_vector.bin"))(library)
    vouch(library)


def other_backbone(library: Path) -> None:
    config = json.loads((library / "backbone/config.json").read_text())
    config["model_cfg"]["vision_cfg"]["layers"] = 2
    (library / "backbone/config.json").write_text(json.dumps(config))
    vouch(library)


VECTOR = "tasks/blue/task_vector.safetensors"
DAMAGES: dict[str, tuple[Damage, str]] = {
    "NaN": (
        change_tensors(VECTOR, lambda t: t["ln_post.weight"].fill_(torch.nan)),
        "weights must be finite: ln_post.weight has 32 NaN or infinite values in {}/" + VECTOR,
    ),
    "missing key": (
        change_tensors(VECTOR, lambda t: t.pop("proj")),
        "weights have exactly the keys of the pre-trained model: proj is missing in {}/" + VECTOR,
    ),
    "extra key": (
        change_tensors(VECTOR, lambda t: t.update(more=torch.zeros(1))),
        "weights have exactly the keys of the pre-trained model: more is unknown in {}/" + VECTOR,
    ),
    "shape": (
        change_tensors(VECTOR, lambda t: t.update(proj=torch.zeros(16, 32))),
        "shapes follow the pre-trained model: proj is (16, 32), expected (32, 16), in {}/" + VECTOR,
    ),
    "NaN in the backbone": (
        change_tensors("backbone/weights.safetensors", lambda t: t["visual.proj"].fill_(torch.inf)),
        "weights must be finite: proj has 512 NaN or infinite values in {}/backbone/weights.safetensors",
    ),
    "another architecture": (
        other_backbone,
        "weights have exactly the keys of the pre-trained model: transformer.resblocks.1.attn.in_proj_bias is missing "
        "in the backbone of Tiny",
    ),
    "empty calibration set": (
        no_images,
        "a calibration set needs images: Blue has none in {}/tasks/blue/calibration.parquet",
    ),
    "single class": (
        one_class,
        "a calibration set needs at least two classes: Blue has one in {}/tasks/blue/calibration.parquet",
    ),
    "missing asset": (
        lambda library: (library / VECTOR).unlink(),
        "the library is incomplete: {}/" + VECTOR + " is missing",
    ),
    "hash": (truncate(VECTOR, vouched=False), "a file must have the hash its manifest records: {}/" + VECTOR + " has "),
    "truncated weights": (truncate(VECTOR, vouched=True), "a file must be valid safetensors: {}/" + VECTOR),
    "truncated images": (
        truncate("tasks/blue/test.parquet", vouched=True),
        "images come as a Parquet table with columns image and label: {}/tasks/blue/test.parquet",
    ),
    "pickle": (pickled, "weights are read from .safetensors files, which cannot run code, received task_vector.bin"),
    "traversal": (
        change_manifest(lambda manifest: manifest["tasks"][2].update(task_vector="../../../etc/passwd")),
        "a file must lie inside its folder: '../../../etc/passwd' leads out of {}",
    ),
    "newer library": (
        change_manifest(lambda manifest: manifest.update(format=2)),
        "a library's format is 1, received 2 in {}/manifest.json",
    ),
    "no manifest": (
        lambda library: (library / "manifest.json").unlink(),
        "a library is installed (",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_library(name: str, own_tiny: Path, out: Path):
    damage, sentence = DAMAGES[name]
    damage(own_tiny)
    assert refused(merge_config(own_tiny), out).startswith(sentence.format(own_tiny))


def test_what_a_method_does_not_read_does_not_stop_it(own_tiny: Path, out: Path):
    no_images(own_tiny)
    (own_tiny / "tasks/red/labelled.parquet").unlink()
    assert merged(merge_config(own_tiny, method="average"), out, "other").is_dir()


def test_head_tuning_needs_its_pool(own_tiny: Path, out: Path):
    (own_tiny / "tasks/red/labelled.parquet").unlink()
    sentence = refused(merge_config(own_tiny, method="average", heads="tuned"), out)
    assert sentence == f"the library is incomplete: {own_tiny}/tasks/red/labelled.parquet is missing"


def test_an_unknown_task(tiny: Path, out: Path):
    sentence = refused(merge_config(tiny, tasks=("red", "pink")), out)
    assert sentence == "a task is one of Tiny's (red, green, blue), received 'pink'"


def test_an_unknown_device(tiny: Path, out: Path):
    sentence = refused(merge_config(tiny, device="abacus"), out)
    assert sentence == "a device is auto, cpu, cuda, cuda:N or mps, received 'abacus'"


def test_a_run_id_that_is_taken(tiny: Path, out: Path):
    before = contents(out)
    with pytest.raises(InputError, match=r"^a new run needs a new folder: .*earlier exists$"):
        merged(merge_config(tiny), out, "earlier")
    assert contents(out) == before
