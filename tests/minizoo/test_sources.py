"""Where the images come from: training, test and pre-training never share a source, and nothing is fetched twice."""

from __future__ import annotations

import json
import subprocess

import pytest

from otmf_core.errors import InputError
from otmf_core.minizoo import fetch, licences, photos, pictures
from otmf_core.minizoo.alphabets import ALPHABETS, SYMBOLS
from otmf_core.minizoo.font_split import PRETRAINING_FAMILIES, TEST_FAMILIES
from otmf_core.minizoo.fonts import lineage
from otmf_core.minizoo.sources import SOURCES, Source

SMALL = Source("npm", "@some/icons", "1.2.3", "MIT", "somebody")


def test_font_families_never_test_and_pretrain():
    assert not TEST_FAMILIES & PRETRAINING_FAMILIES
    assert {lineage(family) for family in TEST_FAMILIES} == TEST_FAMILIES, "a family is listed under its lineage's name"
    assert {lineage(family) for family in PRETRAINING_FAMILIES} == PRETRAINING_FAMILIES


@pytest.mark.parametrize(("family", "source"), [
    ("Open Sans", "Noto Sans"), ("DejaVu Sans Mono", "DejaVu Sans"), ("Rubik Light", "Rubik"),
    ("Noto Sans Tamil UI", "Noto Sans Tamil"), ("Noto Sans Tamil", "Noto Sans Tamil"), ("IPAPGothic", "IPA Gothic"),
])  # fmt: skip
def test_relatives_count_as_one_source(family, source):
    assert lineage(family) == source


@pytest.mark.parametrize("vendors", [
    (pictures.EMOJI_TRAIN, pictures.EMOJI_TEST, {pictures.EMOJI_PRETRAINING}),
    (pictures.FLAG_TRAIN, pictures.FLAG_TEST, {pictures.FLAG_PRETRAINING}),
    (pictures.PICTOGRAM_TRAIN, pictures.PICTOGRAM_TEST, pictures.PICTOGRAM_PRETRAINING),
])  # fmt: skip
def test_vendors_do_one_thing(vendors):
    train, test, pretraining = map(set, vendors)
    assert not train & test and not train & pretraining and not test & pretraining
    fetched = {source.package for source in SOURCES}
    assert {f"@iconify-json/{vendor}" for vendor in train | test | pretraining} <= fetched


def test_texture_bands_do_not_touch():
    (_, train), (test, test_end), (pretraining, end) = photos.PARTS.values()
    assert train < test < test_end < pretraining < end <= 1


@pytest.mark.parametrize("script", ALPHABETS)
def test_letters_have_names_of_their_own(script):
    assert 4 <= len(ALPHABETS[script]) <= 50
    assert len(set(ALPHABETS[script].values())) == len(ALPHABETS[script])
    assert all(len(character) == 1 for character in ALPHABETS[script].values())


def test_picture_classes():
    for classes in (pictures.ANIMALS, pictures.FOOD, pictures.TRAVEL, pictures.EUROPE, pictures.AFRICA_ASIA):
        assert 25 <= len(classes) <= 50
    assert not set(pictures.EUROPE) & set(pictures.AFRICA_ASIA)
    assert len(set(SYMBOLS.values())) == len(SYMBOLS)


def test_licences_list_every_source_and_none_is_non_commercial():
    text = licences.text()
    assert all(f"| {source.package} |" in text and f"| {source.licence} |" in text for source in SOURCES)
    assert not any(word in source.licence for source in SOURCES for word in ("NC", "ND"))
    assert "test flags" in next(line for line in text.splitlines() if "/twemoji" in line)
    rows = [line for line in licences.text(["scikit-learn"]).splitlines() if line.startswith("| pypi")]
    assert len(rows) == 1 and "| scikit-learn |" in rows[0]


def test_a_source_in_the_cache_is_not_fetched_again(tmp_path, monkeypatch):
    marker = tmp_path / "sources" / "npm-some-icons.json"
    marker.parent.mkdir()
    marker.write_text(json.dumps({"package": SMALL.package, "version": "1.2.3"}))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("something was run"))
    monkeypatch.setattr(fetch, "SOURCES", [SMALL])
    assert fetch.fetch_all(tmp_path, report=pytest.fail) == {"@some/icons": "1.2.3"}
    assert fetch.fetch(tmp_path, SMALL) == marker.with_suffix("")


def test_a_source_that_cannot_be_had_is_one_sentence(tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "npm notice\nno such version\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(InputError, match=r"^The source @some/icons could not be had from npm: no such version$"):
        fetch.fetch(tmp_path, SMALL)
    assert fetch.versions(tmp_path) == {}


def test_a_missing_program_is_named(tmp_path, monkeypatch):
    def run(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(InputError, match="needs 'npm' to get @some/icons"):
        fetch.fetch(tmp_path, SMALL)
