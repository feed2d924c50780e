"""Where the texts come from: roles never share a root, tasks ask what they say, and licences are listed."""

from __future__ import annotations

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
    """Synsets n0, n1 … each a kind of `thing`, with examples of its own."""
    words = ["red", "blue", "round", "flat", "small", "large", "heavy", "light", "wooden", "metal"]
    found = {"top": Synset("top", "n", 3, ("thing",), (), (), "whatever there is anywhere", ())}
    for i in range(count):
        own = f"word{'abcdefghij'[i % 10]}{'abcdefghij'[i // 10 % 10]}{'abcdefghij'[i // 100]}"
        definition = f"a {words[i % 10]} thing with a {own}"
        examples = (f"the {own} is {words[i % 7]} today",)
        found[f"n{i}"] = Synset(f"n{i}", "n", 5 if i % 2 else 20, (own,), ("top",), (), definition, examples)
    return found


def test_test_synsets_are_disjoint_of_all_others():
    synsets = invented(600)
    owner = {text: key for key, one in synsets.items() for text in (one.definition, *one.examples)}
    for task in (sentences.acceptability(synsets.values()), sentences.similarity(synsets.values())):
        for name, rows in task.rows.items():
            assert rows
            for texts, _ in rows:
                if texts[0] in owner:  # not reordered
                    assert role(owner[texts[0]]) == name
    for task in (meanings.topic(synsets, {"animal": 5, "plant": 20}), meanings.kind_of(synsets)):
        for name, rows in task.rows.items():
            assert {role(owner[texts[0]]) for texts, _ in rows} == {name}


def test_unacceptable_sentences_have_the_same_words_in_another_order():
    synsets = invented(600)
    known = {sentence for one in synsets.values() for sentence in one.examples}
    task = sentences.acceptability(synsets.values())
    sorted_words = {tuple(sorted(sentence.split())) for sentence in known}
    for texts, label in task.rows["train"]:
        assert (texts[0] in known) == (task.answers[label] == "acceptable")
        assert tuple(sorted(texts[0].split())) in sorted_words


def test_similarity_grows_with_the_words_that_stay():
    task = sentences.similarity(invented(600).values())
    shares = {label: [] for label in range(5)}
    for (first, second), label in task.rows["train"]:
        pairs = list(zip(first.split(), second.split(), strict=True))
        shares[label].append(sum(a == b for a, b in pairs) / len(pairs))
    means = [sum(own) / len(own) for own in shares.values()]
    assert means == sorted(means)
    assert set(shares[4]) == {1.0}


def test_kinds_are_those_above_and_others_are_not(wordnet):
    task = meanings.kind_of(invented(600))
    for (_, kind), label in task.rows["train"]:
        assert (kind == "thing") == (task.answers[label] == "yes")


def test_words_of_a_role_share_no_beginning_with_another_role():
    task = names.language({"danish": pico.SYLLABLES["danish"].split(), "polish": pico.tasks()[0].answers})
    assert task.fields == ("words",)
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


def test_licences_list_every_source_and_none_is_non_commercial():
    text = licences.text()
    assert all(f"| {source.package} |" in text and f"| {source.licence} |" in text for source in SOURCES)
    assert not any(word in source.licence for source in SOURCES for word in ("NC", "ND"))
    assert "Princeton University" in text
    assert "source code" in licences.text([])
