"""Torch files that would do harm: each is refused in one sentence, at once, and nothing of them runs."""

from __future__ import annotations

import random
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from otmf_core.errors import InputError
from otmf_core.library.importers import inert, pickles
from otmf_core.library.importers.pickles import TorchContents
from tests.library.importers.torch_files import (
    encoder,
    number,
    save_module,
    state_dict,
    tensor,
    text,
    unpacked,
    write_archive,
)
from tests.tiny import is_one_sentence

SECONDS = 20  # that a refusal takes at most; far more than it needs
STORAGE = {"data/0": bytes(24)}  # six floats
GOOD = state_dict(weight=tensor(6, 0, (2, 3), (3, 1)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hostile.pt"


def refusal(path: Path) -> str:
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        TorchContents(path)
    assert time.monotonic() - start < SECONDS
    assert is_one_sentence(str(caught.value)), str(caught.value)
    assert not (path.parent / "canary").exists()
    return str(caught.value)


def call(name: str, *arguments: bytes) -> bytes:
    module, _, function = name.rpartition(".")
    return f"c{module}\n{function}\n(".encode() + b"".join(arguments) + b"tR"


def test_the_honest_file_by_hand_is_read(path: Path):
    values = torch.arange(6.0)
    contents = TorchContents(write_archive(path, GOOD, {"data/0": values.numpy().tobytes()}))
    assert torch.equal(contents.read("weight"), values.view(2, 3))


@pytest.mark.parametrize("name", ["os.system", "posix.system", "builtins.eval", "builtins.exec", "__builtin__.eval"])
def test_functions_of_the_system(path: Path, name: str):
    command = f"touch {path.parent}/canary" if "system" in name else f"open({str(path.parent / 'canary')!r}, 'w')"
    assert repr(name) in refusal(write_archive(path, state_dict(weight=call(name, text(command)))))


def test_a_call_inside_the_arguments_of_an_allowed_name(path: Path):
    inner = call("os.system", text(f"touch {path.parent}/canary"))
    for outer in ("src.modeling.ImageEncoder", "__builtin__.set", "torch._utils._rebuild_parameter"):
        assert "'os.system'" in refusal(write_archive(path, state_dict(weight=call(outer, inner))))


class Reduced:
    """Runs a command when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        import os

        return os.system, (f"touch {self.canary}",)


def test_an_object_that_runs_a_command(path: Path):
    torch.save({"weight": torch.rand(2), "epoch": Reduced(path.parent / "canary")}, path)
    assert "system'" in refusal(path)


def test_the_value_of_a_call_is_never_called(path: Path):
    made = call("src.modeling.ImageEncoder")
    assert "called" in refusal(write_archive(path, state_dict(weight=made + b")R")))


@pytest.mark.parametrize("step", [b"i os\nsystem\n", b"\x93", b"\x82\x01", b"P1\n", b"o"])
def test_steps_that_name_code_in_another_way(path: Path, step: bytes):
    assert "torch.save" in refusal(write_archive(path, b"\x80\x02(" + step + b"."))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (tensor(7, 0, (7,), (1,)), "as large as its record"),
        (tensor(1 << 60, 0, (2,), (1,)), "as large as its record"),
        (tensor(6, 0, (7,), (1,)), "inside its storage"),
        (tensor(6, 4, (3,), (1,)), "inside its storage"),
        (tensor(6, 0, (2,), (6,)), "inside its storage"),
        (tensor(6, 0, (1 << 30, 1 << 30), (0, 0)), "inside its storage"),
        (tensor(6, 7, (0,), (1,)), "inside its storage"),
        (tensor(6, -1, (1,), (1,)), "at least 0"),
        (tensor(6, 0, (2,), (-1,)), "at least 0"),
        (tensor(6, 0, (2, 3), (1,)), "strides"),
        (tensor(6, 0, (1,) * 40, (1,) * 40), "dimensions"),
        (tensor(6, 0, (2,), (1,), "ComplexFloatStorage"), "ComplexFloatStorage"),
        (tensor(6, 0, (2,), (1,), "QInt8Storage"), "QInt8Storage"),
    ],
)
def test_tensors_outside_their_values(path: Path, made: bytes, words: str):
    assert words in refusal(write_archive(path, state_dict(weight=made), STORAGE))


def test_a_tensor_without_a_record(path: Path):
    assert "missing" in refusal(write_archive(path, GOOD))
    torch.save({"weight": torch.rand(5)}, path)
    data, records = unpacked(path)
    assert "as large as its record" in refusal(write_archive(path, data, records | {"data/0": bytes(4)}))


def test_files_that_end_early(path: Path):
    save_module(path, encoder())
    whole = path.read_bytes()
    for length in (0, 3, 100, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert "torch file" in refusal(path)


def test_a_file_that_shrinks_behind_our_back(path: Path):
    contents = TorchContents(write_archive(path, GOOD, STORAGE))
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InputError, match="ends early"):
        contents.read("weight")


def test_a_zip_bomb(path: Path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("archive/data.pkl", "w") as record:
            for _ in range(1 << 8):
                record.write(bytes(1 << 20))
    assert path.stat().st_size < 10 << 20
    assert "stored plainly" in refusal(path)


def test_a_pickle_too_long(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pickles, "MAX_PICKLE_BYTES", 1 << 20)
    assert "at most 1 MiB" in refusal(write_archive(path, bytes((1 << 20) + 1)))
    monkeypatch.setattr(inert, "MAX_STEPS", 1000)
    assert "1,000 steps" in refusal(write_archive(path, b"\x80\x02" + b"N" * 1000 + b"."))


DEEP = 100_000


@pytest.mark.parametrize(
    "steps",
    [
        b")" + b"\x85" * DEEP,
        b"]" * DEEP + b"a" * (DEEP - 1),
        b"(" * DEEP + b"t" * DEEP,
        b"}" + (text("a") + b"}") * DEEP + b"s" * DEEP,
        b"(" * DEEP,
    ],
    ids=["tuples", "lists", "marks", "dictionaries", "open marks"],
)
def test_values_nested_deeply(path: Path, steps: bytes):
    refusal(write_archive(path, b"\x80\x02" + steps + b"."))
    refusal(write_archive(path, b"\x80\x02}" + steps + b"Ns."))  # as a key, which would be hashed level by level


def test_a_key_that_doubles(path: Path):
    doubled = b")" + b"q\x00h\x00\x86" * 200
    assert "a key is a text" in refusal(write_archive(path, b"\x80\x02}" + doubled + b"Ns."))


def test_keys_that_hash_alike(path: Path):
    keys = b"".join(number(step * ((1 << 61) - 1)) + b"N" for step in range(1, 4))
    assert "a key is a text" in refusal(write_archive(path, b"\x80\x02}(" + keys + b"u."))


def module(children: bytes) -> bytes:
    """The steps that push a module, of those that fill its dictionary of modules."""
    return b"csrc.modeling\nImageEncoder\n)\x81}" + text("_modules") + b"}" + children + b"sb"


def test_modules_nested_deeply_or_in_a_ring(path: Path):
    nested = b""
    for _ in range(99):
        nested = text("m") + module(nested) + b"s"
    assert "64 deep" in refusal(write_archive(path, b"\x80\x02" + module(nested) + b"."))
    ring = b"csrc.modeling\nImageEncoder\n)\x81q\x00}" + text("_modules") + b"}" + text("m") + b"h\x00ssb"
    assert "64 deep" in refusal(write_archive(path, b"\x80\x02" + ring + b"."))


def test_modules_that_double(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pickles, "MAX_ENTRIES", 1000)
    level = module(b"")
    for depth in range(40):
        level = module(text("a") + level + b"q" + bytes([depth]) + b"s" + text("b") + b"h" + bytes([depth]) + b"s")
    assert "1,000 at most" in refusal(write_archive(path, b"\x80\x02" + level + b"."))


@pytest.mark.parametrize(
    "change",
    [
        {"_modules": b"]"},
        {"_modules": b"}" + number(1) + b"Ns"},
        {"_modules": b"}" + text("m") + text("x") + b"s"},
        {"_parameters": b"}" + text("weight") + text("x") + b"s"},
        {"_buffers": b"}" + text("weight") + b"]s"},
    ],
)
def test_modules_of_other_things(path: Path, change: dict[str, bytes]):
    attributes = b"}" + b"".join(text(name) + steps + b"s" for name, steps in change.items())
    refusal(write_archive(path, b"\x80\x02csrc.modeling\nImageEncoder\n)\x81" + attributes + b"b."))


def test_older_forms_are_to_be_saved_again(path: Path):
    torch.save({"weight": torch.rand(2)}, path, _use_new_zipfile_serialization=False)
    assert "re-save as safetensors" in refusal(path)
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "storages")
    assert "re-save as safetensors" in refusal(path)
    path.write_bytes(b"\x80\x04\x95" + bytes(30))  # a plain pickle
    assert "re-save as safetensors" in refusal(path)
    path.write_bytes(b"\x93NUMPY" + bytes(30))
    assert "received another" in refusal(path)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("../data/1", "plain names"),
        ("data/../../1", "plain names"),
        ("data\\1", "plain names"),
        ("data/0", "plain names"),
        ("constants.pkl", "TorchScript"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_records_of_other_names(path: Path, record: str, words: str):
    write_archive(path, GOOD, STORAGE)
    with zipfile.ZipFile(path, "a") as archive:
        entry = zipfile.ZipInfo("x")
        entry.filename = f"archive/{record}"
        archive.writestr(entry, b"x")
    assert words in refusal(path)


def test_records_in_two_folders_or_none(path: Path):
    write_archive(path, GOOD, STORAGE)
    whole = path.read_bytes()
    for name, words in (("other/data/1", "one folder"), ("loose", "plain names"), ("/archive/x", "plain names")):
        path.write_bytes(whole)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, b"x")
        assert words in refusal(path)


def entries(path: Path, change: Callable[[bytearray, int], None]) -> Path:
    """Change the last entry of a zip's table of contents, in place."""
    data = bytearray(path.read_bytes())
    change(data, data.rfind(b"PK\x01\x02"))
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("offset", "form", "value", "words"),
    [
        (8, "<H", 1, "stored plainly"),  # encrypted
        (10, "<H", 8, "stored plainly"),  # deflated
        (20, "<L", 25, "stored plainly"),  # two sizes that differ
        (42, "<L", 1 << 30, "inside it"),  # begins behind the end
        (42, "<L", 7, "damaged"),  # begins at no record
    ],
)
def test_a_table_of_contents_that_lies(path: Path, offset: int, form: str, value: int, words: str):
    write_archive(path, GOOD, STORAGE)
    entries(path, lambda data, at: struct.pack_into(form, data, at + offset, value))
    assert words in refusal(path)


def test_records_that_begin_before_the_file(path: Path):
    data = bytearray(write_archive(path, GOOD, STORAGE).read_bytes())
    end = data.rfind(b"PK\x05\x06")
    struct.pack_into("<L", data, end + 16, struct.unpack_from("<L", data, end + 16)[0] + 10)
    path.write_bytes(data)
    assert "inside it" in refusal(path)


def test_a_record_larger_than_the_file(path: Path):
    def enlarge(data: bytearray, at: int) -> None:
        struct.pack_into("<LL", data, at + 20, 1 << 30, 1 << 30)

    write_archive(path, state_dict(weight=tensor(1 << 28, 0, (1 << 28,), (1,))), STORAGE)
    assert "inside it" in refusal(entries(path, enlarge))


def test_records_on_top_of_each_other(path: Path):
    write_archive(path, GOOD, {"data/0": bytes(1000), "data/1": bytes(1000), "data/2": bytes(1000)})
    data = path.read_bytes()
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    many = data[:first] + data[first:second] * 3 + data[second:]
    path.write_bytes(many)
    refusal(path)


def test_too_many_records(path: Path, monkeypatch: pytest.MonkeyPatch):
    write_archive(path, GOOD, STORAGE)
    monkeypatch.setattr(pickles, "MAX_ENTRIES", 3)
    assert "at most 3 records" in refusal(path)
    monkeypatch.setattr(pickles, "MAX_DIRECTORY_BYTES", 40)
    assert "longer table" in refusal(path)


def test_the_other_order_of_bytes(path: Path):
    assert "low byte" in refusal(write_archive(path, GOOD, {**STORAGE, "byteorder": b"big"}))


def test_damage_anywhere_is_one_sentence_or_none(path: Path):
    """Many mutations of an honest pickle: each is read as something, or refused."""
    save_module(path, encoder())
    data, records = unpacked(path)
    draw = random.Random(0)
    read = 0
    for _ in range(150):
        mutated = bytearray(data)
        for _ in range(draw.choice((1, 1, 2, 8))):
            at = draw.randrange(len(mutated))
            if draw.random() < 0.5:
                mutated[at] = draw.randrange(256)
            else:
                del mutated[at : at + draw.randrange(1, 9)]
        write_archive(path, bytes(mutated), records)
        try:
            contents = TorchContents(path)
            for name in contents.header:
                contents.read(name)
            read += 1
        except InputError as error:
            assert is_one_sentence(str(error)), str(error)
    assert 0 < read < 150
