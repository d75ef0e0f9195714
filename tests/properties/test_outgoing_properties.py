"""Whatever a header holds, nothing of it gets out but by a list."""

import secrets
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataelem import RawDataElement
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from dmask_node.check.grammar import load
from dmask_node.check.outgoing import check_outgoing
from dmask_node.deidentify.profile import Profile
from dmask_node.records.masked import EncodedVideo
from tests.outgoing import a_masked_study, an_encoded_video, clean

REQUIRED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
TAGS = sorted(
    tag
    for tag, (vr, *_) in DicomDictionary.items()
    if 0x00080000 <= tag < 0x50000000 and tag & 0xFFFF and vr != "SQ"
)
VRS = (
    "AE", "CS", "DA", "DS", "IS", "LO", "LT", "OB", "PN",
    "SH", "SQ", "ST", "TM", "UI", "UN", "US", "UT",
)  # fmt: skip
CHARACTER_SETS = (None, b"ISO_IR 100", b"ISO_IR 192", b"ISO 2022 IR 87", b"ISO_IR 999", b"\xff\xfe")
SEQUENCES = (0x00081140, 0x00400275, 0x00081115, 0x00091010)


def raw(dataset: Dataset, tag: int, vr: str, value: bytes) -> None:
    dataset[Tag(tag)] = RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)


@st.composite
def planted(draw: st.DrawFn) -> tuple[bytes, str]:
    """A value that nothing else holds: marked, in letters or digits, and the mark itself."""
    mark = "Q" + draw(st.text("BCDFGHJKLMNPQRSTVWXZ", min_size=9, max_size=14)) + "Q"
    junk = draw(st.binary(max_size=6))
    form = draw(st.sampled_from(["{}", "{}^Given^M", "x {} y", "{}\\{}", "\0{}\0"]))
    return form.format(mark, mark).encode() + (junk if draw(st.booleans()) else b""), mark


@st.composite
def hostile_headers(draw: st.DrawFn, depth: int = 0) -> tuple[Dataset, set[str]]:
    """A header full of planted values, in any attribute under any value representation."""
    header, marks = Dataset(), set()
    tags = st.one_of(
        st.sampled_from(TAGS),
        st.integers(0x00090001, 0x0009FFFF),
        st.sampled_from([0x00100010, 0x00100020, 0x00081030, 0x00180015, 0x00100040]),
    )
    for tag in draw(st.lists(tags, max_size=12, unique=True)):
        value, mark = draw(planted())
        raw(header, tag, draw(st.sampled_from(VRS)), value)
        marks.add(mark)
    character_set = draw(st.sampled_from(CHARACTER_SETS))
    if character_set is not None:
        raw(header, 0x00080005, "CS", character_set)
    if depth < 3 and draw(st.booleans()):
        items = draw(st.lists(hostile_headers(depth=depth + 1), max_size=2))
        tag = Tag(draw(st.sampled_from(SEQUENCES)))
        header.add_new(tag, "SQ", Sequence([item for item, _ in items]))
        for _, inner in items:
            marks |= inner
    if depth == 0:
        for keyword in REQUIRED:
            if Tag(keyword) not in header:
                setattr(header, keyword, f"1.2.{secrets.randbelow(10**30)}")
    return header, marks


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> EncodedVideo:
    return an_encoded_video(tmp_path_factory.mktemp("video") / "m.mp4")


def all_keywords(dataset: Dataset) -> set[str]:
    keywords: set[str] = set()
    dataset.walk(lambda _, element: keywords.add(element.keyword))
    return keywords


def listed_keywords(name: str) -> set[str]:
    listed = load(name)
    inner = {keyword for rules in listed["items"].values() for keyword in rules}
    return (
        set(listed["attributes"]) | inner | {"CodeValue", "CodingSchemeDesignator", "CodeMeaning"}
    )


@settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(source=hostile_headers())
def test_no_planted_value_gets_out(source: tuple[Dataset, set[str]], encoded: EncodedVideo) -> None:
    header, marks = source
    chosen = Profile(retain_patient_characteristics=True)
    cleaned = clean(header, profile=chosen)
    with TemporaryDirectory() as folder:
        study = a_masked_study(Path(folder), cleaned, encoded=encoded)
        check_outgoing(study, header, cleaned)
        for masked, name in zip(study.objects, ("video_photographic", "enhanced_sr"), strict=True):
            data = masked.path.read_bytes().lower()
            for mark in marks:
                assert mark.lower().encode() not in data
                assert mark.lower().encode("utf-16-le") not in data
            dataset = dcmread(BytesIO(masked.path.read_bytes()))
            assert all_keywords(dataset) <= listed_keywords(name)


@settings(max_examples=100, deadline=None)
@given(source=hostile_headers())
def test_cleaning_is_a_function_of_the_header(source: tuple[Dataset, set[str]]) -> None:
    header, _ = source
    assert clean(header) == clean(header)


@settings(max_examples=200, deadline=None)
@given(
    one=st.text("0123456789.", min_size=1, max_size=64),
    other=st.text("0123456789.", min_size=1, max_size=64),
)
def test_different_source_uids_never_share_an_outgoing_one(one: str, other: str) -> None:
    # A UID of the standard itself names no study: it is refused, by a test of its own.
    assume(not one.startswith("1.2.840.10008.") and not other.startswith("1.2.840.10008."))

    def study(uid: str) -> str:
        header = Dataset()
        for keyword in REQUIRED:
            setattr(header, keyword, "1.2.3")
        raw(header, 0x0020000D, "UI", uid.encode())
        return clean(header).study_instance_uid

    assert (study(one) == study(other)) is (one == other)
