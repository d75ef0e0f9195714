"""Photographs and multi-frame images, decoded frame by frame with pydicom's decoders."""

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, convert_color_space
from pydicom.uid import UID, RLELossless

from dmask_node.decode.colour import to_rgb
from dmask_node.decode.errors import (
    PictureTooLarge,
    TooMuchToDecode,
    Truncated,
    Undecodable,
    UnsupportedTransferSyntax,
    VideoTooLong,
)
from dmask_node.decode.fragments import Encapsulated, FragmentReader
from dmask_node.decode.lossless_jpeg import TRANSFER_SYNTAXES, decode_lossless_jpeg
from dmask_node.decode.part10 import Part10
from dmask_node.decode.settings import DecodeSettings
from dmask_node.decode.timing import declared_frames, declared_times_s
from dmask_node.records.identified import SourceFrame

_STARTS: Final = (b"\xff\xd8", b"\xff\x4f")
"""Start of image in JPEG and JPEG-LS; start of codestream in JPEG 2000."""
_JPEG_FRAME_HEADERS: Final = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15 without DHT, JPG and DAC (ITU-T T.81 table B.1), and SOF55 (T.87)."""
_LOSSY_JPEG: Final = frozenset({0xC0, 0xC1, 0xC2})
"""SOF0 to SOF2: baseline, extended and progressive, all lossy."""
_MARGIN_BYTES: Final = 16 << 20
"""What a coded frame may have beside its samples: colour profile, thumbnail, padding."""
_MOST_COMPONENTS: Final = 4
_LONGEST_JP2_HEADER: Final = 1 << 20
_ASPECTS: Final = (0.25, 4.0)
"""Pixel aspect ratios that a camera may have; others are taken for mistakes."""


def open_pictures(part10: Part10, settings: DecodeSettings) -> tuple[int, Iterator[SourceFrame]]:
    """Prepare to decode the frames of an image that is no video stream.

    Parameters
    ----------
    part10 : Part10
        The open file.
    settings : DecodeSettings
        Limits.

    Returns
    -------
    n_frames : int
        How many frames there are.
    frames : iterator of SourceFrame
        Decoded as they are taken.

    Raises
    ------
    UnsupportedTransferSyntax, Undecodable, Truncated, PictureTooLarge, VideoTooLong
        As their names say; the iterator raises them too.
    """
    header = part10.header
    _require_sensible(header, settings)
    decode = _decoder(part10.transfer_syntax_uid, header)
    pieces = _frame_pieces(part10, settings)
    if len(pieces) > settings.max_frames:
        raise VideoTooLong(f"{len(pieces)} frames, {settings.max_frames} are allowed")
    if len(pieces) * header.Rows * header.Columns * 3 > settings.max_decompressed_gb * 10**9:
        raise TooMuchToDecode(f"{len(pieces)} frames of {header.Columns} x {header.Rows} pixels")
    times_s = declared_times_s(header, len(pieces), settings.untimed_frame_s)
    if times_s[-1] > settings.max_duration_s:
        raise VideoTooLong(f"longer than {settings.max_duration_s:g} s")
    return len(pieces), _frames(part10, pieces, times_s, decode, settings)


def _frames(
    part10: Part10,
    pieces: Sequence[Sequence[tuple[int, int]]],
    times_s: Sequence[float],
    decode: Callable[[bytes], NDArray[np.uint8]],
    settings: DecodeSettings,
) -> Iterator[SourceFrame]:
    aspect = _pixel_aspect(part10.header)
    is_rle = part10.transfer_syntax_uid == RLELossless
    with part10.file:
        for frame_pieces, time_s in zip(pieces, times_s, strict=True):
            _require_coded_length(sum(length for _, length in frame_pieces), part10.header)
            data = FragmentReader(part10.file, frame_pieces).read()
            _require_coded_size(data, settings)
            if is_rle:
                _require_rle_length(data, part10.header)
            yield SourceFrame(rgb=_square_pixels(decode(data), aspect), time_s=time_s)


def _require_sensible(header: Dataset, settings: DecodeSettings) -> None:
    for keyword in ("Rows", "Columns", "BitsAllocated", "BitsStored", "SamplesPerPixel"):
        if not isinstance(header.get(keyword), int) or header[keyword].value < 1:
            raise Undecodable(f"{keyword} is missing or senseless")
    if not isinstance(header.get("PhotometricInterpretation"), str):
        raise Undecodable("PhotometricInterpretation is missing")
    if header.BitsAllocated not in (8, 16):
        raise Undecodable(f"{header.BitsAllocated} bits allocated; photographs have 8 or 16")
    _require_size(header.Rows, header.Columns, settings)


def _require_size(rows: int, columns: int, settings: DecodeSettings) -> None:
    if rows > settings.max_rows or columns > settings.max_columns:
        raise PictureTooLarge(
            f"{columns} x {rows} pixels; {settings.max_columns} x {settings.max_rows} are allowed"
        )


def _require_coded_length(length: int, header: Dataset) -> None:
    """Raise before a frame is read that is longer than any coding makes it."""
    raw = header.Rows * header.Columns * header.SamplesPerPixel * header.BitsAllocated // 8
    if length > 2 * raw + _MARGIN_BYTES:
        raise TooMuchToDecode(f"a frame of {length} bytes for {raw} bytes of samples")


def _require_rle_length(data: bytes, header: Dataset) -> None:
    """Raise unless no RLE segment decodes to more than its plane (PS3.5 G.3, G.5)."""
    plane = header.Rows * header.Columns
    count = int.from_bytes(data[:4], "little")
    starts = [int.from_bytes(data[4 * n : 4 * n + 4], "little") for n in range(1, 16)]
    for start, end in pairwise([*starts[: min(count, 15)], len(data)]):
        decoded, at = 0, start
        while at < min(end, len(data)):
            code = data[at]
            decoded += code + 1 if code < 128 else 257 - code if code > 128 else 0
            at += code + 2 if code < 128 else 2 if code > 128 else 1
            if decoded > plane + 1:  # a segment may be padded to an even length
                raise Undecodable("an RLE segment decodes to more than a plane")


def _require_coded_size(data: bytes, settings: DecodeSettings) -> None:
    """Look at the size a codestream claims before a decoder reserves memory for it."""
    size = _jpeg_size(data) if data[:2] == b"\xff\xd8" else _jpeg_2000_size(data)
    if size is not None:
        if min(size) < 1:
            raise Undecodable("a codestream without a size")
        _require_size(*size, settings)


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _JPEG_FRAME_HEADERS:
            precision, rows, columns = struct.unpack_from(">BHH", data, at + 4)
            if marker in _LOSSY_JPEG and precision != 8:
                raise UnsupportedTransferSyntax(f"a lossy JPEG of {precision} bits")
            return rows, columns
        at += 1 if marker == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _jpeg_2000_size(data: bytes) -> tuple[int, int] | None:
    # SIZ follows SOC at once (ITU-T T.800 A.5.1); before them a file may have boxes (I.5).
    at = data[:_LONGEST_JP2_HEADER].find(b"\xff\x4f\xff\x51") if data[4:6] == b"jP" else 0
    if at < 0 or (data[at : at + 4] == b"\xff\x4f\xff\x51" and len(data) < at + 42):
        raise Undecodable("a codestream without a size")
    if data[at : at + 4] != b"\xff\x4f\xff\x51":
        return None
    columns, rows, left, top = struct.unpack_from(">4I", data, at + 8)
    components = int.from_bytes(data[at + 40 : at + 42], "big")
    if components > _MOST_COMPONENTS:
        raise Undecodable(f"a codestream of {components} components")
    return rows - top, columns - left


def _decoder(transfer_syntax_uid: str, header: Dataset) -> Callable[[bytes], NDArray[np.uint8]]:
    """Return a function from the bytes of one frame to RGB."""
    if transfer_syntax_uid in TRANSFER_SYNTAXES:
        return partial(_decode_lossless, header)
    try:
        decoder = get_decoder(transfer_syntax_uid)
    except NotImplementedError:
        raise UnsupportedTransferSyntax from None
    if not decoder.is_available:
        raise UnsupportedTransferSyntax("this installation has no decoder for it")
    encapsulated = UID(transfer_syntax_uid).is_encapsulated
    options: dict[str, Any] = {
        "rows": header.Rows,
        "columns": header.Columns,
        "samples_per_pixel": header.SamplesPerPixel,
        "bits_allocated": header.BitsAllocated,
        "bits_stored": header.BitsStored,
        "pixel_representation": int(header.get("PixelRepresentation") or 0),
        "photometric_interpretation": str(header.PhotometricInterpretation),
        "planar_configuration": int(header.get("PlanarConfiguration") or 0),
        "number_of_frames": 1,
        "pixel_keyword": "PixelData",
    }

    def decode(data: bytes) -> NDArray[np.uint8]:
        source = encapsulate([data], has_bot=False) if encapsulated else data
        samples, found = decoder.as_array(source, raw=False, **options)
        interpretation = str(found["photometric_interpretation"])
        bits_stored = int(found["bits_stored"])
        if interpretation == "PALETTE COLOR":
            return _of_palette(samples, header)
        return to_rgb(samples, interpretation, bits_stored)

    return decode


def _decode_lossless(header: Dataset, data: bytes) -> NDArray[np.uint8]:
    samples = decode_lossless_jpeg(data)
    interpretation = str(header.PhotometricInterpretation)
    if interpretation == "YBR_FULL" and samples.ndim == 3:
        samples, interpretation = convert_color_space(samples, "YBR_FULL", "RGB"), "RGB"
    if interpretation == "PALETTE COLOR":
        return _of_palette(samples, header)
    if header.get("PixelRepresentation"):
        samples = samples.view(np.dtype(f"i{samples.itemsize}"))
    return to_rgb(samples, interpretation, header.BitsStored)


def _of_palette(samples: NDArray[np.generic], header: Dataset) -> NDArray[np.uint8]:
    # PS3.3 C.7.6.3.1.5: the third value of the descriptor
    bits_stored = int(header.RedPaletteColorLookupTableDescriptor[2])
    return to_rgb(apply_color_lut(samples, header), "RGB", bits_stored)


def _frame_pieces(part10: Part10, settings: DecodeSettings) -> list[list[tuple[int, int]]]:
    """Tell which pieces of the file make up each frame."""
    declared = declared_frames(part10.header) or 1
    if not isinstance(part10.pixels, Encapsulated):
        if declared > settings.max_frames:
            raise VideoTooLong(f"{declared} frames, {settings.max_frames} are allowed")
        return _native_pieces(part10.header, part10.pixels, declared)
    fragments = part10.pixels.fragments
    if len(fragments) < declared:
        raise Truncated(f"{len(fragments)} fragments for {declared} frames")
    if declared == 1 and part10.transfer_syntax_uid != RLELossless:
        return [list(fragments)]
    if len(fragments) == declared:
        return [[fragment] for fragment in fragments]
    return _grouped(part10, part10.pixels)


def _native_pieces(
    header: Dataset, pixels: tuple[int, int], declared: int
) -> list[list[tuple[int, int]]]:
    start, length = pixels
    samples = header.Rows * header.Columns * header.SamplesPerPixel
    if header.PhotometricInterpretation == "YBR_FULL_422":
        samples = samples // 3 * 2  # two chroma samples for two pixels, PS3.3 C.7.6.3.1.2
    frame_length = samples * header.BitsAllocated // 8
    if length < frame_length * declared:
        raise Truncated(f"{length} bytes of Pixel Data; {frame_length * declared} are declared")
    return [[(start + index * frame_length, frame_length)] for index in range(declared)]


def _grouped(part10: Part10, pixels: Encapsulated) -> list[list[tuple[int, int]]]:
    """Group more fragments than frames: by the offset table, else by where an image starts."""
    if part10.transfer_syntax_uid == RLELossless:
        return [[fragment] for fragment in pixels.fragments]  # PS3.5 A.4.2: one each
    first = pixels.fragments[0][0]
    if len(pixels.offset_table) > 1:
        starts = set(pixels.offset_table)
        is_start = [offset - first in starts for offset, _ in pixels.fragments]
        if sum(is_start) != len(starts):
            raise Undecodable("the Basic Offset Table points beside the fragments")
    else:
        is_start = []
        for offset, _ in pixels.fragments:
            part10.file.seek(offset)
            is_start.append(part10.file.read(2) in _STARTS)
    groups: list[list[tuple[int, int]]] = []
    for fragment, starts_image in zip(pixels.fragments, is_start, strict=True):
        if starts_image:
            groups.append([])
        if not groups:
            raise Undecodable("the first fragment is not the start of an image")
        groups[-1].append(fragment)
    return groups


def _pixel_aspect(header: Dataset) -> float:
    """Return width over height of a pixel; Pixel Aspect Ratio is vertical, then horizontal."""
    try:
        vertical, horizontal = (float(value) for value in header.PixelAspectRatio)
        aspect = horizontal / vertical
    except (AttributeError, TypeError, ValueError, ZeroDivisionError):
        return 1.0
    return aspect if _ASPECTS[0] <= aspect <= _ASPECTS[1] else 1.0


def _square_pixels(rgb: NDArray[np.uint8], aspect: float) -> NDArray[np.uint8]:
    if abs(aspect - 1) < 0.01:
        return rgb
    rows, columns = rgb.shape[:2]
    size = (round(columns * aspect), rows) if aspect > 1 else (columns, round(rows / aspect))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR), np.uint8)
