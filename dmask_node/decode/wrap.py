"""Wrap a plain video file as a Video Photographic Image (PS3.3 A.32.7), as a camera would send it.

The stream is taken as it is where a transfer syntax allows, so sound and metadata of the file are
in the object too: this is the sender's side, masking comes later.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from hashlib import file_digest
from pathlib import Path
from typing import Final

import av
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate_buffer
from pydicom.uid import UID

from dmask_node.decode.digest_header import header_from_digest
from dmask_node.decode.errors import NoPixelData, NotDicom, PictureTooLarge
from dmask_node.decode.fragments import FragmentReader
from dmask_node.decode.frames import open_source
from dmask_node.decode.part10 import only_dmask_errors
from dmask_node.decode.settings import DecodeSettings
from dmask_node.decode.video import FILE_CODECS, open_container
from dmask_node.version import VERSION

_MAX_PAYLOAD: Final = 2**32 - 2
"""Longest fragment, bytes (PS3.5 A.4)."""
_MPEG2_MAIN_LEVEL: Final = "1.2.840.10008.1.2.4.100"
_MPEG2_HIGH_LEVEL: Final = "1.2.840.10008.1.2.4.101"
_H264_41: Final = "1.2.840.10008.1.2.4.102"
_H264_42: Final = "1.2.840.10008.1.2.4.104"
_HEVC_MAIN: Final = "1.2.840.10008.1.2.4.107"
_HEVC_MAIN_10: Final = "1.2.840.10008.1.2.4.108"
_METHODS: Final = {"mpeg2video": "ISO_13818_2", "h264": "ISO_14496_10", "hevc": "ISO_23008_2"}
"""Lossy Image Compression Method, PS3.3 C.7.6.1.1.5."""
_H264_PROFILES: Final = frozenset({"High", "Main", "Constrained Baseline"})
"""What a High profile decoder can decode (H.264 A.2)."""


@dataclass(frozen=True, slots=True)
class _Stream:
    """What the header must say about a stream."""

    codec: str
    transfer_syntax_uid: str
    rows: int
    columns: int
    rate: Fraction
    n_frames: int
    bits_stored: int


def wrap_video(video: Path, out: Path, header: Dataset | None = None) -> Path:
    """Write a plain video as a DICOM Part 10 file.

    H.264 (up to High profile, level 4.2), HEVC (Main and Main 10, level 5.1) and MPEG-2 (Main
    profile) in MP4 or MPEG-TS are encapsulated as they are, in one fragment; everything else is
    transcoded to H.264 High without sound first. A pixel aspect ratio in the stream stays there.

    Parameters
    ----------
    video : Path
        Any video file that `open_source` takes.
    out : Path
        Where the object goes; written beside it and renamed.
    header : Dataset, optional
        Patient, study, series and instance attributes; those missing are made up from the file's
        digest. Default: all made up, nobody named.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    DmaskError
        As `open_source` does, for files that hold no decodable video.
    PictureTooLarge
        If the stream is longer than a fragment can be, or beyond level 4.2 after transcoding.
    SourceUnreadable
        If a disk fails.
    """
    with only_dmask_errors(NotDicom):
        stream = _describe(video)
        if stream is not None:
            return _write(video, stream, out, header)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix="wrap-") as folder:
            transcoded = Path(folder) / "video.mp4"
            _transcode(video, transcoded)
            stream = _describe(transcoded)
            if stream is None:
                raise PictureTooLarge("the video is beyond H.264 level 4.2")
            return _write(transcoded, stream, out, header)


def _describe(video: Path) -> _Stream | None:
    """Return what a header must say, or None when no transfer syntax takes the file as it is."""
    with _opened(video) as container:
        stream = container.streams.video[0]
        name = container.format.name
        brand = str(container.metadata.get("major_brand", ""))
        mp4 = name.startswith("mov") and brand.strip() != "qt" and brand != ""
        if not (mp4 or name == "mpegts"):
            return None
        transfer_syntax_uid = _transfer_syntax(stream)
        if transfer_syntax_uid is None:
            return None
        return _Stream(
            codec=stream.codec_context.name,
            transfer_syntax_uid=transfer_syntax_uid,
            rows=stream.codec_context.height,
            columns=stream.codec_context.width,
            rate=Fraction(stream.average_rate or 25),
            n_frames=stream.frames or sum(1 for packet in container.demux(stream) if packet.size),
            bits_stored=10 if transfer_syntax_uid == _HEVC_MAIN_10 else 8,
        )


@contextmanager
def _opened(video: Path) -> "Iterator[av.container.InputContainer]":
    size = video.stat().st_size
    with (
        FragmentReader(video.open("rb"), [(0, size)], owns_file=True) as file,
        open_container(file, FILE_CODECS, DecodeSettings()) as container,
    ):
        if not container.streams.video:
            raise NoPixelData("the file holds no picture track")
        yield container


def _transfer_syntax(stream: av.VideoStream) -> str | None:
    codec = stream.codec_context
    if codec.name == "mpeg2video" and codec.profile == "Main":
        return (
            _MPEG2_MAIN_LEVEL if codec.width <= 720 and codec.height <= 576 else _MPEG2_HIGH_LEVEL
        )
    if codec.name == "h264" and codec.profile in _H264_PROFILES and codec.pix_fmt == "yuv420p":
        level = _h264_level(codec.extradata or b"")
        return _H264_41 if level <= 41 else _H264_42 if level == 42 else None
    if codec.name == "hevc" and codec.profile in ("Main", "Main 10"):
        return _HEVC_MAIN if codec.profile == "Main" else _HEVC_MAIN_10
    return None


def _h264_level(extradata: bytes) -> int:
    """Return level_idc: 41 for level 4.1; 255 when no parameter set tells it."""
    if extradata[:1] == b"\x01":
        return extradata[3]  # AVCDecoderConfigurationRecord, ISO/IEC 14496-15 5.3.3.1
    at = extradata.find(b"\0\0\1")
    while at >= 0 and at + 6 < len(extradata):
        if extradata[at + 3] & 0x1F == 7:  # sequence parameter set, H.264 7.3.2.1.1
            return extradata[at + 6]
        at = extradata.find(b"\0\0\1", at + 3)
    return 255


def _transcode(video: Path, out: Path) -> None:
    """Encode the frames as H.264 High in MP4, without sound."""
    with _opened(video) as original:
        rate = Fraction(original.streams.video[0].average_rate or 25)
    source = open_source(video)
    ticks = 90_000
    rows, columns = source.rows - source.rows % 2, source.columns - source.columns % 2
    # x264 picks the level from size and rate; above 4.2 `_describe` refuses the result.
    with av.open(str(out), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "fast", "crf": "16"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = columns, rows, "yuv420p"
        stream.codec_context.time_base = Fraction(1, ticks)
        stream.codec_context.profile = "High"
        stream.codec_context.thread_type = "FRAME"
        stream.codec_context.max_b_frames = 0
        for frame in source.frames:
            picture = av.VideoFrame.from_ndarray(
                frame.rgb[:rows, :columns].copy(), format="rgb24"
            ).reformat(format="yuv420p", dst_colorspace="ITU601", dst_color_range="MPEG")
            picture.pts, picture.time_base = round(frame.time_s * ticks), Fraction(1, ticks)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def _write(payload: Path, stream: _Stream, out: Path, header: Dataset | None) -> Path:
    size = payload.stat().st_size
    if size > _MAX_PAYLOAD:
        raise PictureTooLarge(f"{size} bytes of video; a fragment holds {_MAX_PAYLOAD}")
    with payload.open("rb") as file:
        dataset = header_from_digest(file_digest(file, "sha256").hexdigest())
    if header is not None:
        dataset.update(header)
    _describe_instance(dataset, stream, size)
    part = out.with_name(out.name + ".part")
    try:
        with payload.open("rb") as file:
            dataset.PixelData = encapsulate_buffer([file], has_bot=False)
            dataset["PixelData"].VR = "OB"
            dataset["PixelData"].is_undefined_length = True
            dataset.save_as(part, enforce_file_format=True)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return out


def _describe_instance(dataset: Dataset, stream: _Stream, size: int) -> None:
    """Set what the Video Photographic Image IOD demands and the stream decides."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(stream.transfer_syntax_uid)
    dataset.file_meta = meta
    made_up = {
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "Manufacturer": "dmask",
        "ManufacturerModelName": "dmask wrap",
        "DeviceSerialNumber": "0",
        "SoftwareVersions": VERSION,
        "PatientOrientation": "",
        "BodyPartExamined": "FACE",
        "BurnedInAnnotation": "NO",
        "AcquisitionContextSequence": [],
        "AnatomicRegionSequence": [_face()],
    }
    for keyword, value in made_up.items():
        if keyword not in dataset:
            setattr(dataset, keyword, value)
    dataset.SamplesPerPixel = 3
    dataset.PhotometricInterpretation = "YBR_PARTIAL_420"
    dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = stream.rows, stream.columns
    dataset.BitsAllocated = 16 if stream.bits_stored > 8 else 8
    dataset.BitsStored, dataset.HighBit = stream.bits_stored, stream.bits_stored - 1
    dataset.PixelRepresentation = 0
    dataset.NumberOfFrames = stream.n_frames
    dataset.FrameTime = f"{1000 / float(stream.rate):.6f}"
    dataset.CineRate = max(1, round(stream.rate))
    dataset.FrameIncrementPointer = 0x00181063
    dataset.LossyImageCompression = "01"
    raw = stream.rows * stream.columns * 3 * stream.n_frames
    dataset.LossyImageCompressionRatio = f"{max(1.0, raw / size):.2f}"
    dataset.LossyImageCompressionMethod = _METHODS[stream.codec]


def _face() -> Dataset:
    """Return the code of the face, SNOMED CT (PS3.16 CID 4031)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "89545001", "SCT", "Face"
    return item
