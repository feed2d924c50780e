"""What bad input gets: one sentence, no half-written run, and earlier runs as they were."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from otmf_core.errors import InputError
from otmf_core.library import heads, vouched
from otmf_core.library.importers import task_vector
from otmf_core.merging.inputs import open_inputs
from otmf_core.merging.merge import resume_merge
from otmf_core.runs.folder import load_run
from tests.tiny import (
    change_tensors,
    contents,
    is_one_sentence,
    merge_config,
    merged,
    never,
    refused,
    vouch,
    write_images,
)

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


def flip(library: Path) -> None:
    """Another value in the middle of the file, which keeps its size and its header."""
    content = bytearray((library / VECTOR).read_bytes())
    content[len(content) // 2] ^= 1
    (library / VECTOR).write_bytes(content)


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
        "a calibration set needs examples: Blue has none in {}/tasks/blue/calibration.parquet",
    ),
    "single class": (
        one_class,
        "a calibration set needs at least two classes: Blue has one, 'middle', in {}/tasks/blue/calibration.parquet",
    ),
    "missing asset": (
        lambda library: (library / VECTOR).unlink(),
        "the library is incomplete: {}/" + VECTOR + " is missing",
    ),
    "hash": (truncate(VECTOR, vouched=False), "a file must have the hash its manifest records: {}/" + VECTOR + " has "),
    "truncated weights": (truncate(VECTOR, vouched=True), "a file must be valid safetensors: {}/" + VECTOR),
    "truncated images": (
        truncate("tasks/blue/test.parquet", vouched=True),
        "examples come as a Parquet table, their labels in a column label: {}/tasks/blue/test.parquet",
    ),
    "integers": (
        change_tensors(VECTOR, lambda t: t.update(proj=t["proj"].int())),
        "weights are of type F64, F32, F16, BF16: 'proj' is I32 in {}/" + VECTOR,
    ),
    "pickle": (pickled, "weights are read from safetensors files, which cannot run code, received 'task_vector.bin'"),
    "traversal": (
        change_manifest(lambda manifest: manifest["tasks"][2].update(task_vector="../../../etc/passwd")),
        "a file must lie inside its folder: '../../../etc/passwd' leads out of {}",
    ),
    "newer library": (
        change_manifest(lambda manifest: manifest.update(format=4)),
        "a library's format is 1, 2 or 3, received 4 in {}/manifest.json",
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


DAMAGED_VALUES: dict[str, tuple[Damage, str]] = {
    "NaN": (
        change_tensors(VECTOR, lambda t: t["ln_post.weight"].fill_(torch.nan)),
        "weights must be finite: ln_post.weight has 32 NaN or infinite values in {}/" + VECTOR,
    ),
    "hash of a file of the same size": (flip, "a file must have the hash its manifest records: {}/" + VECTOR + " has "),
}


@pytest.mark.parametrize("name", DAMAGED_VALUES)
def test_values_are_checked_when_they_are_used_and_the_run_goes_on_once_they_are_mended(
    name: str, own_tiny: Path, out: Path
):
    whole = (own_tiny / VECTOR).read_bytes(), (own_tiny / "manifest.json").read_bytes()
    damage, sentence = DAMAGED_VALUES[name]
    damage(own_tiny)
    earlier = contents(out / "earlier")
    with pytest.raises(InputError) as caught:
        merged(merge_config(own_tiny), out, "damaged")
    assert str(caught.value).startswith(sentence.format(own_tiny))
    assert is_one_sentence(str(caught.value))
    assert contents(out / "earlier") == earlier
    run = load_run(out / "damaged")
    assert (run.status, run.message) == ("failed", str(caught.value))

    (own_tiny / VECTOR).write_bytes(whole[0])
    (own_tiny / "manifest.json").write_bytes(whole[1])
    if name == "NaN":  # its hash stood in the manifest, so the library is another one now
        with pytest.raises(InputError, match="a run goes on with the library it began with"):
            resume_merge(out / "damaged", emit=lambda event: None, should_stop=never)
    else:
        assert resume_merge(out / "damaged", emit=lambda event: None, should_stop=never).status == "done"


def test_beginning_reads_no_task_vector(own_tiny: Path, monkeypatch: pytest.MonkeyPatch):
    """As with twenty checkpoints of gigabytes: their headers alone, until the first step."""
    read: list[str] = []
    hashed, tensors = vouched.remembered_sha256, heads.read_tensors
    monkeypatch.setattr(vouched, "remembered_sha256", lambda path: (read.append(path.name), hashed(path))[1])
    monkeypatch.setattr(heads, "read_tensors", lambda path: (read.append(path.name), tensors(path))[1])
    monkeypatch.setattr(task_vector, "read_tensors", lambda path: (read.append(path.name), tensors(path))[1])
    monkeypatch.setattr(vouched, "_verified", set())
    open_inputs(merge_config(own_tiny))
    assert "task_vector.safetensors" not in read
    assert {"config.json", "weights.safetensors", "head.safetensors"} <= set(read)


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


@pytest.mark.parametrize("method", ["otmf", "average", "task-arithmetic"])
@pytest.mark.parametrize("scale", [1e20, 1e38])
def test_weights_that_overflow_though_they_are_finite_end_the_run_by_name(
    method: str, scale: float, own_tiny: Path, out: Path
):
    """No accuracy of NaN features is counted: they would all be of class 0."""
    path = own_tiny / VECTOR
    tensors = load_file(path)
    for name in tensors:
        tensors[name] = (tensors[name].float() * scale).clamp(-3e38, 3e38)
    save_file(tensors, path)
    vouch(own_tiny)
    with pytest.raises(InputError, match=r"^features must be finite: those of 'blue' are not from .*layer.* on$"):
        merged(merge_config(own_tiny, method=method), out, "overflown")
    run = load_run(out / "overflown")
    assert run.status == "failed" and run.record is None


def test_a_sum_that_overflows_though_each_vector_is_finite_is_named(own_tiny: Path, out: Path):
    for task in ("green", "blue"):
        path = own_tiny / f"tasks/{task}/task_vector.safetensors"
        tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
        tensors["positional_embedding"][0, 0] = 3e38  # a place that attention forgets: features stay finite
        save_file(tensors, path)
    vouch(own_tiny)
    config = merge_config(own_tiny, method="task-arithmetic", scaling=1.0)
    with pytest.raises(
        InputError, match=r"^(features must be finite|weights must be finite: .* task vector of step 3)"
    ):
        merged(config, out, "overflown")
