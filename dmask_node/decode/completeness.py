"""Whether a video container is all there, by the lengths it tells itself (pure but for reading).

A stream cut short often decodes without a complaint, only to fewer frames.
"""

import io
from typing import BinaryIO, Final

from dmask_node.decode.errors import Truncated, Undecodable

_MP4_TYPES: Final = frozenset(
    {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"pnot", b"uuid"}
)
_NEEDED: Final = frozenset({b"moov", b"mdat", b"moof"})
"""Boxes that must not be cut; what trails them may be a sender's rubbish."""
_MAX_BOXES: Final = 100_000
_TS_PACKETS: Final = ((188, 0), (192, 4))
"""Length of a transport stream packet, and where its sync byte stands (ITU-T H.222.0; M2TS)."""


def require_complete(file: "io.RawIOBase | BinaryIO", size: int) -> None:
    """Raise unless MP4, AVI, Matroska or a transport stream is as long as it says.

    Parameters
    ----------
    file : seekable binary file
        The payload, from its first byte; the position is put back to 0.
    size : int
        Its length, bytes.

    Raises
    ------
    Truncated
        If a part that is needed goes beyond the end.
    Undecodable
        If there are so many boxes that nobody wrote them to be read.
    """
    file.seek(0)
    head = file.read(1024) or b""
    if head[4:8] in _MP4_TYPES:
        _require_boxes(file, size)
    elif head[:4] == b"RIFF":
        _require_riff(head, size)
    elif head[:4] == b"\x1a\x45\xdf\xa3":
        _require_segment(head, size)
    else:
        _require_whole_packets(file, head, size)
    file.seek(0)


def _require_boxes(file: "io.RawIOBase | BinaryIO", size: int) -> None:
    offset = 0
    for _ in range(_MAX_BOXES):
        file.seek(offset)
        header = file.read(16) or b""
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if len(header) < 8 or length == 0:  # 0: to the end of the file
            return
        if offset + length > size and kind in _NEEDED:
            raise Truncated(f"a {kind.decode()} box goes {offset + length - size} bytes too far")
        if length < 8:
            return
        offset += length
    raise Undecodable(f"more than {_MAX_BOXES} boxes")


def _require_riff(head: bytes, size: int) -> None:
    length = int.from_bytes(head[4:8], "little")
    # 0 and all ones are left by recorders that were never told to stop.
    if length not in (0, 0xFFFFFFFF) and 8 + length > size + 1:
        raise Truncated(f"the AVI file lacks {8 + length - size} bytes")


def _require_segment(head: bytes, size: int) -> None:
    offset = 4
    header_length, width = _vint(head, offset)
    offset += width + header_length
    if head[offset : offset + 4] != b"\x18\x53\x80\x67":
        return
    length, width = _vint(head, offset + 4)
    unknown = length == (1 << (7 * width)) - 1
    if width and not unknown and offset + 4 + width + length > size:
        raise Truncated(f"the Matroska file lacks {offset + 4 + width + length - size} bytes")


def _vint(data: bytes, at: int) -> tuple[int, int]:
    """Return value and width in bytes of an EBML variable-size integer (RFC 8794 4)."""
    if at >= len(data) or data[at] == 0:
        return 0, 0
    width = 9 - data[at].bit_length()
    raw = int.from_bytes(data[at : at + width], "big")
    return raw & ((1 << (7 * width)) - 1), width


def _require_whole_packets(file: "io.RawIOBase | BinaryIO", head: bytes, size: int) -> None:
    for length, sync in _TS_PACKETS:
        marks = head[sync::length][: max(1, len(head) // length)]
        if len(marks) > 1 and set(marks) == {0x47}:
            rest = size % length
            file.seek(size - rest)
            if any(file.read(rest) or b""):  # zeros are padding
                raise Truncated("the transport stream ends within a packet")
            return
