"""The search finds every planted string and none that is not there."""

import random

import pytest

from dmask_node.check import search
from dmask_node.check.search import Boundary, Needle, find_in_pictures, find_in_text


def needle(text: bytes, boundary: Boundary = Boundary.NONE) -> Needle:
    return Needle(text.lower(), text.decode("latin-1"), boundary)


def test_letter_case_does_not_hide_a_name() -> None:
    assert find_in_text(b"..KoWaLsKi..", [needle(b"kowalski")]) == {"kowalski"}
    assert find_in_pictures(memoryview(b"..KoWaLsKi.."), [needle(b"kowalski")]) == {"kowalski"}


@pytest.mark.parametrize(
    ("data", "boundary", "found"),
    [
        (b"xErin", Boundary.WORD, False),
        (b"Erins", Boundary.WORD, False),
        (b" Erin ", Boundary.WORD, True),
        (b"rendErin Erin", Boundary.WORD, True),
        (b"Erin", Boundary.NONE, True),
        (b"\x04ERIN\0", Boundary.WORD, True),
    ],
)
def test_a_short_word_must_stand_by_itself(data: bytes, boundary: Boundary, found: bool) -> None:
    assert bool(find_in_text(data, [needle(b"erin", boundary)])) is found


@pytest.mark.parametrize(
    ("data", "boundary", "found"),
    [
        (b"1234567", Boundary.DIGITS, False),
        (b"x234567x", Boundary.DIGITS, True),
        (b"1.234567", Boundary.DIGITS, True),
        (b"1.234567", Boundary.UID, False),
        (b"234567", Boundary.UID, True),
    ],
)
def test_digits_must_not_be_part_of_a_longer_number(
    data: bytes, boundary: Boundary, found: bool
) -> None:
    assert bool(find_in_text(data, [needle(b"234567", boundary)])) is found


def test_pictures_are_searched_for_long_strings_only() -> None:
    data = memoryview(b"...nowak...")
    assert find_in_pictures(data, [needle(b"nowak")]) == set()
    assert find_in_pictures(data, []) == set()
    assert find_in_pictures(memoryview(b"short"), [needle(b"kowalski")]) == set()


def test_a_hit_across_a_seam_between_chunks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_CHUNK_BYTES", 64)
    for at in range(150):
        data = bytearray(200)
        data[at : at + 20] = b"KOWALSKI JAN PIOTR X"
        assert find_in_pictures(memoryview(bytes(data)), [needle(b"kowalski jan piotr x")])


def test_one_pass_finds_what_one_search_each_would_find() -> None:
    draw = random.Random(7)
    data = bytes(draw.choice(b"abAB12") for _ in range(200_000))
    needles = [
        needle(
            bytes(draw.choice(b"ab12") for _ in range(draw.randint(8, 12))),
            draw.choice([*Boundary]),
        )
        for _ in range(300)
    ]
    found = find_in_pictures(memoryview(data), needles)
    assert found == find_in_text(data, needles)
    assert 0 < len(found) < len(needles)


def test_chance_does_not_find_eight_letters_in_compressed_pictures() -> None:
    draw = random.Random(3)
    words = {
        bytes(draw.choice(b"abcdefghijklmnopqrstuvwxyz") for _ in range(8)) for _ in range(500)
    }
    assert (
        find_in_pictures(memoryview(draw.randbytes(3_000_000)), list(map(needle, words))) == set()
    )
