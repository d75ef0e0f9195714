"""Gather from a source header what must not be found in an outgoing object."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from pydicom import Dataset
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

from dmask_node.check.search import Needle
from dmask_node.check.spellings import WORD, folded, of_text, of_word
from dmask_node.errors import Permanent

MAX_DEPTH: Final = 32
MAX_ELEMENTS: Final = 100_000
"""No camera writes as many; to look at so many takes some seconds."""
MAX_CHARACTERS: Final = 1_000_000
"""Of all texts together, each counted to `_MAX_VALUE`."""
_IDENTIFYING: Final = frozenset(
    {"AE", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UN", "UR", "UT"}
)
"""Value representations that can name a patient, a person, a place or a day. CS and AS hold
enumerated or two-digit values, numbers are too short to search for."""
_CHARACTER_SET: Final = Tag("SpecificCharacterSet")
_IN_CHARACTER_SET: Final = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""Texts in the character set of the data set (PS3.5 6.1.2.3)."""
_IN_ASCII: Final = frozenset({"AE", "DA", "DT", "TM", "UI", "UR"})
_ONE_VALUE: Final = frozenset({"LT", "ST", "UR", "UT"})
"""Texts in which a backslash separates nothing (PS3.5 6.2)."""
_DELIMITERS: Final = {"PN": PN_DELIMS}
_MIN_DIGITS: Final = 3
"""Of a number that is a word of its own."""
_MAX_VALUE: Final = 65_536
"""Characters of a value; what stands further on in a longer one is not searched for."""
_MAX_WORD: Final = 64
"""Characters of a word; a longer one is known by its beginning."""
_STANDARD_ROOT: Final = "1.2.840.10008."


class HeaderTooLarge(Permanent):
    """The source header is nested too deeply or has too much in it to be searched for."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvest:
    """By what the values of a source would be known."""

    needles: list[Needle]
    """Byte strings, lower-case, each once."""
    words: dict[str, str]
    """Whole values and words, folded, short ones too; of which attribute they are."""

    def attributes_in(self, texts: Iterable[str]) -> set[str]:
        """Return of which attributes a value or a whole word stands in decoded texts."""
        spellings = {folded(word) for text in texts for word in (text, *WORD.findall(text))}
        numbers = {word for word in spellings if word.isdecimal() and len(word) < _MIN_DIGITS}
        return {self.words[word] for word in spellings - numbers if word in self.words}


def require_searchable(header: Dataset) -> None:
    """Refuse a header that can't be searched for in reasonable time, before other work is done.

    Parameters
    ----------
    header : Dataset
        As received, without pixel data.

    Raises
    ------
    HeaderTooLarge
        Above `MAX_DEPTH`, `MAX_ELEMENTS` or `MAX_CHARACTERS`.
    """
    for _ in _values(header):
        pass


def harvest(header: Dataset) -> Harvest:
    """List by what a value of the source would be known.

    Whole values and their words, in UTF-8, the other encodings of their script, UTF-16 and as
    received; dates also in the usual ways to write them. Every element is looked at, private,
    nested and broken ones too.

    Parameters
    ----------
    header : Dataset
        As received, without pixel data.

    Returns
    -------
    Harvest
        The time to make it grows with the length of the header.

    Raises
    ------
    HeaderTooLarge
        Above `MAX_DEPTH`, `MAX_ELEMENTS` or `MAX_CHARACTERS`.
    """
    needles: dict[bytes, Needle] = {}
    words: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    for value in _values(header):
        if (value.vr, value.text) in seen:
            continue
        seen.add((value.vr, value.text))
        for needle in _needles(value, words, seen):
            known = needles.get(needle.data)
            if known is None or needle.boundary < known.boundary:
                needles[needle.data] = needle
    return Harvest(needles=list(needles.values()), words=words)


def _needles(
    value: SourceValue, words: dict[str, str], seen: set[tuple[str, str]]
) -> Iterator[Needle]:
    """Yield the needles of one value, and note its words; each word once in a header."""
    if not value.text or value.text.startswith(_STANDARD_ROOT):
        return
    if value.vr == "UN" and not _is_text(value.text):
        return
    yield from of_text(value.name, value.vr, value.text, value.raw)
    words.setdefault(folded(value.text), value.name)
    if value.vr == "UI":
        return
    for word in WORD.findall(value.text):
        if ("", word) not in seen:
            seen.add(("", word))
            words.setdefault(folded(word), value.name)
            yield from of_word(value.name, word[:_MAX_WORD])


def _values(header: Dataset) -> Iterator[SourceValue]:
    """Yield the values of a header and of its file meta information."""
    budget = _Budget()
    meta = getattr(header, "file_meta", None) or Dataset()
    return chain(_walk(meta, 0, budget), _walk(header, 0, budget))


class _Budget:
    """How much of a header may still come."""

    def __init__(self) -> None:
        self._elements, self._characters = MAX_ELEMENTS, MAX_CHARACTERS

    def take_element(self) -> None:
        """Count an element."""
        self._elements -= 1
        if self._elements < 0:
            raise HeaderTooLarge(f"the source header has more than {MAX_ELEMENTS} elements")

    def take_text(self, text: str) -> None:
        """Count the characters of a value."""
        self._characters -= len(text)
        if self._characters < 0:
            raise HeaderTooLarge(f"the source header has more than {MAX_CHARACTERS} characters")


class _Reader:
    """Reads the elements of one data set or item; what was received stays as it is."""

    def __init__(self, dataset: Dataset, outer_set: Any) -> None:
        self._dataset = dataset
        self.character_set = (
            dataset.get_item(_CHARACTER_SET) if _CHARACTER_SET in dataset else outer_set
        )
        self._codecs: list[str] | None = None

    def read(self, tag: BaseTag) -> tuple[str, list[object], bytes]:
        """Return value representation, values and bytes as received; no representation: broken."""
        stored: Any = self._dataset.get_item(tag)
        raw = (stored.value or b"") if isinstance(stored, RawDataElement) else b""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they quote the value
                if (
                    isinstance(stored, RawDataElement)
                    and stored.VR in _IN_CHARACTER_SET | _IN_ASCII
                ):
                    return str(stored.VR), self._decode(raw, str(stored.VR)), raw
                apart = Dataset()
                if self.character_set is not None:
                    apart[_CHARACTER_SET] = self.character_set
                apart[tag] = stored
                element = apart[tag]
                value = element.value
                if isinstance(value, (MultiValue, list)) and not isinstance(value, Sequence):
                    return str(element.VR), list(value), raw
                return str(element.VR), [value], raw
        except Exception:  # noqa: BLE001 - a broken element is searched for as it came
            return "", [raw], raw

    def _decode(self, raw: bytes, vr: str) -> list[object]:
        """Decode a text, without a detour over what the library makes of it."""
        if vr in _IN_ASCII or (raw.isascii() and b"\x1b" not in raw):
            text = raw.decode("latin-1")
        else:
            if self._codecs is None:
                self._codecs = self._find_codecs()
            text = decode_bytes(raw, self._codecs, _DELIMITERS.get(vr, TEXT_VR_DELIMS))
        return [text] if vr in _ONE_VALUE else list(text.split("\\"))

    def _find_codecs(self) -> list[str]:
        apart = Dataset()
        if self.character_set is not None:
            apart[_CHARACTER_SET] = self.character_set
        return list(convert_encodings(apart.get("SpecificCharacterSet")))


def _walk(
    dataset: Dataset, depth: int, budget: _Budget, outer_set: Any = None
) -> Iterator[SourceValue]:
    if depth > MAX_DEPTH:
        raise HeaderTooLarge(f"the source header is nested deeper than {MAX_DEPTH}")
    reader = _Reader(dataset, outer_set)
    for tag in list(dataset.keys()):
        budget.take_element()
        stated, values, raw = reader.read(tag)
        for value in values:
            if isinstance(value, Sequence):
                for item in value:
                    yield from _walk(item, depth + 1, budget, reader.character_set)
        vr = _expected_vr(tag, stated) if stated else "UN"
        if vr in _IDENTIFYING:
            name = keyword_for_tag(tag) or str(tag)
            # Under a VR that is not its own, a value is not what the library makes of it.
            for part in values if vr == stated or not raw else [raw]:
                text = part.decode("latin-1") if isinstance(part, bytes) else _plain(part)
                text = text[:_MAX_VALUE].strip(" \0")
                budget.take_text(text)
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


def _is_text(text: str) -> bool:
    return sum(character.isprintable() for character in text) >= 0.9 * len(text)
