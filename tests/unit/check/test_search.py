"""The search finds every planted string and none that is not there."""

import random
import time

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


def test_the_time_does_not_grow_with_the_product_of_bytes_and_needles() -> None:
    """A hundred thousand needles in a megabyte; one search each would take minutes."""
    draw = random.Random(9)
    needles = [needle(draw.randbytes(12).hex().encode()) for _ in range(100_000)]
    data = draw.randbytes(1_000_000)
    begun = time.process_time()
    assert find_in_pictures(memoryview(data + needles[77].data), needles) == {needles[77].name}
    assert find_in_text(data[:20_000] + needles[5].data, needles) == {needles[5].name}
    assert time.process_time() - begun < 10.0


@pytest.mark.parametrize(
    "picture",
    [bytes([80]) * 3_000_000, bytes(at // 4000 % 90 + 33 for at in range(3_000_000))],
    ids=["even", "shaded"],
)
def test_a_picture_of_visible_letters_takes_no_longer(picture: bytes) -> None:
    """Uncompressed samples can all be letters, and so look packed."""
    begun = time.process_time()
    assert find_in_pictures(memoryview(picture), [needle(b"kowalski")]) == set()
    assert time.process_time() - begun < 5.0


@pytest.mark.parametrize(
    ("packed", "found"),
    [
        (b"S293YWxza2k=", True),
        (b"xxS293YWxza2k", True),
        (b"4b6f77616c736b69", True),
        (b"a4B6F77616C736B69", True),
        (b"%4b%6fwalski", True),
        (b"K\0o\0w\0a\0l\0s\0k\0i\0", True),
        (b"\0K\0o\0w\0a\0l\0s\0k\0i", True),
        (b"S293YWxzaw==", False),
        (b"K.o.w.a.l.s.k.i", False),
    ],
)
def test_what_stands_packed_is_found(packed: bytes, found: bool) -> None:
    for data in (packed, b"\xa7\xff" + packed + b"\xa7\xff"):
        assert bool(find_in_text(data, [needle(b"kowalski")])) is found
        assert bool(find_in_pictures(memoryview(data), [needle(b"kowalski")])) is found
