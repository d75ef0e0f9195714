"""What the node accepts: SOP classes that can show a face, and their transfer syntaxes.

A video SOP class is accepted in video transfer syntaxes only. With an uncompressed one beside them
a sender that proposes both would be free to send what can't be decoded as a video.

The other storage SOP classes are negotiated too, so that a sender of a report or a CT gets a
C-STORE status that says why its object is not taken, and not merely a context that is rejected.
"""

from collections.abc import Collection
from typing import Final

from pynetdicom import ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts
from pynetdicom.presentation import PresentationContext, build_context

from dmask_node.receive.settings import ReceiveSettings
from dmask_node.records.sop_classes import STILL_SOP_CLASSES as STILL_SOP_CLASSES
from dmask_node.records.sop_classes import VIDEO_SOP_CLASSES as VIDEO_SOP_CLASSES

VERIFICATION: Final = "1.2.840.10008.1.1"
"""An acceptor that takes anything must take this (PS3.2 7)."""

VIDEO_TRANSFER_SYNTAXES: Final = (
    "1.2.840.10008.1.2.4.100",  # MPEG2 Main Profile / Main Level
    "1.2.840.10008.1.2.4.100.1",  # the same, fragmentable
    "1.2.840.10008.1.2.4.101",  # MPEG2 Main Profile / High Level
    "1.2.840.10008.1.2.4.101.1",
    "1.2.840.10008.1.2.4.102",  # MPEG-4 AVC/H.264 High Profile / Level 4.1
    "1.2.840.10008.1.2.4.102.1",
    "1.2.840.10008.1.2.4.103",  # the same, Blu-ray compatible
    "1.2.840.10008.1.2.4.103.1",
    "1.2.840.10008.1.2.4.104",  # H.264 High Profile / Level 4.2, 2D
    "1.2.840.10008.1.2.4.104.1",
    "1.2.840.10008.1.2.4.105",  # H.264 High Profile / Level 4.2, 3D
    "1.2.840.10008.1.2.4.105.1",
    "1.2.840.10008.1.2.4.106",  # H.264 Stereo High Profile / Level 4.2
    "1.2.840.10008.1.2.4.106.1",
    "1.2.840.10008.1.2.4.107",  # HEVC/H.265 Main Profile / Level 5.1
    "1.2.840.10008.1.2.4.108",  # HEVC/H.265 Main 10 Profile / Level 5.1
)
"""PS3.5 8.2.5 to 8.2.12."""

DEFLATED: Final = "1.2.840.10008.1.2.1.99"
IMPLICIT: Final = "1.2.840.10008.1.2"
NATIVE_TRANSFER_SYNTAXES: Final = ("1.2.840.10008.1.2.1", IMPLICIT, DEFLATED)
"""Explicit and Implicit VR Little Endian, and Deflated: pixel data as they are."""

STILL_TRANSFER_SYNTAXES: Final = (
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline
    "1.2.840.10008.1.2.4.51",  # JPEG Extended
    "1.2.840.10008.1.2.4.57",  # JPEG Lossless
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless SV1
    "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 Lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.5",  # RLE Lossless
    *NATIVE_TRANSFER_SYNTAXES,
)

ACCEPTED: Final = {
    VERIFICATION: NATIVE_TRANSFER_SYNTAXES[:2],
    **dict.fromkeys(VIDEO_SOP_CLASSES, VIDEO_TRANSFER_SYNTAXES),
    **dict.fromkeys(STILL_SOP_CLASSES, STILL_TRANSFER_SYNTAXES),
}
"""Transfer syntaxes by SOP class: all that the node accepts."""

OTHER_SOP_CLASSES: Final = frozenset(
    str(context.abstract_syntax)
    for context in AllStoragePresentationContexts
    if context.abstract_syntax not in ACCEPTED
)
"""Storage SOP classes whose objects are answered 0122H: reports, documents, waveforms, CT..."""


def read_classes(settings: ReceiveSettings) -> Collection[str]:
    """Return the SOP classes whose objects are read at all, and not dropped as they come."""
    if settings.other_objects == "quarantine":
        return ACCEPTED.keys() | OTHER_SOP_CLASSES
    return ACCEPTED.keys()


def supported_contexts() -> list[PresentationContext]:
    """Return the presentation contexts to negotiate with."""
    masked = [build_context(sop_class, list(syntaxes)) for sop_class, syntaxes in ACCEPTED.items()]
    syntaxes = [str(uid) for uid in ALL_TRANSFER_SYNTAXES]
    return masked + [build_context(sop_class, syntaxes) for sop_class in sorted(OTHER_SOP_CLASSES)]
