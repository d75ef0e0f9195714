"""What each box of the node's own MP4 files holds (ISO/IEC 14496-12 and -15).

First each box by itself: what a sender's box would tell (a time, a name, a language) has a finding
of its own. Then all together: from number, sizes and durations of the frames every byte of every
other box follows, and is compared.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from dmask_node.check.boxes import Box, Malformed, body_of, children
from dmask_node.check.h264 import PictureFormat, read_picture_set, read_sequence_set
from dmask_node.check.samples import STBL, Samples
from dmask_node.records.masked import EncodedVideo

CONTAINER_WORDS: Final = b"isomiso2avc1mp41 videohandler mdirappl"
"""What may be read in a clean file, in lower case: brands, and names of handlers."""
_STSD: Final = f"{STBL}/stsd"
_OPTIONAL: Final = frozenset(
    {
        "/moov/trak/edts", "/moov/trak/edts/elst", f"{STBL}/stss", "/moov/udta", "/moov/udta/meta",
        "/moov/udta/meta/hdlr", "/moov/udta/meta/ilst", "/free",
    }
)  # fmt: skip
_ORDER: Final = (
    "/ftyp", "/moov", "/moov/mvhd", "/moov/trak", "/moov/trak/tkhd", "/moov/trak/edts",
    "/moov/trak/edts/elst", "/moov/trak/mdia", "/moov/trak/mdia/mdhd", "/moov/trak/mdia/hdlr",
    "/moov/trak/mdia/minf", "/moov/trak/mdia/minf/vmhd", "/moov/trak/mdia/minf/dinf",
    "/moov/trak/mdia/minf/dinf/dref", STBL, _STSD, f"{STBL}/stts", f"{STBL}/stss", f"{STBL}/stsc",
    f"{STBL}/stsz", f"{STBL}/stco", "/moov/udta", "/moov/udta/meta", "/moov/udta/meta/hdlr",
    "/moov/udta/meta/ilst", "/free", "/mdat",
)  # fmt: skip
"""The boxes of a file of the node's own, each once, in this order."""
_VIDEO_HANDLER: Final = bytes(8) + b"vide" + bytes(12) + b"VideoHandler\0"
_ITUNES_HANDLER: Final = bytes(8) + b"mdirappl" + bytes(9)
_MATRIX: Final = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_IN_THIS_FILE: Final = struct.pack(">II", 0, 1) + struct.pack(">I4sI", 12, b"url ", 1)
_FILE_TYPE: Final = b"isom" + struct.pack(">I", 512) + b"isomiso2avc1mp41"
_MOVIE_TICKS: Final = 1000
"""A second, in the movie's own timescale."""
_FINE_TICKS: Final = 90_000
_MIN_TICKS: Final = 10_000
"""Timescale of a track; of one with an even raster, its frame rate doubled up to the least."""
_MAX_SHORT: Final = (1 << 31) - 1
_MAX_RATE_DENOMINATOR: Final = 1001
_BUFFER_BYTES: Final = 39_062_000 // 8
_PEAK_BITS: Final = 31_250_000
"""Buffer and bits a second: half of what levels 4.1 and 4.2 allow (H.264 table A-2)."""


# Each box by itself


def unexpected_in_box(data: memoryview, box: Box) -> Iterator[str]:
    """Yield what is wrong with one box, seen alone."""
    if box.path not in _ORDER:
        yield f"box {box.path} does not belong in a video of the node's own"
        return
    if box.head_bytes != 8:
        yield f"box {box.path} has a longer head than it needs"
    judge = _JUDGES.get(box.path)
    if judge is not None:
        yield from judge(data[box.start : box.end], box.path)


def _times(body: memoryview, path: str) -> Iterator[str]:
    """Creation and modification time of mvhd, tkhd and mdhd."""
    if body[0] > 1:
        yield f"box {path} has an unknown version"
    elif any(body[4 : 20 if body[0] else 12]):
        yield f"box {path} tells a creation or modification time"


def _mvhd(body: memoryview, path: str) -> Iterator[str]:
    yield from _times(body, path)
    # ISO/IEC 14496-12 8.2.2: rate, volume, reserved, matrix, pre_defined
    at = 32 if body[0] else 20
    if any(body[at + 6 : at + 16]) or any(body[at + 52 : at + 76]):
        yield f"box {path} has content in reserved fields"


def _mdhd(body: memoryview, path: str) -> Iterator[str]:
    yield from _times(body, path)
    if bytes(body[-4:-2]) != b"\x55\xc4":  # packed "und"
        yield f"box {path} names a language"


def _hdlr(body: memoryview, path: str) -> Iterator[str]:
    if bytes(body[8:12]) != b"vide":
        yield f"box {path} is not of a video track"
    if body != _VIDEO_HANDLER:
        yield f"box {path} has a name of its own"


def _metadata_hdlr(body: memoryview, path: str) -> Iterator[str]:
    if body != _ITUNES_HANDLER:
        yield f"box {path} has a name of its own"


def _meta(body: memoryview, path: str) -> Iterator[str]:
    if any(body[:4]):
        yield f"box {path} has content in reserved fields"


def _empty(body: memoryview, path: str) -> Iterator[str]:
    if len(body):
        yield f"box {path} has content"


def _ftyp(body: memoryview, path: str) -> Iterator[str]:
    brands = {bytes(body[i : i + 4]) for i in (0, *range(8, len(body), 4))}
    if not brands <= {b"isom", b"iso2", b"avc1", b"mp41"}:
        yield f"box {path} names an unknown brand"


def _elst(body: memoryview, path: str) -> Iterator[str]:
    entries = struct.unpack_from(">I", body, 4)[0]
    if entries != 1:
        yield f"box {path} has {entries} edits where 1 suffices"
    elif struct.unpack_from(">i", body, 12)[0] != 0:
        yield f"box {path} hides frames or shifts the start"


def _dref(body: memoryview, path: str) -> Iterator[str]:
    if body != _IN_THIS_FILE:  # ISO/IEC 14496-12 8.7.2
        yield f"box {path} points out of the file"


def _stsd(body: memoryview, path: str) -> Iterator[str]:
    if bytes(body[:8]) != bytes([0, 0, 0, 0, 0, 0, 0, 1]) or bytes(body[12:16]) != b"avc1":
        yield f"box {path} does not describe exactly one H.264 track"
        return
    # VisualSampleEntry (ISO/IEC 14496-12 12.1.3): reserved, size, resolution, compressorname.
    if any(body[16:22]) or any(body[24:40]) or any(body[52:56]):
        yield f"box {path} has content in reserved fields"
    if any(body[58:90]):
        yield f"box {path} names a compressor"


_JUDGES: Final[Mapping[str, Callable[[memoryview, str], Iterator[str]]]] = {
    "/ftyp": _ftyp,
    "/free": _empty,
    "/moov/mvhd": _mvhd,
    "/moov/trak/tkhd": _times,
    "/moov/trak/edts/elst": _elst,
    "/moov/trak/mdia/mdhd": _mdhd,
    "/moov/trak/mdia/hdlr": _hdlr,
    "/moov/trak/mdia/minf/dinf/dref": _dref,
    _STSD: _stsd,
    "/moov/udta/meta": _meta,
    "/moov/udta/meta/hdlr": _metadata_hdlr,
    "/moov/udta/meta/ilst": _empty,
}


# All boxes together


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """The decoder configuration of the one track."""

    sequence: bytes
    """NAL unit of type 7."""
    picture: bytes
    """NAL unit of type 8."""


def read_parameter_sets(data: memoryview, boxes: list[Box]) -> ParameterSets:
    """Read the decoder configuration, avcC (ISO/IEC 14496-15 5.3.3.1).

    Raises
    ------
    Malformed
        If it does not hold exactly one sequence and one picture parameter set.
    """
    stsd = body_of(data, boxes, _STSD)
    body = body_of(stsd, children(stsd, 94, ""), "/avcC")
    found: list[list[bytes]] = []
    at = 5
    for mask in (0x1F, 0xFF):
        count = body[at] & mask
        at += 1
        sets = []
        for _ in range(count):
            (length,) = struct.unpack_from(">H", body, at)
            sets.append(bytes(body[at + 2 : at + 2 + length]))
            at += 2 + length
        found.append(sets)
    if at > len(body):
        raise Malformed("the decoder configuration is cut short")
    if [len(sets) for sets in found] != [1, 1]:
        total = sum(map(len, found))
        raise Malformed(f"box {_STSD}/avcC holds {total} parameter sets where 2 suffice")
    return ParameterSets(sequence=found[0][0], picture=found[1][0])


def unexpected_together(
    data: memoryview, boxes: list[Box], samples: Samples, encoded: EncodedVideo | None
) -> Iterator[str]:
    """Yield what is wrong with the boxes beside the frames that they describe.

    Parameters
    ----------
    data : memoryview
        The payload.
    boxes : list of Box
        Of `walk`.
    samples : Samples
        Of `read_samples`.
    encoded : EncodedVideo, optional
        Whose size and times the video must have.

    Raises
    ------
    Malformed
        If the decoder configuration can't be read.
    """
    there = [box.path for box in boxes]
    wanted = [path for path in _ORDER if path in there or path not in _OPTIONAL]
    if there != wanted:
        yield "boxes are missing, doubled, or in an unusual order"
        return
    sets = read_parameter_sets(data, boxes)
    picture = read_sequence_set(sets.sequence)
    read_picture_set(sets.picture)
    ticks = _timescale(picture)
    bodies = _bodies(samples, picture, ticks)
    for path, forms in bodies.items():
        if path in there and bytes(body_of(data, boxes, path)) not in forms:
            yield f"box {path} says something else than its frames"
    yield from _unexpected_description(body_of(data, boxes, _STSD), sets, picture, samples, ticks)
    if encoded is not None:
        yield from _unlike_encoded(encoded, picture, samples.durations, ticks)


def _timescale(picture: PictureFormat) -> int:
    if not picture.constant_rate:
        if picture.frame_rate != _FINE_TICKS:
            raise Malformed("the sequence parameter set has an unusual timing")
        return _FINE_TICKS
    ticks = picture.frame_rate.numerator
    while ticks < _MIN_TICKS:
        ticks *= 2
    return ticks


def _bodies(samples: Samples, picture: PictureFormat, ticks: int) -> dict[str, tuple[bytes, ...]]:
    """Return what must stand in each box whose content follows from the frames."""
    duration = sum(samples.durations)
    shown = -(-duration * _MOVIE_TICKS // ticks)
    size = struct.pack(">II", picture.columns << 16, picture.rows << 16)
    return {
        "/ftyp": (_FILE_TYPE,),
        "/moov/mvhd": (
            _pack(">12xIIIH10x", _MOVIE_TICKS, shown, 1 << 16, 1 << 8)
            + _MATRIX
            + _pack(">24xI", 2),
        ),
        "/moov/trak/tkhd": (_pack(">I8xI4xI8xHHH2x", 3, 1, shown, 0, 0, 0) + _MATRIX + size,),
        "/moov/trak/edts/elst": (_pack(">4xIIiI", 1, shown, 0, 1 << 16),),
        "/moov/trak/mdia/mdhd": (
            _pack(">12xIIHH", ticks, duration, 0x55C4, 0)
            if duration < _MAX_SHORT
            else _pack(">I16xIQHH", 1 << 24, ticks, duration, 0x55C4, 0),
        ),
        "/moov/trak/mdia/minf/vmhd": (_pack(">I8x", 1),),
        f"{STBL}/stts": (_pack_runs(samples.durations),),
        f"{STBL}/stss": (_pack(f">4xI{len(samples.keys)}I", len(samples.keys), *samples.keys),),
        f"{STBL}/stsz": _pack_sizes([end - start for start, end in samples.ranges]),
    }


def _pack(layout: str, *fields: int) -> bytes:
    try:
        return struct.pack(layout, *fields)
    except struct.error:
        return b""  # a number that has no room in its field: no body is right


def _pack_runs(values: list[int]) -> bytes:
    runs: list[list[int]] = []
    for value in values:
        if runs and runs[-1][1] == value:
            runs[-1][0] += 1
        else:
            runs.append([1, value])
    return _pack(">4xI", len(runs)) + b"".join(_pack(">II", *run) for run in runs)


def _pack_sizes(sizes: list[int]) -> tuple[bytes, ...]:
    """Return the two ways to write frames of one size, or the one to write others."""
    forms = [_pack(f">8xI{len(sizes)}I", len(sizes), *sizes)]
    if len(set(sizes)) == 1:
        forms.append(_pack(">4xII", sizes[0], len(sizes)))
    return tuple(forms)


def _unexpected_description(
    body: memoryview, sets: ParameterSets, picture: PictureFormat, samples: Samples, ticks: int
) -> Iterator[str]:
    """Judge the sample description: one entry with configuration, aspect ratio, bit rate."""
    entry = (
        _pack(">6xH16xHHIIIH", 1, picture.columns, picture.rows, 72 << 16, 72 << 16, 0, 1)
        + bytes(32)
        + _pack(">Hh", 24, -1)
    )
    head = _pack(">4xII", 1, len(body) - 8) + b"avc1"
    if bytes(body[:94]) != head + entry:
        yield f"box {_STSD} says something else than its frames"
    configuration = (
        b"\1" + sets.sequence[1:4] + b"\xff\xe1"
        + _pack(">H", len(sets.sequence)) + sets.sequence + b"\1"
        + _pack(">H", len(sets.picture)) + sets.picture
        + b"\xfd\xf8\xf8\0"  # High profile: 4:2:0, 8 bits, no extension
    )  # fmt: skip
    mean = 8 * sum(end - start for start, end in samples.ranges) * ticks // sum(samples.durations)
    wanted = {
        "/avcC": (configuration,),
        "/pasp": (_pack(">II", 1, 1),),
        "/btrt": (_pack(">III", _BUFFER_BYTES, max(_PEAK_BITS, mean), 0),),
    }
    inner = children(body, 94, "")
    paths = [box.path for box in inner]
    if paths != [path for path in wanted if path in paths] or "/avcC" not in paths:
        yield f"box {_STSD} holds what does not belong in a video of the node's own"
        return
    for box in inner:
        if bytes(body[box.start : box.end]) not in wanted[box.path] or box.head_bytes != 8:
            yield f"box {_STSD}{box.path} says something else than its frames"


def _unlike_encoded(
    encoded: EncodedVideo, picture: PictureFormat, durations: list[int], ticks: int
) -> Iterator[str]:
    """Compare size and times with those of what was encoded."""
    if (picture.rows, picture.columns) != (encoded.rows, encoded.columns):
        yield "the pictures have another size than those that were encoded"
    if picture.constant_rate != encoded.constant_rate:
        yield "the frame rate is constant where it was not, or the reverse"
    step_s = Fraction(encoded.frame_time_ms / 1000).limit_denominator(10**9)
    rate = Fraction(1000 / encoded.frame_time_ms).limit_denominator(_MAX_RATE_DENOMINATOR)
    if picture.constant_rate and picture.frame_rate != rate:
        yield "the frame rate is another than the one that was encoded"
    if len(durations) != encoded.n_frames:
        return  # told already
    at = 0
    for time_s, duration in zip(encoded.times_s, durations, strict=True):
        if abs(at - time_s * ticks) > 1e-3:  # times are floats of whole ticks
            yield "a frame is shown at another time than the one that was encoded"
            return
        at += duration
    if abs(durations[-1] - step_s * ticks) > 1:
        yield "the last frame is shown for another time than the mean"
