"""A site's patterns mean what they say, and can hold nobody up."""

import re
import time

import pytest

from dmask_node.deidentify.patterns import (
    MAX_PATTERN,
    MAX_TEXT,
    PatternUnreadable,
    matches,
    read_pattern,
)

TEXTS = (
    "", "a", "b", "ab", "ba", "aa", "aaa", "aaaa", "abab", "abc", "a1", "1", "12", "a b", "x_y",
    "é", "ptosis", "ptosis left", "ptosis  right", "lid (left)", "lid left", "3.5", "3x5",
    "a-b", "a.b",
)  # fmt: skip


@pytest.mark.parametrize(
    "pattern",
    [
        "a", "ab", "a?", "a*", "a+", "a{2}", "a{2,3}", "a{2,}", "a{0,1}", "a{0}", "(ab)+",
        "(ab|a)*", "(a|b){2}", "(a|b){2}c?", ".", ".*", ".+b", r"\d", r"\w+", r"\w+\s\w", "[ab]+",
        "[^0-9]+", "[a-c1]*", "[-a]+", "[^-a]+", "[a-b.]+", "ptosis( left| right)?",
        r"ptosis\s+(left|right)",
        r"lid \(?left\)?", r"3\.5", "3.5", r"a\-b", "(a|ab)(c|bc)?", "x_y", "[a-zé]", "a?b?c?",
    ],
)  # fmt: skip
def test_a_pattern_fits_what_a_regular_expression_fits(pattern: str) -> None:
    for text in TEXTS:
        assert matches(pattern, text) is (re.fullmatch(pattern, text) is not None), text


@pytest.mark.parametrize(
    "pattern",
    [
        "", " ", "a|b", "^a", "a$", "(a", "a)", "[a", "a]", "()", "(a|)", "(|a)", "((a))", "(a+)",
        "a**", "a+?", "*a", "?", "{2}", "a{", "a{,2}", "a{100}", "a{1,100}", "[]", "[^]",
        "[--a]", "[a&&b]", r"[\d]", r"\b", r"\1", r"\A", r"\D", r"\W", r"\S",
        "a\\", "(?:a)", "(?i)a", "[[a]]",
    ],
)  # fmt: skip
def test_what_is_not_in_the_syntax_is_refused(pattern: str) -> None:
    with pytest.raises(PatternUnreadable):
        read_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("ab|c", "the pattern can't be read from its character 3 on"),
        ("a[z-b]", "the pattern has a range in wrong order at its character 2"),
        ("abc{3,2}", "the pattern has a range in wrong order at its character 3"),
        (r"a\S", r"the pattern has \D, \W or \S; use [^...]"),
        ("", "a pattern needs 1 to 100 characters"),
        ("a" * 101, "a pattern needs 1 to 100 characters"),
    ],
)
def test_a_refusal_says_what_and_where(pattern: str, told: str) -> None:
    with pytest.raises(PatternUnreadable) as refused:
        read_pattern(pattern)
    assert str(refused.value) == told


def test_a_range_in_wrong_order_is_told() -> None:
    for pattern in ("[z-a]", "a{3,2}"):
        with pytest.raises(PatternUnreadable, match="wrong order"):
            read_pattern(pattern)
    assert matches("a{2,2}", "aa")


def test_letter_case_form_and_outer_space_do_not_count() -> None:
    assert matches("Ptosis [A-Z]+", " PTOSIS clinic ")
    assert matches("gro\u0308\u00dfe", "GRÖSSE")
    assert matches("\uff30tosis", "ptosis")


def test_any_character_is_not_a_new_line() -> None:
    assert not matches("a.b", "a\nb")
    assert matches("a.b", "a\\b")


@pytest.mark.parametrize("pattern", ["a*", "a+", "a{2,}", "[a]*", "(a|aa)*"])
def test_repeats_reach_the_longest_text_and_no_further(pattern: str) -> None:
    assert matches(pattern, "a" * MAX_TEXT)
    assert matches(pattern, "a" * (MAX_TEXT + 1)) is False


def test_a_pattern_may_be_so_long_and_no_longer() -> None:
    assert MAX_PATTERN == 100
    assert MAX_TEXT == 64
    assert matches("a?" * 50, "a" * 50)
    with pytest.raises(PatternUnreadable, match="1 to 100"):
        read_pattern("a" * 101)
    with pytest.raises(PatternUnreadable, match="1 to 100"):
        read_pattern("")


def test_a_class_takes_numbers_of_repeats_with_two_digits() -> None:
    assert matches("[0-9]{10,12}", "0" * 11)
    assert not matches("[0-9]{10,12}", "0" * 9)
    assert not matches("[0-9]{10,12}", "0" * 13)
    assert matches("[0-9]{10}", "0" * 10)
    assert not matches("[0-9]{10}", "0" * 11)


@pytest.mark.parametrize(
    "pattern",
    [".*" * 49 + "b", "(a|aa)*" * 13 + "b", "(" + "|".join("a" * 47) + ")*b", "a?" * 49 + "b"],
)
def test_no_text_holds_a_pattern_up(pattern: str) -> None:
    start = time.process_time()
    assert not matches(pattern, "a" * MAX_TEXT)
    assert (
        time.process_time() - start < 2.0
    )  # a backtracking matcher would need longer than we live
