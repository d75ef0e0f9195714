"""A site may add an attribute if the table and its options permit it, and its grammar holds."""

import pytest
from pydicom.datadict import keyword_for_tag

from dmask_node.deidentify.confidentiality_table import Basic, Cell, Option, load_table
from dmask_node.deidentify.rules import (
    DECLARABLE,
    GRAMMARS,
    OFFERED,
    Action,
    RuleForbidden,
    judge_addition,
)

BARE = frozenset({"113100", "113102"})
EVERYTHING = frozenset(DECLARABLE)


def refusal(keyword: str, kind: str, options: frozenset[str] = EVERYTHING) -> str:
    with pytest.raises(RuleForbidden) as refused:
        judge_addition(keyword, kind, options)
    assert str(refused.value).startswith(f"{keyword}: ")
    return str(refused.value)


@pytest.mark.parametrize(
    ("keyword", "kind", "option"),
    [
        ("PatientSize", "regex", "113108"),
        ("PatientWeight", "integer", "113108"),
        ("EthnicGroup", "enum", "113108"),
        ("SmokingStatus", "enum", "113108"),
        ("ProtocolName", "vocabulary", "113105"),
        ("AcquisitionComments", "enum", "113105"),
        ("StationName", "enum", "113109"),
        ("DeviceSerialNumber", "vocabulary", "113109"),
    ],
)
def test_what_an_option_keeps_or_cleans_may_be_added_under_it(
    keyword: str, kind: str, option: str
) -> None:
    row = judge_addition(keyword, kind, BARE | {option})
    assert (row.keyword, row.option, row.action) == (keyword, option, GRAMMARS[kind].action)
    assert (row.sop_class_uid, row.path, row.concept, row.otherwise) == ("", (), "", None)
    assert keyword_for_tag(row.tag) == keyword
    assert row.source == GRAMMARS[kind].source
    told = refusal(keyword, kind, EVERYTHING - {option})
    assert f"needs {option} {Option(option).meaning}, which is not declared" in told


def test_a_code_sequence_may_be_added_by_codes() -> None:
    assert judge_addition("ProcedureCodeSequence", "codes", BARE).basic is None
    row = judge_addition("EthnicGroupCodeSequence", "codes", BARE | {"113108"})
    assert (row.basic, row.option, row.action) == (Basic.X, "113108", Action.ENUMERATED)
    assert "113108" in refusal("EthnicGroupCodeSequence", "codes", BARE)


@pytest.mark.parametrize("keyword", ["SpatialResolution", "FocalLength", "AcquisitionNumber"])
def test_what_the_table_does_not_name_may_be_added_with_a_grammar(keyword: str) -> None:
    row = judge_addition(keyword, "integer", BARE)
    assert (row.basic, row.option, row.action) == (None, "", Action.MATCHED)


@pytest.mark.parametrize(
    ("keyword", "kind", "told"),
    [
        ("PatientAddress", "enum", "the table says X; no option allows it"),
        ("OtherPatientIDs", "vocabulary", "no option allows it"),
        ("InstitutionName", "enum", "only 113112 Retain Institution Identity Option allows it"),
        ("InstitutionName", "enum", "which this node does not offer"),
        ("TimezoneOffsetFromUTC", "enum", "only 113106"),
    ],
)
def test_what_no_offered_option_allows_is_refused_with_the_reason(
    keyword: str, kind: str, told: str
) -> None:
    assert told in refusal(keyword, kind)


@pytest.mark.parametrize(
    ("keyword", "kind", "told"),
    [
        ("RequestAttributesSequence", "enum", "sequence"),
        ("RequestAttributesSequence", "codes", "unless it is a code sequence"),
        ("ProcedureCodeSequence", "enum", "sequence can be added by codes"),
        ("PatientSize", "codes", "nothing else by codes"),
        ("FrameOfReferenceUID", "enum", "UID"),
        ("OperatorsName", "vocabulary", "person's name"),
        ("AcquisitionDate", "regex", "date"),
        ("AcquisitionTime", "enum", "time"),
        ("AcquisitionDateTime", "vocabulary", "time"),
        ("TransferSyntaxUID", "enum", "data set"),
        ("MessageID", "integer", "data set"),
        ("00091001", "enum", "private"),
        ("PrivateThing", "enum", "private"),
        ("", "enum", "private"),
    ],
)
def test_some_attributes_are_refused_outright(keyword: str, kind: str, told: str) -> None:
    assert told in refusal(keyword, kind)


@pytest.mark.parametrize(
    "keyword",
    [
        "PatientID",
        "StudyDescription",
        "PixelData",
        "Rows",
        "SOPClassUID",
        "ContentSequence",
        "BodyPartExamined",
    ],
)
def test_what_the_node_composes_cannot_be_replaced(keyword: str) -> None:
    assert "composed by the node" in refusal(keyword, "enum")


@pytest.mark.parametrize("kind", ["integer", "regex"])
@pytest.mark.parametrize(
    "keyword",
    [
        "ProtocolName",  # LO
        "StationName",  # SH
        "AcquisitionComments",  # LT
        "Allergies",  # LO
        "ImageComments",  # LT
        "ICCProfile",  # OB
        "RedPaletteColorLookupTableData",  # OW
        "RetrieveURL",  # UR
        "StationAETitle",  # AE
        "LongCodeValue",  # UC
        "SelectorUNValue",  # UN
        "SelectorATValue",  # AT
        "WaveformPaddingValue",  # OB or OW
    ],
)
def test_free_text_and_bytes_need_a_list_of_whole_values(keyword: str, kind: str) -> None:
    assert "needs enum or vocabulary" in refusal(keyword, kind)


@pytest.mark.parametrize("kind", ["", "copy", "header", "constant"])
def test_a_grammar_of_no_known_kind_is_refused(kind: str) -> None:
    assert "no known kind" in refusal("FocalLength", kind)


def test_an_option_opens_only_what_its_column_says() -> None:
    """Over the whole table: what passes has a K or C in the column of the option that it names."""
    passed = set()
    for row in load_table().rows:
        for options in (BARE, *(BARE | {option.value} for option in OFFERED)):
            try:
                found = judge_addition(row.keyword, "enum", options)
            except RuleForbidden:
                continue
            assert {found.option} == options - BARE
            assert row.cells[Option(found.option)] in (Cell.KEEP, Cell.CLEAN)
            assert row.basic in (
                Basic.X,
                Basic.Z,
                Basic.D,
                Basic.X_D,
                Basic.X_Z,
                Basic.X_Z_D,
                Basic.Z_D,
            )
            passed.add(row.keyword)
    assert {"PatientSize", "ProtocolName", "StationName"} <= passed
    assert (
        not {"PatientName", "PatientID", "InstitutionName", "StudyDate", "SOPInstanceUID"} & passed
    )
