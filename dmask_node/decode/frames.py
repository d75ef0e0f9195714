"""Open what was received: a DICOM object or a plain video, to frames with times."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

from PIL import ExifTags, Image

from dmask_node.decode.digest_header import header_from_digest
from dmask_node.decode.errors import KindNotMasked, MirroredPicture, NotDicom, Undecodable
from dmask_node.decode.fragments import Encapsulated, FragmentReader
from dmask_node.decode.part10 import Part10, guarded, is_part10, only_dmask_errors, open_part10
from dmask_node.decode.pictures import open_pictures
from dmask_node.decode.settings import DecodeSettings
from dmask_node.decode.timing import declared_frames, declared_step_s
from dmask_node.decode.video import DICOM_CODECS, FILE_CODECS, VideoReader
from dmask_node.records.identified import SourceFrame, SourceVideo
from dmask_node.records.sop_classes import MASKED_SOP_CLASSES

_VIDEO_SYNTAXES: Final = frozenset(
    {f"1.2.840.10008.1.2.4.{number}" for number in range(100, 109)}
    | {f"1.2.840.10008.1.2.4.{number}.1" for number in range(100, 107)}
)
"""MPEG-2, H.264 and HEVC, and the fragmentable ones (PS3.6 table A-1)."""
_CHUNK: Final = 1 << 20
_PICTURE_STARTS: Final = (b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe1", b"\x89PNG")
"""Of JPEG with a JFIF or an EXIF segment, and of PNG."""
_MIRRORED: Final = frozenset({2, 4, 5, 7})
"""EXIF orientations that exchange the sides (CIPA DC-008 4.6.5)."""


def open_source(path: Path, settings: DecodeSettings | None = None) -> SourceVideo:
    """Open a received video or photograph; decode frame by frame as they are taken.

    Takes DICOM Part 10 files with MPEG-2, H.264, HEVC, JPEG, JPEG-LS, JPEG 2000, RLE, deflated or
    uncompressed pictures, and plain video files (MP4, MOV, AVI, MKV, MPEG...). A photograph is a
    video of one frame.

    Parameters
    ----------
    path : Path
        The file. Its name plays no part: the first bytes tell what it is.
    settings : DecodeSettings, optional
        Limits on size and length. Default: `DecodeSettings()`.

    Returns
    -------
    SourceVideo
        Upright pictures with square pixels, (rows, columns, 3) RGB uint8, and presentation times
        in seconds, strictly increasing from 0. The number of frames is that of the stream, which
        may differ from what the header declares. For a plain file the header is made up from its
        SHA-256 and holds no identity.

    Raises
    ------
    NotDicom
        If it is neither DICOM nor a video.
    KindNotMasked
        If it is a DICOM object of a SOP class that is not for videos or photographs.
    MirroredPicture
        If it is a picture file that is stored mirrored.
    NoPixelData
        If it holds no pictures: a report, a waveform, an encapsulated document, mere sound.
    Truncated
        If it ends before its video does.
    Undecodable, UnsupportedTransferSyntax
        If the pictures can't be decoded. `frames` raises these and `Truncated` too: damage in
        mid-stream is never passed over as fewer frames.
    PictureTooLarge, VideoTooLong
        If it exceeds the settings.
    SourceUnreadable
        If the disk fails.

    Notes
    -----
    Interlaced video comes as frames with both fields woven together: 25 images a second of
    50 fields. Sound is never decoded.
    """
    settings = settings or DecodeSettings()
    with only_dmask_errors(NotDicom):
        if not is_part10(path):
            return _open_plain(path, settings)
        part10 = open_part10(path, settings)
        try:
            _require_masked_kind(part10)
            sha256 = _digest(part10.file, part10.pieces)
            if part10.transfer_syntax_uid in _VIDEO_SYNTAXES:
                return _open_stream(part10, sha256, settings)
            return _open_images(part10, sha256, settings)
        except BaseException:
            part10.file.close()
            raise


def _require_masked_kind(part10: Part10) -> None:
    """Refuse what merely holds pixels: the slices of a CT, a dose report, a drawing."""
    header = part10.header
    uid = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
    if uid not in MASKED_SOP_CLASSES:
        raise KindNotMasked


def _open_plain(path: Path, settings: DecodeSettings) -> SourceVideo:
    file = path.open("rb")
    try:
        size = file.seek(0, io.SEEK_END)
        whole = [(0, size)]
        sha256 = _digest(file, whole)
        _require_unmirrored(file)
        # The reader hides the file's name from FFmpeg and so from its messages.
        reader = VideoReader(
            FragmentReader(file, whole, owns_file=True),
            size,
            FILE_CODECS,
            settings,
            not_a_video=NotDicom,
        )
    except BaseException:
        file.close()
        raise
    header = header_from_digest(sha256)
    return SourceVideo(
        header=header,
        rows=reader.rows,
        columns=reader.columns,
        declared_frames=reader.declared_frames,
        pixel_sha256=sha256,
        frames=reader.frames,
    )


def _require_unmirrored(file: BinaryIO) -> None:
    """Refuse a picture whose EXIF orientation mirrors it; one that turns it is followed."""
    file.seek(0)
    if file.read(4) not in _PICTURE_STARTS:
        return
    file.seek(0)
    with only_dmask_errors(), Image.open(file, formats=("JPEG", "PNG")) as picture:
        orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
    if orientation in _MIRRORED:
        raise MirroredPicture


def _open_stream(part10: Part10, sha256: str, settings: DecodeSettings) -> SourceVideo:
    if not isinstance(part10.pixels, Encapsulated):
        raise Undecodable("a video transfer syntax without fragments")
    stream = FragmentReader(part10.file, part10.pixels.fragments, owns_file=True)
    reader = VideoReader(
        stream,
        stream.size,
        DICOM_CODECS,
        settings,
        raw_step_s=declared_step_s(part10.header),
        declared=declared_frames(part10.header),
    )
    return SourceVideo(
        header=part10.header,
        rows=reader.rows,
        columns=reader.columns,
        declared_frames=reader.declared_frames,
        pixel_sha256=sha256,
        frames=reader.frames,
    )


def _open_images(part10: Part10, sha256: str, settings: DecodeSettings) -> SourceVideo:
    with only_dmask_errors():
        n_frames, frames = open_pictures(part10, settings)
        first = next(frames)
    return SourceVideo(
        header=part10.header,
        rows=first.rgb.shape[0],
        columns=first.rgb.shape[1],
        declared_frames=n_frames,
        pixel_sha256=sha256,
        frames=guarded(_of_one_size(chain([first], frames), first.rgb.shape)),
    )


def _of_one_size(frames: Iterator[SourceFrame], shape: tuple[int, ...]) -> Iterator[SourceFrame]:
    for index, frame in enumerate(frames):
        if frame.rgb.shape != shape:
            raise Undecodable(f"the picture size changes at frame {index}")
        yield frame


def _digest(file: BinaryIO, pieces: Sequence[tuple[int, int]]) -> str:
    """Return the hex SHA-256 of the pieces of a file, joined."""
    digest = hashlib.sha256()
    reader = FragmentReader(file, pieces)
    while chunk := reader.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
