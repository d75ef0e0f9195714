"""Unpack what stands packed in bytes: base64, hexadecimal, percent signs, two bytes a letter.

So a name is searched for once, and found in every packing, letter case and alignment.
"""

import base64
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

_LEAST_RUN: Final = 8
"""Letters of base64, and so on; what is shorter can't be told from chance."""
_LEAST_WIDE: Final = 4
_LONG_RUN: Final = 64
_LEAST_LETTERS: Final = 4
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
_HEXADECIMAL: Final = re.compile(rb"[0-9A-Fa-f]{12,}")
_PERCENT: Final = re.compile(rb"%[0-9A-Fa-f]{2}")
_CHUNK_BYTES: Final = 1 << 22
_OVERLAP_BYTES: Final = 4096
_VISIBLE: Final = np.array([33 <= byte < 127 for byte in range(256)])
_PRINTABLE: Final = np.array([32 <= byte < 127 for byte in range(256)])


def unpacked(data: memoryview) -> bytes:
    """Return all that stands packed in the bytes, one after the other, zeros between.

    Parameters
    ----------
    data : memoryview
        Of bytes; may be a mapped file.

    Returns
    -------
    bytes
        From compressed pictures, where such runs stand by chance, a thousandth of their size.
    """
    found = bytearray()
    for start in range(0, len(data), _CHUNK_BYTES):
        chunk = bytes(data[max(start - _OVERLAP_BYTES, 0) : start + _CHUNK_BYTES])
        octets = np.frombuffer(chunk, np.uint8)
        for begin, end in _runs(_VISIBLE[octets], _LEAST_RUN):
            if end - begin > _LONG_RUN and len(set(chunk[begin:end])) < _LEAST_LETTERS:
                continue  # an even background in a picture that is not compressed
            for piece in _pieces(chunk[begin:end]):
                found += piece + b"\0"
        # ASCII in UTF-16 of either byte order: letters and zeros by turns
        wide = _PRINTABLE[octets[:-1]] & (octets[1:] == 0)
        for shift in range(2):
            for begin, end in _runs(wide[shift::2], _LEAST_WIDE):
                begin, end = shift + 2 * begin, shift + 2 * end
                # With the high byte first, no zero follows the last letter.
                found += chunk[begin:end:2] + b"\0" + chunk[begin : end + 1 : 2] + b"\0"
    return bytes(found)


def _runs(mask: NDArray[np.bool_], least: int) -> list[tuple[int, int]]:
    """Return begin and end of every run of True that is long enough."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    begins, ends = edges[::2], edges[1::2]
    long = ends - begins >= least
    return list(zip(begins[long].tolist(), ends[long].tolist(), strict=True))


def _pieces(run: bytes) -> Iterator[bytes]:
    """Yield what a run of visible letters may stand for."""
    for match in _BASE64.finditer(run):
        letters = match.group().translate(_FROM_URL)
        for shift in range(4):  # four letters are three bytes: it may begin at any of them
            part = letters[shift:]
            part = part[:-1] if len(part) % 4 == 1 else part
            yield base64.b64decode(part + b"=" * (-len(part) % 4))
    for match in _HEXADECIMAL.finditer(run):
        digits = match.group().decode("ascii")
        for shift in range(2):
            yield bytes.fromhex(digits[shift : len(digits) - (len(digits) - shift) % 2])
    if _PERCENT.search(run):
        yield unquote_to_bytes(run)
