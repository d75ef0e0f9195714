"""A site's words are sent as the site wrote them, and nothing else is."""

import pytest
from pydantic import TypeAdapter, ValidationError

from dmask_node.deidentify.profile import Terms
from dmask_node.deidentify.terms import Spellings, match, require_terms, sent

LID = Spellings(regex="(ptosis|lid) ?(left|right)?", send="Lids")
ANY_P = Spellings(regex="p.*", send="Something with P")
TERMS = ("Ptosis clinic", LID, ANY_P, "Palsy")


@pytest.mark.parametrize(
    ("text", "goes_out"),
    [
        ("ptosis CLINIC ", "Ptosis clinic"),
        ("LID right", "Lids"),
        ("ptosis", "Lids"),
        ("palsy", "Palsy"),
        ("patient Kowalski", "Something with P"),
        ("Kowalski", None),
        ("", None),
        ("x" * 200, None),
    ],
)
def test_words_come_before_patterns_and_patterns_in_their_order(
    text: str, goes_out: str | None
) -> None:
    assert match(TERMS, text) == goes_out


def test_nothing_is_on_an_empty_list() -> None:
    assert match((), "") is None
    assert match((), "Ptosis") is None


def test_what_can_be_sent_is_told_once_each() -> None:
    assert sent((*TERMS, Spellings(regex="x", send="Lids"))) == (
        "Ptosis clinic",
        "Lids",
        "Something with P",
        "Palsy",
    )


@pytest.mark.parametrize(
    "terms",
    [
        ["a\\b"], [""], ["x" * 65], ["a\nb"], ["Ptosis", " PTOSIS"],
        [{"regex": "a|b", "send": "x"}],
        [{"regex": "a", "send": ""}], [{"regex": "a", "send": "a\\b"}], [{"regex": "a"}],
        [{"send": "a"}], [{"regex": "a", "send": "x", "flags": "i"}], [3],
    ],
)  # fmt: skip
def test_terms_that_could_not_stand_in_an_object_are_refused(terms: list[object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Terms).validate_python(terms)


def test_terms_lose_outer_white_space() -> None:
    assert require_terms([" Ptosis ", LID]) == ("Ptosis", LID)
    assert Spellings(regex="a", send=" x ").send == "x"
    assert require_terms(["x" * 64]) == ("x" * 64,)
