"""What PS3.15 Table E.1-1 and the declared options permit may stand, and nothing else."""

import dataclasses
from typing import Any

import pytest

from dmask_node.deidentify.confidentiality_table import Basic, Option, load_table
from dmask_node.deidentify.profile import Profile
from dmask_node.deidentify.rules import (
    DECLARABLE,
    FIELDS,
    GRAMMARS,
    OFFERED,
    Action,
    RuleForbidden,
    RuleRow,
    allow_lists,
    judge_addition,
    judge_all,
    judge_list,
    removed_rows,
)
from dmask_node.records.masked import CleanHeader

BARE = frozenset({"113100", "113102"})
"""No option but what every object must declare."""
EVERYTHING = frozenset(DECLARABLE)


def a_list(
    attributes: dict[str, Any],
    items: dict[str, Any] | None = None,
    concepts: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.77.1.4",
        "attributes": attributes,
        "items": items or {},
        "concepts": concepts or {},
    }


def judge(keyword: str, rule: dict[str, Any], options: frozenset[str] = EVERYTHING) -> RuleRow:
    (row,) = judge_list(a_list({keyword: rule}), options)
    return row


def refusal(keyword: str, rule: dict[str, Any], options: frozenset[str] = EVERYTHING) -> str:
    with pytest.raises(RuleForbidden) as refused:
        judge_list(a_list({keyword: rule}), options)
    assert str(refused.value).startswith(keyword)
    return str(refused.value)


# The lists of the package


@pytest.mark.parametrize("name", allow_lists())
@pytest.mark.parametrize("options", [BARE, Profile().options(), EVERYTHING], ids=len)
def test_every_list_of_the_package_is_permitted(name: str, options: frozenset[str]) -> None:
    rows = judge_list(allow_lists()[name], options)
    assert {row.sop_class_uid for row in rows} == {allow_lists()[name]["sop_class_uid"]}
    top = [row.keyword for row in rows if not row.path and not row.concept]
    assert top == list(allow_lists()[name]["attributes"])


def test_all_lists_are_found() -> None:
    assert {"enhanced_sr", "video_photographic"} <= set(allow_lists())
    assert "codes" not in allow_lists()
    rows = judge_all(EVERYTHING)
    assert [row for listed in allow_lists().values() for row in judge_list(listed, EVERYTHING)] == [
        *rows
    ]


def test_every_depth_is_judged() -> None:
    rows = judge_list(allow_lists()["enhanced_sr"], EVERYTHING)
    by_place = {(*row.path, row.keyword): row for row in rows if not row.concept}
    deep = (
        "CurrentRequestedProcedureEvidenceSequence",
        "ReferencedSeriesSequence",
        "ReferencedSOPSequence",
        "ReferencedSOPInstanceUID",
    )
    assert (by_place[deep].action, by_place[deep].basic) == (Action.KEYED, Basic.U)
    assert ("ContentSequence", "MeasuredValueSequence", "NumericValue") in by_place
    assert ("ConceptNameCodeSequence", "CodeMeaning") in by_place
    names = {row.concept: row for row in rows if row.concept}
    assert names["UIDREF 112040 DCM"].action is Action.KEYED
    assert names["TEXT 121013 DCM"].basic is Basic.X  # Device Observer Name, of Table E.3.4-1
    assert set(names) == {
        name for name, rule in allow_lists()["enhanced_sr"]["concepts"].items() if rule
    }


def test_only_known_attributes_come_from_the_source() -> None:
    """What a privacy officer should know by heart; it grows only on purpose."""
    copied = {
        (row.keyword, row.action, row.option)
        for row in judge_all(EVERYTHING)
        if row.action in (Action.ENUMERATED, Action.VOCABULARY, Action.MATCHED, Action.SHIFTED)
    }
    assert copied == {
        ("PatientSex", Action.ENUMERATED, "113108"),
        ("PatientAge", Action.MATCHED, "113108"),
        ("StudyDescription", Action.VOCABULARY, "113105"),
        ("SeriesDescription", Action.VOCABULARY, "113105"),
        ("BodyPartExamined", Action.ENUMERATED, ""),
        ("ImageLaterality", Action.ENUMERATED, ""),
        ("Manufacturer", Action.VOCABULARY, "113109"),
        ("ManufacturerModelName", Action.VOCABULARY, "113109"),
        ("StudyDate", Action.SHIFTED, "113107"),
        ("StudyTime", Action.SHIFTED, "113107"),
        ("ContentDate", Action.SHIFTED, "113107"),
        ("ContentTime", Action.SHIFTED, "113107"),
    }


def test_without_options_nothing_of_the_source_stands_but_part_and_side_of_the_body() -> None:
    rows = judge_all(BARE)
    copied = (Action.ENUMERATED, Action.VOCABULARY, Action.MATCHED, Action.SHIFTED)
    assert {row.keyword for row in rows if row.action in copied} == {
        "BodyPartExamined",
        "ImageLaterality",
    }
    assert not any(row.option or row.otherwise for row in rows)


@pytest.mark.parametrize(
    ("keyword", "rule", "action", "source"),
    [
        ("PatientSex", {"header": "patient_sex"}, Action.EMPTY, "no value"),
        (
            "PatientAge",
            {"header": "patient_age", "optional": True},
            Action.REMOVED,
            "not sent",
        ),
        (
            "StudyDescription",
            {"header": "study_description"},
            Action.OWN,
            "constant of the site",
        ),
        ("SeriesDescription", {"header": "series_description"}, Action.EMPTY, "no value"),
        (
            "SeriesDescription",
            {"header": "series_description", "default": "Masked"},
            Action.OWN,
            'constant "Masked"',
        ),
        (
            "ContentDate",
            {"header": "report_date", "default": "19000101", "optional": True},
            Action.OWN,
            'constant "19000101"',
        ),
        ("Manufacturer", {"header": "device_manufacturer"}, Action.REMOVED, "not sent"),
    ],
)
def test_what_stands_there_without_the_option(
    keyword: str, rule: dict[str, Any], action: Action, source: str
) -> None:
    row = judge(keyword, rule, BARE)
    assert (row.action, row.source, row.option, row.otherwise) == (action, source, "", None)
    full = judge(keyword, rule)
    assert full.otherwise is action
    assert full.source != source
    assert ("default" in rule) == full.source.endswith(f", else {source}")


def test_a_field_that_needs_no_option_has_nothing_in_its_place() -> None:
    row = judge("ImageLaterality", {"header": "laterality", "optional": True}, BARE)
    assert (row.action, row.otherwise) == (Action.ENUMERATED, None)


def test_items_of_several_kinds_are_all_judged() -> None:
    listed = a_list(
        {"ContributingEquipmentSequence": {"items": ["ours", "code", "theirs"], "count": [1, 2]}},
        items={
            "ours": {"StationName": {"constant": "A"}},
            "theirs": {"StationName": {"source": "regex"}, "PatientName": {"source": "enum"}},
        },
    )
    with pytest.raises(RuleForbidden, match="ContributingEquipmentSequence > PatientName"):
        judge_list(listed, EVERYTHING)
    del listed["items"]["theirs"]["PatientName"]
    keywords = [row.keyword for row in judge_list(listed, EVERYTHING)]
    assert keywords.count("StationName") == 2
    assert keywords.count("CodeMeaning") == 1


def test_the_rest_of_the_table_is_removed() -> None:
    rows = judge_all(EVERYTHING)
    removed = removed_rows(rows)
    sent = {row.tag for each in rows if (row := load_table().look_up(each.tag))}
    assert len(removed) + len(sent) == 657
    names = {row.name for row in removed}
    assert {"Private Attributes", "Overlay Data", "Institution Name", "Patient's Address"} <= names
    assert not {"Patient's Name", "Study Description", "UID", "Patient's Age"} & names
    assert "Patient's Age" in {row.name for row in removed_rows(judge_all(BARE))}


def test_every_field_of_the_clean_header_reaches_a_list_or_is_named_here() -> None:
    """The judge and the record know the same fields, but for those that never reach a list."""
    inner = {
        *("source_was_lossy", "method_codes", "report_method_codes", "key_fingerprint"),
        *("profile", "profile_digest", "kept", "escrow"),
    }
    have = {field.name for field in dataclasses.fields(CleanHeader)} - inner
    derived = {"longitudinal_modified"}
    assert have | derived == set(FIELDS)


# Values of our own


@pytest.mark.parametrize("keyword", ["PatientComments", "StudyID", "PatientID", "Modality"])
@pytest.mark.parametrize(
    "rule",
    [
        {"constant": "DMASK"},
        {"constant": ["DMASK", "MASK"]},
        {"one_of": ["A", "B"]},
        {"version": True},
        {"decimal": [0, 1], "many": True},
        {"integer": [0, 1]},
        {"encoded": "rows"},
        {"fingerprint": True},
        {"model_digest": True},
        {"tag": ["FrameTime"]},
    ],
    ids=lambda rule: next(iter(rule)),
)
def test_a_value_of_our_own_may_stand_anywhere(keyword: str, rule: dict[str, Any]) -> None:
    row = judge(keyword, {**rule, "optional": True}, BARE)
    assert (row.action, row.option, row.otherwise) == (Action.OWN, "", None)
    assert row.source


@pytest.mark.parametrize("keyword", ["PatientBirthDate", "InstitutionName", "Modality"])
def test_no_value_may_stand_anywhere(keyword: str) -> None:
    assert judge(keyword, {"empty": True}, BARE).action is Action.EMPTY


def test_a_sequence_that_has_no_items_is_empty() -> None:
    row = judge("EthnicGroupCodeSequence", {"items": "code", "codes": [], "count": [0, 0]}, BARE)
    assert (row.action, row.basic) == (Action.EMPTY, Basic.X)


def test_codes_come_from_our_dictionary() -> None:
    listed = a_list(
        {"AnatomicRegionSequence": {"items": "code", "codes": ["region"], "count": [1, 1]}}
    )
    sequence, *triple = judge_list(listed, BARE)
    assert sequence.source == "codes of our dictionary: region"
    assert [row.keyword for row in triple] == [
        "CodeValue",
        "CodingSchemeDesignator",
        "CodeMeaning",
    ]
    assert {row.path for row in triple} == {("AnatomicRegionSequence",)}
    assert {row.action for row in triple} == {Action.OWN}


# Keyed values


@pytest.mark.parametrize("field", [name for name in FIELDS if name.endswith("_uid")])
def test_a_keyed_uid_stands_where_the_table_says_u_or_nothing(field: str) -> None:
    assert judge("FrameOfReferenceUID", {"header": field}, BARE).action is Action.KEYED
    assert judge("PixelSpacingCalibrationDescription", {"header": field}, BARE).basic is None
    for keyword in ("AffectedSOPInstanceUID", "PatientID", "AnnotationGroupUID"):  # X, Z/D, D
        assert "keyed UID" in refusal(keyword, {"header": field})


@pytest.mark.parametrize("field", ["pseudonym", "accession_number"])
def test_a_pseudonym_stands_where_the_table_says_d_or_z_or_nothing(field: str) -> None:
    for keyword in ("AccessionNumber", "PatientName", "ContainerIdentifier", "StationName"):
        assert judge(keyword, {"header": field}, BARE).action is Action.KEYED
    assert judge("Modality", {"header": field}, BARE).basic is None
    for keyword in ("OtherPatientIDs", "StudyInstanceUID", "PatientComments"):  # X, U, X
        assert "keyed pseudonym" in refusal(keyword, {"header": field})


def test_a_suffix_is_told_with_the_value() -> None:
    row = judge("PatientName", {"header": "pseudonym", "suffix": "^Masked"})
    assert row.source.endswith('; then "^Masked"')


# Values of the source


def test_patient_name_cannot_be_copied_under_any_option() -> None:
    for kind in GRAMMARS:
        told = refusal("PatientName", {"source": kind})
        assert "no option allows it" in told
        assert "the table says Z" in told


def test_a_description_needs_the_clean_descriptors_option() -> None:
    rule = {"source": "vocabulary"}
    told = refusal("StudyDescription", rule, EVERYTHING - {"113105"})
    assert "needs 113105 Clean Descriptors Option, which is not declared" in told
    row = judge("StudyDescription", rule, BARE | {"113105"})
    assert (row.action, row.option, row.basic) == (Action.VOCABULARY, "113105", Basic.X)
    field = judge("StudyDescription", {"header": "study_description"}, BARE | {"113105"})
    assert (field.action, field.option, field.otherwise) == (
        Action.VOCABULARY,
        "113105",
        Action.OWN,
    )


def test_what_is_copied_without_a_grammar_is_refused() -> None:
    for grammar in ("", "anything", True):
        assert "without a grammar" in refusal("Modality", {"source": grammar})


@pytest.mark.parametrize(
    ("keyword", "field", "option"),
    [
        ("PatientSex", "patient_sex", "113108"),
        ("PatientAge", "patient_age", "113108"),
        ("StudyDescription", "study_description", "113105"),
        ("SeriesDescription", "series_description", "113105"),
        ("StudyDate", "study_date", "113107"),
        ("StudyTime", "study_time", "113107"),
        ("ContentDate", "content_date", "113107"),
        ("ContentTime", "content_time", "113107"),
        ("Manufacturer", "device_manufacturer", "113109"),
        ("ManufacturerModelName", "device_model", "113109"),
    ],
)
def test_a_field_stands_under_its_own_option_alone(keyword: str, field: str, option: str) -> None:
    row = judge(keyword, {"header": field}, BARE | {option})
    assert row.option == option
    assert row.action in (Action.ENUMERATED, Action.VOCABULARY, Action.MATCHED, Action.SHIFTED)
    without = judge(keyword, {"header": field}, EVERYTHING - {option})
    assert without.action is row.otherwise
    assert without.action in (Action.EMPTY, Action.OWN, Action.REMOVED)
    assert (without.option, without.otherwise) == ("", None)


@pytest.mark.parametrize("options", [BARE, EVERYTHING], ids=len)
@pytest.mark.parametrize(
    ("keyword", "field"),
    [
        ("PatientName", "patient_sex"),
        ("PatientComments", "patient_sex"),  # 113105 would allow a description
        ("PatientAge", "study_description"),  # 113108 would allow a characteristic
        ("StudyID", "series_description"),
        ("StudyInstanceUID", "study_description"),
        ("PatientBirthDate", "study_date"),  # Z, and no option at all
        ("PatientName", "device_model"),
        ("StudyDescription", "study_date"),
    ],
)
def test_a_field_in_a_wrong_place_is_refused_whatever_is_declared(
    keyword: str, field: str, options: frozenset[str]
) -> None:
    assert "value of the source" in refusal(keyword, {"header": field}, options)


def test_a_field_without_an_option_of_its_own_needs_one_where_the_table_names_the_attribute() -> (
    None
):
    rule = {"header": "body_part_examined"}
    assert judge("BodyPartExamined", rule, BARE).option == ""
    assert "113105" in refusal("ProtocolName", rule, BARE)
    assert judge("ProtocolName", rule, BARE | {"113105"}).option == "113105"


def test_a_date_is_cleaned_by_shifting_alone() -> None:
    told = refusal("StudyDate", {"source": "regex"}, EVERYTHING)
    assert "only 113106" in told
    assert "does not offer" in told


def test_identity_goes_out_in_its_envelope_and_nowhere_else() -> None:
    sequence = {"EncryptedAttributesSequence": {"items": "encrypted", "count": [1, 1]}}
    items = {"encrypted": {"EncryptedContent": {"escrow": True}}}
    outer, inner = judge_list(a_list(sequence, items), BARE)
    assert (outer.action, inner.action) == (Action.OWN, Action.ENCRYPTED)
    assert "encrypted identity" in refusal("EncryptedContent", {"escrow": True})
    assert "encrypted identity" in refusal("PatientComments", {"escrow": True})
    for concept in ("TEXT 121013 DCM", "TEXT DM1 99DMASK"):
        with pytest.raises(RuleForbidden, match="encrypted identity outside"):
            judge_list(a_list({}, concepts={concept: {"escrow": True}}), EVERYTHING)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"constant": "A"}, 'constant "A"'),
        ({"constant": [1, 2]}, 'constant "1", "2"'),
        ({"one_of": ["A", "B"]}, 'one of "A", "B"'),
        ({"decimal": [0.5, 2]}, "number found by the node, 0.5 to 2"),
        ({"integer": [1, 2]}, "whole number found by the node, 1 to 2"),
        ({"encoded": "rows"}, "rows of the encoded pictures"),
        ({"tag": ["FrameTime", "Rows"]}, "pointer to FrameTime or Rows"),
        ({"items": "thing", "count": [1, 1]}, "items composed here"),
        (
            {"items": "code", "concept": True, "count": [1, 1]},
            "a code, as its concept name demands",
        ),
        ({"items": "code", "codes": ["a", "b"], "count": [0, 1]}, "codes of our dictionary: a, b"),
        ({"items": "code", "codes": [], "count": [0, 0]}, "no item"),
    ],
)
def test_where_a_value_comes_from_is_told(rule: dict[str, Any], told: str) -> None:
    listed = a_list({"ModalitiesInStudy": rule}, items={"thing": {}})
    assert judge_list(listed, BARE)[0].source == told


# What is not known


def test_an_unknown_field_is_refused() -> None:
    for name in ("patient_name", "source_was_lossy", "key_fingerprint", "method_codes", ""):
        assert "clean header" in refusal("Modality", {"header": name})


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"optional": True},
        {"anything": True},
        {"constant": "A", "header": "pseudonym"},
        {"constant": "A", "anything": True},
        {"count": [0, 1]},
    ],
    ids=str,
)
def test_an_unknown_kind_of_rule_is_refused(rule: dict[str, Any]) -> None:
    assert "kind" in refusal("Modality", rule)


def test_what_is_no_attribute_of_the_standard_is_refused() -> None:
    assert "no attribute" in refusal("PatientNickname", {"constant": "A"})
    assert "no attribute" in refusal("00091001", {"constant": "A"})


def test_items_that_are_not_described_are_refused() -> None:
    told = refusal("OtherPatientIDsSequence", {"items": "patient", "count": [1, 1]})
    assert "not described" in told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (EVERYTHING | {"113106"}, "113106 Retain Longitudinal Temporal Information Full Dates"),
        (EVERYTHING | {"113110"}, "113110 Retain UIDs Option is not offered"),
        (EVERYTHING | {"113999"}, "unknown"),
        (EVERYTHING - {"113100"}, "113100 Basic Application Confidentiality Profile is missing"),
        (EVERYTHING - {"113102"}, "113102 Clean Recognizable Visual Features Option is missing"),
    ],
    ids=["full dates", "UIDs", "unknown", "no profile", "no visual features"],
)
def test_options_that_cannot_be_claimed_are_refused(options: frozenset[str], told: str) -> None:
    with pytest.raises(RuleForbidden, match=told):
        judge_list(a_list({}), options)
    with pytest.raises(RuleForbidden, match=told):
        judge_addition("PatientSize", "integer", options)


def test_the_options_offered_are_columns_of_the_table() -> None:
    assert set(Option) > OFFERED
    assert EVERYTHING - set(OFFERED) == {"113100", "113101", "113102"}
    assert Profile().options() <= EVERYTHING


def test_codes_that_objects_may_declare_are_options_offered() -> None:
    listed = {
        code
        for each in allow_lists().values()
        for code in each["attributes"]["DeidentificationMethodCodeSequence"]["codes"]
    }
    assert listed <= {"method", "pixel_method"}


# All findings at once, at every depth


def test_all_findings_are_told_at_once_with_their_places() -> None:
    listed = a_list(
        {
            "PatientName": {"source": "enum"},
            "PatientID": {"header": "pseudonym"},
            "RequestAttributesSequence": {"items": "request", "count": [1, 1]},
        },
        items={
            "request": {
                "ScheduledProcedureStepDescription": {"header": "study_description"},
                "RequestedProcedureID": {"source": "regex"},
                "OriginalAttributesSequence": {"items": "original", "count": [1, 1]},
            },
            "original": {"PatientAddress": {"header": "body_part_examined"}},
        },
    )
    with pytest.raises(RuleForbidden) as refused:
        judge_list(listed, EVERYTHING)
    findings = str(refused.value).split("; ")
    places = [each.split(":")[0] for each in findings if ":" in each]
    assert places == [
        "PatientName",
        "RequestAttributesSequence > RequestedProcedureID",
        "RequestAttributesSequence > OriginalAttributesSequence > PatientAddress",
    ]
    assert refused.value.reason == "rule_forbidden"
    assert "dmask rules show" in refused.value.hint


def test_a_tree_of_items_is_judged_once() -> None:
    listed = a_list(
        {"ContentSequence": {"items": "content", "count": [1, 9]}},
        items={
            "content": {
                "TextValue": {"concept": True},
                "ContentSequence": {"items": "content", "count": [1, 9], "optional": True},
            }
        },
    )
    rows = judge_list(listed, BARE)
    assert [(*row.path, row.keyword) for row in rows] == [
        ("ContentSequence",),
        ("ContentSequence", "TextValue"),
        ("ContentSequence", "ContentSequence"),
    ]


# Content of reports


def test_nothing_of_the_source_is_copied_into_content() -> None:
    for rule in ({"source": "vocabulary"}, {"header": "study_description"}):
        listed = a_list({}, concepts={"TEXT 121071 DCM": rule})
        with pytest.raises(RuleForbidden, match=r"content item TEXT 121071 DCM: .*113104"):
            judge_list(listed, EVERYTHING)


def test_a_keyed_uid_stands_in_content_where_its_table_asks_for_a_dummy() -> None:
    rows = judge_list(a_list({}, concepts={"UIDREF 112040 DCM": {"uid": True}}), BARE)
    assert [(row.keyword, row.action, row.basic) for row in rows] == [
        ("UID", Action.KEYED, Basic.D)
    ]
    with pytest.raises(RuleForbidden, match="TEXT 121013 DCM: keyed pseudonym"):
        judge_list(a_list({}, concepts={"TEXT 121013 DCM": {"header": "pseudonym"}}), BARE)
    with pytest.raises(RuleForbidden, match="NUM 121013 DCM"):
        judge_list(a_list({}, concepts={"NUM 121013 DCM": {"anything": 1}}), BARE)


def test_a_container_has_no_value_to_judge() -> None:
    assert judge_list(a_list({}, concepts={"CONTAINER 126010 DCM": {}}), BARE) == ()


def test_content_without_a_row_of_its_own_is_told_with_that_of_its_attribute() -> None:
    (row,) = judge_list(a_list({}, concepts={"UIDREF DM1 99DMASK": {"uid": True}}), BARE)
    assert row.basic is Basic.U
    (row,) = judge_list(a_list({}, concepts={"NUM DM1 99DMASK": {"decimal": [0, 1]}}), BARE)
    assert (row.basic, row.path, row.concept) == (None, ("ContentSequence",), "NUM DM1 99DMASK")
