"""What tells one study, and one patient, from another."""

import pytest

from dmask_node.deidentify.header import HeaderIncomplete, identity_of
from dmask_node.deidentify.keys import MasterKey
from dmask_node.deidentify.origin import Origin, take_epoch_in_force
from dmask_node.deidentify.settings import DeidentifySettings
from tests.factories import a_header
from tests.outgoing import clean

SETTINGS = DeidentifySettings(
    default_issuer_of_patient_id="North", issuers_of_patient_id={"CAM_B": "South"}
)


def test_study_and_patient_are_told_apart_from_others() -> None:
    header = a_header(StudyInstanceUID="1.2.3", PatientID="Ab7 ")
    assert identity_of(header, DeidentifySettings()) == ("1.2.3", "id\0ab7\0")
    assert identity_of(header, SETTINGS) == ("1.2.3", "id\0ab7\0north")
    assert identity_of(header, SETTINGS, "CAM_B") == ("1.2.3", "id\0ab7\0south")
    header.IssuerOfPatientID = "East"
    assert identity_of(header, SETTINGS, "CAM_B") == ("1.2.3", "id\0ab7\0east")


def test_without_a_patient_id_the_study_stands_for_the_patient() -> None:
    header = a_header(StudyInstanceUID="1.2.3", PatientID="")
    assert identity_of(header, SETTINGS, "CAM_B") == ("1.2.3", "study\x001.2.3")


def test_a_header_without_a_study_has_no_identity() -> None:
    with pytest.raises(HeaderIncomplete, match="StudyInstanceUID"):
        identity_of(a_header(StudyInstanceUID=""), SETTINGS)


@pytest.mark.parametrize(
    ("caller", "issuer"),
    [("", "North"), ("CAM_A", "North"), ("CAM_B", "South"), (" CAM_B ", "South")],
)
def test_a_sender_may_have_an_issuer_of_its_own(caller: str, issuer: str) -> None:
    assert SETTINGS.issuer_for(caller) == issuer


def test_equal_identity_is_equal_pseudonym_whoever_sends() -> None:
    header = a_header(PatientID="1", IssuerOfPatientID="South")
    without = a_header(PatientID="1", StudyInstanceUID=header.StudyInstanceUID)
    named = clean(header, settings=SETTINGS).pseudonym
    assert clean(without, settings=SETTINGS, calling_ae_title="CAM_B").pseudonym == named
    assert clean(without, settings=SETTINGS, calling_ae_title="CAM_A").pseudonym != named
    assert clean(without, settings=SETTINGS).pseudonym != named


def test_a_single_file_has_no_sender_and_the_epoch_in_force() -> None:
    origin = Origin()
    assert origin.calling_ae_title == ""
    assert origin.pin is take_epoch_in_force
    assert origin.pin("study", "patient", "7") == "7"


def test_no_text_of_the_source_is_in_what_the_ledger_gets() -> None:
    key = MasterKey(bytes(range(1, 33)))
    study, patient = identity_of(a_header(StudyInstanceUID="1.2.3", PatientID="471147"), SETTINGS)
    for digest in (key.keyed_digest(f"study {study}"), key.keyed_digest(f"patient {patient}")):
        assert "471147" not in digest
        assert len(digest) == 64
