"""One outgoing file, read back: preamble, file meta information, attributes and nothing between."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from pydicom import dcmread
from pydicom.dataset import FileDataset

from dmask_node.records.masked import MaskedObject
from dmask_node.version import VERSION

IMPLEMENTATION: Final = {
    "FileMetaInformationVersion": b"\0\1",
    "ImplementationClassUID": "2.25.80302813137786398554742050926734630921",
    "ImplementationVersionName": "DMASK_" + VERSION.replace(".", "_"),
}
"""What file meta information says of the software."""
_META_LENGTH: Final = "FileMetaInformationGroupLength"


@contextmanager
def mapped(path: Path) -> Iterator[memoryview]:
    """Give the bytes of a file without reading it whole."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            yield memoryview(b"")
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as opened:
            view = memoryview(opened)
            try:
                yield view
            finally:
                view.release()


def read(path: Path) -> tuple[FileDataset, int]:
    """Read the attributes before Pixel Data; return them and where they end in the file."""
    with path.open("rb") as file:
        dataset = dcmread(file, stop_before_pixels=True)
        return dataset, file.tell()


def encode(dataset: FileDataset) -> bytes:
    """Return the file that holds these attributes and nothing else."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def unexpected_meta(
    dataset: FileDataset, masked: MaskedObject, listed: dict[str, Any]
) -> Iterator[str]:
    """Yield what preamble and file meta information say that they should not (PS3.10 7.1).

    Parameters
    ----------
    dataset : FileDataset
        As read from the file.
    masked : MaskedObject
        What it is said to be.
    listed : dict
        The allow-list, with SOP class and transfer syntaxes.
    """
    if dataset.preamble != b"\0" * 128:
        yield "the preamble is not empty"
    if masked.sop_class_uid != listed["sop_class_uid"]:
        yield "SOPClassUID is not the listed one"
    if masked.transfer_syntax_uid not in listed["transfer_syntax_uids"]:
        yield "TransferSyntaxUID is not a listed one"
    wanted = {
        **IMPLEMENTATION,
        "MediaStorageSOPClassUID": masked.sop_class_uid,
        "MediaStorageSOPInstanceUID": masked.sop_instance_uid,
        "TransferSyntaxUID": masked.transfer_syntax_uid,
    }
    there = {element.keyword or str(element.tag): element.value for element in dataset.file_meta}
    there.pop(_META_LENGTH, None)
    for name in sorted(wanted.keys() | there.keys()):
        if name not in wanted:
            yield f"{name} is not listed"
        elif there.get(name) != wanted[name]:
            yield f"{name} has another value than expected"
    if dataset.get("SOPInstanceUID") != masked.sop_instance_uid:
        yield "SOPInstanceUID differs from that of the file meta information"
