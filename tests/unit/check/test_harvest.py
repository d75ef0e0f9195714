"""Whatever may name a patient is gathered from a source, wherever and however it stands."""

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from dmask_node.check import harvest as harvest_module
from dmask_node.check.harvest import HeaderTooLarge, harvest
from dmask_node.check.search import find_in_pictures, find_in_text


def found(header: Dataset, data: bytes) -> bool:
    return bool(find_in_text(data, harvest(header).needles))


def raw(header: Dataset, tag: int, vr: str, value: bytes) -> Dataset:
    header[Tag(tag)] = RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)
    return header


def named(**attributes: object) -> Dataset:
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in attributes.items():
        setattr(header, keyword, value)
    return header


@pytest.mark.parametrize(
    "data",
    [
        b"by Kowalski, seen",
        b"KOWALSKI",
        "Kowalski".encode("utf-16-le"),
        "KOWALSKI".encode("utf-16-be"),
        b"piotr ",
        b"KOWALSKI^JAN^PIOTR",
    ],
)
def test_a_name_is_known_whole_and_by_its_parts(data: bytes) -> None:
    assert found(named(PatientName="Kowalski^Jan^Piotr"), data)


def test_a_name_with_accents_is_known_with_and_without_them() -> None:
    header = named(PatientName="Gąsiorowska^Zoë")
    for data in ("gąsiorowska", "GĄSIOROWSKA"):
        assert found(header, data.encode())
    assert found(header, b"Gasiorowska")
    assert found(named(PatientName="Müllerová"), "Müllerová".encode("utf-16-be"))
    assert found(named(PatientName="Müller"), "xMüllerx".encode("latin-1"))


def test_a_name_of_two_characters_is_known() -> None:
    assert found(named(PatientName="Yamada^Tarou=山田^太郎"), "..山田..".encode())


def test_a_name_is_known_in_the_encoding_in_which_it_came() -> None:
    header = Dataset()
    raw(header, 0x00080005, "CS", b"ISO_IR 144")
    raw(header, 0x00100010, "PN", "Кузнецов^Иван".encode("iso8859-5"))
    assert found(header, b"..." + "Кузнецов^Иван".encode("iso8859-5"))
    assert found(header, "Кузнецов".encode())


def test_an_item_is_read_in_the_character_set_of_the_whole() -> None:
    header, item = Dataset(), Dataset()
    raw(header, 0x00080005, "CS", b"ISO_IR 144")
    raw(item, 0x00100010, "PN", "Кузнецов^Иван".encode("iso8859-5"))
    header.ReferencedStudySequence = Sequence([item])
    assert found(header, "Кузнецов".encode())


@pytest.mark.parametrize(
    "data", [b"20260110", b"2026-01-10", b"10.01.2026", b"01/10/2026", b"2026/01/10"]
)
def test_a_date_is_known_however_it_is_written(data: bytes) -> None:
    assert found(named(StudyDate="20260110"), data)
    assert found(named(AcquisitionDateTime="20260110101509.123+0100"), data)


def test_a_uid_is_known_and_one_of_the_standard_is_not() -> None:
    header = named(
        StudyInstanceUID="1.2.826.0.1.55", SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.4.1"
    )
    assert found(header, b"1.2.826.0.1.55\0")
    assert not found(header, b"1.2.826.0.1.551")
    assert not found(header, b"1.2.840.10008.5.1.4.1.1.77.1.4.1")


def test_private_nested_broken_and_wrongly_declared_elements_are_looked_at() -> None:
    inner = named(ReferringPhysicianName="Nestedname")
    outer = named()
    outer.RequestAttributesSequence = Sequence([inner])
    header = named()
    header.ReferencedStudySequence = Sequence([outer])
    raw(header, 0x00091001, "LO", b"Privatename")
    raw(header, 0x00091002, "OB", b"Binaryname\0")
    raw(header, 0x00091003, "UN", b"Unknownname")
    raw(header, 0x00091004, "FD", b"Brokenname!")
    raw(header, 0x00100010, "CS", b"Declaredname")
    raw(header, 0x00100020, "SQ", b"Sequencename")
    raw(header, 0x00081140, "OB", b"Reversedname")
    header.file_meta = FileMetaDataset()
    header.file_meta.SourceApplicationEntityTitle = "SENDERNAME"
    for name in (
        "Nestedname", "Privatename", "Binaryname", "Unknownname", "Brokenname", "Declaredname",
        "Sequencename", "Reversedname", "Sendername",
    ):  # fmt: skip
        assert found(header, name.encode()), name


def test_what_stands_in_honest_objects_by_chance_is_not_searched_for() -> None:
    header = named(PatientID="1200", PatientName="Li^Na", StudyID="1", AccessionNumber="12")
    header.StudyTime = "1015"
    assert not found(header, b"1200 1015 linda NASAL 12")


def test_a_finding_names_the_attribute_only() -> None:
    needles = harvest(named(PatientName="Kowalski")).needles
    assert find_in_text(b"kowalski", needles) == {"PatientName"}
    header = raw(named(), 0x00091001, "LO", b"Kowalski")
    assert find_in_text(b"kowalski", harvest(header).needles) == {"(0009,1001)"}


def test_a_long_name_is_found_in_pictures_too() -> None:
    payload = memoryview(bytes(1000) + "Kowalski".encode("utf-16-le") + bytes(9))
    needles = harvest(named(PatientName="Kowalski")).needles
    assert find_in_pictures(payload, needles) == {"PatientName"}


def nested(depth: int) -> Dataset:
    header = named(PatientName="Kowalski")
    for _ in range(depth):
        outer = Dataset()
        outer.ReferencedStudySequence = Sequence([header])
        header = outer
    return header


def test_a_header_may_be_nested_but_not_without_end() -> None:
    assert found(nested(harvest_module.MAX_DEPTH), b"kowalski")
    with pytest.raises(HeaderTooLarge):
        harvest(nested(harvest_module.MAX_DEPTH + 1))


def test_a_header_with_too_many_elements_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harvest_module, "MAX_ELEMENTS", 20)
    header = named()
    header.ReferencedStudySequence = Sequence([named(PatientID=str(n)) for n in range(10)])
    with pytest.raises(HeaderTooLarge) as refusal:
        harvest(header)
    assert refusal.value.reason == "header_too_large"
