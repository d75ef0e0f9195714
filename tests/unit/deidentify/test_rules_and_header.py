"""What the rules say of a field without its option is what the header step does."""

from typing import Any

import pytest
from pydicom import Dataset

from dmask_node.deidentify.profile import Device, Profile
from dmask_node.deidentify.rules import FIELDS, OFFERED, Action
from dmask_node.records.masked import CleanHeader
from tests.factories import a_header
from tests.outgoing import clean

OPTIONS: dict[str, dict[str, Any]] = {
    "113105": {"study_descriptions": ("Ptosis",), "series_descriptions": ("Gaze",)},
    "113107": {"modified_dates": True},
    "113108": {"retain_patient_characteristics": True},
    "113109": {"devices": (Device(manufacturer="ACME", model="FaceCam"),)},
}
"""What makes a profile declare an option, and send all that it lets through."""


def source() -> Dataset:
    header = a_header()
    values = {
        "StudyInstanceUID": "1.2.3.1",
        "SeriesInstanceUID": "1.2.3.2",
        "SOPInstanceUID": "1.2.3.3",
        "PatientID": "4711",
        "PatientSex": "F",
        "PatientAge": "045Y",
        "StudyDescription": "Ptosis",
        "SeriesDescription": "Gaze",
        "Manufacturer": "ACME",
        "ManufacturerModelName": "FaceCam",
        "StudyDate": "20240102",
        "StudyTime": "101112",
        "ContentDate": "20240102",
        "ContentTime": "101113",
    }
    for keyword, value in values.items():
        setattr(header, keyword, value)
    return header


def cleaned(*options: str) -> CleanHeader:
    chosen: dict[str, Any] = {"clean_descriptors": "113105" in options}
    for option in options:
        chosen |= OPTIONS[option]
    profile = Profile(**chosen)
    assert profile.options() - {"113100", "113101", "113102"} == set(options)
    return clean(source(), profile=profile)


@pytest.mark.parametrize("option", OPTIONS)
def test_a_field_holds_nothing_of_the_source_without_its_option(option: str) -> None:
    fields = {name: value for name, value in FIELDS.items() if value.option == option}
    assert fields
    having, lacking = cleaned(*OPTIONS), cleaned(*(each for each in OPTIONS if each != option))
    constants = {"", Profile().default_study_description}
    for name, value in fields.items():
        assert getattr(having, name) not in constants, name
        assert getattr(lacking, name) in constants, name
        if value.otherwise is not Action.OWN:
            assert getattr(lacking, name) == "", name
    assert option in having.method_codes
    assert option not in lacking.method_codes


def test_every_option_that_is_offered_is_tried() -> None:
    assert set(OPTIONS) == set(OFFERED)
