"""How much an MP4 claims to hold, read from its tables before a demuxer reserves memory for it.

A sample table tells by a single number that there are four thousand million samples of one byte;
FFmpeg reserves some 24 bytes for each before it looks for the first. So the numbers are added up
here first (ISO/IEC 14496-12 8.6 to 8.8), from the bytes alone.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.decode.errors import TooMuchToDecode, Undecodable, VideoTooLong
from dmask_node.decode.settings import DecodeSettings

_MEGABYTE: Final = 1_000_000
_INSIDE: Final = frozenset(
    {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"mvex"}
)
_HIDING: Final = frozenset({b"stsd", b"udta", b"meta", b"wave", b"dinf", b"ilst"})
"""Boxes in which FFmpeg would read a sample table, too, and where none belongs."""
_TABLES: Final = re.compile(rb"(....)(?:trak|stbl|stsz|stz2|stsc|stts|ctts|elst|trun)", re.DOTALL)
_DEEPEST: Final = 8
_MAX_BOXES: Final = 100_000
_OTHER_SAMPLES: Final = 20
"""Samples of sound, subtitles and times for each frame that may be: sound has some 50 a second."""
_MAX_EDITS: Final = 1000
_SLACK: Final = 1000


@dataclass(slots=True)
class _Track:
    """What the tables of a track claim."""

    pictures: bool = False
    samples: int = 0
    sample_size: int = 0
    """Of all samples alike, bytes; 0: a table tells it."""
    timed: int = 0
    """Samples that Decoding Time to Sample (stts) counts."""
    unit_steps: bool = False
    """Whether each sample lasts one tick: sound without compression."""
    shifted: int = 0
    """Samples that Composition Time to Sample (ctts) counts."""
    chunks: int = 0
    runs: list[tuple[int, int]] = field(default_factory=list)
    """First chunk and samples in a chunk (stsc)."""
    edits: int = 0

    @property
    def chunked(self) -> int:
        """Samples that Sample to Chunk and Chunk Offset count together."""
        ends = [first for first, _ in self.runs[1:]] + [self.chunks + 1]
        runs = zip(self.runs, ends, strict=False)
        return sum(max(0, end - first) * samples for (first, samples), end in runs)


def require_modest_index(
    file: "io.RawIOBase | BinaryIO", size: int, settings: DecodeSettings
) -> None:
    """Raise if an MP4 or QuickTime file claims more than the settings allow.

    Parameters
    ----------
    file : seekable binary file
        The payload, from its first byte; the position is put back to 0. Other formats pass.
    size : int
        Its length, bytes.
    settings : DecodeSettings
        Limits.

    Raises
    ------
    VideoTooLong
        If a track has more pictures than are allowed.
    TooMuchToDecode
        If tables are longer than a header may be, or claim more samples than the file can hold.
    Undecodable
        If the tables are compressed, or there are so many boxes that nobody wrote them to be read.
    """
    _Index(file, size, settings).require_modest()
    file.seek(0)


class _Index:
    """The tables of one file."""

    def __init__(
        self, file: "io.RawIOBase | BinaryIO", size: int, settings: DecodeSettings
    ) -> None:
        self._file = file
        self._size = size
        self._settings = settings
        self._boxes = 0
        self._in_fragments = 0
        self._tables = 0

    def require_modest(self) -> None:
        track: _Track | None = None
        for kind, start, end in self._walk(0, self._size, 0):
            if kind == b"trak":
                if track is not None:
                    self._judge(track)
                track = _Track()
            elif kind == b"cmov":
                raise Undecodable("the tables of the video are compressed")
            elif kind in _HIDING:
                self._require_no_tables(start, end)
            elif kind == b"trun":
                self._in_fragments += self._number(start + 4)
                if self._in_fragments > _OTHER_SAMPLES * self._settings.max_frames:
                    raise VideoTooLong(f"{self._in_fragments} samples in fragments")
            elif track is not None:
                self._read(track, kind, start, end)
        if track is not None:
            self._judge(track)

    def _walk(self, at: int, end: int, depth: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield kind, start and end of the content of each box, outer ones first."""
        while at + 8 <= end:
            self._boxes += 1
            if self._boxes > _MAX_BOXES:
                raise Undecodable(f"more than {_MAX_BOXES} boxes")
            head = self._bytes(at, 16)
            length, kind, width = int.from_bytes(head[:4], "big"), head[4:8], 8
            if length == 1:
                length, width = int.from_bytes(head[8:16], "big"), 16
            if length == 0:
                length = end - at
            if length < width:
                return
            stop = min(at + length, end)
            if kind in (b"moov", b"moof"):
                self._tables += stop - at
                if self._tables > self._settings.max_header_mb * _MEGABYTE:
                    raise TooMuchToDecode("the tables of the video exceed max_header_mb")
            yield kind, at + width, stop
            if kind in _INSIDE and depth < _DEEPEST:
                yield from self._walk(at + width, stop, depth + 1)
            at += length

    def _read(self, track: _Track, kind: bytes, start: int, end: int) -> None:
        if kind == b"hdlr":
            track.pictures = self._bytes(start + 8, 4) in (b"vide", b"pict", b"auxv")
        elif kind == b"stsz":
            track.sample_size = self._number(start + 4)
            track.samples = max(track.samples, self._number(start + 8))
        elif kind == b"stz2":
            track.samples = max(track.samples, self._number(start + 8))
        elif kind == b"elst":
            track.edits = max(track.edits, self._number(start + 4))
        elif kind in (b"stco", b"co64"):
            track.chunks = max(track.chunks, self._number(start + 4))
        elif kind in (b"stts", b"ctts"):
            counts, values = self._table(start, end, 2)
            if kind == b"stts":
                track.timed = max(track.timed, int(counts.sum()))
                track.unit_steps = list(values) == [1]
            else:
                track.shifted = max(track.shifted, int(counts.sum()))
        elif kind == b"stsc":
            first, samples, _ = self._table(start, end, 3)
            track.runs = list(zip(map(int, first), map(int, samples), strict=True))

    def _require_no_tables(self, start: int, end: int) -> None:
        if end - start > self._settings.max_header_mb * _MEGABYTE:
            raise TooMuchToDecode("the metadata of the video exceed max_header_mb")
        for found in _TABLES.finditer(self._bytes(start, end - start)):
            if 16 <= int.from_bytes(found[1], "big") <= end - start - found.start():
                raise Undecodable("a table of the video stands where none belongs")

    def _judge(self, track: _Track) -> None:
        most = self._settings.max_frames
        if track.pictures and track.samples > most:
            raise VideoTooLong(f"{track.samples} frames, {most} are allowed")
        sound = not track.pictures and track.unit_steps
        if not sound and track.samples > _OTHER_SAMPLES * most:
            raise TooMuchToDecode(f"a track of {track.samples} samples")
        if track.samples * max(1, track.sample_size) > self._size:
            raise TooMuchToDecode(f"{track.samples} samples in a file of {self._size} bytes")
        if max(track.timed, track.shifted, track.chunked) > 2 * track.samples + _SLACK:
            raise TooMuchToDecode("the tables of a track claim more samples than it has")
        if track.edits > _MAX_EDITS or track.edits * track.samples > _OTHER_SAMPLES * most:
            raise TooMuchToDecode(f"{track.edits} edits of {track.samples} samples")

    def _table(self, start: int, end: int, columns: int) -> NDArray[np.uint64]:
        """Return a table of 32 bit numbers, a row for each column of it."""
        rows = min(self._number(start + 4), (end - start - 8) // (4 * columns))
        if rows <= 0:
            return np.zeros((columns, 0), np.uint64)
        content = self._bytes(start + 8, rows * 4 * columns)
        whole = len(content) // (4 * columns)
        numbers = np.frombuffer(content[: whole * 4 * columns], ">u4").reshape(whole, columns)
        return numbers.T.astype(np.uint64)

    def _number(self, at: int) -> int:
        return int.from_bytes(self._bytes(at, 4), "big")

    def _bytes(self, at: int, length: int) -> bytes:
        self._file.seek(at)
        return self._file.read(length) or b""
