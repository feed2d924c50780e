"""Libraries: what a manifest says, what is verified, and what damaged ones get."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from otmf_core.errors import InputError
from otmf_core.library.geometry import concerns, geometry
from otmf_core.library.library import Library, list_libraries, open_library
from otmf_core.library.orders import order
from tests.tiny import CLASSES, TASKS, merge_config, merged, pixels, vouch


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
    weight, scale, _ = library.head("red")
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


@pytest.mark.parametrize("found", [4, 0, "1", None, True])
def test_another_format(found: object, own_tiny: Path):
    with pytest.raises(InputError, match=f"^a library's format is 1, 2 or 3, received {found!r} in "):
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
    with pytest.raises(InputError, match=f"which cannot run code, received '{name}'$"):
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


def unit_rows(rows: int = CLASSES) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.arange(1.0, rows * 16 + 1).view(rows, 16), dim=-1)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"weight": unit_rows() * 2}, "the rows of a head have length one: row 0 has 2 in "),
        ({"logit_scale": torch.tensor(0.0)}, "a logit_scale is one number above 0, at most 1000: received 0 in "),
        ({"logit_scale": torch.tensor(-20.0)}, "a logit_scale is one number .*: received -20 in "),
        ({"logit_scale": torch.tensor(3e38)}, "a logit_scale is one number .*: received 3e.38 in "),
        ({"logit_scale": torch.ones(2)}, "a logit_scale is one number .*: received 2 values in "),
        ({"logit_scale": torch.tensor(20)}, "weights are of type F64, F32, F16, BF16: 'logit_scale' is I64 in "),
        ({"weight": unit_rows().to(torch.complex64)}, "weights are of type .*: 'weight' is C64 in "),
        ({"weight": unit_rows().to(torch.float8_e4m3fn)}, "weights are of type .*: 'weight' is F8_E4M3 in "),
        ({"weight": torch.ones(CLASSES, 16, dtype=torch.bool)}, "weights are of type .*: 'weight' is BOOL in "),
    ],
)
def test_a_head_of_wrong_values(changes: dict, sentence: str, own_tiny: Path):
    head = {"weight": unit_rows(), "logit_scale": torch.tensor(20.0), **changes}
    save_file(head, own_tiny / "tasks/red/head.safetensors")
    vouch(own_tiny)
    with pytest.raises(InputError, match=f"^{sentence}"):
        open_library(str(own_tiny)).head("red")


@pytest.mark.parametrize("kind", [torch.int8, torch.int64, torch.bool, torch.complex64, torch.float8_e5m2])
def test_weights_of_another_type_are_refused_by_their_header(kind: torch.dtype, own_tiny: Path):
    path = own_tiny / "tasks/red/task_vector.safetensors"
    save_file({name: tensor.to(kind) for name, tensor in load_file(path).items()}, path)
    vouch(own_tiny)
    library = open_library(str(own_tiny))
    for read in (lambda: library.check_task("red", ()), lambda: library.task_vector("red")):
        with pytest.raises(InputError, match=r"^weights are of type F64, F32, F16, BF16: '.*' is .* in "):
            read()
    with pytest.raises(InputError, match=r"^(weights are of type|files have the same keys)"):
        geometry(library, TASKS)


def test_a_buffer_of_whole_numbers_is_no_weight(own_tiny: Path):
    """As open_clip's old position_ids."""
    path = own_tiny / "backbone/weights.safetensors"
    save_file({**load_file(path), "visual.position_ids": torch.arange(5)[None]}, path)
    vouch(own_tiny)
    library = open_library(str(own_tiny))
    assert "position_ids" not in library.base()
    for method in ("otmf", "average", "task-arithmetic"):
        merged(merge_config(own_tiny, method=method), own_tiny.parent / method)


def test_a_task_vector_of_zeros_is_named(own_tiny: Path):
    path = own_tiny / "tasks/green/task_vector.safetensors"
    save_file({name: tensor * 0 for name, tensor in load_file(path).items()}, path)
    vouch(own_tiny)
    library = open_library(str(own_tiny))
    with pytest.raises(InputError, match="Green does not differ from the pre-trained model, in "):
        library.task_vector("green")
    names = {task.id: task.name for task in library.tasks}
    assert "Green does not differ from the pre-trained model" in concerns(geometry(library, TASKS), names)


def test_line_ends_that_a_checkout_changed_change_nothing(own_tiny: Path):
    """A clone on Windows: every text has CRLF, and another size and hash than the manifest records."""
    before = open_library(str(own_tiny)).manifest_hash
    text = (own_tiny / "backbone/config.json").read_text()
    (own_tiny / "backbone/config.json").write_text(json.dumps(json.loads(text), indent=1))
    vouch(own_tiny)
    manifest = json.dumps(json.loads((own_tiny / "manifest.json").read_text()), indent=1)
    (own_tiny / "manifest.json").write_text(manifest)
    plain = open_library(str(own_tiny)).manifest_hash
    assert plain != before
    for path in own_tiny.rglob("*.json"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    library = open_library(str(own_tiny))
    assert library.manifest_hash == plain
    assert library.backbone_config["model_cfg"]["embed_dim"] == 16
    (own_tiny / "backbone/config.json").write_bytes(b"{}\r\n")
    with pytest.raises(InputError, match=r"^a file must have the hash its manifest records: "):
        _ = open_library(str(own_tiny)).backbone_config


def test_pictures_of_another_size_come_as_the_models_configuration_prepares_them(own_tiny: Path):
    path = own_tiny / "tasks/red/test.parquet"
    pq.write_table(pa.table({"image": [png(8, 20), png(40, 16)], "label": [0, 1]}), path)
    vouch(own_tiny)
    library = open_library(str(own_tiny))
    library.check_task("red", ("test",))
    assert pixels(library.examples("red", "test")).shape == (2, 16, 16, 3)


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(file, format="PNG")
    return file.getvalue()


def test_pictures_as_hugging_face_stores_them(own_tiny: Path):
    path = own_tiny / "tasks/red/test.parquet"
    table = pq.read_table(path)
    expected = open_library(str(own_tiny)).examples("red", "test")
    wrapped = [{"bytes": blob, "path": "/etc/passwd"} for blob in table["image"].to_pylist()]
    pq.write_table(pa.table({"image": wrapped, "label": table["label"]}), path)
    vouch(own_tiny)
    assert torch.equal(pixels(open_library(str(own_tiny)).examples("red", "test")), pixels(expected))
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    empty = pa.array([{"bytes": None, "path": "/etc/passwd"}] * 2, kind)
    pq.write_table(pa.table({"image": empty, "label": [0, 1]}), path)
    vouch(own_tiny)
    with pytest.raises(InputError, match="row 0 has an image without bytes"):
        open_library(str(own_tiny)).examples("red", "test")


@pytest.mark.parametrize(
    "labels",
    [
        pa.array([0, 1, 2] * 8, pa.int8()),
        pa.array([0, 1, 2] * 8, pa.uint64()),
        pa.array(["0", "1", "2"] * 8),
        pa.array([0.0, 1.0, 2.0] * 8),
        pa.array(["0", "1", "2"] * 8).dictionary_encode(),
        pa.array([0, 1, 2] * 8, pa.int64()).dictionary_encode(),
    ],
)
def test_labels_of_any_whole_numbers(labels: pa.Array, own_tiny: Path):
    path = own_tiny / "tasks/red/test.parquet"
    pq.write_table(pq.read_table(path).set_column(1, "label", labels), path)
    vouch(own_tiny)
    assert open_library(str(own_tiny)).examples("red", "test").labels.tolist() == [0, 1, 2] * 8


@pytest.mark.parametrize(
    ("labels", "found"), [([2**40, 1], "1 to 1099511627776"), ([1, None], "-1 to 1"), (["1", None], "-1 to 1")]
)
def test_labels_of_no_class(labels: list, found: str, own_tiny: Path):
    path = own_tiny / "tasks/red/test.parquet"
    pq.write_table(pa.table({"image": [png(16, 16)] * 2, "label": labels}), path)
    vouch(own_tiny)
    with pytest.raises(InputError, match=rf"^labels lie in 0…2: found {found} in "):
        open_library(str(own_tiny)).examples("red", "test")


@pytest.mark.parametrize("labels", [[0.5, 1.0], [[0], [1]], [float("nan"), 1.0]])
def test_labels_that_are_none(labels: list, own_tiny: Path):
    path = own_tiny / "tasks/red/test.parquet"
    pq.write_table(pa.table({"image": [png(16, 16)] * 2, "label": labels}), path)
    vouch(own_tiny)
    with pytest.raises(InputError, match=r"^examples come as a Parquet table, .*label: "):
        open_library(str(own_tiny)).examples("red", "test")
