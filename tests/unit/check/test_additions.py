"""What a site adds is judged by the grammar that it gave, and by the list of what may be added."""

from typing import Any

import pytest

from dmask_node.check.additions import added_rules, fits_addition
from dmask_node.check.grammar import load
from dmask_node.records.masked import (
    Codes,
    KeptCode,
    KeptValue,
    Role,
    WholeNumbers,
    Words,
)

ATTRIBUTES: dict[str, Any] = load("video_photographic")["attributes"]
UPRIGHT = KeptCode("10904000", "SCT", "Orthostatic body position")


def kept(
    keyword: str, grammar: Words | WholeNumbers | Codes, value: str, **where: bool
) -> KeptValue:
    in_image, in_report = where.get("in_image", True), where.get("in_report", True)
    return KeptValue(
        keyword=keyword, in_image=in_image, in_report=in_report, grammar=grammar, value=value
    )


@pytest.mark.parametrize(
    "value",
    [
        kept("ProtocolName", Words(("Ptosis", "Nystagmus")), "Ptosis"),
        kept("AcquisitionNumber", WholeNumbers(1, 20), "7"),
        kept("ProcedureCodeSequence", Codes((UPRIGHT,)), "10904000 SCT"),
    ],
)
def test_an_addition_inside_its_grammar_is_a_rule(value: KeptValue) -> None:
    rules, findings = added_rules([value], Role.VIDEO, ATTRIBUTES)
    assert findings == []
    assert list(rules) == [value.keyword]


def test_an_addition_is_for_the_objects_it_names() -> None:
    value = kept("ProtocolName", Words(("Ptosis",)), "Ptosis", in_image=False)
    assert added_rules([value], Role.VIDEO, ATTRIBUTES) == ({}, [])
    rules, findings = added_rules([value], Role.REPORT, load("enhanced_sr")["attributes"])
    assert (list(rules), findings) == (["ProtocolName"], [])


@pytest.mark.parametrize(
    "value",
    [
        kept("ProtocolName", Words(("Ptosis",)), "Kowalska"),
        kept("ProtocolName", Words(("Pto\\sis",)), "Pto\\sis"),
        kept("ProtocolName", Words(("",)), ""),
        kept("ProtocolName", Words(("x" * 65,)), "x" * 65),
        kept("ProtocolName", WholeNumbers(1, 9), "7"),
        kept("AcquisitionNumber", WholeNumbers(1, 9), "10"),
        kept("AcquisitionNumber", WholeNumbers(1, 9), "07"),
        kept("AcquisitionNumber", WholeNumbers(1, 9_999_999), "8844120"),
        kept("AcquisitionNumber", WholeNumbers(9, 1), "7"),
        kept("AcquisitionNumber", Words(("7",)), "7"),
        kept("ProcedureCodeSequence", Words(("x",)), "x"),
        kept("ProcedureCodeSequence", Codes((UPRIGHT,)), "1 SCT"),
        kept("ProcedureCodeSequence", Codes((UPRIGHT, UPRIGHT)), "10904000 SCT"),
        kept("ProcedureCodeSequence", Codes((KeptCode("1", "99X", ""),)), "1 99X"),
        kept("PatientID", Words(("8844120",)), "8844120"),
        kept("PatientBirthName", Words(("Kowalska",)), "Kowalska"),
        kept("PatientBirthDate", Words(("19440514",)), "19440514"),
        kept("InstitutionName", Words(("Wardhouse",)), "Wardhouse"),
        kept("StudyDescription", Words(("Ptosis",)), "Ptosis"),
        kept("PixelData", Words(("x",)), "x"),
        kept("NoSuchAttribute", Words(("x",)), "x"),
    ],
)
def test_an_addition_outside_its_grammar_or_the_list_is_told(value: KeptValue) -> None:
    rules, findings = added_rules([value], Role.VIDEO, ATTRIBUTES)
    assert rules == {}
    assert len(findings) == 1
    assert "Kowalska" not in findings[0]
    assert "8844120" not in findings[0]


def test_an_attribute_is_added_once() -> None:
    value = kept("ProtocolName", Words(("Ptosis",)), "Ptosis")
    assert added_rules([value, value], Role.VIDEO, ATTRIBUTES)[1] == [
        "ProtocolName may not be added"
    ]


def test_an_addition_for_images_alone_is_none_for_reports() -> None:
    value = kept("AcquisitionNumber", WholeNumbers(1, 20), "7")
    assert added_rules([value], Role.REPORT, {})[1] == ["AcquisitionNumber may not be added"]


def test_the_one_value_is_that_value() -> None:
    value = kept("ProtocolName", Words(("Ptosis", "Nystagmus")), "Ptosis")
    assert fits_addition(["Ptosis"], value)
    for other in (["Nystagmus"], ["ptosis"], [], ["Ptosis", "Ptosis"]):
        assert not fits_addition(other, value)
