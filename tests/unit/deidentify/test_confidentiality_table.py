"""PS3.15 Table E.1-1 as shipped: whole, typed, and damaged by nobody."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydicom.datadict import tag_for_keyword

from dmask_node.deidentify.confidentiality_table import (
    PRIVATE,
    Basic,
    Cell,
    ConfidentialityTable,
    Option,
    TableDamaged,
    TableRow,
    load_content_items,
    load_table,
    method_meanings,
    rows_digest,
)

FILE = Path(__file__).parents[3] / "dmask_node" / "data" / "ps315" / "e1_1.json"


def row(keyword: str) -> TableRow:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    found = load_table().look_up(tag)
    assert found is not None
    return found


def test_it_has_657_rows_653_of_them_about_one_attribute() -> None:
    tags = [row.tag for row in load_table().rows]
    assert len(tags) == 657
    assert [tag for tag in tags if "x" in tag or tag == PRIVATE] == [
        "50xx,xxxx",
        "60xx,3000",
        "60xx,4000",
        PRIVATE,
    ]
    assert load_table().provenance.edition == "2026d"


def test_its_codes_are_counted_as_in_the_standard() -> None:
    counted = Counter(row.basic.value for row in load_table().rows)
    assert counted == {
        "X": 417, "D": 93, "U": 55, "Z": 42, "X/D": 23, "X/Z": 11, "X/Z/D": 8, "Z/D": 6,
        "X/Z/U*": 2,
    }  # fmt: skip
    cells = Counter(
        (option, cell) for row in load_table().rows for option, cell in row.cells.items()
    )
    keep, clean = Cell.KEEP, Cell.CLEAN
    assert cells == {
        (Option.RETAIN_FULL_DATES, keep): 169,
        (Option.RETAIN_MODIFIED_DATES, clean): 169,
        (Option.CLEAN_DESCRIPTORS, clean): 141,
        (Option.RETAIN_UIDS, keep): 60,
        (Option.RETAIN_DEVICE_IDENTITY, keep): 48,
        (Option.RETAIN_DEVICE_IDENTITY, clean): 11,
        (Option.RETAIN_PATIENT_CHARACTERISTICS, keep): 14,
        (Option.RETAIN_PATIENT_CHARACTERISTICS, clean): 5,
        (Option.RETAIN_INSTITUTION_IDENTITY, keep): 10,
        (Option.CLEAN_GRAPHICS, clean): 4,
        (Option.CLEAN_STRUCTURED_CONTENT, clean): 4,
        (Option.RETAIN_SAFE_PRIVATE, clean): 1,
    }


@pytest.mark.parametrize(
    ("keyword", "basic", "cells"),
    [
        ("PatientName", Basic.Z, {}),
        ("PatientID", Basic.Z_D, {}),
        ("PatientSex", Basic.Z, {Option.RETAIN_PATIENT_CHARACTERISTICS: Cell.KEEP}),
        ("StudyDescription", Basic.X, {Option.CLEAN_DESCRIPTORS: Cell.CLEAN}),
        ("StudyInstanceUID", Basic.U, {Option.RETAIN_UIDS: Cell.KEEP}),
        (
            "ContentDate",
            Basic.Z_D,
            {Option.RETAIN_FULL_DATES: Cell.KEEP, Option.RETAIN_MODIFIED_DATES: Cell.CLEAN},
        ),
        ("SourceImageSequence", Basic.X_Z_U, {Option.RETAIN_UIDS: Cell.KEEP}),
    ],
)
def test_well_known_rows_say_what_the_standard_says(
    keyword: str, basic: Basic, cells: dict[Option, Cell]
) -> None:
    found = row(keyword)
    assert (found.keyword, found.basic, dict(found.cells)) == (keyword, basic, cells)


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        (0x50003000, "50xx,xxxx"),
        (0x501E0005, "50xx,xxxx"),
        (0x60003000, "60xx,3000"),
        (0x601E4000, "60xx,4000"),
        (0x60000022, None),  # Overlay Description is not named
        (0x60FF3000, PRIVATE),  # an odd group is private
        (0x50010010, PRIVATE),
        (0x00091001, PRIVATE),
        (0x00080060, None),  # Modality
        (0x00180015, None),  # Body Part Examined
        (0x0040A160, None),  # Text Value
        (0x00080104, None),  # Code Meaning
    ],
)
def test_repeating_groups_and_private_attributes_are_found(tag: int, said: str | None) -> None:
    found = load_table().look_up(tag)
    assert (found.tag if found else None) == said


def test_compound_codes_are_taken_apart() -> None:
    assert Basic.X_Z_U.letters == {"X", "Z", "U"}
    assert Basic.Z_D.letters == {"Z", "D"}
    assert Basic.X.letters == {"X"}


def test_options_are_called_as_in_cid_7050() -> None:
    assert Option.RETAIN_PATIENT_CHARACTERISTICS.meaning == "Retain Patient Characteristics Option"
    assert len({option.meaning for option in Option}) == 10
    assert set(Option) | {"113100", "113101", "113102"} == set(method_meanings())


def test_content_items_are_told_apart_by_value_type() -> None:
    items = load_content_items()
    assert len(items) == 214
    assert items["112040", "DCM", "UIDREF"].basic is Basic.D
    assert items["121071", "DCM", "TEXT"].cells == {Option.CLEAN_DESCRIPTORS: Cell.CLEAN}
    assert ("121071", "DCM", "CODE") not in items


def damage(change: Any, *, own_digest: bool) -> str:
    file = json.loads(FILE.read_text(encoding="utf-8"))
    change(file)
    if own_digest:
        file["rows_sha256"] = rows_digest(file["rows"])
    return json.dumps(file)


def test_an_untouched_file_loads() -> None:
    again = ConfidentialityTable.from_json(damage(lambda file: None, own_digest=True))
    assert again == load_table()


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file["rows"][0].update(basic="Z"),
        lambda file: file["rows"][0]["options"].clear(),
        lambda file: file["rows"].pop(),
        lambda file: file.pop("edition"),
    ],
    ids=["code", "option", "row", "head"],
)
def test_a_changed_table_is_not_used(change: Any) -> None:
    with pytest.raises(TableDamaged):
        ConfidentialityTable.from_json(damage(change, own_digest=False))


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file["rows"][0].update(basic="Y"),
        lambda file: file["rows"][0].update(tag="00100010"),
        lambda file: file["rows"][0].update(options={"113999": "K"}),
        lambda file: file["rows"][0].pop("name"),
        lambda file: file["rows"].append(dict(file["rows"][0])),
        lambda file: file["rows"].pop(),  # private attributes
    ],
    ids=["code", "tag", "option", "layout", "twice", "private"],
)
def test_a_table_that_is_not_understood_is_not_used(change: Any) -> None:
    with pytest.raises(TableDamaged):
        ConfidentialityTable.from_json(damage(change, own_digest=True))


def test_what_is_no_table_is_not_used() -> None:
    with pytest.raises(TableDamaged):
        ConfidentialityTable.from_json("{")
