"""All the ways in which a secret may stand in some bytes."""

import base64
import hashlib
import html
import json
import re
import struct
import unicodedata
import uuid
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import quote

from tests.adversary.secrets import Kind, Secret

ENCODINGS: Final = (
    "utf-8", "latin-1", "cp1252", "cp1250", "iso8859-5", "iso8859-7", "iso8859-6", "iso8859-8",
    "tis-620", "iso2022_jp", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "iso2022_kr",
    "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-7",
)  # fmt: skip
_FOR_ASCII: Final = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_ESCAPES: Final = re.compile(rb"\x1b\$[()]?[BCJ@]|\x1b\([BJI]|[\x0e\x0f]")
"""What only announces a character set (ISO 2022): it may stand further off."""
SHORTEST: Final = 4
"""Shorter forms stand in pictures by chance."""
_GENERATED: Final = 64 - len("1.2.826.0.1.3680043.8.498.")
"""Digits of a digest that a UID of pydicom's has room for."""
_DIGESTS: Final = ("md5", "sha1", "sha256")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


class Spelling(NamedTuple):
    """One way to write a secret."""

    form: str
    """What a finding calls it."""
    data: bytes
    """In ASCII lower case."""
    alone: bool
    """Counts only where no letter, digit or dot stands before it."""


def spellings(secret: Secret) -> Iterator[Spelling]:
    """List the ways to write a secret; bytes may come twice."""
    match secret.kind:
        case Kind.TEXT:
            yield from _text(secret.value)
        case Kind.DATE:
            yield from _date(secret.value)
        case Kind.TIME:
            yield from _time(secret.value)
        case Kind.DATE_TIME:
            yield from _date(secret.value[:8])
            yield from _encoded(secret.value[:14], "date and time")
            yield from _encoded(_iso(secret.value), "date and time")
            yield from _encoded(_iso(secret.value).replace("T", " "), "date and time")
        case Kind.UID:
            yield from _uid(secret.value, secret.whole)
        case Kind.NUMBER:
            yield from _number(secret.value, secret.code)
        case Kind.BYTES:
            content = bytes.fromhex(secret.value)
            yield Spelling("bytes", content.lower(), alone=False)
            yield from _armoured(content)
    for value in {secret.value, secret.whole} - {""}:
        yield from _digests(value)


def _text(text: str) -> Iterator[Spelling]:
    for case in {text, text.lower(), text.upper(), text.title()}:
        yield from _encoded(case, "text")
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text)
        if not unicodedata.combining(letter)
    )
    if plain != text and len(plain) >= 6:
        yield from _encoded(plain, "without accents")
    yield from _encoded(unicodedata.normalize("NFD", text), "decomposed")
    yield from _encoded(text[::-1], "reversed")


def _encoded(text: str, form: str, *, alone: bool = False) -> Iterator[Spelling]:
    """Yield a text in every encoding, and each of these armoured."""
    seen: set[bytes] = set()
    for encoding in _FOR_ASCII if text.isascii() else ENCODINGS:
        try:
            content = text.encode(encoding)
        except UnicodeEncodeError:
            continue
        if encoding.startswith("iso2022"):
            content = _ESCAPES.sub(b"", content)
        if content in seen:
            continue
        seen.add(content)
        yield Spelling(f"{form}, {encoding}", content.lower(), alone)
        if not encoding.startswith("utf-") or encoding == "utf-8":
            yield from _armoured(content)
        if not content.isascii():
            # Read as Latin-1 by mistake and written again; quoted as Python quotes bytes.
            yield Spelling(
                f"{form}, encoded twice", content.decode("latin-1").lower().encode(), alone
            )
            yield Spelling(f"{form}, repr", repr(content)[2:-1].lower().encode(), alone)
    if not text.isascii():
        escaped = json.dumps(text)[1:-1]
        entities = "".join(f"&#{ord(letter)};" for letter in text)
        for form_, written in (
            ("JSON", escaped),
            ("percent", quote(text)),
            ("HTML", entities),
            ("HTML", html.escape("".join(f"&#x{ord(letter):x};" for letter in text), quote=False)),
            ("Python", text.encode("unicode_escape").decode()),
        ):
            yield Spelling(f"{form}, {form_}", written.lower().encode(), alone)


def _armoured(content: bytes) -> Iterator[Spelling]:
    """Yield bytes as hexadecimal, base64 at each of three alignments, and back to front."""
    yield Spelling("hex", content.hex().encode(), alone=False)
    yield Spelling("reversed bytes", content[::-1].lower(), alone=False)
    for shift in range(3):
        # What stands before and behind is not ours: only whole groups of 24 bits are certain.
        padded = b"\0" * shift + content
        whole = base64.b64encode(padded[: len(padded) // 3 * 3]).lower()
        core = whole[4 if shift else 0 :]
        if len(core) >= 8:
            yield Spelling("base64", core, alone=False)
            if b"+" in core or b"/" in core:
                url = core.replace(b"+", b"-").replace(b"/", b"_")
                yield Spelling("base64", url, alone=False)


def _digests(value: str) -> Iterator[Spelling]:
    """Yield unkeyed digests: who can list all record numbers can read them."""
    content = value.encode()
    for name in _DIGESTS:
        yield Spelling(name, hashlib.new(name, content).hexdigest().encode(), alone=False)
    digest = base64.b64encode(hashlib.sha256(content).digest()).rstrip(b"=").lower()
    yield Spelling("sha256", digest, alone=False)
    # As pydicom.generate_uid makes UIDs of a text, and others by way of a UUID.
    number = str(int(hashlib.sha512(value.encode()).hexdigest(), 16))[:_GENERATED]
    yield Spelling("UID of a digest", number.encode(), alone=False)
    number = str(uuid.uuid5(uuid.NAMESPACE_OID, value).int)
    yield Spelling("UID of a digest", number.encode(), alone=False)


def _date(day: str) -> Iterator[Spelling]:
    year, month, date = day[:4], day[4:6], day[6:]
    orders = ((year, month, date), (date, month, year), (month, date, year))
    for order in orders:
        yield from _encoded("".join(order), "date", alone=True)
        yield Spelling("date, reversed", "".join(order)[::-1].encode(), alone=True)
        for mark in "-./ ":
            yield from _encoded(mark.join(order), "date")
    name = _MONTHS[int(month) - 1]
    for written in {
        f"{date} {name} {year}", f"{name} {date}, {year}", f"{date} {name[:3]} {year}",
        f"{date}-{name[:3]}-{year}", f"{name[:3]} {date}, {year}",
    }:  # fmt: skip
        yield from _encoded(written, "date in words")


def _iso(moment: str) -> str:
    year, month, date, rest = moment[:4], moment[4:6], moment[6:8], moment[8:]
    return f"{year}-{month}-{date}T{rest[:2]}:{rest[2:4]}:{rest[4:6]}"


def _time(time: str) -> Iterator[Spelling]:
    hour, minute, rest = time[:2], time[2:4], time[4:]
    yield from _encoded(time, "time")
    yield from _encoded(f"{hour}:{minute}:{rest}", "time")
    yield from _encoded(time[:10], "time to 1 ms")
    yield from _encoded(f"{hour}:{minute}:{rest[:6]}", "time to 1 ms")
    yield from _encoded(time.replace(".", ""), "time without a point")


def _uid(mark: str, whole: str) -> Iterator[Spelling]:
    yield from _encoded(mark, "UID")
    if whole.startswith("2.25."):
        number = uuid.UUID(int=int(mark))
        yield Spelling("UUID", str(number).encode(), alone=False)
        yield Spelling("UUID", number.hex.encode(), alone=False)
        yield Spelling("UUID, bytes", number.bytes.lower(), alone=False)
        yield Spelling("UUID, bytes", number.bytes_le.lower(), alone=False)


def _number(number: str, code: str) -> Iterator[Spelling]:
    yield from _encoded(number, "number")
    if "." in number:
        yield from _encoded(number.replace(".", ""), "number without a point")
    elif len(number) >= 9:
        for thousands in (f"{int(number):,}", f"{int(number):,}".replace(",", " ")):
            yield from _encoded(thousands, "number with marks")
    if code:
        value = float(number) if code in "fd" else int(number)
        for order in "<>":
            yield Spelling("binary", struct.pack(order + code, value).lower(), alone=False)
