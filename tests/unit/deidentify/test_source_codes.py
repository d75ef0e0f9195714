"""One code is read out of a sequence, whatever else stands in it or around it."""

from io import BytesIO

import pytest
from pydicom import Dataset, Sequence, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from dmask_node.deidentify.source_values import read_code

NAME = "ProcedureCodeSequence"


def an_item(value: object = "S1", scheme: object = "99SITE", **more: object) -> Dataset:
    item = Dataset()
    for keyword, given in {"CodeValue": value, "CodingSchemeDesignator": scheme, **more}.items():
        if given is not None:
            setattr(item, keyword, given)
    return item


def holding(*items: Dataset) -> Dataset:
    header = Dataset()
    setattr(header, NAME, Sequence(items))
    return header


def as_received(header: Dataset, *, undefined_length: bool = False) -> Dataset:
    header[NAME].is_undefined_length = undefined_length
    stream = BytesIO()
    header.save_as(stream, implicit_vr=False, little_endian=True)
    return dcmread(BytesIO(stream.getvalue()), force=True)


def raw(value: bytes | None, vr: str = "SQ") -> Dataset:
    header, tag = Dataset(), Tag(NAME)
    header[tag] = RawDataElement(tag, vr, len(value or b""), value, 0, False, True)
    return header


def test_a_code_is_read_as_set_and_as_received() -> None:
    header = holding(an_item(" S1 ", "99SITE "))
    assert read_code(header, NAME) == ("S1", "99SITE")
    assert read_code(as_received(header), NAME) == ("S1", "99SITE")
    assert read_code(as_received(header, undefined_length=True), NAME) == ("S1", "99SITE")


@pytest.mark.parametrize(
    "items",
    [
        (),
        (an_item(), an_item()),
        (an_item(), Dataset()),
        (an_item(value=None),),
        (an_item(scheme=None),),
        (an_item(value=""),),
        (an_item(scheme=""),),
    ],
)
def test_anything_but_one_whole_code_is_none(items: tuple[Dataset, ...]) -> None:
    assert read_code(holding(*items), NAME) is None
    assert read_code(as_received(holding(*items)), NAME) is None


def test_an_absent_sequence_is_no_code() -> None:
    assert read_code(Dataset(), NAME) is None
    header = Dataset()
    header.add_new(NAME, "LO", "S1")
    assert read_code(header, NAME) is None


@pytest.mark.parametrize(
    "header",
    [
        raw(b"KOWALSKI"),
        raw(b"\xfe\xff\x00\xe0\xff\xff\xff"),
        raw(b""),
        raw(None),
        raw(b"abc", "FD"),
    ],
)
def test_a_broken_sequence_is_no_code(header: Dataset, recwarn: pytest.WarningsRecorder) -> None:
    assert read_code(header, NAME) is None
    assert not recwarn.list


def test_what_is_far_longer_than_a_code_is_not_decoded() -> None:
    def received(filling: int) -> Dataset:
        header = as_received(holding(an_item(CodeMeaning="x" * filling)))
        assert isinstance(header.get_item(NAME), RawDataElement)
        return header

    around = len(received(0).get_item(NAME).value)
    assert read_code(received(4096 - around), NAME) == ("S1", "99SITE")
    assert read_code(received(4098 - around), NAME) is None


def test_nesting_costs_nothing_and_breaks_nothing() -> None:
    deep = an_item()
    for _ in range(200):
        outer = an_item()
        outer.ContentSequence = Sequence([deep])
        deep = outer
    for undefined_length in (False, True):
        header = as_received(holding(deep), undefined_length=undefined_length)
        assert read_code(header, NAME) in (None, ("S1", "99SITE"))


def test_the_header_stays_as_it_was_received() -> None:
    header = as_received(holding(an_item()))
    before = header.get_item(NAME)
    read_code(header, NAME)
    assert header.get_item(NAME) is before
