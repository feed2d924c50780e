"""Class names and templates, brought together from three sources."""

from __future__ import annotations

import pytest

from otmf_core.errors import InputError
from otmf_core.library.known_tasks import known_task
from otmf_core.library.making.classes import TEMPLATES, classes_of

SVHN, FER = known_task("svhn"), known_task("fer2013")


def test_a_data_sets_own_names():
    found = classes_of(None, ["black_cat", "dog"], (), (), "x")
    assert found.names == ("black cat", "dog") and found.templates == TEMPLATES and not found.note


def test_names_and_templates_that_are_given():
    found = classes_of(SVHN, (), ["nought", *"123456789"], ["the {}."], "x")
    assert found.names[:2] == ("nought", "1") and found.templates == ("the {}.",)


def test_known_names_follow_the_order_of_the_data_sets_labels():
    assert FER is not None
    shuffled = [name.upper().replace(" ", "_") for name in sorted(FER.classes, reverse=True)]
    found = classes_of(FER, shuffled, (), (), "x")
    assert found.names == tuple(sorted(FER.classes, reverse=True))
    assert found.templates == FER.templates and not found.note


def test_known_names_are_taken_in_their_order_where_the_data_set_calls_them_otherwise():
    assert FER is not None
    found = classes_of(FER, list("abcdefg"), (), (), "x")
    assert found.names == FER.classes
    assert found.note == f"class names of FER2013 are taken in their order: 'a' is {FER.classes[0]!r}"


@pytest.mark.parametrize(
    ("of_data", "given", "templates", "sentence"),
    [
        ((), (), (), "classes need names, which neither the data set nor the task has"),
        (("a", "b"), ("x",), (), "classes are as many as the data set's, 2: 1 are given, for x"),
        (("a", "a"), (), (), "a class has a name of its own: 'a' is there twice"),
        (("a", "b"), (), ("a photo",), "a template has one {} where the class stands, received 'a photo'"),
        (("a", "b"), (), ("{} {}",), "a template has one {} where the class stands"),
    ],
)
def test_names_that_do_not_do(of_data: tuple, given: tuple, templates: tuple, sentence: str):
    with pytest.raises(InputError) as caught:
        classes_of(None, of_data, given, templates, "x")
    assert str(caught.value).startswith(sentence)
    assert SVHN is not None
    with pytest.raises(InputError, match="classes are as many as the data set's, 2: 10 are of SVHN"):
        classes_of(SVHN, ("a", "b"), (), (), "x")
