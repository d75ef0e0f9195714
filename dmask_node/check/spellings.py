"""The ways in which one value of a source can be written.

Packings (base64 and the like) and letter case are not among them: what is searched is unpacked and
lowered instead. What stands in honest objects by chance is left out: `Needle.boundary` says how the
rest must stand to count.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import permutations
from typing import Final

from dmask_node.check.search import HEAD_BYTES, Boundary, Needle

_STANDARD_ROOT: Final = "1.2.840.10008."
_MIN_CHARACTERS: Final = 4
_MIN_DIGITS: Final = 6
"""Shorter runs of digits (house numbers, frame counts) stand in honest objects by chance."""
_MIN_COMPONENT: Final = 8
"""Digits of a component of a UID: a date, a serial number; shorter ones are of the root."""
_MIN_FOREIGN_BYTES: Final = 6
"""Two Han characters in UTF-8: a whole family and given name."""
_MAX_WHOLE: Final = 256
"""Longer values are searched for word by word only."""
_MAX_PARTS: Final = 3
WORD: Final = re.compile(r"[^\W_]+")
_DATE: Final = re.compile(r"([0-9]{4})[.-]?([0-9]{2})[.-]?([0-9]{2})")
_TIME: Final = re.compile(r"([0-9]{2}):?([0-9]{2}):?([0-9]{2})(?:\.[0-9]*)?")
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_BETWEEN: Final = (" ", ", ", ",", "_", "-", ".", "^")
"""What may stand between the parts of a name."""
_CODECS: Final = (
    "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "iso8859_2", "iso8859_5", "iso8859_6",
    "iso8859_7", "iso8859_8", "iso8859_9", "koi8_r", "cp1250", "cp1251", "tis_620", "utf_16_le",
    "utf_16_be",
)  # fmt: skip
_JIS: Final = "iso2022_jp"


def of_text(name: str, vr: str, text: str, raw: bytes) -> Iterator[Needle]:
    """Yield the ways to write one value as a whole.

    Parameters
    ----------
    name : str
        What a finding calls it.
    vr : str
        Its value representation.
    text : str
        The value, decoded and without padding.
    raw : bytes
        As received, where known.
    """
    if text.startswith(_STANDARD_ROOT):
        return
    if vr == "UI":
        yield from _of_uid(name, text)
        return
    if vr in ("DA", "DT"):
        for written in _of_date(text):
            yield from encoded(name, written, Boundary.DIGITS)
    if vr == "TM":
        for written in _of_time(text):
            yield from encoded(name, written, Boundary.DIGITS)
    if vr == "PN":
        for written in _of_name(text):
            yield from encoded(name, written, _boundary(written))
    if 0 < len(text) <= _MAX_WHOLE and not re.fullmatch(r"[0-9.]*", text):
        if len(text) >= _MIN_CHARACTERS:
            yield from encoded(name, text, _boundary(text))
        if _MIN_FOREIGN_BYTES <= len(raw) <= _MAX_WHOLE and _is_encoded(raw):
            yield Needle(raw.lower(), name, Boundary.NONE)


def of_word(name: str, word: str) -> Iterator[Needle]:
    """Yield the ways to write one word of a value: letters or digits without a break."""
    if word.isdecimal():
        if len(word) >= _MIN_DIGITS:
            yield from encoded(name, word, Boundary.DIGITS)
    elif len(word) >= _MIN_CHARACTERS or _is_foreign(word):
        yield from encoded(name, word, _boundary(word))
        plain = without_accents(word)
        if plain != word:
            yield from encoded(name, plain, _boundary(plain))


def encoded(name: str, text: str, boundary: Boundary) -> Iterator[Needle]:
    """Encode a text, and the text backwards, in every way in which it may stand in a file."""
    if len(text) < _MIN_CHARACTERS and not _is_foreign(text):
        return
    lowered = text.lower()
    if len(set(lowered)) < 2:
        return  # one character over and over names nobody, and stands in pictures
    if text.isascii():
        ascii_bytes = lowered.encode("ascii")
        yield Needle(ascii_bytes, name, boundary)
        if ascii_bytes != ascii_bytes[::-1] and len(ascii_bytes) >= _MIN_DIGITS:
            yield Needle(ascii_bytes[::-1], name, boundary)
        return
    # Case mapping changes bytes beyond ASCII, and the search lowers ASCII only.
    for form in {text, lowered, text.upper(), text.title(), lowered[::-1]}:
        yield Needle(form.encode("utf-8", "replace").lower(), name, boundary)
    for form in {text, lowered, text.upper(), text.title()}:
        for data in _in_codecs(form):
            yield Needle(data, name, Boundary.NONE)


def _in_codecs(text: str) -> Iterator[bytes]:
    narrow = text.encode("latin-1", "ignore")
    if len(narrow) == len(text) >= _MIN_CHARACTERS:
        yield narrow.lower()
    for codec in _CODECS:
        try:
            data = text.encode(codec).lower()
        except UnicodeEncodeError:
            continue
        # Two bytes a letter, four letters in all, can be part of a pseudonym by chance.
        least = 8 if codec.startswith("utf_16") else HEAD_BYTES
        if len(data) >= least:
            yield data
    try:
        seven_bits = text.encode(_JIS).lower()  # behind its escape: without it, it is ASCII
    except UnicodeEncodeError:
        return
    yield seven_bits.removesuffix(b"\x1b(b")


def _of_uid(name: str, uid: str) -> Iterator[Needle]:
    yield from encoded(name, uid, Boundary.UID)
    for component in uid.split("."):
        if len(component) >= _MIN_COMPONENT and component.isdecimal():
            yield from encoded(name, component, Boundary.DIGITS)


def _of_date(text: str) -> Iterator[str]:
    match = _DATE.match(text)
    if match is None:
        return
    year, month, day = match.groups()
    yield f"{year}{month}{day}"
    for mark in "-./":
        yield mark.join((year, month, day))
        for short in (year, year[2:]):
            yield mark.join((day, month, short))
            yield mark.join((month, day, short))
    if 1 <= int(month) <= len(_MONTHS):
        for word in {_MONTHS[int(month) - 1], _MONTHS[int(month) - 1][:3]}:
            for number in {day, day.removeprefix("0")}:
                yield f"{number} {word} {year}"
                yield f"{word} {number}, {year}"
            yield f"{day}-{word}-{year}"
            yield f"{day}{word}{year}"
    yield from _since_epoch(text)


def _since_epoch(text: str) -> Iterator[str]:
    """Seconds since 1970, UTC, of a DT with time."""
    digits = re.match(r"[0-9]{14}", text)
    if digits is None:
        return
    try:
        moment = datetime.strptime(digits.group(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return
    yield str(int(moment.timestamp()))


def _of_time(text: str) -> Iterator[str]:
    match = _TIME.fullmatch(text)
    if match is not None:
        yield ":".join(match.groups())


def _of_name(text: str) -> Iterator[str]:
    """Names whose parts are too short to be known alone: the parts together, in either order."""
    for group in text.split("="):
        parts = [part.strip() for part in group.split("^")[:_MAX_PARTS] if part.strip()]
        if len(parts) < 2 or max(map(len, parts)) >= _MIN_CHARACTERS:
            continue
        for pair in permutations(parts, 2):
            for mark in _BETWEEN:
                yield mark.join(pair)
            if not "".join(pair).isascii():
                yield "".join(pair)


def _is_encoded(raw: bytes) -> bool:
    """Return whether the bytes are no ASCII text; ISO 2022 writes Kanji in 7 bits behind ESC."""
    return len(set(raw)) > 1 and (not raw.isascii() or b"\x1b" in raw)


def _is_foreign(word: str) -> bool:
    return not word.isascii() and len(word.encode("utf-8", "replace")) >= _MIN_FOREIGN_BYTES


def _boundary(text: str) -> Boundary:
    """Return how a text must stand to count: a short word by itself, a long one anywhere."""
    return Boundary.WORD if len(text) < 8 and text.isascii() else Boundary.NONE


def without_accents(word: str) -> str:
    """Return the word in plain letters, as far as Unicode knows how they are composed."""
    if word.isascii():
        return word
    parts = unicodedata.normalize("NFKD", word)
    return "".join(part for part in parts if not unicodedata.combining(part))


def folded(text: str) -> str:
    """Return a text without what tells one spelling from another: case, accents, width."""
    return without_accents(text).casefold()
