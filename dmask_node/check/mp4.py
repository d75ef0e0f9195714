"""What an MP4 payload holds besides pictures (pure parser; no decoder is trusted here).

Looked at box by box (ISO/IEC 14496-12 and -15), frame by frame and NAL unit by NAL unit (ITU-T
H.264 7.3). Whatever the node's encoder would not have written is told: texts, places, times,
further tracks, supplemental information, hidden pictures, bytes that no frame owns. What the data
of a slice show can't be known without decoding them; they are searched for names, not understood.
Findings name box types and numbers, never contents.
"""

import mmap
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dmask_node.check.boxes import Box, Malformed, walk
from dmask_node.check.h264 import is_key_picture, nal_units, unexpected_in_sample
from dmask_node.check.movie import (
    read_parameter_sets,
    unexpected_in_box,
    unexpected_together,
)
from dmask_node.check.samples import STBL, Samples, read_ranges, read_samples
from dmask_node.records.masked import EncodedVideo

Buffer = bytes | bytearray | memoryview
Payload = Buffer | Path


def unexpected_content(
    payload: Payload, n_frames: int | None = None, encoded: EncodedVideo | None = None
) -> list[str]:
    """List what an MP4 payload holds that a video of the node's own encoder would not.

    Parameters
    ----------
    payload : bytes-like or Path
        The whole payload. One zero byte after the last box is taken as the padding to even
        length of PS3.5 A.4.
    n_frames : int, optional
        Number of frames there must be. Default: that of `encoded`; without it any from 1.
    encoded : EncodedVideo, optional
        Whose size and times the video must have. Default: any.

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
    wanted = encoded.n_frames if n_frames is None and encoded is not None else n_frames
    with _opened(payload) as data:
        findings: dict[str, None] = {}
        try:
            boxes = walk(data)
            for box in boxes:
                findings.update(dict.fromkeys(unexpected_in_box(data, box)))
            findings.update(dict.fromkeys(_judge_whole(data, boxes, wanted, encoded)))
        except Malformed as malformed:
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
            return walk(data)
        except Malformed:
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
            boxes = walk(data)
            sets = read_parameter_sets(data, boxes)
            types = Counter(nal[0] & 0x1F for nal in (sets.sequence, sets.picture))
            for start, end in read_ranges(data, boxes):
                sample = data[start:end]
                types.update(sample[at] & 0x1F for at, _ in nal_units(sample))
        except (Malformed, struct.error, IndexError):
            return Counter()
        return types


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


def _judge_whole(
    data: memoryview, boxes: list[Box], n_frames: int | None, encoded: EncodedVideo | None
) -> Iterator[str]:
    """Yield what is wrong with the boxes taken together, and with the samples."""
    counts = Counter(box.path for box in boxes)
    for path in ("/ftyp", "/moov", "/moov/trak", "/mdat", f"{STBL}/stsd", f"{STBL}/stsz"):
        if counts[path] != 1:
            raise Malformed(f"{counts[path]} boxes {path} where 1 is expected")
    samples = read_samples(data, boxes)
    if n_frames is not None and len(samples.ranges) != n_frames:
        yield f"{len(samples.ranges)} frames where {n_frames} are expected"
    if not samples.ranges:
        raise Malformed("no frames")
    yield from _judge_places(boxes, samples)
    yield from _judge_pictures(data, samples)
    yield from unexpected_together(data, boxes, samples, encoded)


def _judge_places(boxes: list[Box], samples: Samples) -> Iterator[str]:
    """Every byte of mdat belongs to one frame, and they lie in the order of decoding."""
    mdat = next(box for box in boxes if box.path == "/mdat")
    at = mdat.start
    for start, end in samples.ranges:
        if start != at:
            yield "box /mdat holds bytes that no frame owns, or frames that overlap"
            return
        at = end
    if at != mdat.end:
        yield "box /mdat holds bytes that no frame owns"


def _judge_pictures(data: memoryview, samples: Samples) -> Iterator[str]:
    """Every frame is one picture; those that need no other one are named as such."""
    keys = []
    for number, (start, end) in enumerate(samples.ranges, start=1):
        sample = data[start:end]
        yield from unexpected_in_sample(sample)
        if is_key_picture(sample):
            keys.append(number)
    if keys != samples.keys:
        yield f"box {STBL}/stss names other frames than those at which decoding can begin"
