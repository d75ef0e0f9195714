"""The last gate: an independent look at the bytes that would leave.

Nothing is taken over from the room that composed them. Each object is read back from its file;
every attribute must be on the allow-list and its value inside its grammar; the file must be
nothing but the encoding of these attributes; the payload must be what was rendered, a bare video or
a plain picture; and no identifying value of the source may stand anywhere in it.
"""

import hashlib
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Final

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from dmask_node.check.allow_list import Verdict, judge
from dmask_node.check.approved import unexpected_in_header
from dmask_node.check.grammar import Facts, load
from dmask_node.check.harvest import Harvest, harvest
from dmask_node.check.movie import CONTAINER_WORDS
from dmask_node.check.part10 import IMPLEMENTATION, encode, mapped, read, unexpected_meta
from dmask_node.check.pixel_data import unexpected_picture, unexpected_video
from dmask_node.check.search import find_in_pictures, find_in_text
from dmask_node.errors import Permanent
from dmask_node.records.gated import GatedStudy
from dmask_node.records.masked import (
    CleanHeader,
    EncodedPicture,
    EncodedVideo,
    MaskedObject,
    MaskedStudy,
    Role,
)

_LISTS: Final = {
    Role.VIDEO: "video_photographic",
    Role.PHOTOGRAPH: "vl_photographic",
    Role.REPORT: "enhanced_sr",
}
_DRAWN: Final = {Role.VIDEO: EncodedVideo, Role.PHOTOGRAPH: EncodedPicture}
_MAX_TOLD: Final = 10
_KEYWORD: Final = re.compile(r"[A-Z][A-Za-z0-9]+")


class WouldLeak(Permanent):
    """An outgoing object holds what may not leave; it was not sent."""

    reason = "would_leak"
    hint = "Nothing was sent. This is a defect of the node: please report it with this message."

    def __init__(self, audience: str, findings: Sequence[str]) -> None:
        more = len(findings) - _MAX_TOLD
        told = [*findings[:_MAX_TOLD], *([f"and {more} more"] if more > 0 else [])]
        super().__init__("; ".join(told))
        self.audience = audience
        """For whom the object was composed."""
        self.n_findings = len(findings)
        self.parts = tuple(dict.fromkeys(finding.split(":")[0] for finding in findings))
        """What was looked at where something was found: roles, and "clean header"."""
        words = _KEYWORD.findall(" ".join(findings))
        self.attributes = tuple(dict.fromkeys(filter(tag_for_keyword, words)))
        """Keywords of the attributes concerned."""


def check_outgoing(
    study: MaskedStudy,
    source_header: Dataset,
    approved: CleanHeader,
    recipients: Sequence[bytes] = (),
) -> GatedStudy:
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
    recipients : sequence of bytes, optional
        Certificates (X.509, DER) of those to whom the identity is sent along, encrypted; none: it
        is not.

    Returns
    -------
    GatedStudy
        The same objects, as ones that may be sent.

    Raises
    ------
    WouldLeak
        If an object has an attribute that is not listed, lacks one that is required, has a value
        outside its grammar, bytes that belong to no attribute, a payload that is not what was
        rendered, or an identifying value of the source; or if its file is not the one that was
        composed. The message names attributes, never values.
    HeaderTooLarge
        If the source header can't be searched for in reasonable time.

    References
    ----------
    PS3.15 E.1; PS3.5 A.4 (encapsulated pixel data); PS3.10 7.1 (file meta information).
    """
    sought = harvest(source_header)
    findings = list(_judge_study(study))
    findings += [
        f"clean header: {finding}"
        for finding in unexpected_in_header(approved, source_header, sought.words)
    ]
    for masked in study.objects:
        facts = Facts(
            header=approved,
            encoded=study.encoded,
            role=masked.role,
            image_sop_class_uid=study.image.sop_class_uid,
            recipients=recipients,
        )
        findings += [f"{masked.role}: {finding}" for finding in _look(masked, sought, facts)]
    if findings:
        raise WouldLeak(study.audience, list(dict.fromkeys(findings)))
    return GatedStudy(
        audience=study.audience,
        profile=approved.profile,
        profile_digest=approved.profile_digest,
        image=study.image,
        report=study.report,
    )


def _judge_study(study: MaskedStudy) -> Iterator[str]:
    """Judge that image and report are what they are called."""
    drawn = _DRAWN.get(study.image.role)
    if drawn is None or not isinstance(study.encoded, drawn):
        yield f"{study.image.role}: the image is neither the video nor the picture that was drawn"
    if study.report.role is not Role.REPORT:
        yield f"{study.report.role}: it stands in the report's place"


def _look(masked: MaskedObject, sought: Harvest, facts: Facts) -> Iterator[str]:
    """Look at one file; yield findings."""
    listed = load(_LISTS[masked.role])
    with mapped(masked.path) as data:
        if hashlib.sha256(data).hexdigest() != masked.sha256 or len(data) != masked.size_bytes:
            yield "the file is not the one that was composed"
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they quote values
                dataset, end = read(masked.path)
                yield from unexpected_meta(dataset, masked, listed)
                verdict = judge(dataset, listed, facts)
                yield from verdict.findings
                if encode(dataset) != data[:end]:
                    yield "bytes that belong to no attribute"
        except Exception as error:  # noqa: BLE001 - what can't be read must not leave
            yield f"can't be read ({type(error).__name__})"
            return
        match masked.role, facts.encoded:
            case Role.VIDEO, EncodedVideo():
                yield from unexpected_video(data, end, facts.encoded)
            case Role.PHOTOGRAPH, EncodedPicture():
                yield from unexpected_picture(data, end, facts.encoded)
            case _ if len(data) != end:
                yield "bytes after the last attribute"
        yield from _search(data, end, verdict, sought)


def _search(data: memoryview, end: int, verdict: Verdict, sought: Harvest) -> Iterator[str]:
    """Search attributes and payload for values of the source, as they are and unpacked.

    Elements whose value is one of ours are blanked first: a patient named Erin must not be found
    in "rendering". So are the file meta values, which were judged to be exactly ours. Short names
    are looked for only in texts that nothing explains, as whole words.
    """
    attributes = bytes(data[:end])
    for value in (str(constant) for constant in IMPLEMENTATION.values()):
        attributes = attributes.replace(value.encode("ascii", "replace"), b"\0" * len(value))
    for element in sorted(verdict.explained, key=len, reverse=True):
        attributes = attributes.replace(element, b"\0" * len(element))
    found = find_in_text(attributes, sought.needles)
    found |= sought.attributes_in(verdict.unexplained)
    # These words stand in the boxes of every payload, which were judged to be exactly ours.
    needles = [needle for needle in sought.needles if needle.data not in CONTAINER_WORDS]
    found |= find_in_pictures(data[end:], needles)
    for name in sorted(found):
        yield f"a value of the source's {name} stands in it"
