"""Sources whose values look like the node's own words, numbers and bytes are not held back."""

import hashlib
import secrets
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian

from dmask_node.check.allow_list import judge
from dmask_node.check.grammar import Facts, load
from dmask_node.check.harvest import harvest
from dmask_node.check.outgoing import WouldLeak, check_outgoing
from dmask_node.check.search import find_in_text
from dmask_node.deidentify.profile import Profile
from dmask_node.records.masked import Role
from tests.factories import a_header
from tests.outgoing import a_masked_study, an_encoded_video, clean

NTSC = tuple(index * 1001 / 30_000 for index in range(7))
OUR_WORDS = (
    "Face^Mask", "Digital", "Facial photography (masked)", "dmask", "dmask_node", "Masked",
    "Masked face video", "Surface rendering", "NO TRIGGER", "19000101", "000000", "89545001",
    "901", "902", "1500", "2.25", "DMASK_0_1_0", "Eyelid Research", "PRELIMINARY", "Constant",
    "FACE", "ORIGINAL", "99DMASK", "English (United States)", "UCUM", "ISO_IR 192",
    "ISO_14496_10", "YBR_PARTIAL_420", "Right eyeball", "frames", "sha256 networks face",
    "VideoHandler", "isomiso2avc1mp41", "mdirappl", "XXXXXXXX", "UUUUUUUU", "00000000",
    # numbers that stand in the cine module of an NTSC video, in a sender's spelling
    "33.3666667", "33.366667", "33.36667", "33.367", "0.2335667", "0.23357", "29.97003",
    "100000 ms", "PS3.15 Basic Profile", "composed from an allow-list",
)  # fmt: skip
OUR_BYTES = (
    b"\xff" * 4, b"\xff" * 8, b"\xff" * 64, bytes(8), b"\xfe\xff\x00\xe0" * 2,
    b"OB\x00\x00\xff\xff\xff\xff", b"\xe0\x7f\x10\x00OB\x00\x00", b"\xaa" * 16, b"  \x00\x00",
)  # fmt: skip


class Sent:
    """A study composed once; sources that differ in values which do not shape it."""

    def __init__(self, folder: Path, times_s: tuple[float, ...] | None) -> None:
        self.header = clean(a_header())
        encoded = an_encoded_video(folder / "m.mp4", times_s=times_s)
        self.study = a_masked_study(folder, self.header, encoded=encoded)

    def check(self, source: Dataset) -> None:
        check_outgoing(self.study, received(source), self.header)


@pytest.fixture(scope="module", params=[None, NTSC], ids=["25 Hz", "NTSC"])
def sent(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sent:
    return Sent(tmp_path_factory.mktemp("composed"), request.param)


def received(header: Dataset) -> Dataset:
    """As it is read from a file: nothing decoded yet."""
    file = BytesIO()
    header.ensure_file_meta()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.save_as(file, enforce_file_format=True)
    file.seek(0)
    return dcmread(file)


@pytest.mark.parametrize("value", OUR_WORDS)
def test_a_source_that_uses_our_words_passes(sent: Sent, value: str) -> None:
    source = a_header(
        PatientName=value, PatientID=value, InstitutionName=value, StudyDescription=value,
        Manufacturer=value, SeriesDescription=value, ImageComments=value, StudyTime="000000",
        StudyDate="19000101", SeriesDate="20000101", SeriesTime="233333.366667",
    )  # fmt: skip
    block = source.private_block(0x0099, value[:60] or "x", create=True)
    for offset, vr in enumerate(("LO", "UT", "UN", "OB")):
        block.add_new(offset, vr, value if vr in ("LO", "UT") else value.encode())
    sent.check(source)


@pytest.mark.parametrize("value", OUR_BYTES)
def test_private_bytes_of_a_camera_pass(sent: Sent, value: bytes) -> None:
    source = a_header()
    block = source.private_block(0x0099, "ACME", create=True)
    for offset, vr in enumerate(("OB", "UN")):
        block.add_new(offset, vr, value)
    for offset, (vr, number) in enumerate(
        [("SL", -1), ("UL", 2**32 - 1), ("FL", 33.3666667), ("FD", -1.0), ("DS", "33.36667"),
         ("IS", "901"), ("US", 65535), ("AT", 0x00100010), ("UI", "2.25.1")], start=8
    ):  # fmt: skip
        block.add_new(offset, vr, number)
    sent.check(source)


def test_whatever_the_key_an_honest_study_passes(tmp_path: Path) -> None:
    encoded = an_encoded_video(tmp_path / "m.mp4", times_s=NTSC)
    for number in range(25):
        source = a_header(
            PatientName="Face^Mask", PatientID=str(222_222 + number), InstitutionName="Digital",
            StudyTime="234567", AccessionNumber="765432", StationName="山田",
        )  # fmt: skip
        header = clean(source, key=secrets.token_bytes(32))
        check_outgoing(a_masked_study(tmp_path, header, encoded=encoded), source, header)


def test_a_long_video_whose_frames_the_sender_has_counted_passes(tmp_path: Path) -> None:
    """Of two hours at 60 Hz; the number stands in our own count, not taken over."""
    encoded = an_encoded_video(tmp_path / "m.mp4")
    header = clean(a_header())
    study = a_masked_study(tmp_path, header, encoded=encoded)
    report = dcmread(study.report.path)
    many = replace(encoded, times_s=tuple(index / 60 for index in range(432_000)))
    counts = [
        item.MeasuredValueSequence[0]
        for group in report.ContentSequence[-1].ContentSequence
        for item in group.ContentSequence
        if item.ValueType == "NUM"
        and item.ConceptNameCodeSequence[0].CodeValue in ("DM1904", "DM1905", "DM1906")
    ]
    for count in counts:
        count.NumericValue = "432000"
    facts = Facts(header=header, encoded=many, role=Role.REPORT)
    verdict = judge(report, load("enhanced_sr"), facts)
    assert verdict.findings == []
    assert any(b"432000" in element for element in verdict.explained)


def test_a_name_in_iso_2022_is_known_by_its_bytes_too() -> None:
    """Kanji in seven bits look like ASCII: behind the escape they are not."""
    header = a_header(SpecificCharacterSet=["", "ISO 2022 IR 87"])
    header.PatientName = "Yamada^Tarou=山田^太郎"
    raw = received(header).get_item("PatientName").value
    assert b"\x1b$B" in raw
    assert find_in_text(b"..." + raw + b"...", harvest(received(header)).needles) == {"PatientName"}


@pytest.mark.parametrize("value", [" Ptosis ", "Ptosis "])
def test_a_description_of_the_site_with_spaces_around_it_can_be_sent(
    tmp_path: Path, value: str
) -> None:
    profile = Profile(study_descriptions=(value,), default_study_description=value)
    source = a_header(StudyDescription="PTOSIS")
    header = clean(source, profile=profile)
    assert header.study_description == "Ptosis"
    check_outgoing(a_masked_study(tmp_path, header), source, header)


@pytest.mark.parametrize("part", ["EYE", "eyelid", "HEAD", "ORBIT"])
def test_what_routes_an_object_survives(tmp_path: Path, part: str) -> None:
    profile = Profile(study_descriptions=("Ptosis follow-up",), retain_patient_characteristics=True)
    source = a_header(BodyPartExamined=part, StudyDescription="ptosis FOLLOW-UP", PatientSex="F")
    header = clean(source, profile=profile)
    study = a_masked_study(tmp_path, header)
    check_outgoing(study, source, header)
    video, report = dcmread(study.image.path), dcmread(study.report.path)
    assert (video.BodyPartExamined, video.Modality) == (part.upper(), "XC")
    assert (report.StudyDescription, report.Modality) == ("Ptosis follow-up", "SR")
    assert video.StudyDescription == report.StudyDescription
    assert video.PatientSex == report.PatientSex == "F"


def test_a_number_behind_the_point_is_no_hiding_place(tmp_path: Path) -> None:
    """A record number as decimals of a measurement is outside the grammar of a measurement."""
    source = a_header(PatientID="440514")
    header = clean(source)
    study = a_masked_study(tmp_path, header)
    video = dcmread(study.image.path)
    video.FrameTime = "40.440514"
    video.save_as(study.image.path)
    data = study.image.path.read_bytes()
    changed = replace(study.image, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
    with pytest.raises(WouldLeak) as refusal:
        check_outgoing(replace(study, image=changed), source, header)
    assert "FrameTime has a value outside its grammar" in str(refusal.value)
    assert "440514" not in str(refusal.value)
