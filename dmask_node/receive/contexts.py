"""What the node accepts: SOP classes that can show a face, and their transfer syntaxes.

A video SOP class is accepted in video transfer syntaxes only. With an uncompressed one beside them
a sender that proposes both would be free to send what can't be decoded as a video.
"""

from typing import Final

from pynetdicom.presentation import PresentationContext, build_context

VERIFICATION: Final = "1.2.840.10008.1.1"
"""An acceptor that takes anything must take this (PS3.2 7)."""

VIDEO_SOP_CLASSES: Final = {
    "1.2.840.10008.5.1.4.1.1.77.1.1.1": "Video Endoscopic Image Storage",
    "1.2.840.10008.5.1.4.1.1.77.1.2.1": "Video Microscopic Image Storage",
    "1.2.840.10008.5.1.4.1.1.77.1.4.1": "Video Photographic Image Storage",
}

STILL_SOP_CLASSES: Final = {
    "1.2.840.10008.5.1.4.1.1.77.1.1": "VL Endoscopic Image Storage",
    "1.2.840.10008.5.1.4.1.1.77.1.2": "VL Microscopic Image Storage",
    "1.2.840.10008.5.1.4.1.1.77.1.4": "VL Photographic Image Storage",
    "1.2.840.10008.5.1.4.1.1.77.1.5.1": "Ophthalmic Photography 8 Bit Image Storage",
    "1.2.840.10008.5.1.4.1.1.77.1.7": "Dermoscopic Photography Image Storage",
    "1.2.840.10008.5.1.4.1.1.7": "Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.2": "Multi-frame Grayscale Byte Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.4": "Multi-frame True Color Secondary Capture Image Storage",
}
"""Photographs, and films made of photographs."""

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


def supported_contexts() -> list[PresentationContext]:
    """Return the presentation contexts to negotiate with."""
    return [build_context(sop_class, list(syntaxes)) for sop_class, syntaxes in ACCEPTED.items()]
