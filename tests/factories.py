"""Builders of test objects: videos, photographs and DICOM instances, with identities planted.

Every picture carries its own index as a bar code that survives lossy compression: `frame_index_of`
reads it back, so a test can tell which frames came through, in which order and which way up.
"""

import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, itemize_fragment
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

VIDEO_PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4.1"
VL_PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4"
MULTI_FRAME_TRUE_COLOR = "1.2.840.10008.5.1.4.1.1.7.4"

MPEG2_MAIN = "1.2.840.10008.1.2.4.100"
MPEG2_HIGH = "1.2.840.10008.1.2.4.101"
H264_41 = "1.2.840.10008.1.2.4.102"
H264_41_FRAGMENTABLE = "1.2.840.10008.1.2.4.102.1"
H264_42 = "1.2.840.10008.1.2.4.104"
HEVC_MAIN = "1.2.840.10008.1.2.4.107"
HEVC_MAIN10 = "1.2.840.10008.1.2.4.108"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
RLE_LOSSLESS = "1.2.840.10008.1.2.5"
DEFLATED = "1.2.840.10008.1.2.1.99"

PLANTED_ATTRIBUTES: dict[str, object] = {
    "PatientName": "PLANTEDNAME^GIVENPLANT",
    "PatientID": "PLANTEDID44051401458",
    "PatientBirthDate": "19440514",
    "PatientAddress": "PLANTEDSTREET 7",
    "OtherPatientIDs": "PLANTEDOTHERID9",
    "AccessionNumber": "PLANTEDACC778",
    "StudyID": "PLANTEDSTUDY",
    "StudyDate": "20260110",
    "StudyTime": "101507",
    "ContentDate": "20260110",
    "ContentTime": "101508",
    "AcquisitionDateTime": "20260110101509",
    "ReferringPhysicianName": "PLANTEDDOCTOR^REF",
    "InstitutionName": "PLANTEDHOSPITAL",
    "StudyDescription": "PLANTEDNAME ptosis exam",
    "SeriesDescription": "PLANTEDSERIES",
    "DeviceSerialNumber": "PLANTEDSERIAL1234",
    "StationName": "PLANTEDSTATION",
}
"""Attributes of the sender; none of their identifying values may be found in what goes out."""

PLANTED_MARKERS: tuple[bytes, ...] = (
    b"PLANTED",
    b"GIVENPLANT",
    b"19440514",
    b"20260110",
    b"+52.2297+021.0122",
    b"2026-01-10",
    bytes.fromhex("e587d725"),  # 2026-01-10T10:15:01Z in seconds since 1904, as mvhd has it
)
"""Byte strings that betray a planted identity; audio can be found by `av` only."""


def a_picture(
    index: int, rows: int = 96, columns: int = 128, *, seed: int = 0
) -> NDArray[np.uint8]:
    """One coloured picture, (rows, columns, 3) RGB, bearing its index along the top left edge."""
    y, x = np.mgrid[0:rows, 0:columns]
    picture = np.empty((rows, columns, 3), np.uint8)
    picture[..., 0] = (x * 160 // columns + 40 + seed) % 256
    picture[..., 1] = y * 160 // rows + 40
    picture[..., 2] = 90
    top, left = rows // 2, (index * 3) % max(1, columns - 16)
    picture[top : top + 16, left : left + 16] = (220, 40, 40)  # something that moves
    side = _cell(rows, columns)
    for bit in range(8):
        picture[:side, bit * side : (bit + 1) * side] = 235 if index >> bit & 1 else 20
    return picture


def _cell(rows: int, columns: int) -> int:
    return max(2, min(rows, columns) // 12)


def frame_index_of(picture: NDArray[np.uint8]) -> int:
    """Read the index (mod 256) that `a_picture` wrote."""
    side = _cell(*picture.shape[:2])
    cells = picture[:side, : 8 * side].mean(axis=2).reshape(side, 8, side)
    margin = side // 4
    inner = cells[margin : side - margin, :, margin : side - margin]
    return sum(1 << bit for bit in range(8) if inner[:, bit].mean() > 128)


def pictures(n_frames: int, rows: int = 96, columns: int = 128) -> Iterator[NDArray[np.uint8]]:
    """`a_picture` 0, 1, 2, ..."""
    return (a_picture(index, rows, columns) for index in range(n_frames))


def a_video_file(
    path: Path,
    *,
    n_frames: int = 12,
    rows: int = 96,
    columns: int = 128,
    fps: Fraction | int = 25,
    times_s: Sequence[float] | None = None,
    codec: str = "libx264",
    container: str | None = None,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    audio: bool = False,
    identity: bool = False,
    rotation: int = 0,
    frames: Sequence[NDArray[np.uint8]] | None = None,
) -> Path:
    """Write a video file and return its path.

    Parameters
    ----------
    path : Path
        Where to; the suffix tells the container unless `container` (an FFmpeg muxer name) does.
    times_s : sequence of float, optional
        Presentation times. Default: constant rate `fps`.
    codec, pix_fmt, options
        For the FFmpeg encoder: ``libx264``, ``libx265``, ``mpeg2video``, ``mjpeg``, ``mpeg4``...
    audio : bool
        Add a tone on an AAC (or MP2 in MPEG streams) track.
    identity : bool
        Plant an identity wherever an MP4 can hold one: title, artist, comment, place, creation
        time, a handler name, SEI in every access unit, uuid and free boxes.
    rotation : {0, 90, 180, 270}
        Degrees clockwise a player has to turn the coded picture (MP4 only).
    frames : sequence of arrays, optional
        Pictures to encode. Default: `pictures`.
    """
    _encode(
        path,
        list(frames) if frames is not None else list(pictures(n_frames, rows, columns)),
        Fraction(fps),
        times_s,
        codec,
        container or _MUXERS[path.suffix],
        pix_fmt,
        options if options is not None else dict(_DEFAULT_OPTIONS.get(codec, {})),
        container_options or {},
        audio,
        identity,
    )
    if rotation:
        path.write_bytes(_turned(path.read_bytes(), rotation))
    return path


_MUXERS = {
    ".mp4": "mp4",
    ".mov": "mov",
    ".avi": "avi",
    ".mkv": "matroska",
    ".webm": "webm",
    ".ts": "mpegts",
    ".mpg": "vob",
    ".m2v": "mpeg2video",
    ".h264": "h264",
    ".h265": "hevc",
}
_DEFAULT_OPTIONS = {
    "libx264": {"preset": "veryfast", "x264-params": "threads=1"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=1"},
}
_PLANTED_METADATA = {
    "title": "PLANTEDTITLE",
    "artist": "PLANTEDARTIST",
    "comment": "PLANTEDCOMMENT",
    "location": "+52.2297+021.0122/",
    "creation_time": "2026-01-10T10:15:01Z",
}


def _encode(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    fps: Fraction,
    times_s: Sequence[float] | None,
    codec: str,
    container: str,
    pix_fmt: str,
    options: dict[str, str],
    container_options: dict[str, str],
    audio: bool,
    identity: bool,
) -> None:
    rows, columns = frames[0].shape[:2]
    time_base = 1 / fps if times_s is None else Fraction(1, 90000)
    with av.open(str(path), "w", format=container, options=container_options) as output:
        if identity:
            output.metadata.update(_PLANTED_METADATA)
        video = output.add_stream(codec, rate=fps, options=options)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = columns, rows, pix_fmt
        video.codec_context.time_base = time_base
        video.codec_context.thread_count = 1
        video.codec_context.gop_size = 12
        if identity:
            video.metadata["handler_name"] = "PLANTEDHANDLER"
            video.metadata["creation_time"] = "2026-01-10T10:15:01Z"
        sound = _add_sound(output, container) if audio else None
        plant_sei = identity and codec == "libx264"
        for index, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pix_fmt)
            frame.time_base = time_base
            frame.pts = index if times_s is None else round(times_s[index] * 90000)
            for packet in video.encode(frame):
                output.mux(_with_planted_sei(packet) if plant_sei else packet)
        for packet in video.encode(None):
            output.mux(_with_planted_sei(packet) if plant_sei else packet)
        if sound is not None:
            _write_tone(output, sound, float(len(frames) / fps))
    if identity and container in ("mp4", "mov"):
        payload = path.read_bytes()
        payload += (
            struct.pack(">I4s16s", 54, b"uuid", bytes(range(16)))
            + b"PLANTEDXMP__+52.2297+021.0122/"
        )
        payload += struct.pack(">I4s", 19, b"free") + b"PLANTEDFREE"
        path.write_bytes(payload)


def _with_planted_sei(packet: "av.Packet[Any]") -> "av.Packet[Any]":
    """Put user_data_unregistered (H.264 D.1.7) before an access unit in Annex B form."""
    text = bytes.fromhex("086f3693b7b34f2c965321492feee5b8") + b"PLANTEDSEI"
    planted: av.Packet[Any] = av.Packet(
        b"\0\0\0\1\x06\x05" + bytes([len(text)]) + text + b"\x80" + bytes(packet)
    )
    planted.stream, planted.time_base = packet.stream, packet.time_base
    planted.pts, planted.dts, planted.duration = packet.pts, packet.dts, packet.duration
    planted.is_keyframe = packet.is_keyframe
    return planted


def _add_sound(output: av.container.OutputContainer, container: str) -> av.AudioStream:
    sound = output.add_stream("aac" if container in ("mp4", "mov", "matroska") else "mp2", 48000)
    assert isinstance(sound, av.AudioStream)
    sound.layout = "stereo"
    return sound


def _write_tone(
    output: av.container.OutputContainer, sound: av.AudioStream, duration_s: float
) -> None:
    size = sound.codec_context.frame_size or 1024
    planar = sound.codec_context.format.name
    for start in range(0, int(duration_s * 48000), size):
        wave = 0.2 * np.sin(2 * np.pi * 220 * (start + np.arange(size)) / 48000)
        samples = np.stack([wave, wave])
        if planar.startswith("s16"):
            samples = (samples * 32767).astype(np.int16)
        else:
            samples = samples.astype(np.float32)
        if not planar.endswith("p"):
            samples = samples.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples), format=planar, layout="stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        for packet in sound.encode(frame):
            output.mux(packet)
    for packet in sound.encode(None):
        output.mux(packet)


def _turned(payload: bytes, rotation: int) -> bytes:
    """Write a display matrix (ISO/IEC 14496-12 6.2.2) into the first tkhd box, version 0."""
    one = 1 << 16
    a, b, c, d = {
        90: (0, one, -one, 0),
        180: (-one, 0, 0, -one),
        270: (0, -one, one, 0),
    }[rotation]
    at = payload.index(b"tkhd") + 4 + 40
    matrix = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    return payload[:at] + matrix + payload[at + 36 :]


def a_header(
    sop_class_uid: str = VIDEO_PHOTOGRAPHIC, *, identity: bool = False, **attributes: object
) -> Dataset:
    """A patient, study and series header without pixels; `attributes` by keyword win."""
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    header.SOPClassUID = sop_class_uid
    header.SOPInstanceUID = generate_uid()
    header.StudyInstanceUID = generate_uid()
    header.SeriesInstanceUID = generate_uid()
    header.Modality = "XC"
    header.PatientName = "Doe^Jane"
    header.PatientID = "1"
    header.PatientBirthDate = ""
    header.PatientSex = "F"
    header.StudyDate = "20200102"
    header.StudyTime = "030405"
    header.StudyID = "1"
    header.AccessionNumber = "A1"
    header.ReferringPhysicianName = ""
    header.SeriesNumber = 1
    header.InstanceNumber = 1
    header.ImageType = ["ORIGINAL", "PRIMARY"]
    for keyword, value in (PLANTED_ATTRIBUTES if identity else {}).items():
        setattr(header, keyword, value)
    for keyword, value in attributes.items():
        setattr(header, keyword, value)
    return header


def a_video_instance(
    path: Path,
    *,
    transfer_syntax_uid: str = H264_41,
    n_fragments: int = 1,
    n_frames: int = 12,
    rows: int = 96,
    columns: int = 128,
    fps: Fraction | int = 25,
    declared_frames: int | None = None,
    payload: bytes | None = None,
    header: Dataset | None = None,
    identity: bool = False,
    **video: object,
) -> Path:
    """Write a Video Photographic Image as a DICOM Part 10 file and return its path.

    Parameters
    ----------
    transfer_syntax_uid : str
        Also chooses the codec unless `codec` is given.
    n_fragments : int
        In how many items the stream is cut.
    declared_frames : int, optional
        Number of Frames in the header. Default: the true number.
    payload : bytes, optional
        The stream itself. Default: encoded by `a_video_file`, which gets the other keywords
        (`codec`, `container`, `audio`, `rotation`, `times_s`, `options` ...).
    header : Dataset, optional
        Patient, study and series. Default: `a_header`.
    identity : bool
        Plant an identity in header and stream.
    """
    if payload is None:
        codec, suffix = _codec_of(transfer_syntax_uid)
        stream = path.with_name(path.name + suffix)
        keywords: dict[str, object] = {"codec": codec, "identity": identity, **video}
        a_video_file(stream, n_frames=n_frames, rows=rows, columns=columns, fps=fps, **keywords)  # type: ignore[arg-type]
        payload = stream.read_bytes()
        stream.unlink()
    dataset = header if header is not None else a_header(identity=identity)
    _describe_pixels(dataset, rows, columns, "YBR_PARTIAL_420")
    _describe_time(dataset, declared_frames or n_frames, Fraction(fps))
    dataset.LossyImageCompression = "01"
    step = -(-len(payload) // n_fragments)
    step += step % 2
    parts = [payload[i : i + step] for i in range(0, len(payload), step)]
    parts[-1] += b"\0" * (len(parts[-1]) % 2)
    dataset.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0" + b"".join(itemize_fragment(p) for p in parts)
    return _save(dataset, path, transfer_syntax_uid)


def _codec_of(transfer_syntax_uid: str) -> tuple[str, str]:
    if transfer_syntax_uid.startswith((MPEG2_MAIN, MPEG2_HIGH)):
        return "mpeg2video", ".ts"
    if transfer_syntax_uid in (HEVC_MAIN, HEVC_MAIN10):
        return "libx265", ".mp4"
    return "libx264", ".mp4"


def a_photo_instance(
    path: Path,
    *,
    transfer_syntax_uid: str = JPEG_BASELINE,
    n_frames: int = 1,
    rows: int = 96,
    columns: int = 128,
    fps: Fraction | int = 25,
    photometric_interpretation: str | None = None,
    frames: Sequence[NDArray[np.uint8]] | None = None,
    header: Dataset | None = None,
    identity: bool = False,
) -> Path:
    """Write a photograph (or a multi-frame secondary capture) as a DICOM Part 10 file.

    Parameters
    ----------
    transfer_syntax_uid : str
        JPEG, JPEG-LS, JPEG 2000, RLE, deflated or uncompressed.
    n_frames : int
        More than one makes it Multi-frame True Color Secondary Capture.
    frames : sequence of (rows, columns, 3) arrays, optional
        Default: `pictures`.
    """
    chosen = list(frames) if frames is not None else list(pictures(n_frames, rows, columns))
    many = len(chosen) > 1
    sop_class_uid = MULTI_FRAME_TRUE_COLOR if many else VL_PHOTOGRAPHIC
    dataset = header if header is not None else a_header(sop_class_uid, identity=identity)
    rows, columns = chosen[0].shape[:2]
    jpeg = transfer_syntax_uid == JPEG_BASELINE
    _describe_pixels(
        dataset,
        rows,
        columns,
        photometric_interpretation or ("YBR_FULL_422" if jpeg else "RGB"),
    )
    if many:
        _describe_time(dataset, len(chosen), Fraction(fps))
    if jpeg:
        dataset.LossyImageCompression = "01"
        dataset.PixelData = encapsulate([_jpeg(frame) for frame in chosen])
        return _save(dataset, path, transfer_syntax_uid)
    dataset.PixelData = np.stack(chosen).tobytes()
    dataset["PixelData"].VR = "OB"
    if transfer_syntax_uid == JPEG_2000_LOSSLESS:
        dataset.PhotometricInterpretation = "YBR_RCT"
        dataset.PixelData = encapsulate([_jpeg_2000(frame) for frame in chosen])
    if transfer_syntax_uid in (JPEG_LS_LOSSLESS, RLE_LOSSLESS):
        _file_meta(dataset, ExplicitVRLittleEndian)
        dataset.compress(transfer_syntax_uid, generate_instance_uid=False)
    return _save(dataset, path, transfer_syntax_uid)


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=92, subsampling=1)
    return buffer.getvalue()


def _jpeg_2000(picture: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG2000", no_jp2=True, irreversible=False, mct=1)
    return buffer.getvalue()


def _describe_pixels(dataset: Dataset, rows: int, columns: int, photometric: str) -> None:
    dataset.SamplesPerPixel = 3
    dataset.PhotometricInterpretation = photometric
    dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0


def _describe_time(dataset: Dataset, n_frames: int, fps: Fraction) -> None:
    dataset.NumberOfFrames = n_frames
    dataset.FrameTime = f"{1000 / float(fps):.6g}"
    dataset.CineRate = str(round(fps))
    dataset.FrameIncrementPointer = 0x00181063


def _file_meta(dataset: Dataset, transfer_syntax_uid: str) -> None:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)


def _save(dataset: Dataset, path: Path, transfer_syntax_uid: str) -> Path:
    _file_meta(dataset, transfer_syntax_uid)
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, enforce_file_format=True)
    return path
