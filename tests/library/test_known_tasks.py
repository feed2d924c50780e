"""The twenty known tasks: their counts, orders and names, held against the published tables."""

from __future__ import annotations

import json
from string import Formatter

import pytest

from otmf_core.library.known_tasks import BACKBONES, FACTS, SUITES, KnownTask, known_task, known_tasks, suite

# Task: data set, its configuration, test split and size, classes, templates.
TABLE = {
    "sun397": ("tanganke/sun397", None, "test", 19_850, 397, 2),
    "stanford-cars": ("tanganke/stanford_cars", None, "test", 8_041, 196, 8),
    "resisc45": ("tanganke/resisc45", None, "test", 6_300, 45, 18),
    "eurosat": ("tanganke/eurosat", None, "test", 2_700, 10, 3),
    "svhn": ("ufldl-stanford/svhn", "cropped_digits", "test", 26_032, 10, 1),
    "gtsrb": ("tanganke/gtsrb", None, "test", 12_630, 43, 3),
    "mnist": ("ylecun/mnist", None, "test", 10_000, 10, 1),
    "dtd": ("tanganke/dtd", None, "test", 1_880, 47, 8),
    "oxford_flowers102": ("dpdl-benchmark/oxford_flowers102", None, "test", 6_149, 102, 1),
    "pcam": ("1aurent/PatchCamelyon", None, "test", 32_768, 2, 1),
    "fer2013": ("clip-benchmark/wds_fer2013", None, "test", 7_178, 7, 6),
    "oxford-iiit-pet": ("timm/oxford-iiit-pet", None, "test", 3_669, 37, 1),
    "stl10": ("tanganke/stl10", None, "test", 8_000, 10, 2),
    "cifar100": ("tanganke/cifar100", None, "test", 10_000, 100, 18),
    "cifar10": ("tanganke/cifar10", None, "test", 10_000, 10, 18),
    "food101": ("ethz/food101", None, "validation", 25_250, 101, 1),
    "fashion_mnist": ("zalando-datasets/fashion_mnist", None, "test", 10_000, 10, 2),
    "emnist_letters": ("tanganke/emnist_letters", "emnist-letters", "test", 20_800, 26, 1),
    "kmnist": ("tanganke/kmnist", None, "test", 10_000, 10, 1),
    "rendered-sst2": ("nateraw/rendered-sst2", None, "test", 1_821, 2, 1),
}
NAMES = (
    "SUN397 Cars RESISC45 EuroSAT SVHN GTSRB MNIST DTD Flowers102 PCAM FER2013 OxfordIIITPet STL10 CIFAR100 CIFAR10 "
    "Food101 FashionMNIST EMNIST KMNIST RenderedSST2"
)


def found(name: str) -> KnownTask:
    task = known_task(name)
    assert task is not None, name
    return task


def test_the_tasks_are_those_of_the_table_in_its_order():
    rows = {
        task.id: (task.data, task.config, task.test_split, task.test_images, len(task.classes), len(task.templates))
        for task in known_tasks()
    }
    assert rows == TABLE and [*rows] == [*TABLE]
    assert [task.name for task in known_tasks()] == NAMES.split()
    assert [len(suite(size)) for size in SUITES] == [8, 14, 20]
    assert suite(8)[-1].id == "dtd" and suite(14)[-1].id == "cifar100"


@pytest.mark.parametrize("task", known_tasks(), ids=lambda task: task.id)
def test_classes_differ_and_templates_take_one(task: KnownTask):
    assert len({*task.classes}) == len(task.classes)
    assert all(name == name.strip() and name and not {*name} & {*"{}"} for name in task.classes)
    for template in task.templates:
        fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
        assert fields == [""] and template.count("{") == template.count("}") == 1
        assert template.replace("{}", "cat") == template.format("cat")
    assert len({*task.templates}) == len(task.templates)
    assert task.zero_shot.keys() == task.expert.keys() == BACKBONES.keys()
    assert all(0 < task.zero_shot[name] < task.expert[name] or task.id == "stl10" for name in BACKBONES)


@pytest.mark.parametrize(
    ("name", "label", "expected"),
    [
        ("pcam", 1, "lymph node containing metastatic tumor tissue"),
        ("fer2013", 3, "happy"),
        ("fer2013", 4, "neutral"),
        ("fer2013", 6, "surprised"),
        ("oxford_flowers102", 0, "pink primrose"),  # not by the alphabet
        ("oxford_flowers102", 76, "passion flower"),
        ("stanford-cars", 0, "AM General Hummer SUV 2000"),
        ("stanford-cars", 195, "smart fortwo Convertible 2012"),
        ("gtsrb", 14, "stop"),
        ("emnist_letters", 0, "A"),
        ("emnist_letters", 25, "Z"),
        ("kmnist", 0, "お"),
        ("kmnist", 9, "を"),
        ("cifar100", 1, "aquarium_fish"),
        ("fashion_mnist", 0, "T - shirt / top"),
        ("eurosat", 9, "lake or sea"),
        ("rendered-sst2", 0, "negative"),
        ("svhn", 0, "0"),
    ],
)
def test_a_label_means_its_class(name: str, label: int, expected: str):
    assert found(name).classes[label] == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("stanford_cars", "stanford-cars"),
        ("Stanford Cars", "stanford-cars"),
        ("CARS", "stanford-cars"),
        ("tanganke/stanford_cars", "stanford-cars"),
        ("Oxford-Flowers102", "oxford_flowers102"),
        ("flowers", "oxford_flowers102"),
        ("PatchCamelyon", "pcam"),
        ("pets", "oxford-iiit-pet"),
        ("fashion-mnist", "fashion_mnist"),
        ("EMNIST", "emnist_letters"),
        ("rendered_sst2", "rendered-sst2"),
    ],
)
def test_a_task_is_found_by_any_of_its_names(name: str, expected: str):
    assert found(name).id == expected


def test_names_are_of_one_task_each_and_not_guessed():
    for task in known_tasks():
        for name in (task.id, task.name, task.data, *task.aliases):
            assert known_task(name) == task
    for name in ("mnistt", "cifar", "", "emnist_digits"):
        assert known_task(name) is None


def test_published_accuracies_and_repositories():
    sun, kmnist = found("sun397"), found("kmnist")
    assert (sun.zero_shot["ViT-B-32"], sun.expert["ViT-L-14"]) == (63.18, 82.76)
    assert (kmnist.zero_shot["ViT-B-16"], kmnist.expert["ViT-B-32"]) == (11.21, 98.23)
    assert found("rendered-sst2").expert["ViT-L-14"] == 80.45
    assert found("stanford-cars").expert_repository("ViT-L-14") == "tanganke/clip-vit-large-patch14_stanford-cars"
    assert found("emnist_letters").expert_repository("ViT-B-32") == "tanganke/clip-vit-base-patch32_emnist_letters"


def test_the_facts_name_their_sources():
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    assert all(source.strip() for source in facts["source"]) and len(facts["source"]) == 4
