"""Where the texts come from: roles never share a root, tasks ask what they say, and licences are listed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from otmf_core.minitext import licences, meanings, names, pico, sentences, warmup
from otmf_core.minitext.items import SHARES, dealt, role
from otmf_core.minitext.sources import DICTIONARIES, SOURCES
from otmf_core.minitext.vocabulary import train_vocabulary
from otmf_core.minitext.wordnet import Synset, read_wordnet

DOG = (
    "02084071 05 n 02 dog 0 domestic_dog 0 002 @ 02083346 n 0000 + 01234567 v 0101 | a member of the genus Canis "
    '(probably descended from the common wolf); occurs in many breeds; "the dog barked all night"'
)
CANINE = "02083346 05 n 01 canine 0 000 | any of various fissiped mammals"
FOLLOW = '01234567 38 v 02 chase 0 dog 0 001 + 02084071 n 0201 | go after with the intent to catch; "The dog chased it"'


@pytest.fixture
def wordnet(tmp_path):
    texts = {"noun": f"  1 a licence\n{DOG}\n{CANINE}\n", "verb": f"{FOLLOW}\n", "adj": "", "adv": ""}
    for part, text in texts.items():
        (tmp_path / f"data.{part}").write_text(text)
    return read_wordnet(tmp_path)


def test_wordnet_is_read(wordnet):
    assert set(wordnet) == {"n02084071", "n02083346", "v01234567"}
    dog = wordnet["n02084071"]
    assert dog.words == ("dog", "domestic dog")
    assert dog.kinds == ("n02083346",)
    assert dog.field == 5
    assert dog.family == (("dog", "v01234567", 0),)
    assert dog.definition == "a member of the genus Canis ; occurs in many breeds"
    assert dog.examples == ("the dog barked all night",)
    assert wordnet["v01234567"].family == (("dog", "n02084071", 0),)


def test_roles_have_their_shares_and_stay():
    roles = [role(str(i)) for i in range(4000)]
    for name, share in SHARES.items():
        assert roles.count(name) / 40 == pytest.approx(share, abs=3)
    assert roles == [role(str(i)) for i in range(4000)]


def test_dealt_rows_are_balanced_once_and_by_root():
    rows = [(f"root {i % 99}", ((f"text {i} of {i % 99}",), int(i % 5 == 0))) for i in range(990)]
    found = dealt([*rows, *rows], "x")
    for name, own in found.items():
        assert {role(f"root {text[0].split(' of ')[1]}") for text, _ in own} == {name}
        labels = [label for _, label in own]
        assert labels.count(0) == labels.count(1) > 0
        assert len({text for text, _ in own}) == len(own)


def invented(count: int) -> dict[str, Synset]:
    """Synsets n0, n1 … of animals and plants, each with a word, a definition and an example of its own."""
    found = {
        "animal": Synset("animal", "n", 3, ("animal",), (), (), "whatever runs", ()),
        "plant": Synset("plant", "n", 3, ("plant", "flora"), (), (), "whatever grows", ()),
    }
    for i in range(count):
        own = f"{'abcdefghij'[i % 10]}o{'klmnoprstu'[i // 10 % 10]}a{'bdfghjklmn'[i // 100]}ino"
        field, kind = ((5, "animal"), (20, "plant"))[i % 2]
        example = f"the {own} is {('nice', 'awful', 'green', 'great')[i % 4]} today"
        found[f"n{i}"] = Synset(f"n{i}", "n", field, (own,), (kind,), (), f"a thing with a {own}", (example,))
    return found


VALENCES = {"nice": 1.8, "awful": -2.0, "great": 3.1}


def test_test_synsets_are_disjoint_of_all_others():
    synsets = invented(600)
    owner = {text: key for key, one in synsets.items() for text in (one.definition, *one.examples)}
    for task in (
        sentences.sentiment(synsets.values(), VALENCES),
        meanings.topic(synsets, {"animal": 5, "plant": 20}),
        meanings.kind_of(synsets),
    ):
        for name, rows in task.rows.items():
            assert {role(owner[texts[0]]) for texts, _ in rows} == {name}


def test_sentiment_and_rating_follow_the_valences():
    synsets = invented(600).values()
    for (text,), label in sentences.sentiment(synsets, VALENCES).rows["train"]:
        assert ("awful" in text) == (label == 0)
        assert "green" not in text
    graded = {score: key for key, score in zip(["2", "3", "4", "5"], ("awful", "green", "nice", "great"), strict=True)}
    found = {
        sum(score > step for step in sentences.STEPS): text
        for _, text, score in sentences.felt(synsets, VALENCES)
        if text.startswith("the ")
    }
    assert {word: str(label + 1) for label, text in found.items() for word in graded if word in text} == graded


def test_a_sentence_that_leans_both_ways_or_is_denied_is_left_out():
    texts = ("a great and awful day", "this is not great at all", "a great day it was")
    synset = Synset("x", "n", 4, ("x",), (), (), "what there is", texts)
    found = [text for _, text, _ in sentences.felt([synset], VALENCES)]
    assert found == ["what there is", "a great day it was"]


def test_misspelt_words_have_the_same_letters_and_ends():
    synsets = invented(600)
    known = {word for one in synsets.values() for word in one.words}
    task = names.acceptability(synsets)
    assert task.rows["train"]
    letters = {(word[0], word[-1], tuple(sorted(word))) for word in known}
    for (words,), label in task.rows["train"]:
        for word in words.split():
            assert (word in known) == (task.answers[label] == "acceptable")
            assert (word[0], word[-1], tuple(sorted(word))) in letters


def test_a_word_of_two_classes_is_no_question(wordnet):
    assert wordnet["n02084071"].words[0] in wordnet["v01234567"].words
    found = names.word_class({**wordnet, **invented(300)})
    assert all("dog" not in texts for rows in found.rows.values() for texts, _ in rows)


def test_scientific_names_are_of_a_known_genus():
    synsets = {
        "g": Synset("g", "n", 5, ("Canis", "genus Canis"), (), (), "", ()),
        "s": Synset("s", "n", 5, ("wolf", "Canis lupus", "Irish setter"), (), (), "", ()),
        "p": Synset("p", "n", 20, ("genus Rosa",), (), (), "", ()),
    }
    found = names.living(synsets)
    assert {texts[0] for rows in found.rows.values() for texts, _ in rows} <= {"canis", "canis lupus", "rosa"}


def test_kinds_are_those_above_and_others_are_not():
    synsets = invented(600)
    fields = {one.definition: one.field for one in synsets.values()}
    task = meanings.kind_of(synsets)
    for (text, kind), label in task.rows["train"]:
        assert (kind == {5: "animal", 20: "plant"}[fields[text]]) == (task.answers[label] == "yes")


def test_words_of_a_role_share_no_beginning_with_another_role():
    language = pico.tasks()[0]
    beginnings = {
        name: {word[: names.ROOT] for texts, _ in rows for word in texts[0].split()}
        for name, rows in language.rows.items()
    }
    assert not beginnings["test"] & (beginnings["train"] | beginnings["pretraining"])
    assert not beginnings["train"] & beginnings["pretraining"]


def test_a_city_of_two_countries_is_no_question():
    found = names.country({"italy": ["roma", "alba"], "spain": ["alba", "lugo"]})
    assert all(texts != ("alba",) for rows in found.rows.values() for texts, _ in rows)


def test_pre_training_asks_about_other_languages_and_countries():
    assert not set(warmup.LANGUAGES) & set(names.LANGUAGES)
    assert not set(warmup.COUNTRIES) & set(names.COUNTRIES)
    assert not set(warmup.TOPICS.values()) & set(meanings.TOPICS.values())
    assert {*warmup.LANGUAGES, *names.LANGUAGES} == set(DICTIONARIES)


def test_answers_are_whole_pieces_or_one_sentence_says_why_not():
    texts = ["the 'cat' sat on the mat"] * 50
    tokenizer = train_vocabulary(texts, ["acceptable", "yes"], 120)
    assert [tokenizer.token_to_id(piece) for piece in ("<pad>", "</s>", "<unk>")] == [0, 1, 2]
    assert tokenizer.encode("Yes").ids[1:] == [1]
    quoted, bare = (tokenizer.encode(text, add_special_tokens=False).tokens for text in ("'mat'", "mat"))
    assert quoted[1:-1] == bare  # a word in quotation marks is the same pieces
    with pytest.raises(ValueError, match="'acceptable' is one piece"):
        train_vocabulary(texts, ["acceptable"], 20)


def test_another_process_learns_the_same_vocabulary():
    """A limit on the alphabet left it to chance which of the rarest letters were kept."""
    code = (
        "from otmf_core.minitext.vocabulary import train_vocabulary as train;"
        "texts = ['the cat ' + chr(256 + i) for i in range(300)];"
        "print(sorted(train(texts, ['yes'], 400).get_vocab().items()))"
    )
    found = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(3)}
    assert len(found) == 1


def test_licences_list_every_source_and_none_is_non_commercial():
    text = licences.text()
    assert all(f"| {source.package} |" in text and f"| {source.licence} |" in text for source in SOURCES)
    assert not any(word in source.licence for source in SOURCES for word in ("NC", "ND"))
    assert "Princeton University" in text
    assert "source code" in licences.text([])


def test_grouped_names_have_one_role_and_come_once_a_round():
    roots = {f"{'abcdefghij'[i % 10]}{i}": "abcdefghij"[i % 10] for i in range(60)}
    found = names.grouped(roots.items(), "x", together=2, rounds=3)
    for root, group in found:
        assert {role(roots[item]) for item in group} == {role(root)}
    counts = [sum(item in group for _, group in found) for item in roots]
    assert max(counts) <= 3 and sum(counts) >= 3 * (60 - 3)  # one of an odd number is left over


def test_every_task_is_asked_of_its_own_answers():
    cities = names.country(
        {"italy": [f"roma{i} x" for i in range(90)], "spain": [f"lugo{i} x" for i in range(90)]}, 2, 3
    )
    texts, label = cities.rows["train"][0]
    assert cities.text((texts, label)) == f"Given the cities '{texts[0]}', in which country are they?"
    assert all(("roma" in pair) == (cities.answers[label] == "italy") for (pair,), label in cities.rows["train"])
