"""Tars as WebDataset writes them: shards, classes, and what a tar may hold beside them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from otmf_core.library.importers.datasets import open_dataset, read_pictures
from tests.library.importers.made_pictures import decoded, encoded, pixels, refused


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def write_tar(path: Path, labels: list[int], first: int = 0, kind: str = "png") -> Path:
    """As CLIP-benchmark writes them: s0000000.cls, s0000000.png; kind is PNG whatever it is called."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for row, label in enumerate(labels):
            add(tar, f"s{row:07}.cls", f"{label}\n".encode())
            add(tar, f"s{row:07}.{kind}", encoded(pixels(first + row)))
            add(tar, f"s{row:07}.json", b"{}")
    return path


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    write_tar(tmp_path / "train/2.tar", [0, 1, 2])
    write_tar(tmp_path / "train/10.tar", [2, 2], first=3, kind="jpg")
    write_tar(tmp_path / "test/0.tar", [1, 0], first=5, kind="webp")
    (tmp_path / "train/nshards.txt").write_text("2")
    (tmp_path / "classnames.txt").write_text("happy\nsad\nvery surprised\n")
    return tmp_path


def test_shards_of_splits_are_read_in_their_order(shards: Path):
    dataset = open_dataset(shards)
    assert dataset.classes == ("happy", "sad", "very surprised") and dataset.layout == "WebDataset tars"
    found = {split: [picture.label for picture in own] for split, own in dataset.splits.items()}
    assert found == {"train": [0, 1, 2, 2, 2], "test": [1, 0]}
    for split, first in (("train", 0), ("test", 5)):
        assert all((each == pixels(first + n)).all() for n, each in enumerate(decoded(dataset.splits[split])))
    assert (decoded([dataset.splits["train"][n] for n in (2, 0)])[1] == pixels(0)).all()


def test_shards_may_be_named_after_their_split_or_not_at_all(tmp_path: Path):
    write_tar(tmp_path / "fer2013-train-000000.tar", [0])
    write_tar(tmp_path / "fer2013-test-000000.tar", [1])
    assert [*open_dataset(tmp_path).splits] == ["train", "test"]
    assert open_dataset(tmp_path / "fer2013-test-000000.tar").splits["test"][0].label == 1
    only = write_tar(tmp_path / "one/shard-0.tar", [0])
    assert [*open_dataset(only.parent).splits] == ["train"]


def test_links_devices_and_other_members_are_skipped(tmp_path: Path):
    with tarfile.open(tmp_path / "test-0.tar", "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            member = tarfile.TarInfo("a.png")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
        add(tar, "../../b.c.png", b"no picture of this sample: its extension is c.png")
        add(tar, "../../e.PNG", encoded(pixels(1)))
        add(tar, "../../e.cls", b"3")
    [picture] = open_dataset(tmp_path).splits["test"]
    assert picture.label == 3 and next(read_pictures([picture])) == encoded(pixels(1))
    assert [path.name for path in tmp_path.iterdir()] == ["test-0.tar"]


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"a.png": b"x", "b.png": b"x", "b.cls": b"0"}, "a sample is a picture and its class: 'a' has no class in "),
        ({"a.cls": b"1"}, "a sample is a picture and its class: 'a' has no picture in "),
        ({"a.png": b"x", "a.cls": b"cat"}, "a label is a whole number: 'a.cls' is b'cat' in "),
        ({"a.png": b"x", "a.cls": b"1" * 100}, "a label is a whole number: 'a.cls' is longer in "),
        ({"a.png": b"x", "a.cls": b"-1"}, "pictures have a class: test has unlabelled ones (-1) in "),
        ({"a.json": b"{}"}, "a split holds pictures: test is empty in "),
        ({"a.png": b"x", "a.cls": b"123456"}, "labels lie in 0…9999: test has 123456 to 123456 in "),
    ],
)
def test_samples_are_pictures_with_a_class(tmp_path: Path, members: dict[str, bytes], sentence: str):
    with tarfile.open(tmp_path / "test-0.tar", "w") as tar:
        for name, data in members.items():
            add(tar, name, data)
    assert refused(tmp_path).startswith(sentence)


def test_labels_beyond_the_names_are_refused(shards: Path):
    (shards / "classnames.txt").write_text("happy\nsad\n")
    assert refused(shards) == f"labels lie in 0…1: train has 0 to 2 in {shards}"


@pytest.mark.parametrize("change", ["cut in a picture", "cut in a header", "noise in a header", "no tar", "compressed"])
def test_damaged_tars_are_refused(shards: Path, change: str):
    tar = shards / "test/0.tar"
    whole = tar.read_bytes()
    if change == "compressed":
        with tarfile.open(tar, "w:gz") as small:
            add(small, "a.png", b"x")
    else:
        tar.write_bytes(
            {
                "cut in a picture": whole[:1600],
                "cut in a header": whole[:1100],
                "noise in a header": whole[:1024] + bytes(range(256)) * 2 + whole[1536:],
                "no tar": b"nothing of the kind",
            }[change]
        )
    assert refused(shards).startswith(
        "a shard of WebDataset is a tar of pictures and their classes, key.jpg and key.cls"
    )
