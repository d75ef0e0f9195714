"""The last gate lets honest objects pass, and nothing else."""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate_buffer
from pydicom.sequence import Sequence

from dmask_node.check.outgoing import WouldLeak, check_outgoing
from dmask_node.deidentify.profile import Profile
from dmask_node.records.masked import CleanHeader, MaskedObject, MaskedStudy
from tests.factories import PLANTED_ATTRIBUTES, a_header, a_video_file
from tests.outgoing import a_checked_study, a_masked_study, an_encoded_video, clean


class Sent:
    """A source, its clean header and the study composed from it."""

    def __init__(self, folder: Path) -> None:
        self.source = a_header(identity=True)
        self.header: CleanHeader = clean(self.source)
        self.study: MaskedStudy = a_masked_study(folder, self.header)

    def check(self) -> None:
        check_outgoing(self.study, self.source, self.header)


@pytest.fixture
def sent(tmp_path: Path) -> Sent:
    return Sent(tmp_path)


def noted(masked: MaskedObject) -> MaskedObject:
    """Note digest and size anew, as if composing itself had made the file so."""
    data = masked.path.read_bytes()
    return replace(masked, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


def doctor_video(sent: Sent, change: Callable[[Dataset], None]) -> None:
    dataset = dcmread(sent.study.image.path)
    change(dataset)
    dataset.save_as(sent.study.image.path)
    sent.study = replace(sent.study, image=noted(sent.study.image))


def doctor_report(sent: Sent, change: Callable[[Dataset], None]) -> None:
    dataset = dcmread(sent.study.report.path)
    change(dataset)
    dataset.save_as(sent.study.report.path)
    sent.study = replace(sent.study, report=noted(sent.study.report))


def doctor_bytes(sent: Sent, change: Callable[[bytes], bytes]) -> None:
    path = sent.study.image.path
    path.write_bytes(change(path.read_bytes()))
    sent.study = replace(sent.study, image=noted(sent.study.image))


def refused(sent: Sent) -> str:
    with pytest.raises(WouldLeak) as refusal:
        sent.check()
    assert refusal.value.reason == "would_leak"
    message = str(refusal.value)
    for value in PLANTED_ATTRIBUTES.values():
        assert str(value) not in message
    assert "PLANTED" not in message
    return message


def test_an_honest_study_passes(sent: Sent) -> None:
    sent.check()


def test_writing_it_again_unchanged_still_passes(sent: Sent) -> None:
    doctor_video(sent, lambda dataset: None)
    doctor_report(sent, lambda dataset: None)
    sent.check()


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("InstitutionName", "x"),
        ("PatientBirthTime", ""),
        ("AcquisitionDateTime", "20300101"),
        ("ImageComments", "fine"),
        ("PatientComments", ""),
    ],
)
def test_an_extra_attribute_is_refused(sent: Sent, keyword: str, value: str) -> None:
    doctor_video(sent, lambda dataset: setattr(dataset, keyword, value))
    assert f"{keyword} is not listed" in refused(sent)


@pytest.mark.parametrize("where", [doctor_video, doctor_report])
def test_a_private_attribute_is_refused(
    sent: Sent, where: Callable[[Sent, Callable[[Dataset], None]], None]
) -> None:
    where(sent, lambda ds: ds.private_block(0x0009, "X", create=True).add_new(1, "LO", "x"))
    assert "(0009,1001) is not listed" in refused(sent)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientName", "PLANTEDNAME^GIVENPLANT"),
        ("PatientID", "ABCDEFGHIJKLMNOP"),
        ("PatientBirthDate", "19440514"),
        ("PatientSex", "F"),
        ("StudyDescription", "something else"),
        ("SeriesNumber", "778"),
        ("InstanceNumber", "44051401"),
        ("SOPInstanceUID", "2.25.1"),
        ("StudyDate", "20260110"),
        ("SoftwareVersions", "9.9"),
        ("Rows", 47),
        ("NumberOfFrames", "7"),
        ("FrameTime", "-1"),
        ("FrameTime", "1e999"),
        ("CineRate", "20260110"),
        ("ImageType", ["DERIVED", "PRIMARY", "PLANTEDNAME"]),
        ("BodyPartExamined", "PLANTEDNAME"),
        ("DeidentificationMethod", "none"),
        ("FrameIncrementPointer", 0x00100010),
    ],
)
def test_a_value_outside_its_grammar_is_refused(sent: Sent, keyword: str, value: object) -> None:
    doctor_video(sent, lambda dataset: setattr(dataset, keyword, value))
    assert f"{keyword} has a value outside its grammar" in refused(sent)


def test_a_missing_attribute_is_refused(sent: Sent) -> None:
    doctor_video(sent, lambda dataset: delattr(dataset, "PatientIdentityRemoved"))
    assert "PatientIdentityRemoved is missing" in refused(sent)


def first_code(dataset: Dataset, keyword: str) -> Dataset:
    return dataset[keyword].value[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda ds: setattr(first_code(ds, "AnatomicRegionSequence"), "CodeMeaning", "Jan"),
        lambda ds: setattr(first_code(ds, "AnatomicRegionSequence"), "CodeValue", "1"),
        lambda ds: setattr(first_code(ds, "AnatomicRegionSequence"), "CodingSchemeVersion", "1"),
        lambda ds: setattr(ds, "AnatomicRegionSequence", ds.DerivationCodeSequence),
        lambda ds: setattr(ds, "AcquisitionContextSequence", ds.AnatomicRegionSequence),
        lambda ds: setattr(ds.ContributingEquipmentSequence[0], "StationName", "x"),
        lambda ds: setattr(ds, "DerivationCodeSequence", Sequence([])),
    ],
)
def test_a_sequence_with_anything_unlisted_is_refused(
    sent: Sent, change: Callable[[Dataset], None]
) -> None:
    doctor_video(sent, change)
    assert "Sequence" in refused(sent)


def groups(dataset: Dataset) -> list[Dataset]:
    return list(dataset.ContentSequence[-1].ContentSequence)


def items(dataset: Dataset, kind: str) -> list[Dataset]:
    return [i for i in groups(dataset)[0].ContentSequence if i.ValueType == kind]


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda ds: setattr(items(ds, "TEXT")[0], "TextValue", "Jan Kowalski"), "TextValue"),
        (lambda ds: setattr(items(ds, "TEXT")[-1], "TextValue", "x sha256 00"), "TextValue"),
        (lambda ds: setattr(items(ds, "UIDREF")[0], "UID", "1.2.3"), "UID"),
        (lambda ds: setattr(items(ds, "NUM")[0], "TextValue", "x"), "TextValue does not go"),
        (lambda ds: setattr(items(ds, "NUM")[0], "ValueType", "TEXT"), "names nothing listed"),
        (
            lambda ds: setattr(items(ds, "NUM")[0].MeasuredValueSequence[0], "NumericValue", "9e9"),
            "NumericValue",
        ),
        (
            lambda ds: setattr(
                items(ds, "NUM")[0].MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0],
                "CodeValue",
                "deg",
            ),
            "MeasurementUnitsCodeSequence holds a code",
        ),
        (
            lambda ds: setattr(
                items(ds, "IMAGE")[0].ReferencedSOPSequence[0],
                "ReferencedSOPInstanceUID",
                "2.25.7",
            ),
            "ReferencedSOPInstanceUID",
        ),
        (lambda ds: setattr(ds, "ContentDate", "20260110"), "ContentDate"),
        (lambda ds: setattr(ds, "InstanceCreationDate", "20300101"), "InstanceCreationDate"),
        (lambda ds: setattr(ds, "VerificationFlag", "VERIFIED"), "VerificationFlag"),
    ],
)
def test_a_doctored_report_is_refused(
    sent: Sent, change: Callable[[Dataset], None], finding: str
) -> None:
    doctor_report(sent, change)
    assert finding in refused(sent)


def test_a_file_that_changed_since_it_was_composed_is_refused(sent: Sent) -> None:
    with sent.study.image.path.open("r+b") as file:
        file.seek(40)
        file.write(b"x")
    assert "not the one that was composed" in refused(sent)


def test_a_preamble_with_content_is_refused(sent: Sent) -> None:
    doctor_bytes(sent, lambda data: b"PLANTED!" + data[8:])
    assert "preamble" in refused(sent)


def test_a_file_meta_attribute_of_the_sender_is_refused(sent: Sent) -> None:
    doctor_video(sent, lambda ds: setattr(ds.file_meta, "SourceApplicationEntityTitle", "SENDER"))
    assert "SourceApplicationEntityTitle is not listed" in refused(sent)


def test_bytes_after_the_last_element_are_refused(sent: Sent) -> None:
    doctor_bytes(sent, lambda data: data + b"\0\0")
    assert "bytes after the payload" in refused(sent)


def test_bytes_after_the_report_are_refused(sent: Sent) -> None:
    path = sent.study.report.path
    path.write_bytes(path.read_bytes() + b"\x0a\x40\x30\xa7UT\0\0\0\0\0\0")
    sent.study = replace(sent.study, report=noted(sent.study.report))
    refused(sent)


def test_an_element_that_stands_twice_is_refused(sent: Sent) -> None:
    # A reader keeps the last; the first would travel unseen.
    element = b"\x08\x00\x60\x00CS\x02\x00"
    twice = element + b"XC" + element + b"XC"
    doctor_bytes(sent, lambda data: data.replace(element + b"XC", twice))
    assert "bytes that belong to no attribute" in refused(sent)


def with_payload(sent: Sent, payload: bytes) -> None:
    import io

    def change(dataset: Dataset) -> None:
        dataset.PixelData = encapsulate_buffer([io.BytesIO(payload)], has_bot=False)
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True

    doctor_video(sent, change)


def test_an_mp4_with_a_udta_box_is_refused(sent: Sent) -> None:
    payload = sent.study.encoded.path.read_bytes()
    text = b"Jan Kowalski"
    with_payload(sent, payload + struct.pack(">I4s", 8 + len(text), b"udta") + text)
    assert "PixelData" in refused(sent)


def test_a_video_of_a_phone_is_refused(sent: Sent, tmp_path: Path) -> None:
    phone = a_video_file(
        tmp_path / "phone.mp4", rows=48, columns=64, n_frames=6, identity=True, audio=True
    )
    with_payload(sent, phone.read_bytes())
    assert "PixelData" in refused(sent)


def test_a_video_of_another_length_is_refused(sent: Sent, tmp_path: Path) -> None:
    longer = an_encoded_video(tmp_path / "longer.mp4", n_frames=9)
    with_payload(sent, longer.path.read_bytes())
    assert "PixelData" in refused(sent)


def test_two_fragments_are_refused(sent: Sent) -> None:
    payload = sent.study.encoded.path.read_bytes()
    half = len(payload) // 4 * 2

    def change(data: bytes) -> bytes:
        start = data.index(bytes.fromhex("feff00e000000000")) + 8
        items = [payload[:half], payload[half:] + b"\0" * (len(payload[half:]) % 2)]
        packed = b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<I", len(i)) + i for i in items)
        return data[:start] + packed + bytes.fromhex("feffdde000000000")

    doctor_bytes(sent, change)
    assert "payload" in refused(sent)


def test_a_name_in_the_compressed_pictures_is_found(sent: Sent) -> None:
    # Same length, inside the media data: no box tells, only the search does.
    payload = bytearray(sent.study.encoded.path.read_bytes())
    at = payload.index(b"mdat") + 40
    payload[at : at + 11] = b"PLANTEDNAME"
    with_payload(sent, bytes(payload))
    assert "PatientName" in refused(sent)


def test_a_name_in_an_attribute_that_a_site_approved_by_mistake_is_still_told_apart(
    tmp_path: Path,
) -> None:
    # The pseudonym must look like one, whatever the clean header says.
    source = a_header(identity=True)
    header = replace(clean(source), pseudonym="PLANTEDNAME")
    study = a_masked_study(tmp_path, header)
    with pytest.raises(WouldLeak, match="PatientID has a value outside its grammar"):
        check_outgoing(study, source, header)


def test_a_source_uid_that_was_kept_is_refused(tmp_path: Path) -> None:
    source = a_header(identity=True)
    header = replace(clean(source), study_instance_uid=str(source.StudyInstanceUID))
    study = a_masked_study(tmp_path, header)
    with pytest.raises(WouldLeak, match="StudyInstanceUID"):
        check_outgoing(study, source, header)


@pytest.mark.parametrize(
    "name",
    ["Erin", "Render^Mask", "Face^Right", "Video^Imaging", "Dmask", "Rend", "Surface", "Container"],
)
def test_a_patient_named_like_a_word_of_ours_is_not_held_back(tmp_path: Path, name: str) -> None:
    source = a_header(PatientName=name, Manufacturer="dmask", SoftwareVersions="0.1.0")
    source.StudyComments = "The video shows the face of a patient; measurement of eyelid movement"
    a_checked_study(tmp_path, source)


def test_common_dummies_of_senders_are_not_held_back(tmp_path: Path) -> None:
    a_checked_study(
        tmp_path,
        a_header(
            PatientBirthDate="19000101",
            StudyTime="000000",
            PatientID="000000",
            AccessionNumber="901",
            StudyID="1500",
            StudyDescription="Facial photography (masked)",
        ),
    )


def test_an_approved_description_may_repeat_the_source(tmp_path: Path) -> None:
    source = a_header(StudyDescription="PTOSIS CLINIC", PatientSex="F")
    study = a_checked_study(
        tmp_path, source, study_descriptions=("Ptosis clinic",), retain_patient_characteristics=True
    )
    dataset = dcmread(study.image.path)
    assert (dataset.StudyDescription, dataset.PatientSex) == ("Ptosis clinic", "F")


def test_settings_of_the_site_do_not_open_the_list(tmp_path: Path) -> None:
    source = a_header(identity=True)
    header = clean(source, profile=Profile(retain_patient_characteristics=True))
    study = a_masked_study(tmp_path, header)
    with pytest.raises(WouldLeak, match="PatientSex"):
        check_outgoing(study, source, clean(source))
