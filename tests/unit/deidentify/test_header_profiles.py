"""What each option of a profile sends, and which codes the objects then hold."""

import dataclasses
from datetime import date, timedelta
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from dmask_node.deidentify.audience import Audience
from dmask_node.deidentify.header import clean_header
from dmask_node.deidentify.keys import MasterKey
from dmask_node.deidentify.profile import Profile
from dmask_node.deidentify.settings import DeidentifySettings
from dmask_node.deidentify.vocabulary import Vocabulary
from dmask_node.records.masked import CleanHeader
from tests.outgoing import KEY, MODELS, PIXELS

BASIC_IMAGE = ("113100", "113101", "113102")
BASIC_REPORT = ("113100",)
DATES = {
    "StudyDate": "20260110",
    "StudyTime": "101507",
    "ContentDate": "20260111",
    "ContentTime": "235959.5",
}
CAMERA = {"manufacturer": "Acme Optics", "model": "FaceCam 3"}


def source(**attributes: object) -> Dataset:
    """A header with its three UIDs and these attributes; None takes one away."""
    header = Dataset()
    wanted = {
        "StudyInstanceUID": "1.2.3.1",
        "SeriesInstanceUID": "1.2.3.2",
        "SOPInstanceUID": "1.2.3.3",
        "PatientID": "7",
        **attributes,
    }
    for keyword, value in wanted.items():
        if value is not None:
            setattr(header, keyword, value)
    return header


def raw(header: Dataset, keyword: str, vr: str, value: bytes) -> Dataset:
    tag = Tag(keyword)
    header[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)
    return header


def cleaned(
    header: Dataset,
    *,
    label: str = "a",
    epoch: str = "1",
    vocabulary: Vocabulary | None = None,
    received: date | None = date(2026, 11, 1),
    **profile: Any,
) -> CleanHeader:
    return clean_header(
        header,
        PIXELS,
        MasterKey(KEY).keys(epoch, label),
        DeidentifySettings(),
        Audience(label=label, profile_name="p", profile=Profile.model_validate(profile)),
        models_digest=MODELS,
        vocabulary=vocabulary,
        received=received,
    )


class Noted:
    """A vocabulary that approves one term and remembers what it was told."""

    def __init__(self, **approved: str) -> None:
        self.approved = approved
        self.asked: list[tuple[str, str]] = []
        self.told: list[tuple[str, str]] = []

    def match(self, attribute: str, text: str) -> str | None:
        self.asked.append((attribute, text))
        return self.approved.get(text)

    def unseen(self, attribute: str, text: str) -> None:
        self.told.append((attribute, text))


def codes(clean: CleanHeader) -> tuple[set[str], set[str]]:
    """Which options the image and the report declare beyond those that always apply."""
    assert clean.method_codes == tuple(sorted(clean.method_codes))
    assert clean.report_method_codes == tuple(sorted(clean.report_method_codes))
    image, report = set(clean.method_codes), set(clean.report_method_codes)
    assert image >= set(BASIC_IMAGE)
    assert not report & {"113101", "113102"}
    assert report >= set(BASIC_REPORT)
    return image - set(BASIC_IMAGE), report - set(BASIC_REPORT)


def test_a_bare_header_under_a_bare_profile_declares_no_option() -> None:
    clean = cleaned(source())
    assert clean.method_codes == BASIC_IMAGE
    assert clean.report_method_codes == BASIC_REPORT


def test_what_no_option_retains_is_empty() -> None:
    full = source(
        **DATES,
        PatientSex="F",
        PatientAge="045Y",
        Manufacturer="Acme Optics",
        ManufacturerModelName="FaceCam 3",
        ProtocolName="x",
    )
    clean = cleaned(full)
    assert clean.method_codes == BASIC_IMAGE
    fields = dataclasses.asdict(clean)
    empty = [name for name, value in fields.items() if value in ("", ())]
    assert empty == [
        "accession_number", "patient_sex", "patient_age", "laterality", "series_description",
        "study_date", "study_time", "content_date", "content_time", "report_date", "report_time",
        "device_manufacturer", "device_model", "kept",
        *(["escrow"] if "escrow" in fields else []),
    ]  # fmt: skip
    assert clean.longitudinal_modified == "REMOVED"


# Patient characteristics


@pytest.mark.parametrize(
    ("age", "sent"),
    [
        ("000Y", "000Y"), ("001Y", "001Y"), ("045Y", "045Y"), ("089Y", "089Y"), ("090Y", "090Y"),
        ("091Y", "090Y"), ("104Y", "090Y"), ("999Y", "090Y"), ("45Y", "045Y"), ("7y", "007Y"),
        ("011M", "000Y"), ("012M", "001Y"), ("023M", "001Y"), ("024M", "002Y"), ("999M", "083Y"),
        ("052W", "000Y"), ("053W", "001Y"), ("104W", "001Y"), ("105W", "002Y"), ("999W", "019Y"),
        ("364D", "000Y"), ("365D", "001Y"), ("729D", "001Y"), ("730D", "002Y"), ("000D", "000Y"),
        ("045", ""), ("Y", ""), ("0045Y", ""), ("045X", ""), ("-45Y", ""), ("045Y\\046Y", ""),
        ("4.5Y", ""), ("19440514", ""), ("KOWALSKI", ""), ("", ""), ("٠٤٥Y", ""),
    ],
)  # fmt: skip
def test_an_age_goes_out_in_whole_years_up_to_ninety(age: str, sent: str) -> None:
    header = raw(source(), "PatientAge", "LO", age.encode())
    header.SpecificCharacterSet = "ISO_IR 192"
    clean = cleaned(header, retain_patient_characteristics=True)
    assert clean.patient_age == sent
    assert codes(clean) == ((set(), set()), ({"113108"}, {"113108"}))[bool(sent)]


def test_an_age_is_never_made_of_dates() -> None:
    header = source(**DATES, PatientBirthDate="19440514")
    assert cleaned(header, retain_patient_characteristics=True).patient_age == ""


@pytest.mark.parametrize(
    ("sex", "sent"),
    [("F", "F"), ("M", "M"), ("O", "O"), ("f", "F"), ("U", ""), ("FM", ""), ("", ""), (None, "")],
)
def test_sex_is_one_of_three_letters(sex: str | None, sent: str) -> None:
    header = source() if sex is None else raw(source(), "PatientSex", "CS", sex.encode())
    clean = cleaned(header, retain_patient_characteristics=True)
    assert clean.patient_sex == sent
    assert codes(clean) == ((set(), set()), ({"113108"}, {"113108"}))[bool(sent)]


# Dates


def test_dates_are_moved_by_the_offset_of_the_patient() -> None:
    clean = cleaned(source(**DATES), modified_dates=True)
    offset = MasterKey(KEY).keys("1", "a").date_offset("id", "7", "")
    assert offset == timedelta(days=2127, seconds=23_430)
    assert (clean.study_date, clean.study_time) == ("20200315", "034437")
    assert (clean.content_date, clean.content_time) == ("20200316", "172929")
    assert (clean.report_date, clean.report_time) == ("20200316", "172929")
    assert clean.longitudinal_modified == "MODIFIED"
    assert codes(clean) == ({"113107"}, {"113107"})


@pytest.mark.parametrize(
    ("missing", "sent"),
    [
        ((), ("study", "content", "content")),
        (("ContentDate",), ("study", "", "study")),
        (("StudyDate",), ("", "content", "content")),
        (("StudyDate", "ContentDate"), ("", "", "")),
        (("StudyTime",), ("study-", "content", "content")),
        (("ContentTime",), ("study", "content-", "content-")),
        (("StudyTime", "ContentTime"), ("study-", "content-", "content-")),
        (("StudyTime", "ContentDate"), ("study-", "", "study-")),
    ],
)
def test_a_time_never_goes_without_its_date(
    missing: tuple[str, ...], sent: tuple[str, str, str]
) -> None:
    """A dash says that the date goes alone."""
    clean = cleaned(source(**{**DATES, **dict.fromkeys(missing)}), modified_dates=True)
    moments = {
        "": ("", ""),
        "study": ("20200315", "034437"),
        "study-": ("20200314", ""),
        "content": ("20200316", "172929"),
        "content-": ("20200315", ""),
    }
    assert (clean.study_date, clean.study_time) == moments[sent[0]]
    assert (clean.content_date, clean.content_time) == moments[sent[1]]
    assert (clean.report_date, clean.report_time) == moments[sent[2]]
    any_date = bool(sent[0] or sent[1])
    assert clean.longitudinal_modified == ("MODIFIED" if any_date else "REMOVED")
    assert codes(clean) == ((set(), set()), ({"113107"}, {"113107"}))[any_date]


def test_two_patients_labels_or_epochs_have_offsets_of_their_own() -> None:
    one = cleaned(source(**DATES), modified_dates=True)
    others = [
        cleaned(source(**DATES, PatientID="8"), modified_dates=True),
        cleaned(source(**DATES, IssuerOfPatientID="B"), modified_dates=True),
        cleaned(source(**DATES), modified_dates=True, label="b"),
        cleaned(source(**DATES), modified_dates=True, epoch="2"),
    ]
    assert len({(c.study_date, c.study_time) for c in (one, *others)}) == 5
    same = cleaned(source(**DATES, PatientID=" 7 ", StudyInstanceUID="1.9"), modified_dates=True)
    assert (same.study_date, same.study_time) == (one.study_date, one.study_time)


def test_without_a_patient_id_the_offset_is_that_of_the_study() -> None:
    def study(uid: str, patient_id: str | None = None) -> str:
        header = source(**DATES, PatientID=patient_id, StudyInstanceUID=uid)
        return cleaned(header, modified_dates=True).study_time

    assert study("1.2.7") == study("1.2.7", "") != study("1.2.8")


def test_a_date_from_after_it_was_received_is_none() -> None:
    future = source(StudyDate="20300101", StudyTime="10")
    assert cleaned(future, modified_dates=True).study_date == ""
    later = cleaned(future, modified_dates=True, received=date(2030, 1, 1))
    assert later.study_date
    assert cleaned(future, modified_dates=True, received=None).study_date == (
        later.study_date if date.today() >= date(2029, 12, 31) else ""
    )
    assert cleaned(source(**DATES), modified_dates=True, received=None).study_date == "20200315"


# Device


@pytest.mark.parametrize(
    ("maker", "model", "known"),
    [
        ("Acme Optics", "FaceCam 3", True),
        ("ACME OPTICS ", "facecam 3", True),
        ("Acme Optics", "FaceCam 3 SN 12345", False),
        ("Acme Optics", "FaceCam", False),
        ("Acme", "FaceCam 3", False),
        ("FaceCam 3", "Acme Optics", False),
        ("", "FaceCam 3", False),
        ("Acme Optics", None, False),
        (None, None, False),
    ],
)
def test_a_camera_is_told_if_the_site_lists_maker_and_model(
    maker: str | None, model: str | None, known: bool
) -> None:
    header = source(Manufacturer=maker, ManufacturerModelName=model)
    clean = cleaned(header, devices=[{**CAMERA, "model": "FaceCam 2"}, CAMERA])
    sent = ("Acme Optics", "FaceCam 3") if known else ("", "")
    assert (clean.device_manufacturer, clean.device_model) == sent
    assert codes(clean) == ((set(), set()), ({"113109"}, {"113109"}))[known]


def test_a_camera_may_go_by_another_name() -> None:
    header = source(Manufacturer="Acme Optics", ManufacturerModelName="FaceCam 3")
    clean = cleaned(header, devices=[{**CAMERA, "name": "A camera of Acme"}])
    assert (clean.device_manufacturer, clean.device_model) == ("Acme Optics", "A camera of Acme")


# Descriptors


def test_descriptions_go_out_as_the_site_wrote_them() -> None:
    header = source(StudyDescription="PTOSIS clinic", SeriesDescription="lid left 3")
    clean = cleaned(
        header,
        study_descriptions=["Ptosis clinic"],
        series_descriptions=[{"regex": "lid (left|right).*", "send": "Lids"}],
    )
    assert (clean.study_description, clean.series_description) == ("Ptosis clinic", "Lids")
    assert codes(clean) == ({"113105"}, {"113105"})


def test_each_description_has_a_list_of_its_own() -> None:
    header = source(StudyDescription="A", SeriesDescription="B")
    clean = cleaned(header, study_descriptions=["B"], series_descriptions=["A"])
    assert (clean.study_description, clean.series_description) == (
        "Facial photography (masked)",
        "",
    )


@pytest.mark.parametrize(
    ("there", "image", "report"),
    [
        ({}, set(), set()),
        ({"StudyDescription": "K"}, {"113105"}, {"113105"}),
        ({"SeriesDescription": "K"}, {"113105"}, set()),
        ({"StudyDescription": "K", "SeriesDescription": "K"}, {"113105"}, {"113105"}),
        ({"StudyDescription": " ", "SeriesDescription": ""}, set(), set()),
    ],
)
def test_an_object_whose_source_had_a_descriptor_declares_that_it_was_cleaned(
    there: dict[str, str], image: set[str], report: set[str]
) -> None:
    clean = cleaned(source(**there))
    assert codes(clean) == (image, report)
    assert clean.study_description == "Facial photography (masked)"
    assert clean.series_description == ""


def test_a_profile_that_cleans_nothing_asks_nobody_and_sends_the_default() -> None:
    words = Noted(A="B")
    header = source(StudyDescription="A", SeriesDescription="A")
    clean = cleaned(
        header,
        clean_descriptors=False,
        study_descriptions=["A"],
        series_descriptions=["A"],
        default_study_description="Default",
        vocabulary=words,
    )
    assert (clean.study_description, clean.series_description) == ("Default", "")
    assert codes(clean) == (set(), set())
    assert words.asked == words.told == []


def test_an_administrator_is_asked_after_the_profile_and_told_of_the_rest() -> None:
    words = Noted(A="Approved")
    listed: dict[str, Any] = {"study_descriptions": ["P"], "series_descriptions": ["P"]}
    header = source(StudyDescription="P", SeriesDescription="A")
    clean = cleaned(header, vocabulary=words, **listed)
    assert (clean.study_description, clean.series_description) == ("P", "Approved")
    assert words.asked == [("SeriesDescription", "A")]
    assert words.told == []
    clean = cleaned(source(StudyDescription="A", SeriesDescription="K"), vocabulary=words, **listed)
    assert (clean.study_description, clean.series_description) == ("Approved", "")
    assert words.told == [("SeriesDescription", "K")]


def test_without_a_vocabulary_nothing_is_approved() -> None:
    assert cleaned(source(StudyDescription="A")).study_description == "Facial photography (masked)"


# Laterality


@pytest.mark.parametrize(
    ("image_side", "side", "part", "sent"),
    [
        ("R", None, "EYE", "R"),
        ("L", None, "EYE", "L"),
        ("B", None, "FACE", "B"),
        ("R", "L", "EYE", "R"),
        (None, "L", "EYE", "L"),
        ("", "L", "EYE", "L"),
        ("l", None, "FACE", "L"),
        ("U", None, "EYE", "B"),
        ("U", None, "FACE", ""),
        ("KOWALSKI", None, "FACE", ""),
        ("KOWALSKI", "R", "FACE", "R"),
        (None, None, "FACE", ""),
        (None, None, "HEAD", ""),
        *((None, None, part, "B") for part in ("CHEEK", "EAR", "EYE", "EYELID", "ORBIT", "ZYGOMA")),
    ],
)
def test_a_side_passes_and_paired_parts_have_one(
    image_side: str | None, side: str | None, part: str, sent: str
) -> None:
    header = source(BodyPartExamined=part)
    for keyword, value in (("ImageLaterality", image_side), ("Laterality", side)):
        if value is not None:
            raw(header, keyword, "CS", value.encode())
    clean = cleaned(header)
    assert (clean.body_part_examined, clean.laterality) == (part, sent)
    assert codes(clean) == (set(), set())


# Additions


def test_additions_bring_their_option_to_the_objects_that_hold_them() -> None:
    def added(classes: list[str], attribute: str = "ProtocolName") -> CleanHeader:
        keep = {"attribute": attribute, "classes": classes, "vocabulary": ["Lids"]}
        header = source(ProtocolName="lids", AcquisitionContextDescription="lids")
        return cleaned(header, extra_keep=[keep])

    assert codes(added(["image"])) == ({"113105"}, set())
    assert codes(added(["report"])) == (set(), {"113105"})
    assert codes(added(["image", "report"])) == ({"113105"}, {"113105"})
    assert [k.keyword for k in added(["image"]).kept] == ["ProtocolName"]


def test_an_addition_that_is_not_there_brings_no_option() -> None:
    keep = {"attribute": "ProtocolName", "vocabulary": ["Lids"]}
    for header in (source(), source(ProtocolName="Kowalski")):
        clean = cleaned(header, extra_keep=[keep])
        assert clean.kept == ()
        assert codes(clean) == (set(), set())


def test_an_addition_that_needs_no_option_brings_none() -> None:
    keep = {"attribute": "AcquisitionNumber", "integer": [1, 9]}
    clean = cleaned(source(AcquisitionNumber=4), extra_keep=[keep])
    assert [k.value for k in clean.kept] == ["4"]
    assert codes(clean) == (set(), set())
    keep = {"attribute": "SmokingStatus", "enum": ["YES", "NO"]}
    clean = cleaned(
        source(SmokingStatus="YES"), extra_keep=[keep], retain_patient_characteristics=True
    )
    assert codes(clean) == ({"113108"}, set())


def test_unseen_texts_of_additions_are_told() -> None:
    words = Noted()
    keep = {"attribute": "ProtocolName", "vocabulary": ["Lids"]}
    cleaned(source(ProtocolName="Kowalski"), extra_keep=[keep], vocabulary=words)
    assert words.told == [("ProtocolName", "Kowalski")]


def test_two_profiles_make_two_objects_of_one_study() -> None:
    keys = MasterKey(KEY).keys("1", "a")
    one, other = (
        clean_header(
            source(),
            PIXELS,
            keys,
            DeidentifySettings(),
            Audience(label="a", profile_name=name, profile=Profile()),
            models_digest=MODELS,
        )
        for name in ("p", "q")
    )
    assert one.study_instance_uid == other.study_instance_uid
    assert one.image_series_uid == other.image_series_uid
    assert one.image_instance_uid != other.image_instance_uid
    assert one.report_instance_uid != other.report_instance_uid
    assert (one.profile, other.profile) == ("p", "q")
    assert one.profile_digest == other.profile_digest == Profile().digest()
