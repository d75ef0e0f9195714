"""Of a source header only keyed names, listed values and the site's own words pass."""

import dataclasses
import re

import pytest
from pydantic import ValidationError
from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.tag import Tag
from pydicom.uid import UID

from dmask_node import version
from dmask_node.deidentify import header as header_module
from dmask_node.deidentify.header import HeaderIncomplete
from dmask_node.deidentify.profile import Profile
from dmask_node.deidentify.settings import DeidentifySettings
from tests.factories import PLANTED_ATTRIBUTES, a_header
from tests.outgoing import clean


def source(**attributes: object) -> Dataset:
    header = a_header()
    header.StudyInstanceUID, header.SeriesInstanceUID = "1.2.3.1", "1.2.3.2"
    header.SOPInstanceUID = "1.2.3.3"
    for keyword, value in attributes.items():
        setattr(header, keyword, value)
    return header


def with_raw(header: Dataset, keyword: str, vr: str, value: bytes) -> Dataset:
    """Put an element as it would come off the wire, never decoded before."""
    tag = Tag(keyword)
    header[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)
    return header


def uids_of(clean_one: object) -> dict[str, str]:
    fields = dataclasses.asdict(clean_one)  # type: ignore[call-overload]
    return {name: value for name, value in fields.items() if name.endswith("_uid")}


def test_nothing_planted_passes() -> None:
    cleaned = clean(a_header(identity=True))
    told = repr(cleaned).lower()
    for planted in PLANTED_ATTRIBUTES.values():
        for word in re.findall(r"\w*PLANT\w*|[0-9]{6,}", str(planted)):
            assert word.lower() not in told


def test_a_re_send_gets_the_same_names() -> None:
    assert clean(source()) == clean(source(SOPInstanceUID="1.2.3.3 \0"))


def test_other_pixels_never_come_under_an_old_instance_uid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cleaned = [clean(source()), clean(source(), pixel_sha256="00" * 32)]
    cleaned.append(clean(source(), models_digest="other"))
    monkeypatch.setattr(header_module, "RENDERER", version.RENDERER + "x")
    cleaned.append(clean(source()))
    assert len({one.image_instance_uid for one in cleaned}) == 4
    assert len({one.report_instance_uid for one in cleaned}) == 4
    assert len({one.study_instance_uid for one in cleaned}) == 1
    assert len({one.image_series_uid for one in cleaned}) == 1
    assert len({one.pseudonym for one in cleaned}) == 1


def test_all_uids_of_a_study_differ_from_each_other_and_from_the_source() -> None:
    uids = uids_of(clean(source(StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3")))
    assert len(set(uids.values())) == len(uids) == 6


def test_instances_of_a_study_share_it_and_series_stay_apart() -> None:
    one = clean(source())
    other = clean(source(SeriesInstanceUID="1.2.3.9", SOPInstanceUID="1.2.3.10"))
    assert one.study_instance_uid == other.study_instance_uid
    assert one.image_series_uid != other.image_series_uid
    assert one.image_series_uid != one.report_series_uid


@pytest.mark.parametrize("change", [{"key": bytes(range(90, 130))}, {"epoch": "2"}, {"label": "b"}])
def test_another_key_epoch_or_label_shares_no_name(change: dict[str, object]) -> None:
    one, other = clean(source()), clean(source(), **change)  # type: ignore[arg-type]
    assert not set(uids_of(one).values()) & set(uids_of(other).values())
    assert one.pseudonym != other.pseudonym
    assert one.accession_number != other.accession_number
    assert one.key_fingerprint != other.key_fingerprint


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
@pytest.mark.parametrize("value", [None, "", " ", "1.2.840.10008.5.1.4.1.1.7"])
def test_a_header_without_its_uids_is_refused(keyword: str, value: str | None) -> None:
    broken = source()
    if value is None:
        del broken[keyword]
    else:
        setattr(broken, keyword, value)
    with pytest.raises(HeaderIncomplete, match=keyword) as refusal:
        clean(broken)
    assert refusal.value.reason == "header_incomplete"
    assert not value or not value.strip() or value not in str(refusal.value)


def test_a_uid_with_two_values_does_not_stop_the_node() -> None:
    broken = with_raw(source(), "SOPInstanceUID", "UI", b"1.2.3.3\\1.2.3.4")
    assert clean(broken).image_instance_uid == clean(source()).image_instance_uid


def test_one_patient_has_one_pseudonym_whatever_the_spelling() -> None:
    names = [
        clean(source(PatientID=written, StudyInstanceUID=f"1.2.{n}")).pseudonym
        for n, written in enumerate(["ab12", "AB12", " AB12 ", "ＡＢ１２"])
    ]
    assert len(set(names)) == 1


def test_two_patients_with_one_number_are_told_apart_by_the_issuer() -> None:
    one = clean(source(PatientID="7", IssuerOfPatientID="HOSPITAL A"))
    other = clean(source(PatientID="7", IssuerOfPatientID="HOSPITAL B"))
    assert one.pseudonym != other.pseudonym


def test_the_default_issuer_stands_in_for_a_missing_one() -> None:
    settings = DeidentifySettings(default_issuer_of_patient_id="Hospital A")
    one = clean(source(PatientID="7", IssuerOfPatientID="HOSPITAL A"), settings=settings)
    assert clean(source(PatientID="7"), settings=settings).pseudonym == one.pseudonym
    assert clean(source(PatientID="7")).pseudonym != one.pseudonym


def test_without_a_patient_id_the_study_stands_in_and_never_the_name() -> None:
    one = clean(source(PatientID="", PatientName="Doe^Jane"))
    same_study = clean(source(PatientID="", PatientName="Roe^Rita", SOPInstanceUID="1.2.9"))
    other_study = clean(source(PatientID="", StudyInstanceUID="1.2.3.7"))
    assert one.pseudonym == same_study.pseudonym != other_study.pseudonym


def test_a_study_uid_as_patient_id_does_not_collide_with_the_missing_one() -> None:
    assert clean(source(PatientID="1.2.3.1")).pseudonym != clean(source(PatientID="")).pseudonym


def test_an_accession_number_is_keyed_and_a_missing_one_stays_missing() -> None:
    assert re.fullmatch(r"[A-Z2-7]{16}", clean(source(AccessionNumber="A1")).accession_number)
    assert clean(source(AccessionNumber="")).accession_number == ""
    one, other = source(PatientID="1", AccessionNumber="A1"), source(PatientID="2")
    assert clean(one).accession_number != clean(other).accession_number


@pytest.mark.parametrize(
    ("sent", "goes_out"),
    [("FACE", "FACE"), ("eye", "EYE"), ("HEAD", "HEAD"), ("KOWALSKI", "FACE"), ("", "FACE")],
)
def test_a_body_part_passes_only_from_the_list(sent: str, goes_out: str) -> None:
    header = with_raw(source(), "BodyPartExamined", "CS", sent.encode())
    assert clean(header).body_part_examined == goes_out


def test_sex_passes_only_when_the_site_says_so_and_is_then_declared() -> None:
    keep = Profile(retain_patient_characteristics=True)
    assert clean(source(PatientSex="F")).patient_sex == ""
    assert "113108" not in clean(source(PatientSex="F")).method_codes
    kept = clean(source(PatientSex="F"), profile=keep)
    assert (kept.patient_sex, "113108" in kept.method_codes) == ("F", True)
    odd = clean(with_raw(source(), "PatientSex", "CS", b"KOWALSKI"), profile=keep)
    assert (odd.patient_sex, "113108" in odd.method_codes) == ("", False)


def test_a_study_description_passes_only_whole_and_as_the_site_wrote_it() -> None:
    profile = Profile(study_descriptions=("Ptosis clinic", "Fazialisparese Größe"))

    def sent(text: str) -> str:
        return clean(source(StudyDescription=text), profile=profile).study_description

    assert sent("PTOSIS CLINIC ") == "Ptosis clinic"
    assert sent("fazialisparese gro\u0308sse") == "Fazialisparese Größe"
    assert sent("Ptosis clinic Kowalski") == "Facial photography (masked)"
    assert sent("") == "Facial photography (masked)"


@pytest.mark.parametrize(
    "values",
    [
        {"study_descriptions": ["x" * 65]},
        {"study_descriptions": ["a\\b"]},
        {"study_descriptions": ["a\nb"]},
        {"study_descriptions": [""]},
        {"study_descriptions": ["Ptosis", "PTOSIS"]},
        {"default_study_description": ""},
        {"keep_dates": True},
    ],
)
def test_a_profile_that_could_not_stand_in_an_object_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Profile.model_validate(values)


@pytest.mark.parametrize("values", [{"epoch": "a b"}, {"epoch": ""}, {"label": "x"}])
def test_settings_that_no_name_can_be_keyed_with_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DeidentifySettings.model_validate(values)


@pytest.mark.parametrize(
    ("syntax", "lossy"),
    [
        ("1.2.840.10008.1.2.4.50", True),
        ("1.2.840.10008.1.2.4.102.1", True),
        ("1.2.840.10008.1.2.4.107", True),
        ("1.2.840.10008.1.2.4.70", False),
        ("1.2.840.10008.1.2.4.80", False),
        ("1.2.840.10008.1.2.4.90", False),
        ("1.2.840.10008.1.2.1", False),
    ],
)
def test_a_source_is_lossy_by_its_transfer_syntax(syntax: str, lossy: bool) -> None:
    header = source()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = UID(syntax)
    assert clean(header).source_was_lossy is lossy


def test_a_source_is_lossy_when_it_says_so() -> None:
    assert clean(source(LossyImageCompression="01")).source_was_lossy
    assert not clean(source(LossyImageCompression="00")).source_was_lossy


@pytest.mark.parametrize("vr", ["UN", "SQ", "US", "DS", "OB", "FD", "UT", "AT", "PN"])
def test_a_wrong_value_representation_neither_raises_nor_passes(vr: str) -> None:
    header = source()
    for keyword in ("PatientID", "AccessionNumber", "StudyDescription", "BodyPartExamined"):
        with_raw(header, keyword, vr, b"KOWALSKI\xff\xfe")
    assert "KOWALSKI" not in repr(clean(header)).upper()


def test_broken_elements_that_nobody_asked_for_are_left_alone(
    recwarn: pytest.WarningsRecorder,
) -> None:
    header = source()
    tag = Tag(0x00091001)
    header[tag] = RawDataElement(tag, "FD", 3, b"abc", 0, False, True)
    with_raw(header, "PatientBirthDate", "DA", b"no date at all")
    with_raw(header, "PatientID", "LO", b"ID" * 200)
    clean(header)
    assert isinstance(header.get_item(tag), RawDataElement)
    assert isinstance(header.get_item("PatientBirthDate"), RawDataElement)
    assert not recwarn.list


def test_an_unknown_character_set_changes_no_name_of_plain_letters() -> None:
    strange = source(PatientID="AB12")
    stream = DicomBytesIO()
    strange.SpecificCharacterSet = "ISO_IR 192"
    strange.save_as(stream, implicit_vr=False, little_endian=True)
    written = stream.getvalue().replace(b"ISO_IR 192", b"ISO_IR 999")
    read = dcmread(DicomBytesIO(written), force=True)
    assert clean(read).pseudonym == clean(source(PatientID="AB12")).pseudonym
