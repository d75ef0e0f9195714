"""A clean header may vouch for values only if it is sound itself."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from pydicom import Dataset

from dmask_node.check.approved import unexpected_in_header
from dmask_node.check.harvest import harvest
from dmask_node.deidentify.profile import Device, Profile
from dmask_node.records.masked import CleanHeader
from tests.factories import a_header
from tests.outgoing import clean

EVERYTHING = Profile(
    modified_dates=True,
    retain_patient_characteristics=True,
    devices=(Device(manufacturer="ACME", model="FaceCam 3"),),
    study_descriptions=("Ptosis clinic",),
)


def a_source(**attributes: str) -> Dataset:
    given = {
        "PatientID": "8844120",
        "PatientSex": "F",
        "PatientAge": "062Y",
        "StudyDescription": "ptosis CLINIC",
        "Manufacturer": "ACME",
        "ManufacturerModelName": "FaceCam 3",
        "StudyDate": "20260110",
        "StudyTime": "101507.25",
        "ContentDate": "20260110",
        "ContentTime": "101508",
        "AccessionNumber": "ACC778",
    }
    source = a_header()
    for keyword, value in (given | attributes).items():
        setattr(source, keyword, value)
    return source


def findings(header: CleanHeader, source: Dataset) -> list[str]:
    return list(unexpected_in_header(header, source, harvest(source).words))


@pytest.mark.parametrize("profile", [Profile(), EVERYTHING], ids=["least", "most"])
def test_what_the_product_makes_is_sound(profile: Profile) -> None:
    source = a_source()
    header = clean(source, profile=profile)
    assert bool(header.study_date) is profile.modified_dates
    assert findings(header, source) == []


@pytest.mark.parametrize(
    "dates",
    [
        {"StudyDate": "", "StudyTime": ""},
        {"ContentDate": "", "ContentTime": ""},
        {"StudyTime": "", "ContentTime": "1015"},
        {"StudyTime": "10", "ContentTime": ""},
        {"StudyDate": "2026.01.10", "StudyTime": "10:15:07"},
        {"StudyDate": "19000101"},
        {"StudyDate": "20240229", "StudyTime": "235959.999999"},
        {"StudyDate": "20260110 ", "ContentDate": "20251231", "ContentTime": "000000"},
    ],
)
def test_dates_however_a_camera_writes_them_are_sound(dates: dict[str, str]) -> None:
    source = a_source(**dates)
    for number in range(12):
        source.PatientID = f"88{number}"  # another offset
        assert findings(clean(source, profile=EVERYTHING), source) == []


def moved(header: CleanHeader, days: int) -> CleanHeader:
    """The study's moment, other than it was moved."""
    then = datetime.strptime(header.study_date + header.study_time, "%Y%m%d%H%M%S")
    then += timedelta(days=days)
    return replace(header, study_date=f"{then:%Y%m%d}", study_time=f"{then:%H%M%S}")


UNSOUND: dict[str, Callable[[CleanHeader], CleanHeader]] = {
    "pseudonym is no keyed": lambda h: replace(h, pseudonym="8844120"),
    "accession_number is no keyed": lambda h: replace(h, accession_number="ACC778"),
    "image_instance_uid is no keyed": lambda h: replace(h, image_instance_uid="2.25.77"),
    "image_series_uid is no keyed": lambda h: replace(h, image_series_uid="1.2.3.4"),
    "StudyDate is not that of": lambda h: replace(h, study_date="20260110", study_time="101507"),
    "StudyDate is not that": lambda h: replace(h, study_date="20250801"),
    "StudyDate is not": lambda h: replace(h, study_date="20120101"),
    "ContentDate is not that": lambda h: replace(h, content_date="20260110"),
    "not moved by the same time": lambda h: moved(h, 1),
    "StudyTime is there without": lambda h: replace(h, study_date=""),
    "neither that of the image": lambda h: replace(h, report_date="20200101"),
    "option to modify dates": lambda h: replace(h, method_codes=h.method_codes[:-1]),
    "to modify dates": lambda h: replace(h, report_date="", report_time=""),
    "about pixels": lambda h: replace(h, report_method_codes=h.method_codes),
    "doubled": lambda h: replace(h, method_codes=h.method_codes * 2),
    "not based on": lambda h: replace(h, report_method_codes=h.report_method_codes[1:]),
    "patient characteristics": lambda h: replace(h, patient_sex="", patient_age=""),
    "retain the device": lambda h: replace(h, device_model="", device_manufacturer=""),
    "the device": lambda h: replace(h, device_model=""),
}


@pytest.mark.parametrize("told", UNSOUND)
def test_an_unsound_header_is_told(told: str) -> None:
    source = a_source()
    header = clean(source, profile=EVERYTHING)
    header = replace(header, method_codes=tuple(sorted(header.method_codes, key=_dates_last)))
    spoiled = UNSOUND[told](header)
    found = findings(spoiled, source)
    assert any(told in finding for finding in found), found
    assert not any("8844120" in finding or "ACC778" in finding for finding in found)


def _dates_last(code: str) -> tuple[bool, str]:
    return code == "113107", code


@pytest.mark.parametrize("where", ["PatientID", "PatientName", "ImageComments"])
def test_a_name_of_the_source_that_looks_keyed_is_told(where: str) -> None:
    """Sixteen letters can be a record number, too."""
    source = a_source(**{where: "ABCDEFGHIJKLMNOP"})
    header = replace(clean(source), pseudonym="ABCDEFGHIJKLMNOP")
    assert findings(header, source) == [f"pseudonym stands in the source's {where}"]


def test_a_uid_of_the_source_that_looks_keyed_is_told() -> None:
    uid = clean(a_source()).study_instance_uid
    source = a_source(StudyInstanceUID=uid)
    header = replace(clean(source), study_instance_uid=uid)
    assert findings(header, source) == [
        "study_instance_uid stands in the source's StudyInstanceUID"
    ]


def test_dates_without_their_options_are_told() -> None:
    source = a_source()
    dated, plain = clean(source, profile=EVERYTHING), clean(source)
    careless = replace(plain, study_date=dated.study_date, study_time=dated.study_time)
    assert "the option to modify dates does not go with the dates that are there" in findings(
        careless, source
    )
