"""Tell whether a file is a whole DICOM instance, and the one that was announced.

Looks at the header and at the lengths of what follows; decodes nothing. Whatever the bytes are, an
instance is read or a DmaskError raised, never another exception; no message quotes a value.
"""

import io
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from pydicom.filereader import read_file_meta_info

from dmask_node.receive.admission import CannotUnderstand, DataSetMismatch
from dmask_node.receive.contexts import DEFLATED, IMPLICIT, NATIVE_TRANSFER_SYNTAXES
from dmask_node.records.arrivals import Arrival
from dmask_node.structure import HeaderCutShort, HeaderTooComplex, Limits, walk

_SOP_CLASS_UID: Final = 0x00080016
_SOP_INSTANCE_UID: Final = 0x00080018
_ITEM: Final = b"\xfe\xff\x00\xe0"
_SEQUENCE_END: Final = b"\xfe\xff\xdd\xe0"
_UNDEFINED: Final = 0xFFFFFFFF
_META_START: Final = 128 + 4 + 12
"""Preamble, prefix and the element that tells the length of the file meta information."""
_LIMITS: Final = Limits()
_BLOCK_BYTES: Final = 1 << 20
_KEPT_BYTES: Final = 16 << 20
"""Of an inflated data set: a header fits in it."""
_MAX_INFLATED_BYTES: Final = 1 << 30
"""Of a deflated data set: 1 GiB, thousands of photographs; more is an attempt to fill memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    sop_class_uid: str
    sop_instance_uid: str = field(repr=False)
    transfer_syntax_uid: str


def inspect(arrival: Arrival) -> None:
    """Check that a received file is a whole instance, and the one that was announced.

    Parameters
    ----------
    arrival : Arrival
        The file, and what the C-STORE request said it is.

    Raises
    ------
    CannotUnderstand
        If it can't be read, has no pixel data, or is not whole.
    DataSetMismatch
        If its SOP Class or SOP Instance UID is not the one announced.
    """
    header = _read(arrival.path)
    if header.sop_class_uid != arrival.sop_class_uid:
        raise DataSetMismatch("SOP Class UID (0008,0016) is not the one of the request")
    if header.sop_instance_uid != arrival.sop_instance_uid:
        raise DataSetMismatch("SOP Instance UID (0008,0018) is not the one of the request")


def identify(path: Path) -> Arrival | None:
    """Read what a file of the node's own is; None if it can't be understood.

    Parameters
    ----------
    path : Path
        Of an original whose sender was not recorded.

    Returns
    -------
    Arrival or None
        Without a calling AE title.
    """
    try:
        header = _read(path)
    except CannotUnderstand:
        return None
    return Arrival(
        path=path,
        sop_instance_uid=header.sop_instance_uid,
        sop_class_uid=header.sop_class_uid,
        transfer_syntax_uid=header.transfer_syntax_uid,
        calling_ae_title="",
    )


def _read(path: Path) -> _Header:
    try:
        meta = read_file_meta_info(path)
        syntax = str(meta.TransferSyntaxUID)
        start = _META_START + int(meta.FileMetaInformationGroupLength)
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(start)
            if syntax == DEFLATED:
                return _read_whole(*_inflate(file), syntax)
            return _read_whole(file, size, syntax)
    except (CannotUnderstand, OSError):
        raise
    except HeaderCutShort:
        raise CannotUnderstand("the object ends within its attributes") from None
    except Exception as error:  # noqa: BLE001 - any bytes may come; what the reader says quotes them
        raise CannotUnderstand(f"the header can't be read: {type(error).__name__}") from None


def _read_whole(file: BinaryIO, size: int, syntax: str) -> _Header:
    """Read the header of a data set that begins where the file stands, and check what follows.

    A header beyond the limits is let in unseen: decoding will refuse it in the same words, and the
    site can raise the limits there. Nothing of it is built here.
    """
    implicit, start = syntax == IMPLICIT, file.tell()
    first = walk(
        file,
        start,
        implicit=implicit,
        limits=_LIMITS,
        wanted=(_SOP_CLASS_UID, _SOP_INSTANCE_UID),
        within=range(_SOP_INSTANCE_UID + 1),
    )
    if _SOP_CLASS_UID not in first.values or _SOP_INSTANCE_UID not in first.values:
        raise CannotUnderstand("SOP Class UID or SOP Instance UID is missing")
    header = _Header(
        sop_class_uid=_uid(first.values[_SOP_CLASS_UID]),
        sop_instance_uid=_uid(first.values[_SOP_INSTANCE_UID]),
        transfer_syntax_uid=syntax,
    )
    try:
        found = walk(file, start, implicit=implicit, limits=_LIMITS)
    except HeaderTooComplex:
        return header
    file.seek(found.stopped_at)
    length = _pixel_data_length(file, implicit)
    if syntax not in NATIVE_TRANSFER_SYNTAXES:
        _require_whole_fragments(file, size, length)
    elif length == _UNDEFINED or file.tell() + length > size:
        raise CannotUnderstand(f"{size - file.tell()} of {length} bytes of pixel data have come")
    return header


def _uid(value: bytes) -> str:
    return value.decode("ascii", "replace").rstrip("\0 ").strip()


def _pixel_data_length(file: BinaryIO, implicit: bool) -> int:
    """Read the header of the Pixel Data element (PS3.5 7.1); return the length it states."""
    head = file.read(8 if implicit else 12)
    if len(head) < (8 if implicit else 12) or struct.unpack_from("<HH", head) != (0x7FE0, 0x0010):
        raise CannotUnderstand("Pixel Data (7FE0,0010) is missing")
    return int(struct.unpack_from("<I", head, 4 if implicit else 8)[0])


def _require_whole_fragments(file: BinaryIO, size: int, length: int) -> None:
    """Walk from fragment to fragment to the delimiter that ends them (PS3.5 A.4)."""
    if length != _UNDEFINED:
        raise CannotUnderstand("Pixel Data (7FE0,0010) is compressed and not encapsulated")
    items = 0
    while True:
        head = file.read(8)
        if len(head) < 8:
            raise CannotUnderstand(f"the object ends after {items} items of pixel data")
        if head[:4] == _SEQUENCE_END:
            break
        skip = struct.unpack_from("<I", head, 4)[0]
        if head[:4] != _ITEM or file.tell() + skip > size:
            raise CannotUnderstand(f"item {items + 1} of the pixel data is not whole")
        file.seek(skip, io.SEEK_CUR)
        items += 1
    if items < 2:  # the first is the basic offset table
        raise CannotUnderstand("the pixel data have no fragment")


def _inflate(file: BinaryIO) -> tuple[BinaryIO, int]:
    """Inflate a deflated data set (PS3.5 A.5).

    Returns
    -------
    file
        The first `_KEPT_BYTES` of it: room for a header.
    int
        Length of all of it.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    kept, size = io.BytesIO(), 0
    while not inflater.eof:
        block = inflater.unconsumed_tail or file.read(_BLOCK_BYTES)
        if not block:
            raise CannotUnderstand("the deflated data set is not whole")
        inflated = inflater.decompress(block, _BLOCK_BYTES)
        kept.write(inflated[: max(0, _KEPT_BYTES - size)])
        size += len(inflated)
        if size > _MAX_INFLATED_BYTES:
            raise CannotUnderstand(f"it inflates to more than {_MAX_INFLATED_BYTES} bytes")
    kept.seek(0)
    return kept, size
