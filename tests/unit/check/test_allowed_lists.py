"""The lists are sound in themselves, and told as they are."""

from pathlib import Path
from typing import Any

import pytest
from pydicom.datadict import tag_for_keyword

from dmask_node.check.grammar import KINDS, load
from dmask_node.compose import codes
from dmask_node.compose.composer import allowed

LISTS = ("video_photographic", "vl_photographic", "enhanced_sr")


def rules(listed: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (keyword, rule)
        for table in (listed["attributes"], *listed["items"].values())
        for keyword, rule in table.items()
    ]


@pytest.mark.parametrize("name", LISTS)
def test_every_entry_is_an_attribute_of_the_standard_with_one_grammar(name: str) -> None:
    for keyword, rule in rules(load(name)):
        assert tag_for_keyword(keyword) is not None, keyword
        kinds = [kind for kind in (*KINDS, "items", "concept", "payload", "escrow") if kind in rule]
        assert kinds in ([kinds[0]], ["items", "concept"]), keyword


@pytest.mark.parametrize("name", LISTS)
def test_every_sequence_has_items_that_are_described(name: str) -> None:
    listed = load(name)
    for keyword, rule in rules(listed):
        if "items" in rule:
            kinds = [rule["items"]] if isinstance(rule["items"], str) else rule["items"]
            assert all(kind == "code" or kind in listed["items"] for kind in kinds), keyword
            assert len(rule["count"]) == 2, keyword
            assert set(rule.get("codes", ())) <= set(load("codes")), keyword


def test_every_named_content_item_has_a_name_and_a_grammar() -> None:
    listed = load("enhanced_sr")
    names = {
        name for group in ("concept", "measure", "status_name") for name in load("codes")[group]
    }
    for key, rule in listed["concepts"].items():
        kind, name = key.split(" ", 1)
        assert name in names, key
        if kind == "NUM":
            assert f"{rule['unit']} UCUM" in load("codes")["unit"]
        if kind in ("NUM", "TEXT", "UIDREF"):
            assert any(grammar in rule for grammar in KINDS), key
        if kind == "CODE":
            assert set(rule["codes"]) <= set(load("codes")), key


@pytest.mark.parametrize("name", LISTS)
def test_no_identifying_attribute_may_hold_more_than_a_keyed_name(name: str) -> None:
    attributes = load(name)["attributes"]
    for keyword in ("PatientName", "PatientID"):
        assert attributes[keyword]["header"] == "pseudonym"
    for keyword in ("PatientBirthDate", "ReferringPhysicianName"):
        assert attributes[keyword] == {"empty": True}
    for keyword, field in (("StudyDate", "study_date"), ("StudyTime", "study_time")):
        assert attributes[keyword] == {"header": field}


@pytest.mark.parametrize("name", LISTS)
def test_both_rooms_read_the_same_list(name: str) -> None:
    assert allowed(name) == load(name)


def test_the_documented_codes_are_those_in_use() -> None:
    page = Path(__file__).parents[3].joinpath("docs", "deidentification.md").read_text("utf-8")
    ours = {
        name.removesuffix(f" {codes.SCHEME}")
        for group in load("codes").values()
        for name in group
        if name.endswith(codes.SCHEME)
    }
    told = {line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| DM")}
    assert told == ours
    assert codes.SCHEME_UID in page
