"""Objects under a profile that lets everything out: valid, gated, and holding what they declare."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, Sequence, dcmread

from dmask_node.check.outgoing import WouldLeak, check_outgoing
from dmask_node.compose.composer import NotListed, add_additions
from dmask_node.deidentify.additions import check_profile
from dmask_node.deidentify.profile import Profile
from dmask_node.records.masked import KeptValue, MaskedStudy, Role, Words
from tests.factories import a_header
from tests.outgoing import a_masked_study, clean

DCIODVFY = Path(sys.executable).with_name("dciodvfy")
EVERYTHING: dict[str, Any] = {
    "study_descriptions": [{"regex": "ptosis.*", "send": "Ptosis clinic"}],
    "series_descriptions": ["Lids, both sides"],
    "retain_patient_characteristics": True,
    "modified_dates": True,
    "devices": [{"manufacturer": "Acme Optics", "model": "FaceCam 3"}],
    "extra_keep": [
        {
            "attribute": "ProtocolName",
            "classes": ["image", "report"],
            "vocabulary": ["Blink protocol"],
        },
        {
            "attribute": "ProcedureCodeSequence",
            "classes": ["image", "report"],
            "codes": [{"value": "S1", "scheme": "99SITE", "meaning": "Squint clinic"}],
        },
        {"attribute": "AcquisitionNumber", "integer": [1, 20]},
        {"attribute": "PregnancyStatus", "integer": [1, 4]},
        {"attribute": "SmokingStatus", "enum": ["YES", "NO", "UNKNOWN"]},
        {"attribute": "ImageComments", "vocabulary": ["Good light"]},
        {"attribute": "ReasonForVisit", "classes": ["report"], "vocabulary": ["Drooping lid"]},
    ],
}


def a_full_source(**more: Any) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "S1", "99SITE", "PLANTED code"
    attributes: dict[str, Any] = {
        "StudyDescription": "Ptosis PLANTED clinic",
        "SeriesDescription": "LIDS, both sides",
        "PatientSex": "F",
        "PatientAge": "093Y",
        "Manufacturer": "ACME Optics",
        "ManufacturerModelName": "facecam 3",
        "ProtocolName": "blink protocol",
        "ProcedureCodeSequence": Sequence([code]),
        "AcquisitionNumber": 4,
        "PregnancyStatus": 4,
        "SmokingStatus": "NO",
        "ImageComments": "GOOD light",
        "ReasonForVisit": "drooping lid",
        "ImageLaterality": "L",
        "BodyPartExamined": "EYE",
        **more,
    }
    return a_header(identity=True, **attributes)


def composed(
    folder: Path, source: Dataset, **profile: object
) -> tuple[MaskedStudy, Dataset, Dataset]:
    chosen = Profile.model_validate(profile)
    assert check_profile(chosen) == ()
    header = clean(source, profile=chosen)
    study = a_masked_study(folder, header)
    check_outgoing(study, source, header)
    return study, dcmread(study.image.path), dcmread(study.report.path)


def methods(dataset: Dataset) -> list[str]:
    return [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]


def test_everything_a_profile_can_say_is_sent_and_declared(tmp_path: Path) -> None:
    _, image, report = composed(tmp_path, a_full_source(), **EVERYTHING)
    assert methods(image) == [
        "113100", "113101", "113102", "113105", "113107", "113108", "113109",
    ]  # fmt: skip
    assert methods(report) == ["113100", "113105", "113107", "113108", "113109"]
    for dataset in (image, report):
        assert dataset.StudyDescription == "Ptosis clinic"
        assert (dataset.PatientSex, dataset.PatientAge) == ("F", "090Y")
        assert dataset.LongitudinalTemporalInformationModified == "MODIFIED"
        ours, camera = dataset.ContributingEquipmentSequence
        assert ours.PurposeOfReferenceCodeSequence[0].CodeValue == "109104"
        assert ours.Manufacturer == dataset.Manufacturer == "dmask"
        assert camera.PurposeOfReferenceCodeSequence[0].CodeMeaning == "Acquisition Equipment"
        assert (camera.Manufacturer, camera.ManufacturerModelName) == ("Acme Optics", "FaceCam 3")
        assert len(camera) == 3
        assert dataset.ProtocolName == "Blink protocol"
        (code,) = dataset.ProcedureCodeSequence
        assert (code.CodeValue, code.CodeMeaning, len(code)) == ("S1", "Squint clinic", 3)
    assert image.SeriesDescription == "Lids, both sides"
    assert report.SeriesDescription == "Eyelid and eye movement measurements"
    assert (image.BodyPartExamined, image.ImageLaterality) == ("EYE", "L")
    assert (image.AcquisitionNumber, image.PregnancyStatus) == (4, 4)
    assert (image.SmokingStatus, image.ImageComments) == ("NO", "Good light")
    assert "ReasonForVisit" not in image
    assert report.ReasonForVisit == "Drooping lid"
    for keyword in ("AcquisitionNumber", "PregnancyStatus", "SmokingStatus", "ImageComments"):
        assert keyword not in report
    assert image.StudyDate == image.ContentDate == report.ContentDate != ""
    assert image.StudyTime == report.StudyTime != ""
    assert image.ContentTime == report.ContentTime
    assert int(image.ContentTime) - int(image.StudyTime) == 1
    assert (image.SeriesNumber, report.SeriesNumber) == (901, 902)
    assert image.InstanceNumber == report.InstanceNumber == 1


def test_the_same_source_under_a_bare_profile_gives_none_of_it(tmp_path: Path) -> None:
    bare = {"clean_descriptors": False}
    _, image, report = composed(tmp_path, a_full_source(), **bare)
    assert methods(image) == ["113100", "113101", "113102"]
    assert methods(report) == ["113100"]
    for dataset in (image, report):
        assert (dataset.PatientSex, dataset.StudyDate, dataset.StudyTime) == ("", "", "")
        assert "PatientAge" not in dataset
        assert "ProtocolName" not in dataset
        assert dataset.LongitudinalTemporalInformationModified == "REMOVED"
        assert len(dataset.ContributingEquipmentSequence) == 1
        assert dataset.StudyDescription == "Facial photography (masked)"
    assert image.SeriesDescription == "Masked face video"
    assert "ContentDate" not in image
    assert "ContentTime" not in image
    assert (report.ContentDate, report.ContentTime) == ("19000101", "000000")
    assert image.ImageLaterality == "L"  # of a paired part a laterality must be told


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"BodyPartExamined": "FACE", "ImageLaterality": "R"},
        {"ContentDate": "", "StudyTime": ""},
        {"StudyDate": "", "PatientAge": "", "Manufacturer": ""},
    ],
)
def test_dciodvfy_finds_no_error(tmp_path: Path, more: dict[str, object]) -> None:
    study, _, _ = composed(tmp_path, a_full_source(**more), **EVERYTHING)
    for masked in study.objects:
        run = subprocess.run([DCIODVFY, masked.path], capture_output=True, text=True, check=False)
        told = (run.stdout + run.stderr).splitlines()
        assert any(line in ("VideoPhotographicImage", "EnhancedSR") for line in told)
        assert [line for line in told if "Error" in line] == []
        assert run.returncode == 0


def test_a_report_takes_the_day_of_the_study_and_no_time_where_there_is_no_more(
    tmp_path: Path,
) -> None:
    source = a_full_source(ContentDate="", StudyTime="")
    _, image, report = composed(tmp_path, source, modified_dates=True)
    assert "ContentDate" not in image
    assert report.ContentDate == image.StudyDate != ""
    assert image.StudyTime == ""
    assert report.ContentTime == "000000"


def test_the_gate_refuses_what_the_clean_header_does_not_say(tmp_path: Path) -> None:
    source = a_full_source()
    full = clean(source, profile=Profile.model_validate(EVERYTHING))
    bare = clean(source, profile=Profile())
    study = a_masked_study(tmp_path, full)
    with pytest.raises(WouldLeak) as refused:
        check_outgoing(study, source, bare)
    for keyword in ("PatientAge", "ProtocolName"):
        assert keyword in str(refused.value)


def test_an_addition_never_replaces_what_is_on_the_list(tmp_path: Path) -> None:
    source = a_full_source()
    header = clean(source, profile=Profile())
    kept = KeptValue(
        keyword="PatientID", in_image=True, in_report=False, grammar=Words(("x",)), value="x"
    )
    study = a_masked_study(tmp_path, header)
    dataset = dcmread(study.image.path, stop_before_pixels=True)
    object.__setattr__(header, "kept", (kept,))
    with pytest.raises(NotListed, match="PatientID"):
        add_additions(dataset, header, Role.VIDEO)
    add_additions(dataset, header, Role.REPORT)
    assert dataset.PatientID == header.pseudonym
