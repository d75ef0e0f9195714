"""Open a DICOM Part 10 file: its header, and where its pictures stand (PS3.10 7.1)."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_file_meta_info
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dmask_node.decode.errors import (
    NoPixelData,
    NotDicom,
    SourceUnreadable,
    TooMuchToDecode,
    Truncated,
    Undecodable,
)
from dmask_node.decode.fragments import Encapsulated, find_fragments
from dmask_node.decode.settings import DecodeSettings
from dmask_node.errors import DmaskError
from dmask_node.structure import HeaderCutShort, HeaderTooComplex, Limits, walk

Item = TypeVar("Item")
_PREFIX_END: Final = 132
_MEGABYTE: Final = 1_000_000
_META: Final = range(0x00020000, 0x00030000)
_COMMAND: Final = range(0x00010000)
_LONG_VRS: Final = frozenset({b"OB", b"OW", b"UN"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Part10:
    """A DICOM file, opened up to its pictures."""

    header: Dataset
    """All attributes before Pixel Data, with `file_meta`."""
    transfer_syntax_uid: str
    """How the pictures are encoded; of a deflated object, how they are once inflated."""
    file: BinaryIO
    """The file, or the inflated object in memory; whoever takes it closes it."""
    pixels: Encapsulated | tuple[int, int]
    """The fragments, or offset and length of uncompressed Pixel Data, bytes."""

    @property
    def pieces(self) -> tuple[tuple[int, int], ...]:
        """Offset and length of each piece of pixel data, bytes."""
        if isinstance(self.pixels, Encapsulated):
            return self.pixels.fragments
        return (self.pixels,)


def is_part10(path: Path) -> bool:
    """Whether the file begins as PS3.10 7.1 demands: 128 bytes, then ``DICM``."""
    with path.open("rb") as file:
        return file.read(_PREFIX_END)[128:] == b"DICM"


def open_part10(path: Path, settings: DecodeSettings) -> Part10:
    """Read the header of a DICOM file and find its pixel data, without loading it.

    Parameters
    ----------
    path : Path
        A DICOM Part 10 file.
    settings : DecodeSettings
        Limits.

    Returns
    -------
    Part10
        The open file; every piece of pixel data lies within it.

    Raises
    ------
    NotDicom
        If no header can be read.
    NoPixelData
        If there is no Pixel Data at the top level.
    Truncated
        If the file ends before Pixel Data does.
    Undecodable
        If Pixel Data is not built as PS3.5 A.4 demands.
    HeaderTooComplex
        If the attributes before Pixel Data exceed the settings. They are counted before anything
        is built of them.
    TooMuchToDecode
        If the inflated object exceeds the settings.
    """
    file: BinaryIO = path.open("rb")
    try:
        with only_dmask_errors(NotDicom):
            _walk_meta(file, settings)
            meta = read_file_meta_info(path)
        transfer_syntax_uid = _require_transfer_syntax(meta)
        if transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
            file = _inflated(file, meta, settings.max_inflated_mb * _MEGABYTE)
            transfer_syntax_uid = str(ExplicitVRLittleEndian)
        size = file.seek(0, io.SEEK_END)
        with only_dmask_errors(NotDicom):
            _require_modest_header(file, transfer_syntax_uid, settings)
            file.seek(0)
            header = dcmread(
                _HeaderWindow(file, settings.max_header_mb * _MEGABYTE),
                stop_before_pixels=True,
            )
        with only_dmask_errors(Undecodable):
            pixels = _find_pixel_data(file, size, header)
    except BaseException:
        file.close()
        raise
    return Part10(header=header, transfer_syntax_uid=transfer_syntax_uid, file=file, pixels=pixels)


def _require_transfer_syntax(meta: Dataset) -> str:
    uid = str(meta.get("TransferSyntaxUID", ""))
    if not uid:
        raise NotDicom("the file names no Transfer Syntax UID")
    return uid


@contextmanager
def only_dmask_errors(otherwise: type[DmaskError] = Undecodable) -> Iterator[None]:
    """Turn whatever a decoder raises over strange bytes into one of our errors.

    The message keeps the class of the first error only: its text could quote the data, and so
    could the warnings of pydicom, which are held back.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DmaskError:
        raise
    except MemoryError:
        raise TooMuchToDecode("the object asks for more memory than there is") from None
    except Exception as error:  # noqa: BLE001 - any bytes give a record or a DmaskError
        # FFmpeg's errors derive from OSError too, but speak of the data.
        if isinstance(error, OSError) and type(error).__module__ == "builtins":
            raise SourceUnreadable(f"system error {error.errno}") from None
        raise otherwise(f"{(otherwise.__doc__ or '').strip()} ({type(error).__name__})") from None


def guarded(items: Iterator[Item]) -> Iterator[Item]:
    """Hand items on; whatever taking the next one raises becomes one of our errors."""
    while True:
        with only_dmask_errors():
            try:
                item = next(items)
            except StopIteration:
                return
        yield item


def _limits(settings: DecodeSettings) -> Limits:
    return Limits(
        depth=settings.max_depth,
        items=settings.max_items,
        elements=settings.max_elements,
        length=settings.max_header_mb * _MEGABYTE,
    )


def _walk_meta(file: BinaryIO, settings: DecodeSettings) -> int:
    """Return where the data set begins, the file meta information being within the limits."""
    try:
        meta = walk(file, _PREFIX_END, implicit=False, limits=_limits(settings), within=_META)
    except HeaderCutShort:
        raise NotDicom("the file meta information ends early") from None
    return meta.stopped_at


def _require_modest_header(
    file: BinaryIO, transfer_syntax_uid: str, settings: DecodeSettings
) -> None:
    """Raise before a reader builds anything, if the header is beyond the limits."""
    limits, start = _limits(settings), _walk_meta(file, settings)
    try:
        # Readers take group 0000, which has no place in a file, for a command set (PS3.7 6.3.1).
        start = walk(file, start, implicit=True, limits=limits, within=_COMMAND).stopped_at
        walk(
            file,
            start,
            implicit=transfer_syntax_uid == ImplicitVRLittleEndian,
            little_endian=transfer_syntax_uid != ExplicitVRBigEndian,
            limits=limits,
        )
    except HeaderCutShort:
        raise Truncated("the object ends within its attributes") from None


class _HeaderWindow:
    """A file that can be read up to a limit; without a name, which messages might quote."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file = file
        self._limit = limit

    def read(self, size: int = -1) -> bytes:
        position = self._file.tell()
        if position + max(size, 0) > self._limit:
            # A declared length is believed only as far as the file goes.
            end = self._file.seek(0, io.SEEK_END)
            self._file.seek(position)
            if min(end, position + max(size, 0)) > self._limit:
                raise HeaderTooComplex("the attributes before Pixel Data exceed max_header_mb")
        return self._file.read(size if size >= 0 else self._limit)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _inflated(file: BinaryIO, meta: Any, limit: int) -> BinaryIO:
    """Return the object as if it had never been deflated (PS3.5 A.5), in memory."""
    with file, only_dmask_errors(Undecodable):
        # File Meta Information Group Length counts from behind its own 12 bytes.
        file.seek(_PREFIX_END + 12 + int(meta.FileMetaInformationGroupLength))
        out = DicomBytesIO()
        out.write(bytes(128) + b"DICM")
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        write_file_meta_info(out, meta, enforce_standard=False)
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        while not inflater.eof:
            packed = inflater.unconsumed_tail or file.read(1 << 16)
            if not packed:
                raise Truncated("the deflated object ends before its stream does")
            out.write(inflater.decompress(packed, 1 << 20))
            if out.tell() > limit:
                raise TooMuchToDecode("the inflated object exceeds max_inflated_mb")
        return io.BytesIO(out.getvalue())


def _find_pixel_data(file: BinaryIO, size: int, header: Dataset) -> Encapsulated | tuple[int, int]:
    """Read the element that `dcmread` stopped at; its tag is the next thing in the file."""
    implicit, little = header.original_encoding
    order = "<" if little else ">"
    tag = file.read(4)
    if tag != struct.pack(order + "HH", 0x7FE0, 0x0010):
        if len(tag) == 0 or tag[:2] == struct.pack(order + "H", 0x7FE0):
            raise NoPixelData("the object has no Pixel Data")
        raise Truncated("the object ends within its attributes")
    if not implicit:
        vr = file.read(4)[:2]
        if vr not in _LONG_VRS:
            raise Undecodable("Pixel Data has an impossible value representation")
    length_field = file.read(4)
    if len(length_field) < 4:
        raise Truncated("the object ends within the head of Pixel Data")
    (length,) = struct.unpack(order + "I", length_field)
    if length == 0xFFFFFFFF:
        return find_fragments(file, size)
    if length == 0:
        raise NoPixelData("Pixel Data is empty")
    if file.tell() + length > size:
        raise Truncated("Pixel Data is longer than the rest of the file")
    return file.tell(), length
