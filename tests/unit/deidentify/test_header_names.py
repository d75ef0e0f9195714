"""Keyed names stay what they were: what is out already must meet what comes later."""

from typing import Any

import pytest
from pydicom import Dataset

from dmask_node.deidentify import header as header_module
from dmask_node.deidentify.audience import Audience
from dmask_node.deidentify.header import HeaderIncomplete, clean_header, identity_of
from dmask_node.deidentify.keys import MasterKey
from dmask_node.deidentify.profile import Profile
from dmask_node.deidentify.settings import DeidentifySettings
from dmask_node.records.masked import CleanHeader
from tests.outgoing import KEY

NAMES = (
    "pseudonym",
    "study_instance_uid",
    "image_series_uid",
    "report_series_uid",
    "image_instance_uid",
    "report_instance_uid",
    "synchronization_uid",
    "accession_number",
)
PINNED = {
    "pseudonym": "RERACRAWJQ3QMR6I",
    "study_instance_uid": "2.25.31172479747778843959204127601198743863",
    "image_series_uid": "2.25.321821919892585814028420906866253086645",
    "report_series_uid": "2.25.38363032587964836384171461231282807945",
    "image_instance_uid": "2.25.102851213542180969488611098902542062245",
    "report_instance_uid": "2.25.92142614629890671118122079626906681680",
    "synchronization_uid": "2.25.122063837286807495973228081329510374401",
    "accession_number": "U6TVSYQOZQIZXMEP",
}
BY_THIS: dict[str, set[str]] = {
    "PatientID": {"pseudonym", "accession_number"},
    "IssuerOfPatientID": {"pseudonym", "accession_number"},
    "StudyInstanceUID": {"study_instance_uid"},
    "SeriesInstanceUID": {"image_series_uid", "report_series_uid"},
    "SOPInstanceUID": {"image_instance_uid", "report_instance_uid", "synchronization_uid"},
    "AccessionNumber": {"accession_number"},
    "pixel_sha256": {"image_instance_uid", "report_instance_uid", "synchronization_uid"},
    "models_digest": {"image_instance_uid", "report_instance_uid"},
    "profile_name": {"image_instance_uid", "report_instance_uid"},
    "renderer": {"image_instance_uid", "report_instance_uid"},
}
"""Which names each thing has an influence on, and no other."""


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Any:
    def name(**change: str) -> CleanHeader:
        monkeypatch.setattr(header_module, "RENDERER", change.pop("renderer", "r1"))
        parts = {"pixel_sha256": "ab", "models_digest": "cd", "profile_name": "p"}
        for key in parts:
            parts[key] = change.pop(key, parts[key])
        header = Dataset()
        attributes = {
            "PatientID": "7",
            "IssuerOfPatientID": "H",
            "StudyInstanceUID": "1.2.3.1",
            "SeriesInstanceUID": "1.2.3.2",
            "SOPInstanceUID": "1.2.3.3",
            "AccessionNumber": "A1",
            **change,
        }
        for keyword, value in attributes.items():
            setattr(header, keyword, value)
        return clean_header(
            header,
            parts["pixel_sha256"],
            MasterKey(KEY).keys("1", "a"),
            DeidentifySettings(),
            Audience(label="a", profile_name=parts["profile_name"], profile=Profile()),
            models_digest=parts["models_digest"],
        )

    return name


def test_names_are_those_of_earlier_versions(named: Any) -> None:
    clean = named()
    assert {name: getattr(clean, name) for name in NAMES} == PINNED


@pytest.mark.parametrize("what", sorted(BY_THIS))
def test_each_name_depends_on_what_it_names_and_on_nothing_else(named: Any, what: str) -> None:
    one = named()
    other = named(**{what: "1.2.9" if what.endswith("UID") else "other"})
    changed = {name for name in NAMES if getattr(one, name) != getattr(other, name)}
    assert changed == BY_THIS[what]


def test_no_two_names_of_an_object_are_equal(named: Any) -> None:
    same = named(StudyInstanceUID="1.2", SeriesInstanceUID="1.2", SOPInstanceUID="1.2")
    assert len({getattr(same, name) for name in NAMES}) == len(NAMES)


def of_study(**attributes: str) -> Dataset:
    header = Dataset()
    for keyword, value in {"StudyInstanceUID": "1.2.3", **attributes}.items():
        setattr(header, keyword, value)
    return header


def test_an_identity_is_the_study_and_the_patient_as_the_pseudonym_has_it() -> None:
    settings = DeidentifySettings(default_issuer_of_patient_id="Hospital")
    assert identity_of(of_study(PatientID=" ab "), settings) == ("1.2.3", "id\0ab\0hospital")
    assert identity_of(of_study(PatientID="AB", IssuerOfPatientID="X"), settings) == (
        "1.2.3",
        "id\0ab\0x",
    )
    assert identity_of(of_study(), settings) == ("1.2.3", "study\x001.2.3")


def test_no_identity_is_made_of_a_study_without_a_uid() -> None:
    with pytest.raises(HeaderIncomplete) as refused:
        identity_of(of_study(StudyInstanceUID=""), DeidentifySettings())
    assert str(refused.value) == "StudyInstanceUID is absent, empty or unreadable"
    assert refused.value.hint == (
        "Look at the original: the sender left out an attribute that its SOP class requires."
    )
    with pytest.raises(HeaderIncomplete) as refused:
        identity_of(of_study(StudyInstanceUID="1.2.840.10008.1"), DeidentifySettings())
    assert str(refused.value) == "StudyInstanceUID is a UID of the standard itself"
