"""A writer of DICOM files that writes what it is told, right or wrong (PS3.5 7, PS3.10 7).

It shares nothing with the library that the node reads with: no value is checked, padded with
sense, or refused.
"""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from pydicom.datadict import dictionary_VR, tag_for_keyword

from tests.adversary.secrets import (
    ACCENTED,
    ARABIC,
    CYRILLIC,
    GREEK,
    HAN,
    HANGUL,
    HEBREW,
    KANA,
    THAI,
)

EXPLICIT: Final = "1.2.840.10008.1.2.1"
IMPLICIT: Final = "1.2.840.10008.1.2"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
_LONG: Final = frozenset(
    ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]
)
_UNDEFINED: Final = 0xFFFFFFFF
_PIXEL_DATA: Final = 0x7FE00010
_BINARY: Final = {
    "US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """How texts are written, and in which scripts a name can be."""

    declared: bytes | None
    """Value of Specific Character Set (0008,0005)."""
    codec: str
    scripts: tuple[str, ...]
    """Letters for what is not Latin."""
    escape: bytes = b""
    """Before what is not ASCII (PS3.5 6.1.2.5)."""

    def encode(self, text: str) -> bytes:
        """Encode; an escape sequence goes before each part that is not ASCII."""
        if not self.escape:
            return text.encode(self.codec)
        return b"".join(
            part.encode() if part.isascii() else self.escape + part.encode(self.codec)
            for part in _parts(text)
        )


UTF_8: Final = CharacterSet(
    b"ISO_IR 192", "utf-8",
    (HAN, KANA, HANGUL, CYRILLIC, GREEK, HEBREW, ARABIC, THAI, ACCENTED),
)  # fmt: skip
JAPANESE: Final = CharacterSet(b"\\ISO 2022 IR 87", "iso2022_jp", (HAN, KANA))
KOREAN: Final = CharacterSet(b"\\ISO 2022 IR 149", "euc_kr", (HAN, HANGUL), b"\x1b$)C")
LATIN_1: Final = CharacterSet(b"ISO_IR 100", "latin-1", (ACCENTED,))
CHINESE: Final = CharacterSet(b"GB18030", "gb18030", (HAN, CYRILLIC))
UNDECLARED: Final = CharacterSet(None, "utf-8", (HAN, CYRILLIC, ACCENTED))
"""Texts that no declaration covers."""
LYING: Final = CharacterSet(b"ISO 2022 IR 87\\ISO_IR 192", "gb18030", (HAN, CYRILLIC))
"""One set is declared, in a way that the standard forbids, and another one is used."""


def _parts(text: str) -> Iterable[str]:
    part = ""
    for letter in text:
        if part and letter.isascii() != part[-1].isascii():
            yield part
            part = ""
        part += letter
    yield part


@dataclass(slots=True)
class Element:
    """One element: raw bytes, or items."""

    vr: str
    value: "bytes | list[Item]"


Item = dict[int, Element]


@dataclass(slots=True)
class Part10:
    """A file to be: its elements by tag, and what stands around them."""

    sop_class_uid: str
    sop_instance_uid: str
    character_set: CharacterSet
    transfer_syntax_uid: str = EXPLICIT
    elements: Item = field(default_factory=dict)
    pixel_data: bytes = b""
    """Value of Pixel Data; for an encapsulated one, items and all."""
    after_pixel_data: Item = field(default_factory=dict)
    preamble: bytes = bytes(128)
    meta: Item = field(default_factory=dict)
    """Beyond what the file needs."""

    @property
    def encapsulated(self) -> bool:
        """Whether Pixel Data is a sequence of fragments."""
        return self.transfer_syntax_uid not in (EXPLICIT, IMPLICIT, DEFLATED)

    def data_set(self) -> bytes:
        """Return the data set as it goes over the network."""
        explicit = self.transfer_syntax_uid != IMPLICIT
        before = {tag: e for tag, e in self.elements.items() if tag < _PIXEL_DATA}
        after = {tag: e for tag, e in self.elements.items() if tag > _PIXEL_DATA}
        written = write_items(before, explicit=explicit)
        if self.encapsulated:
            written += struct.pack("<HH2s2xI", 0x7FE0, 0x10, b"OB", _UNDEFINED)
            written += self.pixel_data + b"\xfe\xff\xdd\xe0\0\0\0\0"
        else:
            written += _element(_PIXEL_DATA, "OB", self.pixel_data, explicit=explicit)
        written += write_items({**after, **self.after_pixel_data}, explicit=explicit)
        if self.transfer_syntax_uid == DEFLATED:
            packer = zlib.compressobj(9, wbits=-15)
            written = packer.compress(written) + packer.flush()
            written += b"\0" * (len(written) % 2)
        return written

    def file(self) -> bytes:
        """Return the whole file."""
        needed: Item = {
            0x00020001: Element("OB", b"\0\1"),
            0x00020002: Element("UI", self.sop_class_uid.encode()),
            0x00020003: Element("UI", self.sop_instance_uid.encode()),
            0x00020010: Element("UI", self.transfer_syntax_uid.encode()),
            0x00020012: Element("UI", b"1.2.826.0.1.3680043.9.1"),
        }
        meta = write_items({**needed, **self.meta}, explicit=True)
        length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta))
        return self.preamble.ljust(128, b"\0") + b"DICM" + length + meta + self.data_set()


def put(item: Item, keyword: str | int, value: "bytes | list[Item]", vr: str | None = None) -> None:
    """Set an element, under the dictionary's value representation unless another is given."""
    tag = tag_for_keyword(keyword) if isinstance(keyword, str) else keyword
    assert tag is not None, keyword
    item[int(tag)] = Element(vr or dictionary_VR(tag)[:2], value)


def number(vr: str, value: float) -> bytes:
    """Write a number as its value representation demands."""
    if vr in _BINARY:
        return struct.pack("<" + _BINARY[vr], value)
    return str(value).encode()


def write_items(elements: Item, *, explicit: bool) -> bytes:
    """Write elements in the order of their tags."""
    return b"".join(
        _element(tag, element.vr, element.value, explicit=explicit)
        for tag, element in sorted(elements.items())
    )


def _element(tag: int, vr: str, value: "bytes | list[Item]", *, explicit: bool) -> bytes:
    if isinstance(value, list):
        items = b"".join(_item(item, tag, explicit=explicit) for item in value)
        if tag & 1 or len(items) >= _UNDEFINED:  # odd tags: defined lengths, for a change
            return _head(tag, vr, len(items), explicit=explicit) + items
        end = b"\xfe\xff\xdd\xe0\0\0\0\0"
        return _head(tag, vr, _UNDEFINED, explicit=explicit) + items + end
    value += (b"\0" if vr in ("UI", "OB", "UN") else b" ") * (len(value) % 2)
    return _head(tag, vr, len(value), explicit=explicit) + value


def _item(item: Item, tag: int, *, explicit: bool) -> bytes:
    written = write_items(item, explicit=explicit)
    if tag & 2:
        return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(written)) + written
    end = b"\xfe\xff\x0d\xe0\0\0\0\0"
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", _UNDEFINED) + written + end


def _head(tag: int, vr: str, length: int, *, explicit: bool) -> bytes:
    group, element = tag >> 16, tag & 0xFFFF
    if not explicit:
        return struct.pack("<HHI", group, element, length)
    if vr in _LONG:
        return struct.pack("<HH2s2xI", group, element, vr.encode(), length)
    assert length <= 0xFFFF, f"{group:04X},{element:04X} is too long for {vr}"
    return struct.pack("<HH2sH", group, element, vr.encode(), length)


def fragments(payload: bytes, n: int) -> bytes:
    """Cut a stream into fragments behind an empty offset table (PS3.5 A.4)."""
    step = -(-len(payload) // n)
    step += step % 2
    parts = [payload[at : at + step] for at in range(0, len(payload), step)]
    parts[-1] += b"\0" * (len(parts[-1]) % 2)
    return b"\xfe\xff\x00\xe0\0\0\0\0" + b"".join(
        b"\xfe\xff\x00\xe0" + struct.pack("<I", len(part)) + part for part in parts
    )
