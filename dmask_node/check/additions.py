"""What a site may have added to the lists, judged by its own grammar (``extra_keep``)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydicom.datadict import dictionary_VR, tag_for_keyword

from dmask_node.check.grammar import Rule, load
from dmask_node.records.masked import Codes, KeptValue, Role, WholeNumbers, Words

_WORD_VRS: Final = frozenset({"CS", "LO", "SH", "ST", "LT", "UC", "UT"})
_NUMBER_VRS: Final = frozenset({"IS", "US", "SS", "UL", "SL"})
_WORD: Final = re.compile(r"[^\\\x00-\x1f\x7f-\x9f]{1,64}")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,4})")
_MOST: Final = 99_999
"""Five digits; a longer number could be a record number."""


def added_rules(
    kept: Sequence[KeptValue], role: Role, attributes: Mapping[str, Any]
) -> tuple[dict[str, Rule], list[str]]:
    """Return a rule for each addition, and what is wrong with the additions themselves.

    Parameters
    ----------
    kept : sequence of KeptValue
        Of the clean header.
    role : Role
        Of the object that is judged.
    attributes : mapping
        Those that its list already has.

    Returns
    -------
    dict
        Rules by keyword: the attribute must be there, with this one value.
    list of str
        Findings.
    """
    where = "report" if role is Role.REPORT else "image"
    allowed: Mapping[str, Sequence[str]] = load("additions")["attributes"]
    rules: dict[str, Rule] = {}
    findings: list[str] = []
    for value in kept:
        if not (value.in_report if role is Role.REPORT else value.in_image):
            continue
        keyword = value.keyword
        if keyword in rules or keyword in attributes or where not in allowed.get(keyword, ()):
            findings.append(f"{_named(keyword)} may not be added")
        elif not _is_sound(value):
            findings.append(f"{keyword} is added with no grammar of its own")
        elif isinstance(value.grammar, Codes):
            [code] = [c for c in value.grammar.codes if f"{c.value} {c.scheme}" == value.value]
            rules[keyword] = {"items": "code", "kept_code": code, "count": [1, 1]}
        else:
            rules[keyword] = {"kept": value}
    return rules, findings


def fits_addition(values: Sequence[str], kept: KeptValue) -> bool:
    """Return whether the values of an element are the one value that was added."""
    return list(values) == [kept.value]


def _is_sound(kept: KeptValue) -> bool:
    """Return whether the value is inside its grammar, and the grammar fits the attribute."""
    tag = tag_for_keyword(kept.keyword)
    vr = "" if tag is None else dictionary_VR(tag)
    match kept.grammar:
        case Words(words):
            return vr in _WORD_VRS and kept.value in words and bool(_WORD.fullmatch(kept.value))
        case WholeNumbers(least, most):
            bounded = -_MOST <= least <= most <= _MOST
            if vr not in _NUMBER_VRS or not bounded or not _NUMBER.fullmatch(kept.value):
                return False
            return least <= int(kept.value) <= most
        case Codes(codes):
            named = [code for code in codes if f"{code.value} {code.scheme}" == kept.value]
            texts = [text for code in named for text in (code.value, code.scheme, code.meaning)]
            return vr == "SQ" and len(named) == 1 and all(map(_WORD.fullmatch, texts))


def _named(keyword: str) -> str:
    return keyword if tag_for_keyword(keyword) is not None else "an attribute without a name"
