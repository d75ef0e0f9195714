"""Gather from a source header what must not be found in an outgoing object."""

import re
import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from dmask_node.check.search import Boundary, Needle
from dmask_node.errors import Permanent

MAX_DEPTH: Final = 32
MAX_ELEMENTS: Final = 20_000
"""No camera writes as many; a walk over more would hold a worker for minutes."""
_IDENTIFYING: Final = frozenset(
    {"AE", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UN", "UR", "UT"}
)
"""Value representations that can name a patient, a person, a place or a day. CS and AS hold
enumerated or two-digit values, numbers are too short to search for."""
_CHARACTER_SET: Final = Tag("SpecificCharacterSet")
_STANDARD_ROOT: Final = "1.2.840.10008."
_MIN_CHARACTERS: Final = 4
_MIN_DIGITS: Final = 6
"""Shorter runs of digits (house numbers, frame counts) stand in honest objects by chance."""
_MIN_FOREIGN_BYTES: Final = 6
"""Two Han characters in UTF-8: a whole family and given name."""
_MAX_WHOLE: Final = 256
"""Longer values are searched for word by word only."""
_MAX_CHARACTERS: Final = 65_536
"""Of a value; what stands further on in a longer one is not searched for."""
_WORD: Final = re.compile(r"[^\W_]+")


class HeaderTooLarge(Permanent):
    """The source header is nested too deeply or has too many elements to be searched for."""

    reason = "header_too_large"
    hint = "Look at the original: no camera writes such a header."


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceValue:
    """One value of the source."""

    name: str
    """Keyword of its attribute, or the tag of a private one."""
    vr: str
    text: str
    raw: bytes
    """As received, where known; empty otherwise."""


def harvest(header: Dataset) -> list[Needle]:
    """List the byte strings by which a value of the source would be known.

    Whole values and their words, in UTF-8, Latin-1, UTF-16 and as received; dates also in the
    usual ways to write them. Every element is looked at, private, nested and broken ones too.

    Parameters
    ----------
    header : Dataset
        As received, without pixel data.

    Returns
    -------
    list of Needle
        Lower-case, each once.

    Raises
    ------
    HeaderTooLarge
        Above `MAX_DEPTH` or `MAX_ELEMENTS`.
    """
    needles: dict[bytes, Needle] = {}
    count = [0]
    meta = getattr(header, "file_meta", None) or Dataset()
    for value in chain(_walk(meta, 0, count), _walk(header, 0, count)):
        for needle in _needles(value):
            known = needles.get(needle.data)
            if known is None or needle.boundary < known.boundary:
                needles[needle.data] = needle
    return list(needles.values())


def _walk(
    dataset: Dataset, depth: int, count: list[int], outer_set: DataElement | None = None
) -> Iterator[SourceValue]:
    if depth > MAX_DEPTH:
        raise HeaderTooLarge(f"the source header is nested deeper than {MAX_DEPTH}")
    # Decoded apart: what was received stays as it is, for whoever looks next.
    apart = Dataset()
    character_set = dataset.get_item(_CHARACTER_SET) if _CHARACTER_SET in dataset else outer_set
    if character_set is not None:
        apart[_CHARACTER_SET] = character_set
    for tag in list(dataset.keys()):
        count[0] += 1
        if count[0] > MAX_ELEMENTS:
            raise HeaderTooLarge(f"the source header has more than {MAX_ELEMENTS} elements")
        stored: object = dataset.get_item(tag)
        raw = (stored.value or b"") if isinstance(stored, RawDataElement) else b""
        name = keyword_for_tag(tag) or str(tag)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they quote the value
                apart[tag] = dataset.get_item(tag)
                element = apart[tag]
                stated, value = str(element.VR), element.value
        except Exception:  # noqa: BLE001 - a broken element is searched for as it came
            stated, value = "", raw
        if isinstance(value, Sequence):
            for item in value:
                yield from _walk(item, depth + 1, count, character_set)
        vr = _expected_vr(tag, stated) if stated else "UN"
        if vr in _IDENTIFYING:
            parts = list(value) if isinstance(value, (MultiValue, list)) else [value]
            # Under a VR that is not its own, a value is not what the library makes of it.
            for part in parts if vr == stated or not raw else [raw]:
                text = part.decode("latin-1") if isinstance(part, bytes) else _plain(part)
                text = text[:_MAX_CHARACTERS].strip(" \0")
                yield SourceValue(name=name, vr=vr, text=text, raw=raw.strip(b" \0"))


def _plain(value: object) -> str:
    return "" if value is None or isinstance(value, Sequence) else str(value)


def _expected_vr(tag: BaseTag, vr: str) -> str:
    """Return the dictionary's VR where a sender wrote another: a name in a CS stays a name."""
    if vr in _IDENTIFYING:
        return vr
    try:
        expected = dictionary_VR(tag)
    except KeyError:
        # Private or unknown: whatever it says it is, it may hold text; its items were walked.
        return vr if vr == "SQ" else "UN"
    return "UN" if (expected == "SQ") != (vr == "SQ") and expected not in _IDENTIFYING else expected


def _needles(value: SourceValue) -> Iterator[Needle]:
    if value.text.startswith(_STANDARD_ROOT):
        return
    if value.vr == "UI":
        yield from _encodings(value.name, value.text, Boundary.UID)
        return
    if value.vr == "UN" and not _is_text(value.text):
        return
    if 0 < len(value.text) <= _MAX_WHOLE:
        yield from _whole(value)
    if value.vr in ("DA", "DT"):
        for text in _ways_to_write(value.text):
            yield from _encodings(value.name, text, Boundary.DIGITS)
    for word in _WORD.findall(value.text):
        yield from _word(value.name, word)


def _whole(value: SourceValue) -> Iterator[Needle]:
    if re.fullmatch(r"[0-9.]*", value.text):
        return  # judged as a run of digits, below
    if len(value.text) >= _MIN_CHARACTERS:
        yield from _encodings(value.name, value.text, _boundary(value.text))
    if _MIN_FOREIGN_BYTES <= len(value.raw) <= _MAX_WHOLE and _is_encoded(value.raw):
        yield Needle(value.raw.lower(), value.name, Boundary.NONE)


def _word(name: str, word: str) -> Iterator[Needle]:
    if word.isdecimal():
        if len(word) >= _MIN_DIGITS:
            yield from _encodings(name, word, Boundary.DIGITS)
    elif len(word) >= _MIN_CHARACTERS or _is_foreign(word):
        yield from _encodings(name, word, _boundary(word))
        plain = _without_accents(word)
        if plain != word:
            yield from _encodings(name, plain, _boundary(plain))


def _is_encoded(raw: bytes) -> bool:
    """Return whether the bytes are no ASCII text; ISO 2022 writes Kanji in 7 bits behind ESC."""
    return len(set(raw)) > 1 and (not raw.isascii() or b"\x1b" in raw)


def _is_foreign(word: str) -> bool:
    return not word.isascii() and len(word.encode("utf-8", "replace")) >= _MIN_FOREIGN_BYTES


def _boundary(text: str) -> Boundary:
    """Return how a text must stand to count: a short word by itself, a long one anywhere."""
    return Boundary.WORD if len(text) < 8 and text.isascii() else Boundary.NONE


def _is_text(text: str) -> bool:
    return sum(character.isprintable() for character in text) >= 0.9 * len(text)


def _without_accents(word: str) -> str:
    parts = unicodedata.normalize("NFKD", word)
    return "".join(part for part in parts if not unicodedata.combining(part))


def _ways_to_write(date: str) -> Iterator[str]:
    match = re.match(r"([0-9]{4})[.-]?([0-9]{2})[.-]?([0-9]{2})", date)
    if match is None:
        return
    year, month, day = match.groups()
    yield f"{year}{month}{day}"
    for mark in "-./":
        yield mark.join((year, month, day))
        yield mark.join((day, month, year))
        yield mark.join((month, day, year))


def _encodings(name: str, text: str, boundary: Boundary) -> Iterator[Needle]:
    """Encode a text in every way in which it may stand in a file."""
    if len(text) < _MIN_CHARACTERS and not _is_foreign(text):
        return
    if len(set(text.lower())) < 2:
        return  # one character over and over names nobody, and stands in pictures
    for form in {text, text.lower(), text.upper(), text.title()}:
        yield Needle(form.encode("utf-8", "replace").lower(), name, boundary)
        wide = form.encode("utf-16-le", "replace").lower()
        if len(wide) >= 8:
            # Without the last zero byte the little endian form is part of the big endian one.
            yield Needle(wide[:-1] if text.isascii() else wide, name, Boundary.NONE)
        if not text.isascii():
            wide = form.encode("utf-16-be", "replace").lower()
            if len(wide) >= 8:  # shorter ones can be four letters of a pseudonym
                yield Needle(wide, name, Boundary.NONE)
            narrow = form.encode("latin-1", "ignore").lower()
            if len(narrow) == len(form) >= _MIN_CHARACTERS:
                yield Needle(narrow, name, Boundary.NONE)
