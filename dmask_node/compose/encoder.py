"""Encode rendered pictures as H.264 for DICOM, in MP4 (edge: PyAV).

What comes out holds pictures and the times at which to show them, nothing else: no sound, no
supplemental enhancement information, no encoder's name, no date. The same pictures, times and
settings give the same bytes.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from numpy.typing import NDArray

from dmask_node.compose.settings import EncoderSettings
from dmask_node.errors import Permanent, Transient
from dmask_node.records.masked import EncodedVideo

_LEVELS: Final = (
    # level, macroblocks a second, macroblocks a frame (H.264 table A-1), High bit rate and
    # buffer in kbit (table A-2), transfer syntax (PS3.5 8.2.7 and 8.2.8)
    ("4.1", 245_760, 8_192, 62_500, 78_125, "1.2.840.10008.1.2.4.102"),
    ("4.2", 522_240, 8_704, 62_500, 78_125, "1.2.840.10008.1.2.4.104"),
)
_FINE_TICKS_PER_S: Final = 90_000
"""Timescale of a video without constant rate; the clock of MPEG systems."""
_SINGLE_FRAME_RATE: Final = Fraction(25)
"""A single picture is shown for 40 ms."""
_STANDARD_RATES: Final = tuple(
    sorted(
        {Fraction(rate) for rate in range(1, 301)}
        | {Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60, 120, 240)}
    )
)


class TooLargeToEncode(Permanent):
    """Size and rate of the masked video are beyond H.264 level 4.2."""

    reason = "too_large_to_encode"
    hint = "Lower render.max_macroblocks, or send the video at a lower frame rate."


class EncoderFailed(Permanent):
    """The encoder refused the pictures."""

    reason = "encoder_failed"
    hint = "Run `dmask doctor`: the installed PyAV may lack libx264."


class EncodedVideoNotWritten(Transient):
    """The encoded video could not be written to disk."""

    reason = "encoded_video_not_written"
    hint = "Free space in the node's work folder."


def encode_video(
    frames: Iterable[NDArray[np.uint8]],
    times_s: Sequence[float],
    rows: int,
    columns: int,
    path: Path,
    settings: EncoderSettings,
) -> EncodedVideo:
    """Encode pictures as they come, and put the finished file in place at once.

    Parameters
    ----------
    frames : iterable of (rows, columns, 3) ndarray of uint8
        RGB pictures, full range; walked once, none is kept.
    times_s : sequence of float
        Presentation time of each picture, seconds, strictly increasing. Taken from the first.
    rows, columns : int
        Size of the pictures, pixels; both even.
    path : Path
        Where the MP4 goes. It is written as ``.part`` beside it, synced and renamed.
    settings : EncoderSettings
        Quality and speed.

    Returns
    -------
    EncodedVideo
        With constant rate when every time lies within 5 % of a frame time (or 0.5 ms, as coarse
        clocks round) of an even raster; else with the given times to 1/90000 s.

    Raises
    ------
    TooLargeToEncode
        If size or rate are beyond level 4.2.
    EncoderFailed
        If the encoder refuses.
    EncodedVideoNotWritten
        If the disk does.
    ValueError
        If pictures and times don't match in number, size or order.
    """
    timeline = Timeline.of(times_s)
    part = path.with_name(path.name + ".part")
    try:
        with (
            _explained(),
            H264Writer(part, rows, columns, timeline, settings) as writer,
        ):
            for frame in frames:
                writer.write(frame)
        if writer.written != len(times_s):
            raise ValueError(f"{writer.written} pictures for {len(times_s)} times")
        with _explained():
            _put_in_place(part, path)
    finally:
        with suppress(OSError):
            part.unlink()
    return EncodedVideo(
        path=path,
        rows=rows,
        columns=columns,
        times_s=tuple(float(tick * timeline.time_base) for tick in timeline.ticks),
        frame_time_ms=float(1000 / timeline.rate),
        constant_rate=timeline.constant,
        transfer_syntax_uid=writer.transfer_syntax_uid,
    )


class Timeline:
    """When each picture is shown, in ticks of a time base.

    Attributes
    ----------
    constant : bool
        Whether the raster is even; then a tick is a frame.
    rate : Fraction
        Frames a second; the mean when not constant.
    time_base : Fraction
        Seconds a tick.
    ticks : list of int
        Strictly increasing, from 0.
    """

    def __init__(self, *, constant: bool, rate: Fraction, ticks: list[int]) -> None:
        self.constant = constant
        self.rate = rate
        self.ticks = ticks
        self.time_base = 1 / rate if constant else Fraction(1, _FINE_TICKS_PER_S)

    @classmethod
    def of(cls, times_s: Sequence[float]) -> Self:
        """Find the raster behind presentation times, or keep them as they are.

        Raises
        ------
        ValueError
            If there are none, or they don't increase.
        """
        times = np.asarray(times_s, np.float64)
        if len(times) == 0 or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
            raise ValueError("presentation times must be finite and strictly increasing")
        times = times - times[0]
        n = len(times)
        if n == 1:
            return cls(constant=True, rate=_SINGLE_FRAME_RATE, ticks=[0])
        step_s = times[-1] / (n - 1)
        rate = _nearest_rate(step_s, n)
        off_s = np.abs(times - np.arange(n) / float(rate)).max()
        if off_s <= max(0.05 * step_s, 0.0005):
            return cls(constant=True, rate=rate, ticks=list(range(n)))
        ticks = np.round(times * _FINE_TICKS_PER_S).astype(np.int64)
        ticks = np.maximum.accumulate(ticks - np.arange(n)) + np.arange(n)  # strictly increasing
        mean = Fraction(int(n - 1) * _FINE_TICKS_PER_S, int(ticks[-1]))
        return cls(constant=False, rate=mean, ticks=[int(tick) for tick in ticks])

    @property
    def peak_rate(self) -> Fraction:
        """Most frames within any one second."""
        if self.constant:
            return self.rate
        ticks = np.asarray(self.ticks)
        until = np.searchsorted(ticks, ticks + _FINE_TICKS_PER_S, side="left")
        return max(self.rate, Fraction(int((until - np.arange(len(ticks))).max())))


def _nearest_rate(step_s: float, n_frames: int) -> Fraction:
    """Return a customary rate when it moves the last frame by under a tenth of a step."""
    near = min(_STANDARD_RATES, key=lambda rate: abs(float(rate) * step_s - 1))
    if abs(1 / float(near) - step_s) * (n_frames - 1) < 0.1 * step_s:
        return near
    return max(Fraction(1 / step_s).limit_denominator(1001), Fraction(1, 1001))


def choose_level(rows: int, columns: int, rate: Fraction) -> tuple[str, int, int, str]:
    """Choose the H.264 level, and with it the transfer syntax.

    Parameters
    ----------
    rows, columns : int
        Size of the picture, pixels.
    rate : Fraction
        Frames a second.

    Returns
    -------
    level : str
        As x264 takes it.
    max_kbit_per_s, buffer_kbit : int
        Limits of High profile at this level.
    transfer_syntax_uid : str
        MPEG-4 AVC/H.264 High Profile / Level 4.1, or Level 4.2 for 2D video.

    Raises
    ------
    TooLargeToEncode
        If no level of DICOM's fits.
    """
    macroblocks = -(-rows // 16) * -(-columns // 16)
    for level, per_second, per_frame, bit_rate, buffer, uid in _LEVELS:
        # H.264 A.3.1: neither side over sqrt(8 * MaxFS) macroblocks.
        side = int((8 * per_frame) ** 0.5) * 16
        fits = macroblocks <= per_frame and max(rows, columns) <= side
        if fits and macroblocks * rate <= per_second:
            return level, bit_rate, buffer, uid
    raise TooLargeToEncode(
        f"{columns} x {rows} pixels at {float(rate):.3g} frames a second are beyond level 4.2"
    )


class H264Writer:
    """Writes an H.264 High stream into an MP4 file, picture by picture.

    Parameters
    ----------
    path : Path
        The file to write.
    rows, columns : int
        Size of the pictures, pixels; both even.
    timeline : Timeline
        When each picture is shown.
    settings : EncoderSettings
        Quality and speed.
    """

    def __init__(
        self, path: Path, rows: int, columns: int, timeline: Timeline, settings: EncoderSettings
    ) -> None:
        if rows % 2 or columns % 2:
            raise ValueError(f"4:2:0 needs even sides, not {columns} x {rows}")
        level, bit_rate, buffer, self.transfer_syntax_uid = choose_level(
            rows, columns, timeline.peak_rate
        )
        self.written = 0
        self._shape = (rows, columns, 3)
        self._timeline = timeline
        self._file = av.open(
            str(path),
            "w",
            format="mp4",
            # bitexact: no muxer's name, no times; faststart: the index before the pictures
            options={"fflags": "+bitexact", "movflags": "+faststart"},
        )
        stream = self._file.add_stream(
            "libx264",
            rate=timeline.rate,
            options={
                "preset": settings.preset,
                "crf": str(settings.crf),
                "x264-params": _x264_params(level, bit_rate, buffer, timeline),
            },
        )
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = columns, rows, "yuv420p"
        encoder = stream.codec_context
        encoder.profile = "High"
        encoder.thread_count = settings.threads
        encoder.thread_type = "FRAME"  # the default cuts every picture into slices
        encoder.sample_aspect_ratio = Fraction(1, 1)
        encoder.time_base = timeline.time_base
        self._stream = stream
        # x264 writes its version and options as SEI. The filter is opened without the stream:
        # with it, before the encoder is open, the picture size would be reset.
        self._without_sei = BitStreamFilterContext("filter_units=remove_types=6", "h264")

    def write(self, picture: NDArray[np.uint8]) -> None:
        """Encode one (rows, columns, 3) RGB picture."""
        if picture.shape != self._shape or picture.dtype != np.uint8:
            raise ValueError(f"picture of {picture.shape} {picture.dtype}, not {self._shape} uint8")
        if self.written == len(self._timeline.ticks):
            raise ValueError(f"more pictures than the {self.written} times")
        rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        # BT.601, limited range: what YBR_PARTIAL_420 means (PS3.3 C.7.6.3.1.2).
        frame = rgb.reformat(format="yuv420p", dst_colorspace="ITU601", dst_color_range="MPEG")
        frame.pts = self._timeline.ticks[self.written]
        frame.time_base = self._timeline.time_base
        self.written += 1
        self._mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what the encoder still holds, then the index."""
        self._mux(self._stream.encode(None))
        self._pass_on(self._without_sei.filter(None))
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            with suppress(av.FFmpegError, OSError):  # the first error is the one to tell
                self._file.close()

    def _mux(self, packets: "Sequence[av.Packet[av.VideoStream]]") -> None:
        for packet in packets:
            packet.stream = self._stream
            self._pass_on(self._without_sei.filter(packet))

    def _pass_on(self, packets: "Sequence[av.Packet[av.VideoStream]]") -> None:
        for packet in packets:
            packet.stream = self._stream
            self._file.mux(packet)


def _x264_params(level: str, bit_rate: int, buffer: int, timeline: Timeline) -> str:
    second = max(1, round(timeline.rate))
    params = {
        "level": level,
        "keyint": second,  # a closed group of pictures a second: players can seek
        "min-keyint": max(1, second // 2),
        "open-gop": 0,
        "bframes": 0,  # decoding order is presentation order: no edit list, no hidden frame
        "vbv-maxrate": bit_rate // 2,
        "vbv-bufsize": buffer // 2,
        "nal-hrd": "none",
        "sar": "1/1",
        "force-cfr": int(timeline.constant),
        "fullrange": "off",
        "colorprim": "smpte170m",
        "transfer": "smpte170m",
        "colormatrix": "smpte170m",
    }
    return ":".join(f"{name}={value}" for name, value in params.items())


@contextmanager
def _explained() -> Iterator[None]:
    """Tell a full disk from a refusing encoder; pass on everything else."""
    try:
        yield
    except OSError as error:  # FFmpeg's errors of the system derive from it too
        raise EncodedVideoNotWritten(f"system error {error.errno}") from None
    except av.FFmpegError as error:
        raise EncoderFailed(f"{type(error).__name__}, error {error.errno}") from None


def _put_in_place(part: Path, path: Path) -> None:
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
