"""Video streams, decoded frame by frame with FFmpeg (edge: PyAV).

Only containers and codecs of the lists below are opened: FFmpeg knows formats that read other
files or the network. Sound, subtitles, covers and data tracks are passed over. Interlaced video
comes as frames, two fields woven together.
"""

import io
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import Any, BinaryIO, Final

import av
import numpy as np
from av.stream import Disposition

from dmask_node.decode.completeness import require_complete
from dmask_node.decode.errors import (
    NoPixelData,
    PictureTooLarge,
    TooMuchToDecode,
    Truncated,
    Undecodable,
    VideoTooLong,
)
from dmask_node.decode.mp4_index import require_modest_index
from dmask_node.decode.part10 import guarded, only_dmask_errors
from dmask_node.decode.settings import DecodeSettings
from dmask_node.errors import DmaskError
from dmask_node.records.identified import SourceFrame

_RAW_STREAMS: Final = frozenset({"h264", "hevc", "mpegvideo", "m4v", "mjpeg"})
"""Elementary streams: they have no presentation times of their own."""
_DEMUXERS: Final = ",".join(
    [
        *("mov", "avi", "matroska", "mpegts", "mpeg", "asf", "dv", "mxf"),
        *("jpeg_pipe", "png_pipe"),  # a photograph
        *sorted(_RAW_STREAMS),
    ]
)
DICOM_CODECS: Final = ("h264", "hevc", "mpeg1video", "mpeg2video")
"""What the video transfer syntaxes of PS3.5 8.2.5 to 8.2.11 can hold."""
FILE_CODECS: Final = (
    *DICOM_CODECS,
    *("mpeg4", "h263", "mjpeg", "vp8", "vp9", "libdav1d", "av1", "dvvideo", "ffv1", "huffyuv"),
    *("prores", "rawvideo", "msmpeg4v2", "msmpeg4", "wmv2", "wmv3", "vc1", "png"),
)
"""What cameras, phones and capture cards write into files."""
_LEADING_DAMAGE: Final = 300
"""Packets before the first whole picture that may fail: a recording may begin between key
frames. Five seconds at 60 frames a second."""
_ASPECTS: Final = (Fraction(1, 4), Fraction(4))
"""Pixel aspect ratios a camera may have; others are taken for mistakes."""


def open_container(
    file: "io.RawIOBase | BinaryIO", codecs: tuple[str, ...], settings: DecodeSettings
) -> av.container.InputContainer:
    """Open a video container of a listed kind.

    Parameters
    ----------
    file : seekable binary file
        One without a name, best: FFmpeg puts a name it knows into its messages.
    codecs : tuple of str
        FFmpeg decoders that may be used.
    settings : DecodeSettings
        Limits.

    Returns
    -------
    av.container.InputContainer
        Its close leaves the file open.

    Raises
    ------
    av.FFmpegError
        If no container is recognised.
    """
    return av.open(
        file,
        "r",
        buffer_size=1 << 18,
        options={
            "format_whitelist": _DEMUXERS,
            "codec_whitelist": ",".join(codecs),
            "protocol_whitelist": "",
            "max_pixels": str(settings.max_rows * settings.max_columns),
        },
    )


class VideoReader:
    """A video stream, opened up to its first picture.

    Parameters
    ----------
    file : seekable binary file
        The payload; closed with the last frame.
    size : int
        Its length, bytes.
    codecs : tuple of str
        FFmpeg decoders that may be used.
    settings : DecodeSettings
        Limits and threads.
    raw_step_s : float, optional
        Frame time of an elementary stream, seconds. Default: as the stream says.
    declared : int, optional
        Number of frames a header promises.
    not_a_video : subclass of DmaskError
        Raised when no container is recognised.

    Attributes
    ----------
    rows, columns : int
        Of the upright picture with square pixels.
    declared_frames : int or None
        What the container's index says; None without one. Never the header: its number is the
        sender's, and this one is shown while the job runs.
    frames : iterator of SourceFrame
        Can be walked once.

    Raises
    ------
    Truncated, Undecodable, NoPixelData, PictureTooLarge, VideoTooLong
        As their names say; `frames` raises them too.
    """

    def __init__(
        self,
        file: "io.RawIOBase | BinaryIO",
        size: int,
        codecs: tuple[str, ...],
        settings: DecodeSettings,
        *,
        raw_step_s: float | None = None,
        declared: int | None = None,
        not_a_video: type[DmaskError] = Undecodable,
    ) -> None:
        self._settings = settings
        self._size = size
        try:
            with only_dmask_errors():
                require_complete(file, size)
                require_modest_index(file, size, settings)
            with only_dmask_errors(not_a_video):
                self._container = open_container(file, codecs, settings)
            with only_dmask_errors():
                self._stream = self._choose_stream(codecs)
                self._raw = self._container.format.name in _RAW_STREAMS
                self._step_s = (raw_step_s if self._raw else None) or self._stream_step_s()
                self._indexed = self._require_indexed_samples()
                self.declared_frames = (self._stream.frames or None) if self._indexed else None
                self._promised = None if self._indexed else declared
                pictures = self._pictures()
                first = _first(pictures)
                self._coded = (first.height, first.width)
                self._quarter_turns = round(first.rotation / 90) % 4
                self._display = self._display_size()
                self.rows, self.columns = self._upright_size()
                self._require_modest(self._stream.frames if self._indexed else 1)
        except BaseException:
            file.close()
            raise
        self.frames = guarded(self._frames(chain([first], pictures), file))

    def _choose_stream(self, codecs: tuple[str, ...]) -> av.VideoStream:
        """Return the first picture track that is no cover; silence all others."""
        streams = [
            stream
            for stream in self._container.streams.video
            if not stream.disposition & Disposition.attached_pic
        ]
        if not streams:
            raise NoPixelData("the file holds no picture track")
        chosen = streams[0]
        # None: FFmpeg has no decoder at all.
        name = getattr(chosen.codec_context, "name", None)
        if name not in codecs:
            raise Undecodable("the pictures are encoded in a way that is not accepted here")
        self._require_size(chosen.codec_context.height, chosen.codec_context.width)
        chosen.codec_context.options = {
            "err_detect": "explode",  # concealed damage would be measured as if it were a face
            "max_pixels": str(self._settings.max_rows * self._settings.max_columns),
        }
        chosen.codec_context.thread_count = self._settings.threads
        chosen.codec_context.thread_type = "FRAME" if self._settings.threads > 1 else "SLICE"
        return chosen

    def _stream_step_s(self) -> float:
        rate = self._stream.average_rate or self._stream.base_rate
        return float(1 / rate) if rate else 0.04

    def _require_indexed_samples(self) -> bool:
        """Check an MP4 index against the length of the payload; tell whether there is one."""
        if not self._container.format.name.startswith("mov") or not self._stream.frames:
            return False
        for entry in self._stream.index_entries or ():
            if entry.pos + entry.size > self._size:
                raise Truncated("the index lists frames beyond the end of the stream")
        return True

    def _pictures(self) -> Iterator[av.VideoFrame]:
        """Yield whole pictures; damage behind the first one is an error."""
        begun = False
        failed = 0
        for packet in self._container.demux(self._stream):
            if packet.is_corrupt and begun:
                raise Truncated("a packet is cut short")
            try:
                pictures = packet.decode()
            except av.FFmpegError:
                pictures = []
                failed += 1
                if begun or failed > _LEADING_DAMAGE:
                    raise Undecodable("a picture behind the first one is damaged") from None
            for picture in pictures:
                assert isinstance(picture, av.VideoFrame)
                if not picture.is_corrupt:
                    begun = True
                    yield picture
                elif begun:
                    raise Undecodable("a picture behind the first one is damaged")

    def _frames(
        self, pictures: Iterator[av.VideoFrame], file: "io.RawIOBase | BinaryIO"
    ) -> Iterator[SourceFrame]:
        n = 0
        origin_s: float | None = None
        now = 0.0
        with file, self._container:
            for picture in pictures:
                if n == self._settings.max_frames:
                    raise VideoTooLong(f"more than the {n} frames that are allowed")
                self._require_modest(n + 1)
                if (picture.height, picture.width) != self._coded:
                    raise Undecodable(f"the picture size changes at frame {n}")
                if self._raw or picture.pts is None or picture.time_base is None:
                    shown_s = None
                else:
                    shown_s = float(picture.pts * picture.time_base)
                    origin_s = shown_s - now if origin_s is None else origin_s
                    shown_s -= origin_s
                if n:
                    # A time that is missing or runs back is put one step on.
                    late = shown_s is not None and shown_s > now
                    now = shown_s if late and shown_s is not None else now + self._step_s
                if now > self._settings.max_duration_s:
                    raise VideoTooLong(f"longer than {self._settings.max_duration_s:g} s")
                yield SourceFrame(rgb=self._upright(picture), time_s=now)
                n += 1
            least = self._settings.least_share_of_declared_frames * (self._promised or 0)
            if n + 2 < least:
                raise Truncated(f"{n} frames; Number of Frames (0028,0008) promises more")

    def _require_modest(self, n_frames: int) -> None:
        """Look at what the frames declared, or come so far, take as RGB."""
        if n_frames * self.rows * self.columns * 3 > self._settings.max_decompressed_gb * 10**9:
            raise TooMuchToDecode(f"{n_frames} frames of {self.columns} x {self.rows} pixels")

    def _upright(self, picture: av.VideoFrame) -> "np.ndarray[Any, np.dtype[np.uint8]]":
        rows, columns = self._display
        rgb = picture.reformat(width=columns, height=rows, format="rgb24").to_ndarray()
        # np.rot90 and FFmpeg both turn counterclockwise
        return np.ascontiguousarray(np.rot90(rgb, self._quarter_turns), np.uint8)

    def _display_size(self) -> tuple[int, int]:
        """Return rows and columns with square pixels, before turning."""
        rows, columns = self._coded
        aspect = self._stream.sample_aspect_ratio or Fraction(1)
        if not _ASPECTS[0] <= aspect <= _ASPECTS[1]:
            aspect = Fraction(1)
        if aspect > 1:
            columns = round(columns * aspect)
        else:
            rows = round(rows / aspect)
        return rows, columns

    def _upright_size(self) -> tuple[int, int]:
        rows, columns = self._display
        if self._quarter_turns % 2:
            rows, columns = columns, rows
        self._require_size(rows, columns)
        return rows, columns

    def _require_size(self, rows: int, columns: int) -> None:
        if rows > self._settings.max_rows or columns > self._settings.max_columns:
            raise PictureTooLarge(
                f"{columns} x {rows} pixels; "
                f"{self._settings.max_columns} x {self._settings.max_rows} are allowed"
            )


def _first(pictures: Iterator[av.VideoFrame]) -> av.VideoFrame:
    first = next(pictures, None)
    if first is None:
        raise Undecodable("not one picture can be decoded")
    return first
