"""A site adds attributes only where the standard lets it, and only values that it wrote down."""

import json
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import highdicom
import pytest
from pydicom import Dataset, Sequence
from pydicom.datadict import dictionary_is_retired, dictionary_VM, dictionary_VR, tag_for_keyword

from dmask_node.deidentify.additions import MAX_WHOLE_NUMBERS, check_profile, keep_values
from dmask_node.deidentify.profile import Profile
from dmask_node.deidentify.vocabulary import NoVocabulary
from dmask_node.records.masked import Codes, KeptCode, KeptValue, WholeNumbers, Words

CODE = {"value": "S1", "scheme": "99SITE", "meaning": "Squint clinic"}
CAPITALS = "needs words of 1 to 16 capital letters, digits, spaces and underscores"
OF_KIND: dict[str, dict[str, Any]] = {
    "enum": {"enum": ["HFS", "FFS"]},
    "codes": {"codes": [CODE]},
    "integer": {"integer": [1, 20]},
    "vocabulary": {"vocabulary": ["Ptosis", {"regex": "lid.*", "send": "Lids"}]},
}


def profile(*added: Mapping[str, object], **more: object) -> Profile:
    return Profile.model_validate({"extra_keep": added, **more})


def adding(attribute: str, kind: str, **more: object) -> Profile:
    return profile({"attribute": attribute, **OF_KIND[kind], **more})


class Approved:
    """What an administrator has approved."""

    def __init__(self, **terms: str) -> None:
        self.terms = terms
        self.told: list[tuple[str, str]] = []

    def match(self, attribute: str, text: str) -> str | None:
        return self.terms.get(text)

    def unseen(self, attribute: str, text: str) -> None:
        self.told.append((attribute, text))


def only(header: Dataset, chosen: Profile, words: Approved | None = None) -> KeptValue | None:
    assert check_profile(chosen) == ()
    kept = keep_values(header, chosen, words or NoVocabulary())
    assert len(kept) <= 1
    return kept[0] if kept else None


# What may be added


@pytest.mark.parametrize(
    ("attribute", "kind"),
    [
        ("PatientPosition", "enum"),
        ("AcquisitionNumber", "integer"),
        ("ProtocolName", "vocabulary"),
        ("RequestingService", "vocabulary"),
        ("ProcedureCodeSequence", "codes"),
        ("ImageComments", "vocabulary"),
        ("AcquisitionContextDescription", "vocabulary"),
        ("ReasonForVisit", "vocabulary"),
    ],
)
def test_what_the_standard_permits_may_be_added(attribute: str, kind: str) -> None:
    assert check_profile(adding(attribute, kind)) == ()


@pytest.mark.parametrize(
    ("attribute", "kind", "why"),
    [
        ("Kowalski", "vocabulary", "no attribute of the standard"),
        ("", "vocabulary", "no attribute of the standard"),
        ("00091001", "vocabulary", "no attribute of the standard"),
        ("0010,0010", "vocabulary", "no attribute of the standard"),
        ("PatientName", "vocabulary", "composed by the node"),
        ("PatientID", "vocabulary", "composed by the node"),
        ("StudyDescription", "vocabulary", "composed by the node"),
        ("PixelData", "enum", "composed by the node"),
        ("TransferSyntaxUID", "vocabulary", "no attribute of a data set"),
        ("InstitutionName", "vocabulary", "113112"),
        ("AdmissionID", "vocabulary", "no option allows it"),
        ("OtherPatientNames", "vocabulary", "name"),
        ("PatientBirthTime", "vocabulary", "time"),
        ("ReferencedSOPInstanceUID", "vocabulary", "UID"),
        ("SourceImageSequence", "codes", "code sequence"),
        ("StationName", "vocabulary", "113109"),
        ("PerformedLocation", "vocabulary", "no option allows it"),
        ("OverlayColumns", "integer", "no attribute of the standard"),
        ("ImagesInAcquisition", "integer", "none of the attributes that a site may add"),
        (
            "ClinicalTrialSeriesDescription",
            "vocabulary",
            ": is none of the attributes that a site may add; see data/allowed/additions.toml",
        ),
        ("KVP", "integer", "none of the attributes that a site may add"),
    ],
)
def test_what_it_forbids_is_refused_with_the_reason(attribute: str, kind: str, why: str) -> None:
    (mistake,) = check_profile(adding(attribute, kind))
    assert mistake.startswith(f"{attribute}: ")
    assert mistake.count(f"{attribute}: ") == 1
    assert mistake.endswith(why) if why.startswith(": ") else why in mistake


def test_an_addition_needs_the_option_that_permits_it() -> None:
    assert check_profile(adding("SmokingStatus", "enum")) != ()
    chosen = profile(
        {"attribute": "SmokingStatus", "enum": ["YES", "NO"]}, retain_patient_characteristics=True
    )
    assert check_profile(chosen) == ()
    closed = profile({"attribute": "ProtocolName", "vocabulary": ["x"]}, clean_descriptors=False)
    (mistake,) = check_profile(closed)
    assert "113105" in mistake


@pytest.mark.parametrize(
    ("attribute", "kind", "right"),
    [
        ("ProtocolName", "enum", "vocabulary"),
        ("PatientPosition", "vocabulary", "enum"),
        ("AcquisitionNumber", "vocabulary", "integer"),
        ("AcquisitionNumber", "enum", "integer"),
        ("PatientPosition", "integer", "enum"),
    ],
)
def test_each_value_representation_has_its_grammar(attribute: str, kind: str, right: str) -> None:
    (mistake,) = check_profile(adding(attribute, kind))
    vr = {"vocabulary": "LO", "enum": "CS", "integer": "IS"}[right]
    assert mistake == (f"{attribute}: has value representation {vr}: needs {right}, not {kind}")


def test_a_report_holds_nothing_of_an_image() -> None:
    assert check_profile(adding("ProtocolName", "vocabulary", classes=["image", "report"])) == ()
    (mistake,) = check_profile(adding("PatientPosition", "enum", classes=["image", "report"]))
    assert mistake == "PatientPosition: is no attribute of the report"


@pytest.mark.parametrize(
    ("attribute", "bounds", "good"),
    [
        ("AcquisitionNumber", [1, 20], True),
        ("AcquisitionNumber", [5, 5], True),
        ("AcquisitionNumber", [6, 5], False),
        ("AcquisitionNumber", [0, 99_999], True),
        ("AcquisitionNumber", [-1, 99_999], False),
        ("AcquisitionNumber", [1, 100_000], False),
        ("AcquisitionNumber", [-99_999, 0], True),
        ("AcquisitionNumber", [-100_000, -1], False),
        ("AcquisitionNumber", [100_000, 199_999], False),
        ("PregnancyStatus", [1, 4], True),
        ("PregnancyStatus", [-1, 4], False),
        ("PregnancyStatus", [0, 65_535], True),
        ("PregnancyStatus", [0, 65_536], False),
    ],
)
def test_no_range_lets_a_record_number_of_six_digits_pass(
    attribute: str, bounds: list[int], good: bool
) -> None:
    chosen = profile(
        {"attribute": attribute, "integer": bounds}, retain_patient_characteristics=True
    )
    assert (check_profile(chosen) == ()) is good
    assert MAX_WHOLE_NUMBERS == 100_000


@pytest.mark.parametrize(
    ("attribute", "bounds", "told"),
    [
        ("AcquisitionNumber", [6, 5], "needs two numbers in order, from -99999 to 99999"),
        ("PregnancyStatus", [6, 5], "needs two numbers in order, from 0 to 65535"),
        (
            "AcquisitionNumber",
            [-1, 99_999],
            "allows more than 100000 numbers: one could be a record's",
        ),
    ],
)
def test_what_is_wrong_with_a_range_is_told(attribute: str, bounds: list[int], told: str) -> None:
    chosen = profile(
        {"attribute": attribute, "integer": bounds}, retain_patient_characteristics=True
    )
    assert check_profile(chosen) == (f"{attribute}: integer {told}",)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["HFS", "hfs"], CAPITALS),
        (["A" * 17], CAPITALS),
        ([" A"], CAPITALS),
        (["A "], CAPITALS),
        ([""], CAPITALS),
        (["A-B"], CAPITALS),
        (["HFS", "HFS"], "names a word twice"),
    ],
)
def test_an_enum_holds_code_strings_once_each(words: list[str], why: str) -> None:
    found = check_profile(profile({"attribute": "PatientPosition", "enum": words}))
    assert found == (f"PatientPosition: enum {why}",)


def test_code_strings_of_every_length_are_good() -> None:
    words = ["A", "AB", "A B", "A" * 16, "9_9"]
    assert check_profile(profile({"attribute": "PatientPosition", "enum": words})) == ()


def test_a_code_is_listed_once() -> None:
    other = {**CODE, "meaning": "Another"}
    chosen = profile({"attribute": "ProcedureCodeSequence", "codes": [CODE, other]})
    assert check_profile(chosen) == ("ProcedureCodeSequence: codes names a code twice",)
    two = [CODE, {**CODE, "scheme": "99X"}, {**CODE, "value": "S2"}]
    assert check_profile(profile({"attribute": "ProcedureCodeSequence", "codes": two})) == ()


@pytest.mark.parametrize(("length", "good"), [(16, True), (17, False)])
def test_terms_fit_a_short_string(length: int, good: bool) -> None:
    for term in ("x" * length, {"regex": "x", "send": "x" * length}):
        found = check_profile(profile({"attribute": "Occupation", "vocabulary": [term]}))
        told = "Occupation: vocabulary needs terms of at most 16 characters"
        assert found == (() if good else (told,)), term


def test_one_attribute_is_added_once_to_each_object() -> None:
    one = {"attribute": "ProtocolName", "vocabulary": ["x"]}
    assert check_profile(profile(one, {**one, "classes": ["report"]})) == ()
    found = check_profile(profile(one, {**one, "classes": ["image", "report"]}))
    assert found == ("ProtocolName: is added twice to the image",)


def test_all_mistakes_are_told() -> None:
    found = check_profile(
        profile(
            {"attribute": "PatientName", "vocabulary": ["x"]},
            {"attribute": "AcquisitionNumber", "integer": [9, 1]},
            {"attribute": "PatientPosition", "enum": ["a"], "classes": ["report"]},
        )
    )
    assert [mistake.split(":")[0] for mistake in found] == [
        "PatientName",
        "AcquisitionNumber",
        "PatientPosition",
        "PatientPosition",
    ]


# What becomes of values


@pytest.mark.parametrize(
    ("value", "kept"), [("HFS", "HFS"), ("ffs ", "FFS"), ("HFP", None), ("", None), (None, None)]
)
def test_an_enumerated_value_is_sent_as_written(value: str | None, kept: str | None) -> None:
    header = Dataset()
    if value is not None:
        header.PatientPosition = value
    found = only(header, adding("PatientPosition", "enum"))
    assert (found.value if found else None) == kept


def test_what_is_kept_says_where_it_goes_and_what_it_may_be() -> None:
    header = Dataset()
    header.PatientPosition = "HFS"
    header.ProtocolName = "LID LEFT"
    header.AcquisitionNumber = "+7"
    assert only(header, adding("PatientPosition", "enum")) == KeptValue(
        keyword="PatientPosition",
        in_image=True,
        in_report=False,
        grammar=Words(("HFS", "FFS")),
        value="HFS",
    )
    assert only(header, adding("ProtocolName", "vocabulary", classes=["report"])) == KeptValue(
        keyword="ProtocolName",
        in_image=False,
        in_report=True,
        grammar=Words(("Ptosis", "Lids")),
        value="Lids",
    )
    assert only(header, adding("AcquisitionNumber", "integer")) == KeptValue(
        keyword="AcquisitionNumber",
        in_image=True,
        in_report=False,
        grammar=WholeNumbers(1, 20),
        value="7",
    )


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("1", "1"), ("20", "20"), ("007", "7"), ("0", None), ("21", None), ("-3", None), ("", None),
        ("308912", None), ("9999999999999999", None), ("7.0", None), ("x", None), ("7\\8", None),
    ],
)  # fmt: skip
def test_a_whole_number_is_sent_inside_its_range(value: str, kept: str | None) -> None:
    header = Dataset()
    header.add_new("AcquisitionNumber", "LO", value)
    found = only(header, adding("AcquisitionNumber", "integer"))
    assert (found.value if found else None) == kept


def test_a_binary_number_is_read_too() -> None:
    header = Dataset()
    header.PregnancyStatus = 4
    chosen = profile(
        {"attribute": "PregnancyStatus", "integer": [1, 4]}, retain_patient_characteristics=True
    )
    found = only(header, chosen)
    assert found is not None
    assert found.value == "4"


def a_code(value: str = "S1", scheme: str = "99SITE", meaning: str = "KOWALSKI") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def test_a_code_is_sent_with_the_meaning_of_the_site() -> None:
    header = Dataset()
    header.ProcedureCodeSequence = Sequence([a_code()])
    found = only(header, adding("ProcedureCodeSequence", "codes"))
    assert found is not None
    assert found.value == "S1 99SITE"
    assert found.grammar == Codes((KeptCode("S1", "99SITE", "Squint clinic"),))
    assert "KOWALSKI" not in repr(found)


@pytest.mark.parametrize(
    "items",
    [
        [],
        [a_code(value="S2")],
        [a_code(scheme="SCT")],
        [a_code(), a_code()],
        [a_code(value="")],
        [a_code(scheme="")],
        [Dataset()],
    ],
)
def test_an_unlisted_code_or_more_than_one_is_left_out(items: list[Dataset]) -> None:
    header = Dataset()
    header.ProcedureCodeSequence = Sequence(items)
    assert only(header, adding("ProcedureCodeSequence", "codes")) is None


def test_a_term_of_an_administrator_comes_after_those_of_the_profile() -> None:
    chosen = adding("ProtocolName", "vocabulary")
    approved = Approved(**{"Face 2": "Face", "ptosis": "never asked"})
    header = Dataset()
    header.ProtocolName = "Face 2"
    found = only(header, chosen, approved)
    assert found is not None
    assert found.value == "Face"
    assert found.grammar == Words(("Ptosis", "Lids", "Face"))
    assert approved.told == []
    header.ProtocolName = "ptosis"
    found = only(header, chosen, approved)
    assert found is not None
    assert (found.value, found.grammar) == ("Ptosis", Words(("Ptosis", "Lids")))


def test_a_text_that_nobody_knows_is_told_and_left_out() -> None:
    approved = Approved()
    header = Dataset()
    header.ProtocolName = " Kowalski's face "
    assert only(header, adding("ProtocolName", "vocabulary"), approved) is None
    assert approved.told == [("ProtocolName", "Kowalski's face")]
    del header.ProtocolName
    assert only(header, adding("ProtocolName", "vocabulary"), approved) is None
    assert len(approved.told) == 1


def test_an_approved_term_that_does_not_fit_is_left_out() -> None:
    chosen = profile({"attribute": "Occupation", "vocabulary": ["Baker"]})
    header = Dataset()
    header.Occupation = "x"
    for length, fits in ((16, True), (17, False)):
        assert (only(header, chosen, Approved(x="y" * length)) is not None) is fits
    header.ProtocolName = "x"
    chosen = adding("ProtocolName", "vocabulary")
    assert only(header, chosen, Approved(x="y" * 17)) is not None


# The list itself


def test_the_list_of_additions_holds_what_these_objects_have_by_the_standard() -> None:
    folder = Path(highdicom.__file__).parent / "_standard"
    iods, modules, attributes = (
        json.loads((folder / f"{name}.json").read_text())
        for name in ("sop_class_iod_map", "iod_module_map", "module_attribute_map")
    )
    of_class = {
        "image": ["1.2.840.10008.5.1.4.1.1.77.1.4.1", "1.2.840.10008.5.1.4.1.1.77.1.4"],
        "report": ["1.2.840.10008.5.1.4.1.1.88.22"],
    }

    def keywords(sop_class: str) -> set[str]:
        of_iod = [module["key"] for module in modules[iods[sop_class]]]
        return {a["keyword"] for key in of_iod for a in attributes[key] if not a["path"]}

    file = resources.files("dmask_node").joinpath("data", "allowed", "additions.toml")
    listed = tomllib.loads(file.read_text(encoding="utf-8"))["attributes"]
    assert len(listed) == 30
    for keyword, classes in listed.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None
        assert not dictionary_is_retired(tag)
        assert dictionary_VM(tag).startswith("1")
        assert dictionary_VR(tag) in {"CS", "SQ", "IS", "US", "LO", "SH", "ST", "LT", "UT"}
        assert dictionary_VR(tag) != "SQ" or keyword.endswith("CodeSequence")
        for name in classes:
            assert all(keyword in keywords(sop_class) for sop_class in of_class[name]), keyword
        if "report" not in classes:
            assert keyword not in keywords(of_class["report"][0]) or "Series" in keyword
