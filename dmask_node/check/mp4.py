"""What an MP4 payload holds besides pictures (pure parser; no decoder is trusted here).

Looked at box by box (ISO/IEC 14496-12 and -15) and NAL unit by NAL unit (ITU-T H.264 7.4.1).
Whatever is not on the list of what the encoder needs is told: texts, places, times, further
tracks, supplemental enhancement information, bytes that no sample owns. Findings name box types
and numbers, never contents.
"""

import mmap
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Buffer = bytes | bytearray | memoryview
Payload = Buffer | Path

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
"""Types that a message may name; any other could be a sender's text."""
CONTAINER_WORDS: Final = b"isomiso2avc1mp41 videohandler mdirappl"
"""What may be read in a clean file, in lower case: brands, and names of handlers."""
_MAX_BOXES: Final = 4096
"""An encoder's file has about thirty; a file with more is refused, not searched."""
_STBL: Final = "/moov/trak/mdia/minf/stbl"
_NAL_NAMES: Final = {6: " (SEI)", 9: " (access unit delimiter)", 12: " (filler)"}
_ALLOWED_NALS: Final = frozenset({1, 5, 7, 8})
"""Slices of other and of IDR pictures, sequence and picture parameter sets (H.264 table 7-1)."""


class _Malformed(Exception):
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


def unexpected_content(payload: Payload, n_frames: int | None = None) -> list[str]:
    """List what an MP4 payload holds that a clean, video-only H.264 file would not.

    Parameters
    ----------
    payload : bytes-like or Path
        The whole payload. One zero byte after the last box is taken as the padding to even
        length of PS3.5 A.4.
    n_frames : int, optional
        Number of frames there must be. Default: any number from 1.

    Returns
    -------
    list of str
        Findings for people, each once; empty when the payload is clean. Any bytes give a list,
        never an error.

    Raises
    ------
    OSError
        If a path can't be read.
    """
    with _opened(payload) as data:
        findings: dict[str, None] = {}
        try:
            boxes = _walk(data)
            for box in boxes:
                findings.update(dict.fromkeys(_judge_box(data, box)))
            findings.update(dict.fromkeys(_judge_whole(data, boxes, n_frames)))
        except _Malformed as malformed:
            findings[str(malformed)] = None
        except (struct.error, IndexError):
            findings["a box is shorter than its type demands"] = None
        return list(findings)


def list_boxes(payload: Payload) -> list[Box]:
    """List the boxes of an MP4 payload in file order, containers before their children.

    Parameters
    ----------
    payload : bytes-like or Path
        The whole payload.

    Returns
    -------
    list of Box
        Empty when the bytes are no sequence of boxes.
    """
    with _opened(payload) as data:
        try:
            return _walk(data)
        except (_Malformed, struct.error, IndexError):
            return []


def nal_unit_types(payload: Payload) -> Counter[int]:
    """Count the H.264 NAL unit types in an MP4 payload, parameter sets included.

    Parameters
    ----------
    payload : bytes-like or Path
        The whole payload.

    Returns
    -------
    Counter of int
        By nal_unit_type (H.264 table 7-1); empty when the payload can't be parsed.
    """
    with _opened(payload) as data:
        try:
            boxes = _walk(data)
            return _count_nals(data, boxes, _sample_ranges(data, boxes))
        except (_Malformed, struct.error, IndexError):
            return Counter()


@contextmanager
def _opened(payload: Payload) -> Iterator[memoryview]:
    if not isinstance(payload, Path):
        yield memoryview(payload).cast("B")
    elif payload.stat().st_size == 0:
        yield memoryview(b"")
    else:
        with payload.open("rb") as file:
            # Closed with its last view: closing it here would fail while a traceback holds one.
            yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _walk(data: memoryview) -> list[Box]:
    """Return all boxes; descend only into the containers of a plain movie."""
    boxes: list[Box] = []
    end = len(data)
    if end % 2 == 0 and end > 8 and _boxes_end_one_short(data):
        end -= 1
    _walk_into(data, 0, end, "", boxes)
    return boxes


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
            raise _Malformed(_after_last(parent))
        size, code = struct.unpack_from(">I4s", data, offset)
        header = 8
        if size == 1:
            if offset + 16 > end:
                raise _Malformed("a box ends within its own header")
            (size,) = struct.unpack_from(">Q", data, offset + 8)
            header = 16
        elif size == 0:
            raise _Malformed("a box has no size of its own")
        if size < header or offset + size > end:
            raise _Malformed(_after_last(parent))
        kind = code.decode("latin-1")
        path = f"{parent}/{kind if kind in _KNOWN_TYPES else '????'}"
        boxes.append(Box(path, offset + header, offset + size))
        if len(boxes) > _MAX_BOXES:
            raise _Malformed(f"more than {_MAX_BOXES} boxes")
        # `meta` is a full box in MP4: version and flags stand before its children.
        if kind in _CONTAINERS and path.count("/") <= 6:
            inner = offset + header + (4 if kind == "meta" else 0)
            _walk_into(data, inner, offset + size, path, boxes)
        offset += size


def _after_last(parent: str) -> str:
    where = f"the last box within {parent}" if parent else "the last box"
    return f"bytes after {where} that are no box"


def _judge_box(data: memoryview, box: Box) -> Iterator[str]:
    """Yield what is wrong with one box by itself."""
    if box.path in _ALLOWED_CONTAINERS:
        return
    judge = _ALLOWED_LEAVES.get(box.path)
    if judge is None:
        yield f"box {box.path} does not belong in a video of the node's own"
        return
    yield from judge(data[box.start : box.end], box.path)


def _times(body: memoryview, path: str) -> Iterator[str]:
    """Creation and modification time of mvhd, tkhd and mdhd."""
    if body[0] > 1:
        yield f"box {path} has an unknown version"
    elif any(body[4 : 20 if body[0] else 12]):
        yield f"box {path} tells a creation or modification time"


def _sized(*lengths: int) -> Callable[[memoryview, str], Iterator[str]]:
    """Return a judge that knows only the lengths a box may have."""

    def judge(body: memoryview, path: str) -> Iterator[str]:
        if len(body) not in lengths:
            yield f"box {path} is longer or shorter than its type demands"

    return judge


def _counted(stride: int, *, fixed: int = 8) -> Callable[[memoryview, str], Iterator[str]]:
    """Return a judge for a table whose entry count ends the fixed part."""

    def judge(body: memoryview, path: str) -> Iterator[str]:
        (count,) = struct.unpack_from(">I", body, fixed - 4)
        if len(body) != fixed + count * stride:
            yield f"box {path} is longer or shorter than its entry count demands"

    return judge


def _mvhd(body: memoryview, path: str) -> Iterator[str]:
    yield from _times(body, path)
    yield from _sized(112 if body[0] else 100)(body, path)
    at = (
        32 if body[0] else 20
    )  # ISO/IEC 14496-12 8.2.2: rate, volume, reserved, matrix, pre_defined
    if any(body[at + 6 : at + 16]) or any(body[at + 52 : at + 76]):
        yield f"box {path} has content in reserved fields"


def _tkhd(body: memoryview, path: str) -> Iterator[str]:
    yield from _times(body, path)
    yield from _sized(96 if body[0] else 84)(body, path)
    at = 36 if body[0] else 24
    if any(body[at : at + 8]):
        yield f"box {path} has content in reserved fields"


def _mdhd(body: memoryview, path: str) -> Iterator[str]:
    yield from _times(body, path)
    yield from _sized(36 if body[0] else 24)(body, path)
    if bytes(body[-4:-2]) not in (b"\x55\xc4", b"\x00\x00"):  # packed "und"
        yield f"box {path} names a language"


def _hdlr(body: memoryview, path: str) -> Iterator[str]:
    if bytes(body[8:12]) != b"vide":
        yield f"box {path} is not of a video track"
    if any(body[:8]) or any(body[12:24]) or bytes(body[24:]) not in (b"VideoHandler\0", b"\0", b""):
        yield f"box {path} has a name of its own"


def _empty(body: memoryview, path: str) -> Iterator[str]:
    if len(body):
        yield f"box {path} has content"


_ITUNES_HANDLER: Final = bytes(8) + b"mdirappl" + bytes(9)


def _metadata_hdlr(body: memoryview, path: str) -> Iterator[str]:
    if bytes(body) != _ITUNES_HANDLER:
        yield f"box {path} has a name of its own"


def _ftyp(body: memoryview, path: str) -> Iterator[str]:
    brands = {bytes(body[i : i + 4]) for i in (0, *range(8, len(body), 4))}
    if not brands <= {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"avc1", b"mp41", b"mp42"}:
        yield f"box {path} names an unknown brand"
    if len(body) > 64 or struct.unpack_from(">I", body, 4)[0] not in (0, 1, 512):
        yield f"box {path} has an unusual length or minor version"


def _elst(body: memoryview, path: str) -> Iterator[str]:
    wide = body[0] == 1
    yield from _counted(20 if wide else 12)(body, path)
    (entries,) = struct.unpack_from(">I", body, 4)
    if entries != 1:
        yield f"box {path} has {entries} edits where 1 suffices"
        return
    (media_time,) = struct.unpack_from(">q" if wide else ">i", body, 16 if wide else 12)
    if media_time != 0:
        yield f"box {path} hides frames or shifts the start"


def _dref(body: memoryview, path: str) -> Iterator[str]:
    # One entry, "url ", flag 1: the media is in this file (ISO/IEC 14496-12 8.7.2).
    if bytes(body) != bytes([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 12]) + b"url " + bytes([0, 0, 0, 1]):
        yield f"box {path} points out of the file"


def _stsd(body: memoryview, path: str) -> Iterator[str]:
    if bytes(body[:8]) != bytes([0, 0, 0, 0, 0, 0, 0, 1]) or bytes(body[12:16]) != b"avc1":
        yield f"box {path} does not describe exactly one H.264 track"
        return
    if struct.unpack_from(">I", body, 8)[0] != len(body) - 8 or len(body) < 94:
        yield f"box {path} is longer or shorter than its entry demands"
        return
    # VisualSampleEntry (ISO/IEC 14496-12 12.1.3): reserved, size, resolution, compressorname.
    if any(body[16:22]) or any(body[24:40]) or any(body[52:56]):
        yield f"box {path} has content in reserved fields"
    if any(body[58:90]):
        yield f"box {path} names a compressor"
    extra: list[Box] = []
    _walk_into(body, 94, len(body), path, extra)
    kinds = [box.path.rsplit("/", 1)[1] for box in extra]
    if kinds.count("avcC") != 1 or any(kinds.count(kind) > 1 for kind in kinds):
        yield f"box {path} holds no decoder configuration, or several"
    lengths = {"pasp": (8,), "btrt": (12,), "colr": (10, 11)}
    for kind, box in zip(kinds, extra, strict=True):
        if kind == "avcC":
            yield from _avcc(body[box.start : box.end], box.path)
        elif box.end - box.start not in lengths.get(kind, ()):
            yield f"box {box.path} does not belong in a video of the node's own"


def _avcc(body: memoryview, path: str) -> Iterator[str]:
    sets, at = _parameter_sets(body)
    if len(sets) != 2:
        yield f"box {path} holds {len(sets)} parameter sets where 2 suffice"
    tail = bytes(body[at:])
    # ISO/IEC 14496-15 5.3.3.1: chroma format and depths of High profile, no extension sets.
    if tail and (len(tail) != 4 or tail[3] != 0):
        yield f"box {path} has bytes after its parameter sets"


def _parameter_sets(body: memoryview) -> tuple[list[int], int]:
    """Return the NAL unit types in an avcC box, and where they end."""
    types: list[int] = []
    at = 5
    for mask in (0x1F, 0xFF):
        count = body[at] & mask
        at += 1
        for _ in range(count):
            (length,) = struct.unpack_from(">H", body, at)
            types.append(body[at + 2] & 0x1F)
            at += 2 + length
    if at > len(body):
        raise _Malformed("the decoder configuration is cut short")
    return types, at


def _stsz(body: memoryview, path: str) -> Iterator[str]:
    constant, count = struct.unpack_from(">II", body, 4)
    if len(body) != 12 + (0 if constant else 4 * count):
        yield f"box {path} is longer or shorter than its entry count demands"


_ALLOWED_CONTAINERS: Final = frozenset(
    {
        "/moov",
        "/moov/trak",
        "/moov/trak/edts",
        "/moov/trak/mdia",
        "/moov/trak/mdia/minf",
        "/moov/trak/mdia/minf/dinf",
        _STBL,
        "/moov/udta",
        "/moov/udta/meta",
    }
)
_ALLOWED_LEAVES: Final[Mapping[str, Callable[[memoryview, str], Iterator[str]]]] = {
    "/ftyp": _ftyp,
    "/free": _empty,
    "/mdat": lambda _body, _path: iter(()),  # judged sample by sample
    "/moov/mvhd": _mvhd,
    "/moov/trak/tkhd": _tkhd,
    "/moov/trak/edts/elst": _elst,
    "/moov/trak/mdia/mdhd": _mdhd,
    "/moov/trak/mdia/hdlr": _hdlr,
    "/moov/trak/mdia/minf/vmhd": _sized(12),
    "/moov/trak/mdia/minf/dinf/dref": _dref,
    f"{_STBL}/stsd": _stsd,
    f"{_STBL}/stts": _counted(8),
    f"{_STBL}/stss": _counted(4),
    f"{_STBL}/ctts": _counted(8),
    f"{_STBL}/stsc": _counted(12),
    f"{_STBL}/stsz": _stsz,
    f"{_STBL}/stco": _counted(4),
    f"{_STBL}/co64": _counted(8),
    "/moov/udta/meta/hdlr": _metadata_hdlr,
    "/moov/udta/meta/ilst": _empty,
}


def _judge_whole(data: memoryview, boxes: list[Box], n_frames: int | None) -> Iterator[str]:
    """Yield what is wrong with the boxes taken together, and with the samples."""
    counts = Counter(box.path for box in boxes)
    for path in ("/ftyp", "/moov", "/moov/trak", "/mdat", f"{_STBL}/stsd", f"{_STBL}/stsz"):
        if counts[path] != 1:
            raise _Malformed(f"{counts[path]} boxes {path} where 1 is expected")
    ranges = _sample_ranges(data, boxes)
    if n_frames is not None and len(ranges) != n_frames:
        yield f"{len(ranges)} frames where {n_frames} are expected"
    if not ranges:
        yield "no frames"
    mdat = next(box for box in boxes if box.path == "/mdat")
    at = mdat.start
    for start, end in sorted(ranges):
        if start != at:
            yield "box /mdat holds bytes that no frame owns, or frames that overlap"
            break
        at = end
    else:
        if at != mdat.end:
            yield "box /mdat holds bytes that no frame owns"
    for kind in sorted(_count_nals(data, boxes, ranges)):
        if kind not in _ALLOWED_NALS:
            yield f"NAL units of type {kind}{_NAL_NAMES.get(kind, '')}"


def _body(data: memoryview, boxes: list[Box], path: str) -> memoryview:
    found = [box for box in boxes if box.path == path]
    if len(found) != 1:
        raise _Malformed(f"{len(found)} boxes {path} where 1 is expected")
    return data[found[0].start : found[0].end]


def _sample_ranges(data: memoryview, boxes: list[Box]) -> list[tuple[int, int]]:
    """Return start and end offset of every sample (ISO/IEC 14496-12 8.7.3 to 8.7.5)."""
    sizes = _sample_sizes(_body(data, boxes, f"{_STBL}/stsz"), len(data))
    wide = any(box.path == f"{_STBL}/co64" for box in boxes)
    chunks = _body(data, boxes, f"{_STBL}/{'co64' if wide else 'stco'}")
    (n_chunks,) = struct.unpack_from(">I", chunks, 4)
    stride = 8 if wide else 4
    if len(chunks) != 8 + n_chunks * stride:
        raise _Malformed(f"box {_STBL}/stco is longer or shorter than its entry count demands")
    runs = _body(data, boxes, f"{_STBL}/stsc")
    (n_runs,) = struct.unpack_from(">I", runs, 4)
    if len(runs) != 8 + n_runs * 12:
        raise _Malformed(f"box {_STBL}/stsc is longer or shorter than its entry count demands")
    starts = [struct.unpack_from(">II", runs, 8 + 12 * i) for i in range(n_runs)]

    ranges: list[tuple[int, int]] = []
    run = -1
    for chunk in range(n_chunks):
        (at,) = struct.unpack_from(">Q" if wide else ">I", chunks, 8 + stride * chunk)
        while run + 1 < n_runs and starts[run + 1][0] <= chunk + 1:
            run += 1
        if run < 0:
            raise _Malformed("a chunk of samples belongs to no run")
        for size in sizes[len(ranges) : len(ranges) + starts[run][1]]:
            if at + size > len(data):
                raise _Malformed("a frame ends beyond the payload")
            ranges.append((at, at + size))
            at += size
    if len(ranges) != len(sizes):
        raise _Malformed(f"{len(sizes)} frames are listed, {len(ranges)} have a place")
    return ranges


def _sample_sizes(body: memoryview, limit: int) -> list[int]:
    constant, count = struct.unpack_from(">II", body, 4)
    if constant:
        if constant * count > limit:
            raise _Malformed("the frames are larger than the payload")
        return [constant] * count
    if len(body) != 12 + 4 * count:
        raise _Malformed(f"box {_STBL}/stsz is longer or shorter than its entry count demands")
    return list(struct.unpack_from(f">{count}I", body, 12))


def _count_nals(data: memoryview, boxes: list[Box], ranges: list[tuple[int, int]]) -> Counter[int]:
    """Count NAL unit types in the decoder configuration and in all samples."""
    stsd = _body(data, boxes, f"{_STBL}/stsd")
    extra: list[Box] = []
    _walk_into(stsd, 94, len(stsd), "", extra)
    avcc = _body(stsd, extra, "/avcC")
    width = (avcc[4] & 3) + 1  # ISO/IEC 14496-15 5.3.3.1: lengthSizeMinusOne
    types = Counter(_parameter_sets(avcc)[0])
    for start, end in ranges:
        at = start
        while at < end:
            length = int.from_bytes(data[at : at + width], "big")
            if length == 0 or at + width + length > end:
                raise _Malformed("a NAL unit does not fit its frame")
            types[data[at + width] & 0x1F] += 1
            at += width + length
    return types
