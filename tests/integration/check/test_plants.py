"""Whatever is planted into a composed object, wherever and however written, the gate finds."""

import base64
import hashlib
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.valuerep import PersonName

from dmask_node.check.boxes import walk
from dmask_node.check.outgoing import WouldLeak, check_outgoing
from dmask_node.check.samples import read_samples
from dmask_node.compose.encoder import encode_video
from dmask_node.compose.settings import EncoderSettings
from dmask_node.compose.video_sop import compose_video
from dmask_node.records.masked import CleanHeader, EncodedVideo, MaskedObject, MaskedStudy
from tests.factories import a_header
from tests.outgoing import a_masked_study, clean

TEXTS = ("AE", "CS", "DA", "DS", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UT")
BACKWARDS = slice(None, None, -1)


def a_source() -> Dataset:
    return a_header(
        SpecificCharacterSet="ISO_IR 192",
        PatientName="Kowalska^Maria=山田^花子=やまだ^はなこ",
        OtherPatientNames="Kuznetsov^Ivan=Кузнецов^Иван",
        PatientID="8844120",
        IssuerOfPatientID="Wardhouse",
        PatientBirthDate="19440514",
        StudyDate="20260110",
        StudyTime="101507",
        AcquisitionDateTime="20260110101509.5+0100",
        StudyInstanceUID="1.2.826.0.1.55.20260110101507.4711",
        ReferringPhysicianName="Müllerová^Žofie",
        AccessionNumber="ACC-778-X",
    )


@dataclass
class Composed:
    """A study as the product composes it, in files of its own."""

    source: Dataset
    header: CleanHeader
    study: MaskedStudy

    def found(self) -> str:
        with pytest.raises(WouldLeak) as refusal:
            check_outgoing(self.study, self.source, self.header)
        message = str(refusal.value)
        for element in self.source:
            for part in str(element.value).replace("=", "^").split("^"):
                assert len(part) < 4 or element.keyword == "Modality" or part not in message
        return message

    def change(self, which: str, change: Callable[[Dataset], object]) -> None:
        masked: MaskedObject = getattr(self.study, which)
        dataset = dcmread(masked.path)
        change(dataset)
        dataset.save_as(masked.path)
        self.note(which)

    def change_bytes(self, which: str, change: Callable[[bytes], bytes]) -> None:
        masked: MaskedObject = getattr(self.study, which)
        before = masked.path.read_bytes()
        after = change(before)
        assert after != before
        masked.path.write_bytes(after)
        self.note(which)

    def note(self, which: str) -> None:
        """Note digest and size anew, as if composing itself had made the file so."""
        masked: MaskedObject = getattr(self.study, which)
        data = masked.path.read_bytes()
        noted = replace(masked, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
        if which == "image":
            self.study = replace(self.study, image=noted)
        else:
            self.study = replace(self.study, report=noted)

    def plant_in_pictures(self, value: bytes) -> None:
        """Put bytes into the encoder's own file, amid a slice; the boxes stay as they are."""
        encoded = self.study.encoded
        assert isinstance(encoded, EncodedVideo)
        payload = bytearray(encoded.path.read_bytes())
        start, end = max(_samples(payload), key=lambda place: place[1] - place[0])
        at = (start + end) // 2
        assert at + len(value) < end
        payload[at : at + len(value)] = value
        payload[at - 1] = payload[at + len(value)] = 0xA7  # no letter, no digit, no zero
        encoded.path.write_bytes(payload)
        image = compose_video(encoded, self.header, self.study.image.path)
        self.study = replace(self.study, image=image)


def _samples(payload: bytearray) -> list[tuple[int, int]]:
    data = memoryview(bytes(payload))
    return read_samples(data, walk(data)).ranges


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Composed:
    folder = tmp_path_factory.mktemp("composed")
    draw = np.random.default_rng(3)
    times = tuple(index / 25 for index in range(6))
    pictures = (draw.integers(0, 255, (64, 64, 3), np.uint8) for _ in times)
    encoded = encode_video(pictures, times, 64, 64, folder / "m.mp4", EncoderSettings(threads=1))
    source = a_source()
    header = clean(source)
    return Composed(source, header, a_masked_study(folder, header, encoded=encoded))


@pytest.fixture
def composed(original: Composed, tmp_path: Path) -> Composed:
    def copy(path: Path) -> Path:
        target = tmp_path / path.name
        target.write_bytes(path.read_bytes())
        return target

    study = original.study
    return Composed(
        original.source,
        original.header,
        replace(
            study,
            image=replace(study.image, path=copy(study.image.path)),
            report=replace(study.report, path=copy(study.report.path)),
            encoded=replace(study.encoded, path=copy(study.encoded.path)),
        ),
    )


def test_what_the_product_composes_passes(composed: Composed) -> None:
    check_outgoing(composed.study, composed.source, composed.header)


# In the pictures


def base64_at(shift: int) -> Callable[[bytes], bytes]:
    return lambda text: base64.b64encode(b"x" * shift + text + b"yz")


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda text: text,
    "large": lambda text: text.upper(),
    "small": lambda text: text.lower(),
    "backwards": lambda text: text.lower()[BACKWARDS],
    "base64": base64_at(0),
    "base64, shifted": base64_at(1),
    "base64, shifted by two": base64_at(2),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.upper()),
    "hexadecimal": lambda text: text.hex().encode(),
    "hexadecimal, large": lambda text: b"A" + text.upper().hex().upper().encode(),
    "percent": lambda text: b"".join(b"%%%02x" % byte for byte in text),
    "UTF-16 LE": lambda text: text.decode().encode("utf-16-le"),
    "UTF-16 BE": lambda text: text.decode().encode("utf-16-be"),
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize(
    ("text", "attribute"), [("Kowalska", "PatientName"), ("8844120", "PatientID")]
)
def test_a_value_in_the_pictures_is_found(
    composed: Composed, packing: str, text: str, attribute: str
) -> None:
    composed.plant_in_pictures(PACKINGS[packing](text.encode()))
    assert composed.found() == f"video: a value of the source's {attribute} stands in it"


@pytest.mark.parametrize(
    ("text", "codec", "attribute"),
    [
        ("Wardhouse", "ascii", "IssuerOfPatientID"),
        ("acc-778-x", "ascii", "AccessionNumber"),
        ("山田^花子", "utf-8", "PatientName"),
        ("山田花子", "utf-8", "PatientName"),
        ("山田花子", "shift_jis", "PatientName"),
        ("山田花子", "euc_jp", "PatientName"),
        ("山田", "iso2022_jp", "PatientName"),
        ("山田花子", "gb18030", "PatientName"),
        ("山田花子", "big5", "PatientName"),
        ("山田花子", "utf-16-be", "PatientName"),
        ("やまだ", "utf-8", "PatientName"),
        ("Кузнецов", "utf-8", "OtherPatientNames"),
        ("КУЗНЕЦОВ", "koi8-r", "OtherPatientNames"),
        ("Кузнецов", "cp1251", "OtherPatientNames"),
        ("кузнецов", "iso8859-5", "OtherPatientNames"),
        ("Müllerová", "latin-1", "ReferringPhysicianName"),
        ("MÜLLEROVÁ", "cp1250", "ReferringPhysicianName"),
        ("müllerová", "utf-16-le", "ReferringPhysicianName"),
        ("Mullerova", "ascii", "ReferringPhysicianName"),
    ],
)
def test_a_name_of_another_script_in_the_pictures_is_found(
    composed: Composed, text: str, codec: str, attribute: str
) -> None:
    composed.plant_in_pictures(text.encode(codec))
    assert attribute in composed.found()


@pytest.mark.parametrize(
    "written",
    [
        "19440514", "1944-05-14", "14.05.1944", "05/14/1944", "14-MAY-1944", "May 14, 1944",
        "14 may 1944", "1944.05.14",
    ],
)  # fmt: skip
def test_a_date_in_the_pictures_is_found_however_it_is_written(
    composed: Composed, written: str
) -> None:
    composed.plant_in_pictures(written.encode())
    assert "PatientBirthDate" in composed.found()


@pytest.mark.parametrize("written", ["20260110101507", "1.2.826.0.1.55.20260110101507.4711"])
def test_a_uid_and_its_time_stamp_in_the_pictures_are_found(
    composed: Composed, written: str
) -> None:
    composed.plant_in_pictures(written.encode())
    assert "StudyInstanceUID" in composed.found()


def test_seconds_since_the_epoch_are_found(composed: Composed) -> None:
    composed.plant_in_pictures(b"1768040109")
    assert "AcquisitionDateTime" in composed.found()


def test_pictures_that_were_not_the_encoders_are_found(composed: Composed) -> None:
    """Even without a word in them: composing must take the video as it was encoded."""

    def change(data: bytes) -> bytes:
        at = len(data) - 60
        return data[:at] + bytes([data[at] ^ 0x11]) + data[at + 1 :]

    composed.change_bytes("image", change)
    assert composed.found() == "video: PixelData is not the video that was encoded"


# In the attributes


def texts_of(dataset: Dataset, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each text of a dataset, nested ones too."""
    for element in dataset:
        if element.VR == "SQ":
            for number, item in enumerate(element.value):
                yield from texts_of(item, (*where, element.tag, number))
        elif element.VR in TEXTS:
            yield (*where, element.tag)


def element_at(dataset: Dataset, way: tuple[Any, ...]) -> DataElement:
    for tag, number in zip(way[:-1:2], way[1::2], strict=True):
        dataset = dataset[tag].value[number]
    return dataset[way[-1]]


VALUES = (
    "Kowalska^Maria", "KOWALSKA", "kowalska maria", "aksalwoK", "S293YWxza2E=", "4b6f77616c736b61",
    "Kowalska"[:3], "Li", "8844120", "884412", "19440514", "20260110101507", "Müllerová", "山田",
    "花", "やまだ", "Кузнецов", "ACC-778-X", "1.2.826.0.1.55.20260110101507.4711", "%4b%6f",
)  # fmt: skip


@pytest.mark.parametrize("which", ["image", "report"])
def test_a_value_in_any_text_is_found(composed: Composed, which: str) -> None:
    path: Path = getattr(composed.study, which).path
    whole = path.read_bytes()
    ways = list(texts_of(dcmread(path)))
    draw = random.Random(29)
    chosen = ways if which == "image" else [w for w in ways if len(w) == 1] + draw.sample(ways, 15)
    assert len(chosen) > 40
    for number, way in enumerate(chosen):
        value = VALUES[number % len(VALUES)]
        path.write_bytes(whole)
        if way[-1] == 0x00080005:  # the library would write all else by it
            continue
        composed.change(which, partial(_put, way, value))
        keyword = keyword_for_tag(way[-1])
        parents = [keyword_for_tag(tag) for tag in way[:-1:2]]
        message = composed.found()
        named = [keyword, *parents, "bytes that belong to no attribute", "can't be read"]
        assert any(name in message for name in named), (keyword, message)


def _put(way: tuple[Any, ...], value: str, dataset: Dataset) -> None:
    element = element_at(dataset, way)
    if element.VR not in ("LO", "LT", "PN", "SH", "ST", "UC", "UT"):
        value = value if value.isascii() else "Kowalska"
    # Past the library's own checks, but for what it can't write otherwise.
    element._value = PersonName(value) if element.VR == "PN" else value


@pytest.mark.parametrize("which", ["image", "report"])
def test_an_attribute_put_into_any_item_is_found(composed: Composed, which: str) -> None:
    path: Path = getattr(composed.study, which).path
    whole = path.read_bytes()
    dataset = dcmread(path)
    items = sorted({way[:-1] for way in texts_of(dataset)}, key=len)
    draw = random.Random(31)
    for way in items[:3] + draw.sample(items, min(12, len(items))):
        path.write_bytes(whole)

        def add(ds: Dataset, way: tuple[Any, ...] = way) -> None:
            for tag, number in zip(way[::2], way[1::2], strict=True):
                ds = ds[tag].value[number]
            if draw.random() < 0.5:
                ds.private_block(0x0011, "ACME", create=True).add_new(1, "UN", b"Kowalska")
            else:
                ds.PatientComments = "seen with Kowalska"

        composed.change(which, add)
        message = composed.found()
        assert (
            "PatientComments is not listed" in message or "(0011," in message or "code" in message
        )


def test_a_short_name_is_told_by_its_attribute(composed: Composed) -> None:
    """Too short to be searched for in bytes; in a text that no list explains it is a word."""
    composed.source = a_source()
    composed.source.PatientName = "Li^Bo"
    composed.change("image", lambda ds: setattr(ds, "ImageComments", "seen: li, bo"))
    assert "a value of the source's PatientName stands in it" in composed.found()


@pytest.mark.parametrize("name", ["Ng^Thi=吴^氏", "O^J", "吴"])
def test_a_name_of_one_or_two_letters_is_told_by_its_attribute(
    composed: Composed, name: str
) -> None:
    composed.source = a_source()
    composed.source.PatientName = name
    text = name.replace("^", " ").replace("=", " ")
    composed.change("report", lambda ds: setattr(ds, "SeriesDescription", text))
    message = composed.found()
    assert "SeriesDescription has a value outside its grammar" in message
    assert "a value of the source's PatientName stands in it" in message


# In the file


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


MODALITY = element(0x00080060, b"CS", b"XC")
NAME = b"\x10\0\x10\0PN"
TABLE = b"\xfe\xff\0\xe0\0\0\0\0"
SYNTAX = b"1.2.840.10008.1.2.4.102\0"


def instead(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda data: data.replace(old, new, 1)


STRANGE: dict[str, Callable[[bytes], bytes]] = {
    "preamble": lambda data: b"Kowalska" + data[8:],
    "group length": instead(MODALITY, element(0x00080000, b"UL", bytes(4)) + MODALITY),
    "spaces after a value": instead(b"CS\x04\0FACE", b"CS\x08\0FACE    "),
    "zeros after a UID": instead(
        element(0x00020010, b"UI", SYNTAX), element(0x00020010, b"UI", SYNTAX + bytes(2))
    ),
    "an element twice": instead(MODALITY, 2 * MODALITY),
    "elements out of order": lambda data: data.replace(MODALITY, b"", 1).replace(
        NAME, MODALITY + NAME, 1
    ),
    "another representation": instead(MODALITY, element(0x00080060, b"LO", b"XC")),
    "a text as bytes": instead(MODALITY, b"\x08\0\x60\0UN\0\0\x02\0\0\0XC"),
    "a private creator": instead(NAME, element(0x000F0010, b"LO", b"ACME") + NAME),
    "a filled offset table": instead(TABLE, b"\xfe\xff\0\xe0\x04\0\0\0\0\0\0\0"),
    "a second fragment": lambda d: d[:-8] + b"\xfe\xff\0\xe0\x08\0\0\0Kowalska" + d[-8:],
    "bytes after the end": lambda data: data + b"Kowalska",
    "an element after the end": lambda d: d + b"\xfc\xff\xfc\xffOB\0\0\x08\0\0\0Kowalska",
    "a box more": lambda data: data[:-8] + b"\0\0\0\x10freeKowalska" + data[-8:],
    "cut": lambda data: data[:-9],
}


@pytest.mark.parametrize("strange", STRANGE)
def test_what_the_file_holds_beside_its_attributes_is_found(
    composed: Composed, strange: str
) -> None:
    composed.change_bytes("image", STRANGE[strange])
    assert composed.found().startswith("video: ")


def test_the_report_in_place_of_the_video_is_found(composed: Composed) -> None:
    composed.study = replace(composed.study, image=composed.study.report)
    assert "neither the video nor the picture" in composed.found()


def test_the_video_in_place_of_the_report_is_found(composed: Composed) -> None:
    composed.study = replace(composed.study, report=composed.study.image)
    assert "it stands in the report's place" in composed.found()


def test_the_alarm_names_audience_objects_and_attributes(composed: Composed) -> None:
    composed.change("image", lambda ds: setattr(ds, "PatientName", "Kowalska^Maria"))
    composed.change("report", lambda ds: setattr(ds, "StudyDate", "20260110"))
    with pytest.raises(WouldLeak) as alarm:
        check_outgoing(composed.study, composed.source, composed.header)
    assert alarm.value.audience == composed.study.audience
    assert alarm.value.parts == ("video", "report")
    assert {"PatientName", "StudyDate"} <= set(alarm.value.attributes)
    assert alarm.value.n_findings >= 4


def test_no_byte_before_the_pictures_is_free(composed: Composed) -> None:
    """Changed anywhere in preamble, meta information and attributes, the object is refused."""
    path = composed.study.image.path
    whole = path.read_bytes()
    payload = composed.study.encoded.path.read_bytes()
    end = whole.index(payload)
    draw = random.Random(41)
    for at in [*range(124, 140), *draw.sample(range(end), 40), *range(end - 24, end, 2)]:
        value = draw.choice([whole[at] ^ 1, whole[at] ^ 0x20, whole[at] ^ 0x80])
        path.write_bytes(_changed(whole, at, value))
        composed.note("image")
        assert composed.found().startswith("video: "), at


def _changed(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes([value]) + data[at + 1 :]
