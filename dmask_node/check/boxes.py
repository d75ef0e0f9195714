"""The boxes of an MP4 file, as they stand in the bytes (ISO/IEC 14496-12 4.2; pure parser).

Nothing is interpreted here. A box of a type that nobody knows goes by the name ``????``: its type
could be a sender's text.
"""

import struct
from dataclasses import dataclass
from typing import Final

_CONTAINERS: Final = frozenset(
    {"moov", "trak", "edts", "mdia", "minf", "dinf", "stbl", "udta", "meta"}
)
_NAMEABLE: Final = (
    "ftyp styp free skip wide mdat uuid XMP_ mvhd tkhd elst mdhd hdlr vmhd smhd nmhd gmhd dref"
    " stsd stts stss ctts stsc stsz stz2 stco co64 sdtp sgpd sbgp subs ilst loci tmcd chpl iods"
    " moof mfra mvex sidx pssh emsg prft cprt kind titl auth perf gnre dscp albm yrrc avc1 avcC"
    " pasp colr btrt"
)
_KNOWN_TYPES: Final = _CONTAINERS | frozenset(_NAMEABLE.split())
"""Types that a message may name."""
_MAX_BOXES: Final = 4096
"""An encoder's file has about thirty; a file with more is refused, not searched."""
_MAX_DEPTH: Final = 6


class Malformed(Exception):
    """The payload can't be parsed; the argument is a finding."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box of an MP4 file."""

    path: str
    """Types from the top, such as ``/moov/trak/tkhd``; ``????`` for a type nobody knows."""
    start: int
    """Offset of the body, bytes."""
    end: int
    """Offset past the body, bytes."""
    head_bytes: int = 8
    """Size and type before the body; 16 where the size is written in 64 bits."""


def walk(data: memoryview) -> list[Box]:
    """Return all boxes in file order, containers before their children.

    Descends only into the containers of a plain movie. One zero byte after the last box is taken
    as the padding to even length of PS3.5 A.4.

    Raises
    ------
    Malformed
        If the bytes are no sequence of boxes.
    """
    boxes: list[Box] = []
    end = len(data)
    if end % 2 == 0 and end > 8 and _boxes_end_one_short(data):
        end -= 1
    _walk_into(data, 0, end, "", boxes)
    return boxes


def children(data: memoryview, offset: int, parent: str) -> list[Box]:
    """Return the boxes from an offset to the end of some box's body.

    Raises
    ------
    Malformed
        If the bytes are no sequence of boxes.
    """
    boxes: list[Box] = []
    _walk_into(data, offset, len(data), parent, boxes)
    return boxes


def body_of(data: memoryview, boxes: list[Box], path: str) -> memoryview:
    """Return the body of the one box with a path.

    Raises
    ------
    Malformed
        If there is none, or more than one.
    """
    found = [box for box in boxes if box.path == path]
    if len(found) != 1:
        raise Malformed(f"{len(found)} boxes {path} where 1 is expected")
    return data[found[0].start : found[0].end]


def _boxes_end_one_short(data: memoryview) -> bool:
    """Whether a single zero byte follows the last top-level box."""
    offset, end = 0, len(data)
    for _ in range(_MAX_BOXES):
        if offset + 8 > end:
            break
        size = int.from_bytes(data[offset : offset + 4], "big")
        if size == 1 and offset + 16 <= end:
            size = int.from_bytes(data[offset + 8 : offset + 16], "big")
        if size < 8:
            break
        offset += size
    return offset == end - 1 and data[offset] == 0


def _walk_into(data: memoryview, offset: int, end: int, parent: str, boxes: list[Box]) -> None:
    while offset < end:
        if offset + 8 > end:
            raise Malformed(_after_last(parent))
        size, code = struct.unpack_from(">I4s", data, offset)
        head = 8
        if size == 1:
            if offset + 16 > end:
                raise Malformed("a box ends within its own header")
            (size,) = struct.unpack_from(">Q", data, offset + 8)
            head = 16
        elif size == 0:
            raise Malformed("a box has no size of its own")
        if size < head or offset + size > end:
            raise Malformed(_after_last(parent))
        kind = code.decode("latin-1")
        path = f"{parent}/{kind if kind in _KNOWN_TYPES else '????'}"
        boxes.append(Box(path, offset + head, offset + size, head))
        if len(boxes) > _MAX_BOXES:
            raise Malformed(f"more than {_MAX_BOXES} boxes")
        if kind in _CONTAINERS and path.count("/") <= _MAX_DEPTH:
            # `meta` is a full box in MP4: version and flags stand before its children.
            inner = offset + head + (4 if kind == "meta" else 0)
            _walk_into(data, inner, offset + size, path, boxes)
        offset += size


def _after_last(parent: str) -> str:
    where = f"the last box within {parent}" if parent else "the last box"
    return f"bytes after {where} that are no box"
