"""What a site adds to what is sent: whether it may, and what becomes of a source's values."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword

from dmask_node.deidentify.profile import Keep, Profile
from dmask_node.deidentify.rules import RuleForbidden, judge_addition
from dmask_node.deidentify.source_values import read_code, read_text
from dmask_node.deidentify.terms import Term, match, sent
from dmask_node.deidentify.vocabulary import Vocabulary
from dmask_node.records.masked import Codes, KeptCode, KeptValue, WholeNumbers, Words

MAX_WHOLE_NUMBERS: Final = 100_000
"""How many whole numbers an addition may allow; and none has more than five digits. A record number
of six digits must not pass, whatever range a site writes down."""
_VRS: Final[Mapping[str, frozenset[str]]] = {
    "enum": frozenset({"CS"}),
    "codes": frozenset({"SQ"}),
    "integer": frozenset({"IS", "US"}),
    "vocabulary": frozenset({"LO", "SH", "ST", "LT", "UT"}),
}
"""Value representations that a kind of grammar can check."""
_CODE_STRING: Final = re.compile(r"[A-Z0-9_](?:[A-Z0-9 _]{0,14}[A-Z0-9_])?")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,12}")
_MAX_US: Final = 65_535
_MAX_SHORT: Final = 16


def check_profile(profile: Profile) -> tuple[str, ...]:
    """Check what a profile adds to what is sent.

    Parameters
    ----------
    profile : Profile
        Of the settings.

    Returns
    -------
    tuple of str
        All mistakes, each with its attribute: one that is unknown, retired, private or composed by
        the node; that PS3.15 Table E.1-1 and the options of the profile forbid; that is not part of
        the objects; that has a value representation which its grammar can't check; or values that
        could not stand in it. None if all is well.
    """
    mistakes = [
        f"{k.attribute}: {found}" for k in profile.extra_keep for found in _look(k, profile)
    ]
    pairs = [(keep.attribute, name) for keep in profile.extra_keep for name in keep.classes]
    twice = dict.fromkeys(pair for pair in pairs if pairs.count(pair) > 1)
    mistakes += [f"{attribute}: is added twice to the {name}" for attribute, name in twice]
    return tuple(mistakes)


def keep_values(header: Dataset, profile: Profile, vocabulary: Vocabulary) -> tuple[KeptValue, ...]:
    """Take what a profile adds out of a source header.

    Parameters
    ----------
    header : Dataset
        As received; never changed.
    profile : Profile
        Checked by `check_profile`.
    vocabulary : Vocabulary
        Asked for texts that the profile does not know; told of those it does not know either.

    Returns
    -------
    tuple of KeptValue
        Of the attributes whose value is inside its grammar, as the site wrote it.
    """
    taken = (_take(header, keep, vocabulary) for keep in profile.extra_keep)
    return tuple(value for value in taken if value is not None)


@lru_cache(maxsize=1024)
def option_for(keyword: str, kind: str, options: frozenset[str]) -> str:
    """Return the option under which an addition stands: CID 7050 code value, empty for none.

    Raises
    ------
    RuleForbidden
        If none of the options allows it.
    """
    return judge_addition(keyword, kind, options).option


def term_for(
    attribute: str, terms: tuple[Term, ...], text: str, vocabulary: Vocabulary
) -> str | None:
    """Return what to send for a text: by the profile, else by an administrator's leave."""
    term = match(terms, text)
    if term is None:
        term = vocabulary.match(attribute, text)
    if term is None:
        vocabulary.unseen(attribute, text)
    return term


# What may be added


@cache
def addable() -> Mapping[str, list[str]]:
    """Return every attribute that a site may add, with the objects that may hold it."""
    file = resources.files("dmask_node").joinpath("data", "allowed", "additions.toml")
    listed: dict[str, list[str]] = tomllib.loads(file.read_text(encoding="utf-8"))["attributes"]
    return listed


def _look(keep: Keep, profile: Profile) -> Iterator[str]:
    """Look at one addition; yield mistakes."""
    try:
        option_for(keep.attribute, keep.kind, profile.options())
    except RuleForbidden as error:
        yield str(error).removeprefix(f"{keep.attribute}: ")
        return
    allowed = addable().get(keep.attribute, [])
    if not allowed:
        yield "is none of the attributes that a site may add; see data/allowed/additions.toml"
        return
    yield from (f"is no attribute of the {name}" for name in keep.classes if name not in allowed)
    vr = _vr(keep.attribute)
    if vr not in _VRS[keep.kind]:
        yield f"has value representation {vr}: needs {grammar_for(keep.attribute)}, not {keep.kind}"
        return
    yield from _look_at_values(keep, vr)


def grammar_for(keyword: str) -> str:
    """Return the kind of grammar that the values of an attribute need."""
    return next(kind for kind, vrs in _VRS.items() if _vr(keyword) in vrs)


def _look_at_values(keep: Keep, vr: str) -> Iterator[str]:
    if keep.integer is not None:
        least, most = keep.integer
        highest = _MAX_US if vr == "US" else MAX_WHOLE_NUMBERS - 1
        lowest = 0 if vr == "US" else -highest
        if not lowest <= least <= most <= highest:
            yield f"integer needs two numbers in order, from {lowest} to {highest}"
        elif most - least >= MAX_WHOLE_NUMBERS:
            yield f"integer allows more than {MAX_WHOLE_NUMBERS} numbers: one could be a record's"
    if any(_CODE_STRING.fullmatch(word) is None for word in keep.enum):
        yield "enum needs words of 1 to 16 capital letters, digits, spaces and underscores"
    if len(set(keep.enum)) != len(keep.enum):
        yield "enum names a word twice"
    if len({(code.value, code.scheme) for code in keep.codes}) != len(keep.codes):
        yield "codes names a code twice"
    if vr == "SH" and any(len(word) > _MAX_SHORT for word in sent(keep.vocabulary)):
        yield f"vocabulary needs terms of at most {_MAX_SHORT} characters"


def _vr(keyword: str) -> str:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return dictionary_VR(tag)


# What becomes of values


def _take(header: Dataset, keep: Keep, vocabulary: Vocabulary) -> KeptValue | None:
    grammar: Words | WholeNumbers | Codes
    if keep.codes:
        grammar, value = _code(header, keep)
    elif keep.integer is not None:
        grammar, value = _whole_number(header, keep.attribute, keep.integer)
    elif keep.enum:
        grammar, value = _code_string(header, keep)
    else:
        grammar, value = _word(header, keep, vocabulary)
    if value is None:
        return None
    return KeptValue(
        keyword=keep.attribute,
        in_image="image" in keep.classes,
        in_report="report" in keep.classes,
        grammar=grammar,
        value=value,
    )


def _code(header: Dataset, keep: Keep) -> tuple[Codes, str | None]:
    grammar = Codes(tuple(KeptCode(code.value, code.scheme, code.meaning) for code in keep.codes))
    found = read_code(header, keep.attribute)
    known = any((code.value, code.scheme) == found for code in keep.codes)
    return grammar, " ".join(found) if found and known else None


def _whole_number(
    header: Dataset, keyword: str, allowed: tuple[int, int]
) -> tuple[WholeNumbers, str | None]:
    grammar = WholeNumbers(*allowed)
    text = read_text(header, keyword) or ""
    if _WHOLE.fullmatch(text) is None or not grammar.least <= int(text) <= grammar.most:
        return grammar, None
    return grammar, str(int(text))


def _code_string(header: Dataset, keep: Keep) -> tuple[Words, str | None]:
    text = (read_text(header, keep.attribute) or "").upper()
    return Words(keep.enum), text if text in keep.enum else None


def _word(header: Dataset, keep: Keep, vocabulary: Vocabulary) -> tuple[Words, str | None]:
    words = sent(keep.vocabulary)
    text = read_text(header, keep.attribute)
    term = None if text is None else term_for(keep.attribute, keep.vocabulary, text, vocabulary)
    if term is None or (_vr(keep.attribute) == "SH" and len(term) > _MAX_SHORT):
        return Words(words), None
    return Words(words if term in words else (*words, term)), term
