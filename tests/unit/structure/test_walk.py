"""The walk counts what pydicom would build, and stops before it would cost anything."""

import io
import struct
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, Sequence
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from dmask_node.structure import HeaderCutShort, HeaderTooComplex, Limits, Structure, walk

SEQUENCE = b"\x08\x00\x40\x11"  # Referenced Image Sequence
PRIVATE = b"\x09\x00\x01\x10"
META = range(0x00020000, 0x00030000)
ITEM, ITEM_END, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0"
PIXELS = b"\xe0\x7f\x10\x00OW\0\0\x02\0\0\0\0\0"


def counted(content: bytes, limits: Limits | None = None, *, implicit: bool = False) -> Structure:
    return walk(io.BytesIO(content), 0, implicit=implicit, limits=limits or Limits())


def nest(depth: int, head: bytes, *, undefined: bool, inner: bytes = b"") -> bytes:
    """Sequences in one another; `head` is tag and, where explicit, VR of each."""
    for _ in range(depth):
        if undefined:
            item = ITEM + b"\xff\xff\xff\xff" + inner + ITEM_END + bytes(4)
            inner = head + b"\xff\xff\xff\xff" + item + SEQUENCE_END + bytes(4)
        else:
            item = ITEM + struct.pack("<I", len(inner)) + inner
            inner = head + struct.pack("<I", len(item)) + item
    return inner


HEADS = {
    "explicit": (SEQUENCE + b"SQ\0\0", False),
    "private": (PRIVATE + b"SQ\0\0", False),
    "UN": (PRIVATE + b"UN\0\0", False),
    "known UN": (SEQUENCE + b"UN\0\0", False),
    "implicit": (SEQUENCE, True),
    "private implicit": (PRIVATE, True),
}


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("kind", HEADS)
def test_levels_are_counted_in_every_way_of_writing_them(kind: str, undefined: bool) -> None:
    head, implicit = HEADS[kind]
    inner = b"\x10\x00\x10\x00\x04\0\0\0Doe " if implicit else b"\x10\x00\x10\x00PN\x04\0Doe "
    content = nest(20, head, undefined=undefined, inner=inner) + PIXELS[: 12 if implicit else 99]
    found = counted(content, Limits(depth=20), implicit=implicit)
    assert (found.items, found.pixel_data) == (20, True)
    assert content[found.stopped_at :].startswith(b"\xe0\x7f")
    with pytest.raises(HeaderTooComplex, match="levels"):
        counted(content, Limits(depth=19), implicit=implicit)


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("kind", HEADS)
def test_ten_thousand_levels_cost_nothing(kind: str, undefined: bool) -> None:
    head, implicit = HEADS[kind]
    content = nest(10_000 if undefined else 3000, head, undefined=undefined) + PIXELS
    began = time.monotonic()
    with pytest.raises(HeaderTooComplex, match="32 levels"):
        counted(content, implicit=implicit)
    assert time.monotonic() - began < 0.5


def test_a_million_empty_items_cost_nothing() -> None:
    items = (ITEM + bytes(4)) * 1_000_000
    for length in (b"\xff\xff\xff\xff", struct.pack("<I", len(items))):
        content = SEQUENCE + b"SQ\0\0" + length + items + SEQUENCE_END + bytes(4) + PIXELS
        began = time.monotonic()
        with pytest.raises(HeaderTooComplex, match="20000 items"):
            counted(content)
        assert time.monotonic() - began < 1


def test_a_million_empty_elements_cost_nothing() -> None:
    began = time.monotonic()
    with pytest.raises(HeaderTooComplex, match="100000 elements"):
        counted(b"\x09\x00\x01\x10LO\0\0" * 1_000_000 + PIXELS)
    assert time.monotonic() - began < 2


def test_a_huge_element_is_passed_over_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.write(PRIVATE + b"OB\0\0" + struct.pack("<I", 300_000_000))
        file.truncate(12 + 300_000_000)
        file.seek(0, 2)
        file.write(PIXELS)
    tracemalloc.start()
    with path.open("rb") as file:
        with pytest.raises(HeaderTooComplex, match="bytes"):
            walk(file, 0, implicit=False, limits=Limits())
        assert walk(file, 0, implicit=False, limits=Limits(length=10**9)).pixel_data
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_what_follows_the_pixels_is_not_looked_at() -> None:
    bomb = nest(100, SEQUENCE + b"SQ\0\0", undefined=True)
    assert counted(PIXELS + bomb).pixel_data
    behind = b"\xe1\x7f\x01\x10SQ\0\0"  # a private group behind where the pixels should be
    with pytest.raises(HeaderTooComplex):
        counted(nest(100, behind, undefined=True))


def test_a_value_that_only_begins_like_a_sequence_is_a_value() -> None:
    blob = ITEM + b"\xff\xff\xff\xff" + b"\x11" * 50
    for vr in (b"UN", b"SQ"):
        content = PRIVATE + vr + b"\0\0" + struct.pack("<I", len(blob)) + blob + PIXELS
        assert counted(content).pixel_data
    nested = nest(3, SEQUENCE + b"SQ\0\0", undefined=False, inner=blob) + PIXELS
    assert counted(nested).pixel_data


def test_fragments_in_an_icon_are_no_sequences() -> None:
    fragments = ITEM + bytes(4) + ITEM + b"\x04\0\0\0abcd" + SEQUENCE_END + bytes(4)
    icon = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + fragments
    found = counted(nest(1, b"\x88\x00\x00\x02SQ\0\0", undefined=True, inner=icon) + PIXELS)
    assert (found.items, found.pixel_data) == (1, True)
    odd = b"\x09\x00\x01\x10OB\0\0\xff\xff\xff\xffno fragments" + SEQUENCE_END + bytes(4)
    assert counted(odd + PIXELS).pixel_data


@pytest.mark.parametrize("cut", [4, 9, 25, 40])
def test_a_data_set_that_ends_within_an_element_is_cut_short(cut: int) -> None:
    content = nest(2, SEQUENCE + b"SQ\0\0", undefined=True, inner=b"\x10\x00\x10\x00PN\x04\0Doe ")
    with pytest.raises(HeaderCutShort):
        counted(content[:-cut])
    with pytest.raises(HeaderCutShort):
        counted(b"\x10\x00\x10\x00PN\xff\0Doe ")


def test_a_walk_can_be_asked_for_values_and_for_one_group() -> None:
    meta = b"\x02\x00\x10\x00UI\x04\x001.2\0"
    content = b"head" + meta + b"\x08\x00\x16\x00UI\x04\x001.3\0" + PIXELS
    file = io.BytesIO(content)
    found = walk(file, 4, implicit=False, limits=Limits(), within=META, wanted=[0x00020010])
    assert (found.stopped_at, found.pixel_data) == (16, False)
    assert found.values == {0x00020010: b"1.2\0"}
    found = walk(file, 16, implicit=False, limits=Limits(), wanted=[0x00080016, 0x00080018])
    assert found.values == {0x00080016: b"1.3\0"}
    assert "1.3" not in repr(found)


def trees() -> st.SearchStrategy[Dataset]:
    """Data sets of text, numbers, private elements and sequences in one another."""

    def grown(inner: st.SearchStrategy[Dataset]) -> st.SearchStrategy[Dataset]:
        return st.builds(_with, st.lists(inner, max_size=3), st.booleans(), st.integers(0, 3))

    return st.recursive(st.builds(_with, st.just([]), st.booleans(), st.integers(0, 3)), grown)


def _with(items: list[Dataset], undefined: bool, kind: int) -> Dataset:
    dataset = Dataset()
    dataset.PatientName = "Doe^Jane"
    if kind == 1:
        dataset.add_new(0x00091001, "UN", b"\xfe\xff\x00\xe0rubbish!")
    if kind == 2:
        dataset.ICCProfile = bytes(70)
    if items:
        tag = 0x00091002 if kind == 3 else 0x00081140
        dataset.add_new(tag, "SQ", Sequence(items))
        dataset[tag].is_undefined_length = undefined
        for item in items:
            item.is_undefined_length_sequence_item = undefined
    return dataset


def levels(dataset: Dataset) -> int:
    return max((1 + levels(i) for e in dataset if e.VR == "SQ" for i in e.value), default=0)


def items(dataset: Dataset) -> int:
    return sum(1 + items(i) for e in dataset if e.VR == "SQ" for i in e.value)


@settings(max_examples=60, deadline=None)
@given(trees(), st.booleans(), st.booleans())
def test_it_counts_what_pydicom_builds(tree: Dataset, implicit: bool, little: bool) -> None:
    little = little or implicit
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, little
    write_dataset(buffer, tree)
    content = buffer.getvalue()
    seen = read_dataset(io.BytesIO(content), implicit, little)
    rubbish = content.count(b"rubbish!")  # begins like an item, until it is found out
    limits = Limits(depth=levels(tree) + bool(rubbish), items=10_000)
    found = walk(io.BytesIO(content), 0, implicit=implicit, little_endian=little, limits=limits)
    assert items(seen) <= items(tree) <= found.items <= items(tree) + rubbish
    assert found.stopped_at == len(content)


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=150, deadline=None)
@given(trees(), st.booleans(), st.data())
def test_damage_ends_the_walk_in_time_and_never_hides_a_level(
    tree: Dataset, implicit: bool, data: st.DataObject
) -> None:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, True
    write_dataset(buffer, tree)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.sampled_from([0, 0xFF, 0xFE, 0x08, ord("S"), ord("U")]))
    try:
        found = walk(io.BytesIO(content), 0, implicit=implicit, limits=Limits())
    except (HeaderTooComplex, HeaderCutShort):
        return
    try:
        seen = read_dataset(io.BytesIO(bytes(content)), implicit, True)
        deep, many = levels(seen), items(seen)
    except Exception:  # noqa: BLE001 - pydicom does not read it either
        return
    assert deep <= 32
    assert many <= found.items


def test_the_longest_honest_header_is_quick(tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.ReferencedImageSequence = Sequence([_with([], True, 0) for _ in range(19_000)])
    path = tmp_path / "long.dcm"
    dataset.save_as(path, implicit_vr=False, little_endian=True)
    began = time.monotonic()
    with path.open("rb") as file:
        assert walk(file, 0, implicit=False, limits=Limits()).items == 19_000
    assert time.monotonic() - began < 2
