"""Data sets as torchvision keeps them on disk: laid out here, and read beside torchvision itself."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from otmf_core.errors import InputError
from otmf_core.library.importers.datasets import open_dataset
from otmf_core.library.importers.mat_file import load_mat, variables
from tests.library.importers.made_pictures import decoded, pixels, refused, same, write
from tests.tiny import is_one_sentence

sets = pytest.importorskip("torchvision").datasets


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision knows the checksums of the real files."""
    for module in (sets.cifar, sets.stl10, sets.svhn, sets.flowers102):
        monkeypatch.setattr(module, "check_integrity", lambda path, md5=None: Path(path).is_file())


def classes_of(path: Path) -> tuple[str, ...]:
    return open_dataset(path).classes


# MNIST and its kin.


def write_idx(path: Path, values: np.ndarray, compress: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()
    path.with_name(path.name + ".gz" * compress).write_bytes(gzip.compress(data) if compress else data)


def write_mnist(raw: Path, prefix: str = "", test: str = "t10k", first: int = 0, compress: bool = False) -> None:
    for split, count in (("train", 5), (test, 3)):
        labels = (np.arange(count) + first).astype(np.uint8)
        write_idx(raw / f"{prefix}{split}-images-idx3-ubyte", pixels(count, count, 4, 6), compress)
        write_idx(raw / f"{prefix}{split}-labels-idx1-ubyte", labels, compress)


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_mnist_and_its_kin(tmp_path: Path, name: str):
    write_mnist(tmp_path / name / "raw")
    write_mnist(tmp_path / name / "raw", compress=True)  # which torchvision leaves there
    for where in (tmp_path, tmp_path / name, tmp_path / name / "raw"):
        dataset = open_dataset(where)
        assert dataset.layout == "idx files" and [*dataset.splits] == ["train", "test"]
        assert same(dataset.splits["train"], getattr(sets, name)(tmp_path, train=True))
        assert same(dataset.splits["test"], getattr(sets, name)(tmp_path, train=False))


def test_compressed_files_read_as_unpacked_ones(tmp_path: Path):
    write_mnist(tmp_path / "a")
    write_mnist(tmp_path / "b", compress=True)
    plain, packed = open_dataset(tmp_path / "a").splits["train"], open_dataset(tmp_path / "b").splits["train"]
    assert (np.stack(decoded(plain)) == np.stack(decoded(packed))).all()
    assert (np.stack(decoded(plain[::-1])) == np.stack(decoded(packed[::-1]))).all()
    assert {picture.file.suffix for picture in packed} == {".gz"}


def test_letters_of_emnist_count_from_one_and_lie_on_their_side(tmp_path: Path):
    raw = tmp_path / "EMNIST/raw"
    write_mnist(raw, "emnist-letters-", "test", first=1)
    write_mnist(raw, "emnist-digits-", "test")
    letters, digits = (open_dataset(tmp_path, name).splits for name in ("letters", "digits"))
    for split, train in (("train", True), ("test", False)):
        theirs = sets.EMNIST(tmp_path, "letters", train=train)
        assert [picture.label for picture in letters[split]] == [int(label) - 1 for _, label in theirs]
        upright = [(image.transpose(5), label) for image, label in sets.EMNIST(tmp_path, "digits", train=train)]
        assert same(digits[split], upright)  # 5 is TRANSPOSE
    assert len(open_dataset(tmp_path, "emnist-letters").splits["train"]) == 5
    assert "one of the data set's, received None: there are 'digits, letters' in" in refused(tmp_path)
    write_idx(raw / "emnist-letters-test-labels-idx1-ubyte", np.array([0, 1, 2], np.uint8))
    assert "unlabelled" in refused(tmp_path, "letters")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda data: data[:-1], "an idx file is a header and as many bytes as it states: "),
        (lambda data: data[:7], "an idx file is a header and as many bytes as it states: "),
        (lambda data: b"PNG" + data, "an idx file is a header and as many bytes as it states: "),
        (lambda data: data[:4] + struct.pack(">I", 2**31) + data[8:], "a split has at most 2,000,000 pictures: "),
        (lambda data: data[:8] + struct.pack(">II", 2**31, 2**31), "an idx file is a header and as many bytes as it "),
        (lambda data: data[:4] + struct.pack(">I", 4) + data[8:-24], "each image has a label: train has 4 and 5 in "),
    ],
)
def test_damaged_idx_files_are_refused(tmp_path: Path, change: Callable[[bytes], bytes], sentence: str):
    write_mnist(tmp_path)
    images = tmp_path / "train-images-idx3-ubyte"
    images.write_bytes(change(images.read_bytes()))
    assert refused(tmp_path).startswith(sentence)


def test_cut_archives_and_missing_labels_are_refused(tmp_path: Path):
    write_mnist(tmp_path, compress=True)
    images = tmp_path / "train-images-idx3-ubyte.gz"
    whole = images.read_bytes()
    images.write_bytes(whole[:-20])
    assert refused(tmp_path, read=True).startswith("an idx file is a header and as many bytes as it states: ")
    images.write_bytes(whole)
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    assert refused(tmp_path).startswith("a file is missing: ")


# CIFAR.


def python_2(batch: dict[str, Any]) -> bytes:
    """A pickle as Python 2 wrote it: texts and bytes in one type, protocol 2."""

    def text(value: bytes) -> bytes:
        return b"T" + struct.pack("<I", len(value)) + value

    def pickled(value: Any) -> bytes:
        if isinstance(value, str):
            return text(value.encode())
        if isinstance(value, int):
            return b"J" + struct.pack("<i", value)
        if isinstance(value, list):
            return b"](" + b"".join(map(pickled, value)) + b"e"
        shape = b"".join(map(pickled, value.shape)) + b"\x86"
        kind = (
            b"cnumpy\ndtype\n"
            + text(b"u1")
            + b"K\x00K\x01\x87R(K\x03"
            + text(b"|")
            + b"NNN"
            + pickled(-1) * 2
            + b"K\x00tb"
        )
        empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
        return empty + b"(K\x01" + shape + kind + b"\x89" + text(value.tobytes()) + b"tb"

    return b"\x80\x02}(" + b"".join(pickled(key) + pickled(value) for key, value in batch.items()) + b"u."


def write_cifar10(root: Path, dump: Callable[[Any], bytes] = python_2) -> Path:
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate([*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]):
        data = pixels(number, 3, 3 * 32 * 32)
        batch = {"batch_label": name, "labels": [number, 1, 2], "data": data, "filenames": ["a.png"] * 3}
        (folder / name).write_bytes(dump(batch))
    meta = {"num_cases_per_batch": 3, "label_names": ["plane", "car", "bird", "cat", "deer", "dog"], "num_vis": 3072}
    (folder / "batches.meta").write_bytes(dump(meta))
    (folder / "readme.html").write_text("")
    return folder


@pytest.mark.parametrize("dump", [python_2, *(lambda value, n=n: pickle.dumps(value, n) for n in (1, 2, 3, 4))])
def test_cifar10(tmp_path: Path, dump: Callable[[Any], bytes]):
    write_cifar10(tmp_path, dump)
    dataset = open_dataset(tmp_path)
    assert dataset.layout == "CIFAR batches"
    theirs = sets.CIFAR10(tmp_path, train=True)
    assert dataset.classes == tuple(theirs.classes)
    assert same(dataset.splits["train"], theirs) and len(theirs) == 15
    assert same(dataset.splits["test"], sets.CIFAR10(tmp_path, train=False))


def test_cifar100_has_its_fine_labels(tmp_path: Path):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for number, name in enumerate(["train", "test"]):
        data = {"data": pixels(number, 4, 3 * 32 * 32), "fine_labels": [2, 0, 1, 1], "coarse_labels": [0, 0, 0, 0]}
        (folder / name).write_bytes(python_2({"filenames": ["é"] * 4, **data}))
    (folder / "meta").write_bytes(python_2({"fine_label_names": ["a", "b", "c"], "coarse_label_names": ["d"]}))
    dataset = open_dataset(folder)
    assert dataset.classes == ("a", "b", "c")
    for split in ("train", "test"):
        assert same(dataset.splits[split], sets.CIFAR100(tmp_path, train=split == "train"))


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("executed",)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pickle.dumps({"data": Evil()}), "it asks for 'builtins.print'"),
        (pickle.dumps({"data": Evil()}, 2), "it asks for '__builtin__.print'"),
        (pickle.dumps({"data": np.zeros((1, 3072)), "labels": [0]}, 2), "of ('f8', False, True)"),
        (pickle.dumps({"data": np.array([print])}, 2), "it makes"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8)}, 5), "it asks for 'numpy._core.numeric._frombuffer'"),
        (b"\x80\x02}U\x04data", "before seeing STOP"),
        (b"cos\nsystem\n(S'echo executed'\ntR.", "it asks for 'os.system'"),
        (b"\x80\x02K\x01)R.", "it calls a value"),
        (
            b"\x80\x02}" + b")" + b"\x85" * 200_000 + b"K\x01s.",
            "a key is a text or a number",
        ),  # would be hashed through
        (b"", "a batch of CIFAR"),
        (b"\x80\x02b.", "a damaged pickle (IndexError)"),
        (python_2({"labels": [0]}), "data is None, not (n, 3072)"),
        (python_2({"data": pixels(0, 1, 3072)}), "no labels or fine_labels"),
        (python_2({"data": pixels(0, 1, 3072), "labels": [0, 1]}), "each image has a label: there are 1 and 2 in "),
        (python_2({"data": pixels(0, 1, 3072), "labels": [6]}), "labels lie in 0…5: train has 0 to 6 in "),
        (pickle.dumps([1]), "holds list"),
    ],
)
def test_batches_are_plain_values(tmp_path: Path, data: bytes, reason: str, capsys: pytest.CaptureFixture[str]):
    (write_cifar10(tmp_path) / "data_batch_2").write_bytes(data)
    assert reason in refused(tmp_path)
    assert "executed" not in capsys.readouterr().out


# STL-10 and SVHN.


def write_stl10(folder: Path, labels: list[int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, split in enumerate(("train", "test")):
        (folder / f"{split}_X.bin").write_bytes(pixels(number, 3, 3, 96, 96).tobytes())
        (folder / f"{split}_y.bin").write_bytes(bytes(labels))
    (folder / "unlabeled_X.bin").write_bytes(b"")
    (folder / "fold_indices.txt").write_text("0 1 2\n")
    (folder / "class_names.txt").write_text("airplane\nbird\ncar\n")


def test_stl10_counts_from_one(tmp_path: Path):
    write_stl10(tmp_path / "stl10_binary", [1, 3, 2])
    dataset = open_dataset(tmp_path)
    assert (dataset.layout, dataset.classes) == ("STL-10", ("airplane", "bird", "car"))
    for split in ("train", "test"):
        assert same(dataset.splits[split], sets.STL10(tmp_path, split))
    write_stl10(tmp_path / "stl10_binary", [1, 0, 2])
    assert "unlabelled" in refused(tmp_path)
    write_stl10(tmp_path / "stl10_binary", [1, 2])
    assert "each image has a label: test has 3 and 2 in" in refused(tmp_path)
    (tmp_path / "stl10_binary/test_X.bin").write_bytes(b"cut")
    assert "STL-10's images are" in refused(tmp_path)


def test_svhn_has_ten_for_zero(tmp_path: Path):
    for number, split in enumerate(("train", "test", "extra")):
        labels = np.array([[1], [10], [9], [2]], np.uint8)
        savemat(tmp_path / f"{split}_32x32.mat", {"X": pixels(number, 32, 32, 3, 4), "y": labels}, do_compression=True)
    dataset = open_dataset(tmp_path)
    assert dataset.layout == "SVHN" and [*dataset.splits] == ["train", "test", "extra"]
    for split in dataset.splits:
        assert same(dataset.splits[split], sets.SVHN(tmp_path, split))
    assert same(open_dataset(tmp_path / "test_32x32.mat").splits["test"], sets.SVHN(tmp_path, "test"))


def test_damaged_mat_files_are_refused(tmp_path: Path):
    file = tmp_path / "train_32x32.mat"
    labels = np.array([[1], [10]], np.uint8)
    for contents, sentence in (
        (
            {"X": pixels(0, 32, 32, 3, 2).astype(float), "y": labels},
            "SVHN's X is (height, width, 3, n) bytes: ",
        ),
        ({"X": pixels(0, 32, 32, 3, 2)}, "a .mat file has the variable y: "),
        ({"X": pixels(0, 32, 32, 3, 3), "y": labels}, "each image has a label: train has 3 and 2 in "),
    ):
        savemat(file, contents)
        assert refused(tmp_path).startswith(sentence)
    savemat(file, {"y": labels, "X": pixels(0, 32, 32, 3, 2)}, do_compression=True)
    file.write_bytes(file.read_bytes()[:-3000])
    assert "a .mat file is one of MATLAB 5 to 7" in refused(tmp_path, read=True)
    file.write_bytes(b"")
    assert "a .mat file is one of MATLAB 5 to 7" in refused(tmp_path)


# Pictures with an index beside them.


def write_dtd(root: Path) -> None:
    for split in ("train", "val", "test"):
        names = [f"{name}/{name}_{split}.jpg" for name in ("zigzagged", "banded")]
        for number, name in enumerate(names):
            write(root / f"dtd/dtd/images/{name}", pixels(number))
        (root / "dtd/dtd/labels").mkdir(exist_ok=True)
        (root / f"dtd/dtd/labels/{split}1.txt").write_text("\n".join(names) + "\n")
    (root / "dtd/dtd/labels/train2.txt").write_text("")


def write_food(root: Path) -> None:
    for split in ("train", "test"):
        named = {name: [f"{name}/{split}{n}" for n in range(2)] for name in ("pho", "apple_pie")}
        for number, name in enumerate(name for names in named.values() for name in names):
            write(root / f"food-101/images/{name}.jpg", pixels(number))
        (root / "food-101/meta").mkdir(exist_ok=True)
        (root / f"food-101/meta/{split}.json").write_text(json.dumps(named))


def write_flowers(root: Path) -> None:
    for number in range(1, 7):
        write(root / f"flowers-102/jpg/image_{number:05}.jpg", pixels(number))
    savemat(root / "flowers-102/imagelabels.mat", {"labels": np.array([[3, 1, 2, 2, 3, 1]], np.uint8)})
    savemat(root / "flowers-102/setid.mat", {"trnid": [[5, 1]], "valid": [[2, 3]], "tstid": [[4, 6]]})


def write_signs(root: Path) -> None:
    for number, name in enumerate(["00000/00000_00000", "00001/00000_00000", "00001/00000_00001"]):
        write(root / f"gtsrb/GTSRB/Training/{name}.ppm", pixels(number))
    (root / "gtsrb/GTSRB/Training/00000/GT-00000.csv").write_text("Filename;ClassId\n")
    for number in range(2):
        write(root / f"gtsrb/GTSRB/Final_Test/Images/0000{number}.ppm", pixels(5 + number))
    rows = [
        "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId",
        "00000.ppm;5;6;0;0;5;6;1",
        "00001.ppm;5;6;0;0;5;6;0",
    ]
    (root / "gtsrb/GT-final_test.csv").write_text("\r\n".join(rows) + "\r\n")


def write_pets(root: Path) -> None:
    folder = root / "oxford-iiit-pet"
    (folder / "annotations").mkdir(parents=True)
    for split in ("trainval", "test"):
        names = [f"Abyssinian_{split}", f"american_bulldog_{split}"]
        for number, name in enumerate(names):
            write(folder / f"images/{name}.jpg", pixels(number))
        rows = [f"{name} {number + 1} 1 1" for number, name in enumerate(names)]
        (folder / f"annotations/{split}.txt").write_text("\n".join(rows) + "\n")
    (folder / "annotations/list.txt").write_text("#Image CLASS-ID SPECIES BREED ID\n")


def write_cars(root: Path) -> None:
    folder = root / "stanford_cars"
    (folder / "devkit").mkdir(parents=True)
    kind = [("bbox_x1", object), ("class", object), ("fname", object)]
    for split, path in (("train", "devkit/cars_train_annos.mat"), ("test", "cars_test_annos_withlabels.mat")):
        for number in range(3):
            write(folder / f"cars_{split}/0000{number}.jpg", pixels(number))
        rows = [[(39, 2 - n % 2, f"0000{n}.jpg") for n in range(3)]]
        savemat(folder / path, {"annotations": np.array(rows, kind)})
    names = np.array([["AM General Hummer SUV 2000", "Acura RL Sedan 2012"]], object)
    savemat(folder / "devkit/cars_meta.mat", {"class_names": names})


def write_scenes(root: Path) -> None:
    for number, name in enumerate(["a/abbey", "a/apse/indoor", "a/apse/outdoor"]):
        write(root / f"SUN397/{name}/sun_{number}.jpg", pixels(number))
    (root / "SUN397/ClassName.txt").write_text("/a/abbey\n/a/apse/indoor\n/a/apse/outdoor\n")


Split = dict[str, Callable[[Path], Any]]
INDEXED: dict[str, tuple[Callable[[Path], None], Split]] = {
    "DTD": (
        write_dtd,
        {
            "train": lambda root: sets.DTD(root, "train"),
            "validation": lambda root: sets.DTD(root, "val"),
            "test": lambda root: sets.DTD(root, "test"),
        },
    ),
    "Food-101": (write_food, {split: lambda root, s=split: sets.Food101(root, s) for split in ("train", "test")}),
    "Flowers-102": (
        write_flowers,
        {
            "train": lambda root: sets.Flowers102(root, "train"),
            "validation": lambda root: sets.Flowers102(root, "val"),
            "test": lambda root: sets.Flowers102(root, "test"),
        },
    ),
    "GTSRB": (write_signs, {split: lambda root, s=split: sets.GTSRB(root, s) for split in ("train", "test")}),
    "Oxford-IIIT Pet": (
        write_pets,
        {
            "train": lambda root: sets.OxfordIIITPet(root, "trainval"),
            "test": lambda root: sets.OxfordIIITPet(root, "test"),
        },
    ),
    "Stanford Cars": (write_cars, {s: lambda root, s=s: sets.StanfordCars(root, s) for s in ("train", "test")}),
    "SUN397": (write_scenes, {"train": lambda root: sets.SUN397(root)}),
}


@pytest.mark.parametrize("layout", INDEXED)
def test_an_index_is_read_as_torchvision_reads_it(tmp_path: Path, layout: str):
    make, splits = INDEXED[layout]
    make(tmp_path)
    dataset = open_dataset(tmp_path)
    assert dataset.layout == layout and [*dataset.splits] == [*splits]
    for split, opened in splits.items():
        theirs = opened(tmp_path)
        if layout == "SUN397":  # which torchvision takes as the disk lists it
            pairs = sorted(zip(theirs._image_files, theirs._labels, strict=True))
            theirs = [(theirs.loader(file), label) for file, label in pairs]
        assert same(dataset.splits[split], theirs)
    if dataset.classes:
        assert dataset.classes == tuple(splits["train"](tmp_path).classes)


@pytest.mark.parametrize(
    "name", ["../../secret.jpg", "/etc/passwd", "banded/../banded/banded_train.jpg", "banded/none.jpg"]
)
def test_an_index_leads_nowhere_else(tmp_path: Path, name: str):
    write_dtd(tmp_path)
    write(tmp_path / "secret.jpg", pixels(0))
    (tmp_path / "dtd/dtd/labels/test1.txt").write_text(f"{name}\n")
    assert refused(tmp_path / "dtd").startswith("a picture that an index names is in its folder: ")


def test_damaged_indices_are_refused(tmp_path: Path):
    write_signs(tmp_path)
    (tmp_path / "gtsrb/GT-final_test.csv").write_text("Filename;Class\n00000.ppm;3\n")
    assert refused(tmp_path) == f"an index names pictures and their classes: {tmp_path / 'gtsrb'} (KeyError)"
    write_mnist(tmp_path / "MNIST/raw")
    assert refused(tmp_path) == f"a folder holds one data set: there are 2 in {tmp_path} ('MNIST/raw, gtsrb')"


def test_a_tree_of_folders_needs_no_index(tmp_path: Path):
    for split in ("train", "valid", "test"):
        for number, name in enumerate(("negative", "positive")):
            write(tmp_path / f"rendered-sst2/{split}/{name}/{split}.png", pixels(number))
    dataset = open_dataset(tmp_path)
    assert dataset.classes == ("negative", "positive")
    for split, theirs in (("train", "train"), ("validation", "val"), ("test", "test")):
        assert same(dataset.splits[split], sets.RenderedSST2(tmp_path, theirs))


def test_mat_files_are_read_as_scipy_reads_them(tmp_path: Path):
    numbers = {
        kind: np.arange(-4 * (kind != "u1"), 8).astype(kind).reshape(2, -1) for kind in ("u1", "i2", "f4", "f8", "i8")
    }
    for compress in (False, True):
        savemat(
            tmp_path / "a.mat",
            {**numbers, "text": "Zürich", "cell": np.array(["a", 7], object)},
            do_compression=compress,
        )
        for kind, expected in numbers.items():
            assert (load_mat(tmp_path / "a.mat", kind) == expected).all()
        assert load_mat(tmp_path / "a.mat", "text") == "Zürich"
        assert load_mat(tmp_path / "a.mat", "cell")[0] == "a" and load_mat(tmp_path / "a.mat", "cell")[1].item() == 7
        assert variables(tmp_path / "a.mat")["u1"][:2] == (9, (2, 4))


def test_damaged_files_never_end_the_program(tmp_path: Path):
    write_cars(tmp_path)
    file = tmp_path / "stanford_cars/devkit/cars_train_annos.mat"
    good, random = file.read_bytes(), np.random.default_rng(0)
    for _ in range(200):  # many of which end a program that asks scipy
        data = bytearray(good)
        for place in random.integers(100, 400, 2):
            data[place] = random.integers(0, 256)
        file.write_bytes(bytes(data))
        try:
            open_dataset(tmp_path)
        except InputError as error:
            assert is_one_sentence(str(error))
