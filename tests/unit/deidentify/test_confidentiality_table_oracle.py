"""Table E.1-1 read by somebody else: dicom-anonymizer's copy of edition 2026c is the oracle.

Other authors wrote another scraper for an edition of their own; where both agree, neither made a
mistake in reading.
"""

from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as theirs

from dmask_node.deidentify.confidentiality_table import PRIVATE, load_table

_LISTS = {
    "D": theirs.D_TAGS,
    "Z": theirs.Z_TAGS,
    "X": theirs.X_TAGS,
    "U": theirs.U_TAGS,
    "Z/D": theirs.Z_D_TAGS,
    "X/Z": theirs.X_Z_TAGS,
    "X/D": theirs.X_D_TAGS,
    "X/Z/D": theirs.X_Z_D_TAGS,
    "X/Z/U*": theirs.X_Z_U_STAR_TAGS,
}
_NOT_THEIRS = {
    "3004,007F": "Dose Calculation Model Name: no copy of an edition before 2026d has it",
    PRIVATE: "private attributes are no tag; they are removed by an option of their own there",
}
"""Rows of ours that the oracle lacks, and why."""


def _pattern(entry: tuple[int, ...]) -> str:
    """Write a tag as our table does; of four numbers, the last two mask the digits that count."""
    group, element = entry[:2]
    masks = entry[2:] or (0xFFFF, 0xFFFF)
    digits = [
        "".join(
            digit if mask_digit == "F" else "x"
            for digit, mask_digit in zip(f"{number:04X}", f"{mask:04X}", strict=True)
        )
        for number, mask in zip((group, element), masks, strict=True)
    ]
    return ",".join(digits)


def test_every_basic_code_is_the_one_that_others_read() -> None:
    theirs_by_tag = {_pattern(entry): code for code, tags in _LISTS.items() for entry in tags}
    ours = {row.tag: row.basic.value for row in load_table().rows}
    assert len(theirs_by_tag) == 655
    assert set(ours) - set(theirs_by_tag) == set(_NOT_THEIRS)
    assert set(theirs_by_tag) <= set(ours)
    assert {tag: code for tag, code in theirs_by_tag.items() if ours[tag] != code} == {}
