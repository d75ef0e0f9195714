"""Whatever the dictionary can say, in whatever disorder: nothing of it gets out but by a list."""

import os
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.datadict import keyword_for_tag

from dmask_node.records.masked import EncodedVideo
from tests.adversary.adapter import (
    PROFILES,
    allowed_keywords,
    compose_and_check,
    compose_video_only,
)
from tests.adversary.part10 import EXPLICIT, IMPLICIT, UTF_8, Element, Item, Part10, write_items
from tests.adversary.search import Search
from tests.adversary.secrets import Mint
from tests.outgoing import an_encoded_video

EXAMPLES: Final = int(os.environ.get("DMASK_TEST_EXAMPLES", "100"))
NEEDED: Final = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
TAGS: Final = tuple(
    (tag, vr[:2]) for tag, (vr, *_) in sorted(DicomDictionary.items())
    if 0x00080005 < tag < 0x7FE00000 and tag & 0xFFFF and vr not in ("NONE", "SQ")
)  # fmt: skip
READ_BY_THE_NODE: Final = tuple(
    (tag, vr) for tag, vr in TAGS
    if keyword_for_tag(tag) in {
        "PatientID", "IssuerOfPatientID", "AccessionNumber", "PatientSex", "PatientAge",
        "StudyDescription", "SeriesDescription", "BodyPartExamined", "Laterality",
        "ImageLaterality", "LossyImageCompression", "StudyDate", "StudyTime", "ContentDate",
        "ContentTime", "Manufacturer", "ManufacturerModelName", "Modality", "PatientName",
        "SeriesDate", "AcquisitionDateTime", "DeviceSerialNumber", "TimezoneOffsetFromUTC",
    }
)  # fmt: skip
SEQUENCES: Final = tuple(tag for tag, (vr, *_) in DicomDictionary.items() if vr == "SQ")
VRS: Final = (
    "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "OB", "OD", "OF", "OL",
    "OV", "OW", "PN", "SH", "SL", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UN", "UR", "US", "UT",
    "UV", "XX",
)  # fmt: skip
REPEATED: Final = tuple(
    base | group << 17 | int(tag[4:], 16)
    for tag in RepeatersDictionary for base in (0x50000000, 0x60000000)
    for group in (0, 15) if tag[:2] == f"{base >> 24:x}"
)  # fmt: skip
CHARACTER_SETS: Final = (
    None, b"ISO_IR 100", b"ISO_IR 192", b"\\ISO 2022 IR 87", b"\\ISO 2022 IR 149", b"GB18030",
    b"ISO_IR 999", b"\xff\xfe", b"", b"ISO 2022 IR 6\\ISO_IR 192\\utf8", b"latin-1",
)  # fmt: skip
CODECS: Final = ("utf-8", "latin-1", "gb18030", "euc_kr", "shift_jis", "utf-16-le")
FORMS: Final = ("{}", "{}^Given^M", "Face of {} seen", "a\\{}\\b", "\0{}\0", "{}^A=B^C=D^E", " {} ")


@st.composite
def values(draw: st.DrawFn, mint: Mint, vr: str) -> bytes:
    """One value with a secret: of the kind that belongs there, or of another."""
    kind = draw(st.sampled_from(("own", "text", "text", "junk")))
    if kind == "own" and vr in ("DA", "TM", "DT", "UI", "IS", "DS"):
        make = {
            "DA": mint.date, "TM": mint.time, "DT": mint.date_time, "UI": mint.uid,
            "IS": mint.number, "DS": mint.decimal,
        }[vr]  # fmt: skip
        return make("random", vr).encode()
    written = mint.text("random", vr, draw(st.sampled_from(FORMS)))
    value = written.encode(draw(st.sampled_from(CODECS)))
    return value + (draw(st.binary(max_size=5)) if kind == "junk" else b"")


@st.composite
def items(draw: st.DrawFn, mint: Mint, most: int) -> Item:
    """A data set of attributes from the whole dictionary, private ones, unknown ones."""
    item: Item = {}
    for _ in range(draw(st.integers(0, most))):
        tag, vr = draw(
            st.one_of(
                st.sampled_from(TAGS),
                st.sampled_from(READ_BY_THE_NODE),
                st.sampled_from(REPEATED).map(lambda tag: (tag, "LO")),
                st.integers(0x00090010, 0x0009FFFF).map(lambda tag: (tag, "UN")),
                st.integers(0x7FDF0001, 0x7FDFFFFF).map(lambda tag: (tag, "LO")),
                st.integers(0x00080001, 0x0050FFFF)
                .filter(lambda tag: tag != 0x00080005 and tag & 0xFFFF)
                .map(lambda tag: (tag, "UN")),
            )
        )
        wrong = draw(st.integers(0, 3)) == 0
        item[tag] = Element(draw(st.sampled_from(VRS)) if wrong else vr, draw(values(mint, vr)))
    character_set = draw(st.sampled_from(CHARACTER_SETS))
    if character_set is not None:
        item[0x00080005] = Element("CS", character_set)
    return item


@st.composite
def sources(draw: st.DrawFn) -> tuple[bytes, Mint, bool]:
    """A data set as bytes, nested up to 30 deep, in explicit or implicit representation."""
    mint = Mint(f"random {draw(st.integers(0, 1 << 60))}")
    inner = draw(items(mint, 4))
    for _ in range(draw(st.sampled_from((0, 1, 2, 5, 30)))):
        outer = draw(items(mint, 1))
        outer[draw(st.sampled_from(SEQUENCES))] = Element("SQ", [inner, {}])
        inner = outer
    outer = draw(items(mint, 16))
    outer[draw(st.sampled_from(SEQUENCES))] = Element("SQ", [inner])
    for keyword in NEEDED:
        tag = {"StudyInstanceUID": 0x0020000D, "SeriesInstanceUID": 0x0020000E}.get(
            keyword, 0x00080018
        )
        if tag not in outer or not draw(st.booleans()):
            outer[tag] = Element("UI", mint.uid("random", keyword).encode())
    explicit = draw(st.booleans())
    return write_items(outer, explicit=explicit), mint, explicit


def read(data_set: bytes, *, explicit: bool) -> Dataset:
    """Read a data set as the node does, from a file."""
    made = Part10(
        "1.2.840.10008.5.1.4.1.1.77.1.4", "1.2.3", UTF_8, EXPLICIT if explicit else IMPLICIT
    )
    head = made.file()[: -len(made.data_set())]
    return dcmread(BytesIO(head + data_set), stop_before_pixels=True)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedVideo:
    return an_encoded_video(tmp_path_factory.mktemp("video") / "m.mp4")


def require_listed(dataset: Dataset, name: str) -> None:
    """At the top and in every item, nothing but what the list names."""
    top, inner = allowed_keywords(name)
    assert {element.keyword for element in dataset} <= top
    for element in dataset.iterall():
        assert element.keyword in top | inner
        assert not element.tag.is_private


def bounded(examples: int) -> settings:
    """So many examples; a failing one is not made smaller, it is found again by its seed."""
    return settings(
        max_examples=examples,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@bounded(EXAMPLES)
@given(source=sources(), profile=st.sampled_from(sorted(PROFILES)))
def test_nothing_random_is_composed(
    source: tuple[bytes, Mint, bool], profile: str, encoded: EncodedVideo
) -> None:
    """Nothing stands behind the composer here: what the gate would catch counts."""
    data_set, mint, explicit = source
    with TemporaryDirectory() as folder:
        content = compose_video_only(
            read(data_set, explicit=explicit), encoded, Path(folder), profile
        )
    if content is not None:
        assert Search(mint.secrets).found_in(content) == {}
        require_listed(dcmread(BytesIO(content)), "video_photographic")


@bounded(max(1, EXAMPLES // 10))
@given(source=sources(), profile=st.sampled_from(sorted(PROFILES)))
def test_no_random_header_gets_a_secret_into_video_or_report(
    source: tuple[bytes, Mint, bool], profile: str, encoded: EncodedVideo
) -> None:
    """And the gate lets honest objects pass, whatever the source held."""
    data_set, mint, explicit = source
    with TemporaryDirectory() as folder:
        header = read(data_set, explicit=explicit)
        outgoing = compose_and_check(header, encoded, Path(folder), profile)
    search = Search(mint.secrets)
    for name, content in outgoing.items():
        assert search.found_in(content) == {}
        require_listed(dcmread(BytesIO(content)), name)


def test_a_header_that_did_get_out_would_be_seen(encoded: EncodedVideo, tmp_path: Path) -> None:
    """The same two checks, on an object that was tampered with."""
    mint = Mint("seen")
    item: Item = {0x00100010: Element("PN", mint.text("random", "PatientName").encode())}
    for tag in (0x0020000D, 0x0020000E, 0x00080018):
        item[tag] = Element("UI", mint.uid("random", "UID").encode())
    header = read(write_items(item, explicit=True), explicit=True)
    content = compose_and_check(header, encoded, tmp_path, "rich")["enhanced_sr"]
    dataset = dcmread(BytesIO(content))
    require_listed(dataset, "enhanced_sr")
    dataset.ContentSequence[0].PatientComments = "x"
    with pytest.raises(AssertionError):
        require_listed(dataset, "enhanced_sr")
    dataset.ContentSequence[0].PatientComments = str(header.PatientName)
    leaking = BytesIO()
    dataset.save_as(leaking)
    assert [s.place for s in Search(mint.secrets).found_in(leaking.getvalue())] == ["PatientName"]
