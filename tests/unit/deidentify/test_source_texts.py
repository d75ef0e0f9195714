"""One attribute is read as text, decoded or not, and nothing around it."""

import pytest
from pydicom import Dataset, Sequence
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from dmask_node.deidentify.source_values import read_text


def holding(value: bytes | None, vr: str = "LO", keyword: str = "StudyDescription") -> Dataset:
    header, tag = Dataset(), Tag(keyword)
    header.SpecificCharacterSet = "ISO_IR 192"
    header[tag] = RawDataElement(tag, vr, len(value or b""), value, 0, False, True)
    return header


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"Ptosis", "Ptosis"),
        (b" \t\r\n Ptosis clinic\n\r\t \0", "Ptosis clinic"),
        (b"XPtosisX", "XPtosisX"),
        ("Größe".encode(), "Größe"),
        (b"a\\b", "a\\b"),
        (b"a\\\\b ", "a\\\\b"),
        (b"x" * 1024, "x" * 1024),
        (b"x" * 1025, None),
        (b"", None),
        (b" ", None),
        (b"\0\0", None),
        (None, None),
    ],
)
def test_a_text_is_read_without_its_padding(value: bytes | None, text: str | None) -> None:
    assert read_text(holding(value), "StudyDescription") == text


def test_a_text_is_decoded_by_the_character_set_of_the_header() -> None:
    header = holding("Größe".encode("latin-1"))
    header.SpecificCharacterSet = "ISO_IR 100"
    assert read_text(header, "StudyDescription") == "Größe"


def test_what_is_absent_is_none() -> None:
    assert read_text(Dataset(), "StudyDescription") is None


@pytest.mark.parametrize(
    ("vr", "value", "text"),
    [
        ("FD", b"abc", "abc"),  # no double has three bytes: as it came
        ("UN", b"Lids", "Lids"),
        ("OB", b"K\xe4se", "K\xe4se"),
        ("US", b"\x07\x00", "7"),
        ("IS", b"12 ", "12"),
        ("DS", b"1.5", "1.5"),
        ("PN", b"Doe^Jane", "Doe^Jane"),
        ("AT", b"\x10\x00\x20\x00", "(0010,0020)"),
    ],
)
def test_a_wrong_value_representation_gives_some_text_of_the_same_bytes(
    vr: str, value: bytes, text: str
) -> None:
    assert read_text(holding(value, vr), "StudyDescription") == text


def test_several_values_are_joined_as_they_were_sent() -> None:
    assert read_text(holding(b"\x07\x00\x08\x00", "US"), "StudyDescription") == "7\\8"
    header = Dataset()
    header.StudyDescription = ["a", "b"]
    assert read_text(header, "StudyDescription") == "a\\b"


def test_a_sequence_is_no_text() -> None:
    header = Dataset()
    header.add_new("StudyDescription", "SQ", Sequence([]))
    assert read_text(header, "StudyDescription") is None
    header.add_new("StudyDescription", "SQ", Sequence([Dataset()]))
    assert "KOWALSKI" not in (read_text(header, "StudyDescription") or "")


def test_the_header_stays_as_it_was_received(recwarn: pytest.WarningsRecorder) -> None:
    header = holding(b"no date", "DA")
    before = header.get_item("StudyDescription")
    read_text(header, "StudyDescription")
    assert header.get_item("StudyDescription") is before
    assert not recwarn.list
