"""The last gate: an independent look at the bytes that would leave.

Nothing is taken over from the room that composed them. Each object is read back from its file;
every attribute must be on the allow-list and its value inside its grammar; the file must be
nothing but the encoding of these attributes; the payload must be a bare video; and no identifying
value of the source may stand anywhere in it.
"""

import hashlib
import mmap
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from pydicom import Dataset, dcmread
from pydicom.dataset import FileDataset

from dmask_node.check.allow_list import Verdict, judge
from dmask_node.check.grammar import Facts, load
from dmask_node.check.harvest import harvest
from dmask_node.check.mp4 import CONTAINER_WORDS, unexpected_content
from dmask_node.check.search import Needle, find_in_pictures, find_in_text
from dmask_node.errors import Permanent
from dmask_node.records.gated import GatedStudy
from dmask_node.records.masked import CleanHeader, MaskedObject, MaskedStudy, Role
from dmask_node.version import VERSION

_LISTS: Final = {Role.VIDEO: "video_photographic", Role.REPORT: "enhanced_sr"}
_IMPLEMENTATION: Final = {
    "FileMetaInformationVersion": b"\0\1",
    "ImplementationClassUID": "2.25.80302813137786398554742050926734630921",
    "ImplementationVersionName": "DMASK_" + VERSION.replace(".", "_"),
}
_META_LENGTH: Final = "FileMetaInformationGroupLength"
_PIXELS_START: Final = bytes.fromhex("e07f1000 4f420000 ffffffff feff00e0 00000000 feff00e0")
"""Pixel Data, OB, undefined length; empty offset table; first fragment (PS3.5 A.4)."""
_PIXELS_END: Final = bytes.fromhex("feffdde0 00000000")
_MAX_TOLD: Final = 10


class WouldLeak(Permanent):
    """An outgoing object holds what may not leave; it was not sent."""

    reason = "would_leak"
    hint = "Nothing was sent. This is a defect of the node: please report it with this message."


def check_outgoing(study: MaskedStudy, source_header: Dataset, approved: CleanHeader) -> GatedStudy:
    """Let the objects of a study pass, or raise.

    Parameters
    ----------
    study : MaskedStudy
        The composed objects, in their files.
    source_header : Dataset
        Of the received instance, without pixel data; never changed.
    approved : CleanHeader
        Values of the source that may leave under the site's own lists, and the keyed names that
        every object must carry.

    Returns
    -------
    GatedStudy
        The same objects, as ones that may be sent.

    Raises
    ------
    WouldLeak
        If an object has an attribute that is not listed, lacks one that is required, has a value
        outside its grammar, bytes that belong to no attribute, a payload that is not a bare video
        of the stated number of frames, or an identifying value of the source; or if its file is
        not the one that was composed. The message names attributes, never values.
    HeaderTooLarge
        If the source header can't be searched for in reasonable time.

    References
    ----------
    PS3.15 E.1; PS3.5 A.4 (encapsulated pixel data); PS3.10 7.1 (file meta information).
    """
    needles = harvest(source_header)
    facts = Facts(header=approved, encoded=study.encoded)
    findings = [
        f"{masked.role}: {finding}"
        for masked in study.objects
        for finding in _look(masked, needles, facts)
    ]
    if findings:
        more = len(findings) - _MAX_TOLD
        told = findings[:_MAX_TOLD] + ([f"and {more} more"] if more > 0 else [])
        raise WouldLeak("; ".join(told))
    return GatedStudy(
        audience=study.audience,
        profile=approved.profile,
        profile_digest=approved.profile_digest,
        image=study.image,
        report=study.report,
    )


def _look(masked: MaskedObject, needles: list[Needle], facts: Facts) -> Iterator[str]:
    """Look at one file; yield findings."""
    listed = load(_LISTS[masked.role])
    with _mapped(masked.path) as data:
        if hashlib.sha256(data).hexdigest() != masked.sha256 or len(data) != masked.size_bytes:
            yield "the file is not the one that was composed"
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they quote values
                dataset, end = _read(masked.path)
                yield from _judge_meta(dataset, masked, listed)
                verdict = judge(dataset, listed, facts)
                yield from verdict.findings
                if _encoded(dataset) != data[:end]:
                    yield "bytes that belong to no attribute"
        except Exception as error:  # noqa: BLE001 - what can't be read must not leave
            yield f"can't be read ({type(error).__name__})"
            return
        if masked.role is Role.VIDEO:
            yield from _judge_payload(data, end, facts.encoded.n_frames)
        elif len(data) != end:
            yield "bytes after the last attribute"
        yield from _search(data, end, verdict, needles)


@contextmanager
def _mapped(path: Path) -> Iterator[memoryview]:
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            yield memoryview(b"")
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            view = memoryview(mapped)
            try:
                yield view
            finally:
                view.release()


def _read(path: Path) -> tuple[FileDataset, int]:
    """Read the attributes before Pixel Data; return them and where they end in the file."""
    with path.open("rb") as file:
        dataset = dcmread(file, stop_before_pixels=True)
        return dataset, file.tell()


def _judge_meta(
    dataset: FileDataset, masked: MaskedObject, listed: dict[str, Any]
) -> Iterator[str]:
    """Judge preamble and file meta information: these and no other values (PS3.10 7.1)."""
    if dataset.preamble != b"\0" * 128:
        yield "the preamble is not empty"
    if masked.sop_class_uid != listed["sop_class_uid"]:
        yield "SOPClassUID is not the listed one"
    if masked.transfer_syntax_uid not in listed["transfer_syntax_uids"]:
        yield "TransferSyntaxUID is not a listed one"
    wanted = {
        **_IMPLEMENTATION,
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


def _encoded(dataset: FileDataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _judge_payload(data: memoryview, start: int, n_frames: int) -> Iterator[str]:
    """Judge Pixel Data: one fragment, a bare MP4, and nothing after it."""
    head = start + len(_PIXELS_START) + 4
    if data[start : head - 4] != _PIXELS_START or len(data) < head + len(_PIXELS_END):
        yield "PixelData is not one fragment after an empty offset table"
        return
    (length,) = struct.unpack("<I", data[head - 4 : head])
    if data[head + length :] != _PIXELS_END:
        yield "bytes after the payload of PixelData"
        return
    for finding in unexpected_content(data[head : head + length], n_frames):
        yield f"PixelData: {finding}"


def _search(data: memoryview, end: int, verdict: Verdict, needles: list[Needle]) -> Iterator[str]:
    """Search attributes and payload for values of the source.

    Elements whose value is one of ours are blanked first: a patient named Erin must not be found
    in "rendering". So are the file meta values, which were judged to be exactly ours.
    """
    attributes = bytes(data[:end])
    for value in (str(constant) for constant in _IMPLEMENTATION.values()):
        attributes = attributes.replace(value.encode("ascii", "replace"), b"\0" * len(value))
    for element in sorted(verdict.explained, key=len, reverse=True):
        attributes = attributes.replace(element, b"\0" * len(element))
    found = find_in_text(attributes, needles)
    # These words stand in the boxes of every payload, which were judged to be exactly ours.
    found |= find_in_pictures(data[end:], [n for n in needles if n.data not in CONTAINER_WORDS])
    for name in sorted(found):
        yield f"a value of the source's {name} stands in it"
