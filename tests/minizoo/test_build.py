"""A two-task library built end to end, and the parts of the making that a closed form can check."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from otmf_core.library.examples import Split
from otmf_core.library.library import open_library
from otmf_core.minizoo.__main__ import main
from otmf_core.minizoo.augment import TASK, TINTED, coloured, plain
from otmf_core.minizoo.banks import Bank, Task
from otmf_core.minizoo.package import rows
from otmf_core.minizoo.pretrain import contrastive_loss, learning_rate
from otmf_core.minizoo.recipe import PICO, generator
from otmf_core.minizoo.regime import Regime, regime, table, verdict
from otmf_core.minizoo.tasks import most_drawn
from tests.tiny import pixels


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Cache and library folders after one pico build."""
    cache, out = tmp_path_factory.mktemp("cache"), tmp_path_factory.mktemp("assets") / "pico"
    assert main(["build", "--pico", "--cache", str(cache), "--out", str(out)]) == 0
    return cache, out


def test_a_pico_library_opens_and_vouches_for_every_file(folders):
    library = open_library(str(folders[1]))
    found = {path.relative_to(library.root).as_posix() for path in library.root.rglob("*") if path.is_file()}
    assert found == {*library.manifest.files, "manifest.json", "LICENSES.md"}
    for name in library.manifest.files:
        library.path(name)  # raises where the hash differs
    assert set(library.tower_header) == set(library.base())
    for task in library.tasks:
        delta = library.task_vector(task.id)
        assert {tensor.dtype for tensor in delta.values()} == {torch.float16}
        head, scale, verbalizers = library.head(task.id)
        assert verbalizers is None
        torch.testing.assert_close(head.norm(dim=1), torch.ones(len(task.classes)))
        assert head.shape == (len(task.classes), 128)
        assert 1 < scale <= 100


def test_splits_are_disjoint_small_and_from_their_own_sources(folders):
    library = open_library(str(folders[1]))
    wanted: dict[Split, int] = {
        "calibration": PICO.calibration_images,
        "labelled": PICO.labelled_images,
        "test": PICO.test_images,
    }
    for task in library.tasks:
        tables = {split: library.examples(task.id, split) for split in wanted}
        pictures = {split: {image.numpy().tobytes() for image in pixels(images)} for split, images in tables.items()}
        for split, count in wanted.items():
            assert pixels(tables[split]).shape == (count, 32, 32, 3)
            assert len(pictures[split]) == count
        assert not pictures["calibration"] & pictures["labelled"]
        assert not pictures["test"] & (pictures["calibration"] | pictures["labelled"])
        assert task.train_source != task.test_source


def test_fine_tuning_beats_the_pre_trained_model_and_chance(folders):
    library = open_library(str(folders[1]))
    result = regime(library, "2", "test")
    for task in library.tasks:
        assert result.individual[task.id] > 100 * 1.5 / len(task.classes)
    assert result.individual_mean > result.zero_shot_mean
    assert f"{result.individual_mean:.1f}" in table(result)


def test_a_second_build_makes_the_same_library_from_stored_stages(folders):
    cache, out = folders
    before = open_library(str(out)).manifest
    stages = {path: path.stat().st_mtime_ns for path in (cache / "work").iterdir()}
    assert main(["build", "--pico", "--cache", str(cache), "--out", str(out)]) == 0
    assert open_library(str(out)).manifest == before
    assert {path: path.stat().st_mtime_ns for path in (cache / "work").iterdir()} == stages


def test_an_unknown_library_is_one_sentence_and_exit_code_two(tmp_path, capsys):
    assert main(["regime", "--library", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_the_contrastive_loss_of_distinct_captions_is_clips():
    torch.manual_seed(0)
    images, texts = (F.normalize(torch.randn(5, 8), dim=1) for _ in range(2))
    caption = torch.tensor([3, 1, 0, 4, 2])
    logits = 7.0 * images @ texts[caption].T
    expected = (F.cross_entropy(logits, torch.arange(5)) + F.cross_entropy(logits.T, torch.arange(5))) / 2
    torch.testing.assert_close(contrastive_loss(images, texts, caption, torch.tensor(7.0)), expected)


def test_images_of_one_caption_are_not_each_others_negatives():
    images, texts = torch.tensor([[1.0, 0], [1, 0], [0, 1]]), torch.eye(2)
    loss = contrastive_loss(images, texts, torch.tensor([0, 0, 1]), torch.tensor(100.0))
    assert loss.item() == pytest.approx(math.log(2) / 4)  # the first text chooses evenly between its two images


def test_the_learning_rate_warms_up_and_ends_at_zero():
    rates = [learning_rate(step, 101, 2.0) for step in range(101)]
    assert rates[0] == pytest.approx(0.4)
    assert max(rates) == rates[5] == 2.0
    assert rates[53] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("kind", ["glyph", "artwork", "photo", "digit"])
@pytest.mark.parametrize("draw", [plain, partial(coloured, domain=TINTED), partial(coloured, domain=TASK)])
def test_drawings_are_valid_and_follow_their_generator(kind, draw):
    shape = (6, 40, 40, 4) if kind in ("glyph", "artwork") else (6, 32, 32, 3)
    images = torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    first, again, other = (draw(kind, images, generator(seed, "x")) for seed in (0, 0, 1))
    assert first.shape == (6, 3, 32, 32)
    assert first.min() >= 0 and first.max() <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_plain_glyphs_are_white_ink_on_a_dark_ground():
    images = torch.zeros(1, 40, 40, 4, dtype=torch.uint8)
    images[:, 14:26, 14:26, 3] = 255
    picture = plain("glyph", images, generator(0))[0]
    torch.testing.assert_close(picture[:, 16, 16], torch.ones(3))
    assert picture[:, 0, 0].max() <= 0.25
    torch.testing.assert_close(picture[0], picture[2])  # no colour


def test_plain_artwork_has_lost_its_colour():
    images = torch.zeros(1, 40, 40, 4, dtype=torch.uint8)
    images[:, 10:30, 10:30] = torch.tensor([255, 0, 0, 255], dtype=torch.uint8)
    middle = plain("artwork", images, generator(0))[0, :, 16, 16]
    torch.testing.assert_close(middle, torch.full((3,), 76 / 255))  # 0.299 · 255 = 76.2


def test_coloured_ink_keeps_its_contrast_on_either_side_of_the_ground():
    images = torch.zeros(64, 40, 40, 4, dtype=torch.uint8)
    images[:, 8:32, 8:32, 3] = 255
    domain = replace(TASK, colour=0.0, blotches=0.0, blur=0.0, noise=0.0, dark=0.5)
    pictures = coloured("glyph", images, generator(0), domain)
    contrast = pictures[:, 0, 16, 16] - pictures[:, 0, 0, 0]
    assert contrast.abs().min() >= domain.contrast - 1e-6
    assert 16 < (contrast < 0).sum() < 48  # about half of them dark on light
    torch.testing.assert_close(pictures[:, 0], pictures[:, 1])  # no colour was asked for


def test_a_task_keeps_its_classes_of_most_drawings():
    train = Bank(np.arange(6), np.array([0, 1, 1, 2, 3, 3]), np.array(list("aabbcc")))
    test = Bank(np.arange(4), np.array([3, 2, 1, 0]), np.array(list("dddd")))
    task = Task("t", "T", "artwork", ("w", "x", "y", "z"), ("a {}.",), train, test, "a", "d", "free")
    kept = most_drawn(task, 3)
    assert kept.classes == ("w", "x", "z")
    assert kept.train.labels.tolist() == [0, 1, 1, 2, 2]
    assert kept.train.images.tolist() == [0, 1, 2, 4, 5]
    assert kept.test.labels.tolist() == [2, 1, 0]
    assert kept.test.images.tolist() == [0, 2, 3]


def test_rows_serve_classes_alike_and_repeat_no_image_early():
    bank = Bank(np.zeros((7, 1)), np.array([0, 0, 0, 0, 0, 1, 1]), np.full(7, "a"))
    chosen = rows(bank, 8, generator(0)).tolist()
    assert [int(bank.labels[i]) for i in chosen].count(0) == 4
    assert len({i for i in chosen if i < 5}) == 4
    assert sorted(i for i in chosen if i >= 5) == [5, 5, 6, 6]


def test_the_regime_measures_gaps_and_names_what_fails():
    good = Regime("8", "test", {"a": 40.0, "b": 60.0}, {"a": 80.0, "b": 100.0}, 65.0, {0.1: 60.0, 0.3: 72.0})
    assert good.gap(60.0) == pytest.approx(0.25)
    assert verdict(good) == []
    bad = Regime("8", "test", {"a": 70.0}, {"a": 79.0}, 70.5, {0.3: 78.0})
    assert len(verdict(bad)) == 5
