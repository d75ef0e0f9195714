"""Walk through the elements of a DICOM data set without building anything (PS3.5 7).

A library that reads nested sequences calls itself once for each level and builds an object for each
item: a file of a few hundred kilobytes can hold ten thousand levels or a million empty items. This
walk keeps a stack of its own, reads no values, and stops at the first limit, so that files can be
refused before they cost anything. It takes bytes for what pydicom takes them for, its leniencies
included; what it lets pass holds no more levels and items than it has counted.
"""

import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO, Final

from pydicom.datadict import dictionary_VR
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, VR

from dmask_node.errors import Permanent

_KNOWN_VRS: Final = frozenset(vr.value.encode() for vr in VR if len(vr.value) == 2)
_LONG_VRS: Final = frozenset(vr.encode() for vr in EXPLICIT_VR_LENGTH_32)
"""Value representations with a four-byte length (PS3.5 7.1.2)."""
_UNDEFINED: Final = 0xFFFFFFFF
_ITEM: Final = 0xFFFEE000
_ITEM_END: Final = 0xFFFEE00D
_SEQUENCE_END: Final = 0xFFFEE0DD
_PIXEL_DATA: Final = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
"""Float, double float and integer Pixel Data: what readers stop at."""
_CHUNK: Final = 1 << 16
_LONGEST_WANTED: Final = 1024


class HeaderTooComplex(Permanent):
    """The header is nested too deeply, or has too many items, elements or bytes."""

    reason = "header_too_complex"
    hint = (
        "No camera writes such a header. If it is genuine, raise decode.max_depth, max_items, "
        "max_elements or max_header_mb."
    )


class HeaderCutShort(Permanent):
    """The data set ends within an element."""

    reason = "header_cut_short"
    hint = "The sender wrote or sent it only in part; send it again from the original."


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may stand before the pixels."""

    depth: int = 32
    """Deepest nesting of sequence items; 0 at the top level."""
    items: int = 20_000
    """Sequence items, at all levels together."""
    elements: int = 100_000
    """Elements, at all levels together."""
    length: int = 64_000_000
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """What the walk has found."""

    stopped_at: int
    """Offset in the file of the element that it stopped at, or where the data set ends."""
    pixel_data: bool
    """Whether it stopped at Pixel Data."""
    items: int
    elements: int
    values: Mapping[int, bytes] = field(repr=False)
    """Of the wanted elements that are there; at the top level only."""


def walk(
    file: BinaryIO,
    start: int,
    *,
    implicit: bool,
    little_endian: bool = True,
    limits: Limits,
    wanted: Collection[int] = (),
    within: range | None = None,
) -> Structure:
    """Walk through a data set up to its Pixel Data.

    Parameters
    ----------
    file : BinaryIO
        Its position is moved.
    start : int
        Offset of the first element, bytes.
    implicit, little_endian : bool
        How the transfer syntax says it is encoded.
    limits : Limits
        Where to give up.
    wanted : collection of int
        Tags, as ``0xggggeeee``, whose values are asked for; those over 1 KiB are left out.
    within : range, optional
        Stop at the first element whose tag is not one of these. Default: at Pixel Data.

    Returns
    -------
    Structure
        It is within the limits.

    Raises
    ------
    HeaderTooComplex
        If it is beyond a limit.
    HeaderCutShort
        If the file ends before an element or a sequence of undefined length does.

    References
    ----------
    PS3.5 7.1 (elements), 7.5 (nesting), 6.2.2 note 2 (UN of undefined length).
    """
    return _Walk(file, start, implicit, little_endian, limits, frozenset(wanted), within).run()


class _Level:
    """A data set, or a sequence, that the walk is in."""

    __slots__ = ("end", "implicit", "in_value", "is_sequence", "window")

    def __init__(
        self,
        end: int | None,
        window: int,
        *,
        implicit: bool,
        in_value: bool,
        is_sequence: bool = False,
    ) -> None:
        self.end = end  # None: a delimiter ends it
        self.window = window  # nothing beyond it is looked at, whatever lengths say
        self.implicit = implicit
        self.in_value = in_value  # whether the window is a value of known length, or the file
        self.is_sequence = is_sequence


class _NoSequence(Exception):
    """A value of known length is not the sequence that it seemed to be."""


class _Walk:
    """One walk through one data set."""

    def __init__(
        self,
        file: BinaryIO,
        start: int,
        implicit: bool,
        little_endian: bool,
        limits: Limits,
        wanted: frozenset[int],
        within: range | None,
    ) -> None:
        self._file = file
        self._size = file.seek(0, 2)
        self._start = self._at = start
        self._limits = limits
        self._wanted = wanted
        self._within = within
        order = "<" if little_endian else ">"
        self._explicit = struct.Struct(order + "HH2sH")
        self._plain = struct.Struct(order + "HHI")
        self._long = struct.Struct(order + "I")
        self._chunk, self._chunk_at = b"", 0
        self._items = self._elements = self._depth = 0
        self._values: dict[int, bytes] = {}
        self._stopped = self._at_pixels = False
        self._levels = [_Level(None, self._size, implicit=implicit, in_value=False)]
        self._levels[0].implicit = self._is_implicit(implicit)

    def run(self) -> Structure:
        while self._levels and not self._stopped:
            level = self._levels[-1]
            if level.end is not None and self._at >= level.end:
                self._leave()
                continue
            try:
                if level.is_sequence:
                    self._step_to_item(level)
                else:
                    self._step_over_element(level)
            except _NoSequence:
                self._abandon(level.window)
            self._require_within_limits()
        return Structure(
            stopped_at=self._at,
            pixel_data=self._at_pixels,
            items=self._items,
            elements=self._elements,
            values=self._values,
        )

    def _require_within_limits(self) -> None:
        limits = self._limits
        if (
            self._depth <= limits.depth
            and self._items <= limits.items
            and self._elements <= limits.elements
            and self._at - self._start <= limits.length
        ):
            return
        for name, found, most in (
            ("levels", self._depth, limits.depth),
            ("items", self._items, limits.items),
            ("elements", self._elements, limits.elements),
            ("bytes", self._at - self._start, limits.length),
        ):
            if found > most:
                raise HeaderTooComplex(f"more than the {most} {name} that are allowed")

    # One step

    def _step_over_element(self, level: _Level) -> None:
        head = self._peek(8, level.window)
        if len(head) < 8:
            if len(self._levels) > 1:
                raise self._ends_early(level)
            self._stopped = True  # the data set ends here
            return
        tag, vr, length, width = self._read_head(head, level)
        if len(self._levels) == 1 and self._is_end(tag):
            self._stopped = True
            return
        self._at += width
        if tag == _ITEM_END:
            self._leave()
            return
        self._elements += 1
        if length == _UNDEFINED:
            self._enter_undefined(level, tag, vr)
            return
        end = self._at + length
        if end > level.window:
            if not level.in_value:
                raise self._ends_early(level)
            end = level.window  # readers take what there is
        if len(self._levels) == 1 and tag in self._wanted and length <= _LONGEST_WANTED:
            self._values[tag] = self._peek(length, end)
        if self._may_be_sequence(vr, tag, length, end):
            # Readers take such a value for a file of its own.
            self._levels.append(
                _Level(end, end, implicit=level.implicit, in_value=True, is_sequence=True)
            )
        else:
            self._at = end

    def _read_head(self, head: bytes, level: _Level) -> tuple[int, bytes | None, int, int]:
        """Return tag, VR (None: not told), length, and how many bytes tell them."""
        if not level.implicit:
            group, element, vr, length = self._explicit.unpack(head)
            if vr in _LONG_VRS:
                field = self._peek(12, level.window)[8:]
                if len(field) < 4:
                    raise self._ends_early(level)
                return group << 16 | element, vr, self._long.unpack(field)[0], 12
            if vr in _KNOWN_VRS or b"AA" <= vr <= b"ZZ":
                return group << 16 | element, vr, length, 8
        group, element, length = self._plain.unpack(head)
        return group << 16 | element, None, length, 8

    def _is_end(self, tag: int) -> bool:
        self._at_pixels = self._within is None and tag in _PIXEL_DATA
        return self._at_pixels or (self._within is not None and tag not in self._within)

    def _enter_undefined(self, level: _Level, tag: int, vr: bytes | None) -> None:
        is_sequence = vr in (b"SQ", b"UN")
        if vr is None:
            known = _vr_of(tag)
            is_sequence = known == "SQ" or (known == "" and self._next_tag(level) == _ITEM)
        if is_sequence:
            self._levels.append(
                _Level(
                    None,
                    level.window,
                    implicit=level.implicit,
                    in_value=level.in_value,
                    is_sequence=True,
                )
            )
        else:
            self._skip_fragments(level)

    def _may_be_sequence(self, vr: bytes | None, tag: int, length: int, end: int) -> bool:
        if length < 8:
            return False
        if vr == b"SQ":
            return True
        if vr not in (None, b"UN"):
            return False
        head = self._peek(4, end)
        return _vr_of(tag) == "SQ" or head in (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")

    def _step_to_item(self, level: _Level) -> None:
        head = self._peek(8, level.window)
        if len(head) < 8:
            raise self._ends_early(level)
        group, element, length = self._plain.unpack(head)
        self._at += 8
        if group << 16 | element == _SEQUENCE_END:
            self._leave()
            return
        self._items += 1  # whatever the tag: readers take it for an item
        self._depth += 1
        end = None if length == _UNDEFINED else self._at + length
        implicit = level.implicit or self._is_implicit(level.implicit)
        self._levels.append(_Level(end, level.window, implicit=implicit, in_value=level.in_value))

    def _skip_fragments(self, level: _Level) -> None:
        """Skip a value of undefined length that is no sequence (PS3.5 A.4)."""
        start = self._at
        while True:
            head = self._peek(8, level.window)
            if len(head) < 8:
                break
            group, element, length = self._plain.unpack(head)
            tag = group << 16 | element
            if tag == _SEQUENCE_END:
                self._at += 8
                return
            if tag != _ITEM or length == _UNDEFINED:
                break
            self._elements += 1
            self._at += 8 + length
            self._require_within_limits()
        self._at = start
        self._skip_to_delimiter(level)

    def _skip_to_delimiter(self, level: _Level) -> None:
        """Search the bytes for the delimiter, as readers do when there are no fragments."""
        delimiter = self._plain.pack(0xFFFE, 0xE0DD, 0)[:4]
        while self._at < level.window:
            block = self._peek(_CHUNK, level.window)
            found = block.find(delimiter)
            if found >= 0:
                self._at += found + 8
                return
            self._at += max(1, len(block) - 3)
            self._require_within_limits()
        raise self._ends_early(level)

    # Levels

    def _leave(self) -> None:
        left = self._levels.pop()
        if not left.is_sequence:
            self._depth = max(0, self._depth - 1)
        elif left.end is not None:
            self._at = left.end

    def _abandon(self, window: int) -> None:
        """Go on behind a value that is no sequence after all."""
        while self._levels[-1].window == window and self._levels[-1].in_value:
            if not self._levels.pop().is_sequence:
                self._depth -= 1
        self._at = window

    @staticmethod
    def _ends_early(level: _Level) -> Exception:
        if level.in_value:
            return _NoSequence()
        return HeaderCutShort("the object ends within its attributes")

    # Bytes

    def _peek(self, length: int, window: int) -> bytes:
        """Return the bytes ahead, as far as they go."""
        length = min(length, window - self._at)
        if length <= 0:
            return b""
        begin = self._at - self._chunk_at
        if begin < 0 or begin + length > len(self._chunk):
            self._file.seek(self._at)
            self._chunk, self._chunk_at = self._file.read(max(_CHUNK, length)), self._at
            begin = 0
        return self._chunk[begin : begin + length]

    def _next_tag(self, level: _Level) -> int:
        head = self._peek(8, level.window)
        if len(head) < 8:
            return 0
        group, element, _ = self._plain.unpack(head)
        return int(group << 16 | element)

    def _is_implicit(self, assumed: bool) -> bool:
        """Look at the first element of a data set: its VR shows how it really is encoded."""
        head = self._peek(6, self._levels[-1].window)
        if len(head) < 6:
            return assumed
        return not (0x40 < head[4] < 0x5B and 0x40 < head[5] < 0x5B)


@lru_cache(maxsize=4096)
def _vr_of(tag: int) -> str:
    """Return the VR that the dictionary knows; empty if it does not know the tag."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""
