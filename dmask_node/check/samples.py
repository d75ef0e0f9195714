"""Where the pictures of an MP4 track lie, and when they are shown (ISO/IEC 14496-12 8.6, 8.7).

Tables are read only if each says what it says in the shortest way: no run twice, no count of zero.
"""

import struct
from dataclasses import dataclass
from typing import Final

from dmask_node.check.boxes import Box, Malformed, body_of

STBL: Final = "/moov/trak/mdia/minf/stbl"
_MAX_DURATION_TICKS: Final = 1 << 48


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of a track, in file order, which is decoding order."""

    ranges: list[tuple[int, int]]
    """Start and end offset of each in the payload."""
    durations: list[int]
    """Of each, in ticks of the track's timescale."""
    keys: list[int]
    """Numbers, from 1, of those at which decoding may begin; all where no table names them."""


def read_samples(data: memoryview, boxes: list[Box]) -> Samples:
    """Read the sample tables.

    Raises
    ------
    Malformed
        If a table is missing, doubled, longer or shorter than it says, or disagrees with another.
    """
    ranges = read_ranges(data, boxes)
    durations = _durations(body_of(data, boxes, f"{STBL}/stts"), len(ranges))
    if any(box.path == f"{STBL}/stss" for box in boxes):
        body = body_of(data, boxes, f"{STBL}/stss")
        keys = [number for (number,) in _entries(body, ">I", "stss")]
    else:
        keys = list(range(1, len(ranges) + 1))
    return Samples(ranges=ranges, durations=durations, keys=keys)


def read_ranges(data: memoryview, boxes: list[Box]) -> list[tuple[int, int]]:
    """Return start and end offset of every sample (ISO/IEC 14496-12 8.7.3 to 8.7.5).

    Raises
    ------
    Malformed
        See `read_samples`.
    """
    sizes = _sizes(body_of(data, boxes, f"{STBL}/stsz"), len(data))
    chunks = _entries(body_of(data, boxes, f"{STBL}/stco"), ">I", "stco")
    runs = _entries(body_of(data, boxes, f"{STBL}/stsc"), ">III", "stsc")
    _require_shortest(runs)
    ranges: list[tuple[int, int]] = []
    run = -1
    for number, (at,) in enumerate(chunks, start=1):
        while run + 1 < len(runs) and runs[run + 1][0] <= number:
            run += 1
        if run < 0:
            raise Malformed("a chunk of samples belongs to no run")
        for size in sizes[len(ranges) : len(ranges) + runs[run][1]]:
            if at + size > len(data):
                raise Malformed("a frame ends beyond the payload")
            ranges.append((at, at + size))
            at += size
    if len(ranges) != len(sizes):
        raise Malformed(f"{len(sizes)} frames are listed, {len(ranges)} have a place")
    if run + 1 != len(runs) or sum(_in_chunks(runs, len(chunks))) != len(sizes):
        raise Malformed(f"box {STBL}/stsc tells of chunks or frames that are not there")
    return ranges


def _require_shortest(runs: list[tuple[int, ...]]) -> None:
    """Require that each run of chunks differs from the one before, and has frames."""
    first, per_chunk = 0, 0
    for begin, count, description in runs:
        if begin <= first or count in (0, per_chunk) or description != 1:
            raise Malformed(f"box {STBL}/stsc is not as short as it could be")
        first, per_chunk = begin, count


def _in_chunks(runs: list[tuple[int, ...]], n_chunks: int) -> list[int]:
    """Return how many frames the runs have room for, by run."""
    ends = [run[0] for run in runs[1:]] + [n_chunks + 1]
    return [(end - run[0]) * run[1] for run, end in zip(runs, ends, strict=True)]


def _sizes(body: memoryview, limit: int) -> list[int]:
    constant, count = struct.unpack_from(">II", body, 4)
    if constant:
        if constant * count > limit:
            raise Malformed("the frames are larger than the payload")
        if len(body) != 12:
            raise Malformed(f"box {STBL}/stsz is longer or shorter than its entry count demands")
        return [constant] * count
    if len(body) != 12 + 4 * count:
        raise Malformed(f"box {STBL}/stsz is longer or shorter than its entry count demands")
    return list(struct.unpack_from(f">{count}I", body, 12))


def _durations(body: memoryview, n_samples: int) -> list[int]:
    durations: list[int] = []
    before = 0
    for count, ticks in _entries(body, ">II", "stts"):
        if count == 0 or ticks in (0, before) or count > n_samples - len(durations):
            raise Malformed(f"box {STBL}/stts is not as short as it could be")
        durations += [ticks] * count
        before = ticks
    if len(durations) != n_samples:
        raise Malformed(f"{len(durations)} frames have a duration, {n_samples} have a place")
    if sum(durations) > _MAX_DURATION_TICKS:
        raise Malformed("the frames last too long")
    return durations


def _entries(body: memoryview, layout: str, kind: str) -> list[tuple[int, ...]]:
    """Return the entries of a table whose count ends the fixed part."""
    version, count = struct.unpack_from(">II", body)
    if version:
        raise Malformed(f"box {STBL}/{kind} has an unknown version")
    if len(body) != 8 + count * struct.calcsize(layout):
        raise Malformed(f"box {STBL}/{kind} is longer or shorter than its entry count demands")
    return list(struct.iter_unpack(layout, body[8:]))
