"""Search bytes for many strings at once, whatever their letter case.

The time grows with the bytes and with the strings, not with their product: a string is looked for
only if the bytes it begins with stand somewhere.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmask_node.check.unpack import unpacked

HEAD_BYTES: Final = 4
"""Of every needle, at least: the search begins with them."""
_PICTURE_HEAD_BYTES: Final = 6
_ODDS_BITS: Final = 20
"""Chance puts some needle into given pictures less often than once in a million."""
_MANY: Final = 4096
"""Needles; of a header with more, no longer ones are asked for."""
_BITS_PER_BYTE: Final = 7
"""That a given byte of compressed pictures is a given letter, in either case: 1 in 128."""
_CHUNK_BYTES: Final = 1 << 22
_SHORT_BYTES: Final = 1 << 16
"""So short that every beginning can be looked at."""


class Boundary(IntEnum):
    """What may not stand beside a hit."""

    NONE = 0
    """Anything may: the needle is long enough to count wherever it stands."""
    WORD = 1
    """No ASCII letter, no digit."""
    DIGITS = 2
    """No digit."""
    UID = 3
    """No digit, no dot."""


class Needle(NamedTuple):
    """A string to search for."""

    data: bytes
    """In ASCII lower case, `HEAD_BYTES` or more."""
    name: str
    """What a finding calls it."""
    boundary: Boundary


def find_in_text(data: bytes, needles: Iterable[Needle]) -> set[str]:
    """Search a short piece of bytes, and what stands packed in it, for every needle.

    Returns
    -------
    set of str
        Names of the needles found.
    """
    return _find(data + b"\0" + unpacked(memoryview(data)), needles)


def _find(data: bytes, needles: Iterable[Needle]) -> set[str]:
    lowered = data.lower()
    heads = {lowered[at : at + HEAD_BYTES] for at in range(len(lowered) - HEAD_BYTES + 1)}
    return {
        needle.name
        for needle in needles
        if needle.data[:HEAD_BYTES] in heads and _stands_in(lowered, needle)
    }


def least_bytes(size: int, n_needles: int) -> int:
    """Return how long a needle must be to count where it stands in compressed pictures.

    Parameters
    ----------
    size : int
        Of the pictures, bytes.
    n_needles : int
        How many are looked for.

    Returns
    -------
    int
        Shorter ones stand there by chance more often than once in a million searches; 6 or more.
        A header of very many words must not make the search blind for names: there it may be more.
    """
    bits = math.log2(max(size, 1)) + math.log2(min(max(n_needles, 1), _MANY)) + _ODDS_BITS
    return max(_PICTURE_HEAD_BYTES, math.ceil(bits / _BITS_PER_BYTE))


def find_in_pictures(data: memoryview, needles: Sequence[Needle]) -> set[str]:
    """Search compressed pictures, and what stands packed in them, for what chance puts not there.

    Takes one pass, however many needles there are: a position is looked at only if each of its
    first three byte pairs starts some needle at that place.

    Parameters
    ----------
    data : memoryview
        Of bytes; may be a mapped file.
    needles : sequence of Needle
        Those shorter than `least_bytes` are passed over.

    Returns
    -------
    set of str
        Names of the needles found.
    """
    least = least_bytes(len(data), len(needles))
    long = [needle for needle in needles if len(needle.data) >= least]
    if not long:
        return set()
    inner = unpacked(data)
    return _sweep(data, long) | (
        _find(inner, long) if len(inner) < _SHORT_BYTES else _sweep(memoryview(inner), long)
    )


def _sweep(data: memoryview, needles: Sequence[Needle]) -> set[str]:
    """Search many bytes for needles of `_PICTURE_HEAD_BYTES` and more, in one pass."""
    starts: dict[bytes, list[Needle]] = {}
    for needle in needles:
        starts.setdefault(needle.data[:_PICTURE_HEAD_BYTES], []).append(needle)
    heads = np.frombuffer(b"".join(starts), np.uint8).reshape(-1, _PICTURE_HEAD_BYTES)
    tables = [_pair_table(heads[:, at : at + 2]) for at in range(0, _PICTURE_HEAD_BYTES, 2)]
    overlap = max(len(needle.data) for needle in needles) + 1
    found: set[str] = set()
    for chunk in _chunks(data, overlap):
        for at in _candidates(chunk, tables):
            for needle in starts.get(chunk[at : at + _PICTURE_HEAD_BYTES], ()):
                if chunk.startswith(needle.data, at) and _is_apart(chunk, at, needle):
                    found.add(needle.name)
    return found


def _stands_in(data: bytes, needle: Needle) -> bool:
    at = data.find(needle.data)
    while at >= 0:
        if _is_apart(data, at, needle):
            return True
        at = data.find(needle.data, at + 1)
    return False


def _is_apart(data: bytes, at: int, needle: Needle) -> bool:
    """Return whether the hit's neighbours are not of the kind that its boundary forbids."""
    end = at + len(needle.data)
    beside = data[max(at - 1, 0) : at] + data[end : end + 1]
    match needle.boundary:
        case Boundary.NONE:
            return True
        case Boundary.WORD:
            return not any(chr(byte).isalnum() for byte in beside if byte < 128)
        case Boundary.DIGITS:
            return not any(48 <= byte <= 57 for byte in beside)
        case Boundary.UID:
            return not any(48 <= byte <= 57 or byte == 46 for byte in beside)


def _chunks(data: memoryview, overlap: int) -> Iterator[bytes]:
    for start in range(0, len(data), _CHUNK_BYTES):
        yield bytes(data[max(start - overlap, 0) : start + _CHUNK_BYTES + overlap]).lower()


def _pair_table(pairs: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return (65536,), whether some needle has this byte pair at this place."""
    table = np.zeros(1 << 16, np.bool_)
    table[pairs[:, 0].astype(np.uint16) | pairs[:, 1].astype(np.uint16) << 8] = True
    return table


def _candidates(chunk: bytes, tables: Sequence[NDArray[np.bool_]]) -> list[int]:
    data = np.frombuffer(chunk, np.uint8)
    n = len(data) - 2 * len(tables) + 1
    if n <= 0:
        return []
    pairs = data[:-1].astype(np.uint16) | data[1:].astype(np.uint16) << 8  # (bytes - 1,)
    at = np.flatnonzero(tables[0][pairs[:n]])
    for place, table in enumerate(tables[1:], start=1):
        at = at[table[pairs[at + 2 * place]]]
    return [int(position) for position in at]
