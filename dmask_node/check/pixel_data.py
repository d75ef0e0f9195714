"""Pixel Data of an outgoing object: what was rendered, and not a byte beside it."""

import hashlib
import struct
from collections.abc import Iterator
from typing import Final

from dmask_node.check.mp4 import unexpected_content
from dmask_node.check.part10 import mapped
from dmask_node.records.masked import EncodedPicture, EncodedVideo

_VIDEO_START: Final = bytes.fromhex("e07f1000 4f420000 ffffffff feff00e0 00000000 feff00e0")
"""Pixel Data, OB, undefined length; empty offset table; first fragment (PS3.5 A.4)."""
_VIDEO_END: Final = bytes.fromhex("feffdde0 00000000")
_PICTURE_START: Final = bytes.fromhex("e07f1000 4f420000")
"""Pixel Data, OB; its length follows."""
_COMPARED_BYTES: Final = 1 << 22


def unexpected_video(data: memoryview, start: int, encoded: EncodedVideo) -> Iterator[str]:
    """Yield what is wrong with Pixel Data that must be one fragment with one bare MP4 file.

    Parameters
    ----------
    data : memoryview
        The DICOM file.
    start : int
        Where the attributes before Pixel Data end.
    encoded : EncodedVideo
        The video that was encoded; its file is compared byte by byte.
    """
    head = start + len(_VIDEO_START) + 4
    if data[start : head - 4] != _VIDEO_START or len(data) < head + len(_VIDEO_END):
        yield "PixelData is not one fragment after an empty offset table"
        return
    (length,) = struct.unpack("<I", data[head - 4 : head])
    if data[head + length :] != _VIDEO_END:
        yield "bytes after the payload of PixelData"
        return
    payload = data[head : head + length]
    for finding in unexpected_content(payload, encoded=encoded):
        yield f"PixelData: {finding}"
    with mapped(encoded.path) as file:
        if not _same(payload, file):
            yield "PixelData is not the video that was encoded"


def _same(payload: memoryview, file: memoryview) -> bool:
    """Whether the payload is the file and at most a zero byte to even length."""
    if len(payload) != len(file) + len(file) % 2 or any(payload[len(file) :]):
        return False
    return all(
        bytes(payload[at : at + _COMPARED_BYTES][: len(file) - at])
        == bytes(file[at : at + _COMPARED_BYTES])
        for at in range(0, len(file), _COMPARED_BYTES)
    )


def unexpected_picture(data: memoryview, start: int, encoded: EncodedPicture) -> Iterator[str]:
    """Yield what is wrong with Pixel Data that must be the samples of one picture, uncompressed.

    Parameters
    ----------
    data : memoryview
        The DICOM file.
    start : int
        Where the attributes before Pixel Data end.
    encoded : EncodedPicture
        The picture that was rendered; its samples are known by their digest.

    References
    ----------
    PS3.5 8.1.1 (native pixel data), 8.2 (even length).
    """
    size = encoded.rows * encoded.columns * 3
    head = start + len(_PICTURE_START) + 4
    wanted = _PICTURE_START + struct.pack("<I", size + size % 2)
    if data[start:head] != wanted or len(data) != head + size + size % 2:
        yield "PixelData is not as long as one uncompressed picture, or not the last attribute"
        return
    if any(data[head + size :]):
        yield "bytes after the picture in PixelData"
    if hashlib.sha256(data[head : head + size]).hexdigest() != encoded.sha256:
        yield "PixelData is not the picture that was rendered"
