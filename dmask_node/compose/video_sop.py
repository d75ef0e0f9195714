"""The masked video as a Video Photographic Image (PS3.3 A.32.7)."""

from itertools import pairwise
from pathlib import Path
from typing import Final

from pydicom import Dataset, Sequence
from pydicom.encaps import encapsulate_buffer
from pydicom.tag import Tag
from pydicom.valuerep import DSfloat

from dmask_node.compose import codes
from dmask_node.compose.composer import (
    add_additions,
    add_body_part,
    add_patient_study_equipment,
    take_listed,
    write_object,
)
from dmask_node.records.masked import CleanHeader, EncodedVideo, MaskedObject, Role

VIDEO_PHOTOGRAPHIC: Final = "1.2.840.10008.5.1.4.1.1.77.1.4.1"
ALLOWED: Final = "video_photographic"
_MAX_VALUE_BYTES: Final = 65_534
"""Of an attribute with a two-byte length field (PS3.5 7.1.2)."""
DERIVATION: Final = (
    "Face replaced by a constant 3D model that moves as the face did; eyelid aperture and eye "
    "rotation are kept; no audio"
)
DERIVATION_OF_LOSSY: Final = DERIVATION + "; the source had been compressed with loss"


def compose_video(encoded: EncodedVideo, header: CleanHeader, path: Path) -> MaskedObject:
    """Compose the masked video.

    Parameters
    ----------
    encoded : EncodedVideo
        H.264 in MP4, pictures only. The file is streamed, never held in memory.
    header : CleanHeader
        Keyed names and listed values.
    path : Path
        Where to; a file there is replaced.

    Returns
    -------
    MaskedObject
        The same arguments give the same bytes.

    Raises
    ------
    OSError
        If the disk is full or the payload is gone.

    References
    ----------
    PS3.3 A.32.7 (IOD), C.7.6.5 (Cine), C.8.12.1 (VL Image), C.12.1 (SOP Common);
    PS3.5 8.2.7 and A.4.6 (H.264, one fragment, empty offset table).
    """
    draft = Dataset()
    add_patient_study_equipment(draft, header, Role.VIDEO)
    draft.SOPClassUID = VIDEO_PHOTOGRAPHIC
    draft.Modality = "XC"
    draft.SeriesDescription = header.series_description or "Masked face video"
    draft.PatientOrientation = ""
    draft.SynchronizationFrameOfReferenceUID = header.synchronization_uid
    draft.SynchronizationTrigger = "NO TRIGGER"
    draft.AcquisitionTimeSynchronized = "N"
    add_body_part(draft, header)
    _add_derivation(draft, header, encoded)
    _add_pixel_description(draft, encoded)
    _add_timing(draft, encoded)
    dataset = take_listed(draft, ALLOWED)
    add_additions(dataset, header, Role.VIDEO)
    with encoded.path.open("rb") as payload:
        # PS3.5 A.4.6: the basic offset table is empty, however many frames the stream has.
        dataset.PixelData = encapsulate_buffer([payload], has_bot=False)
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        return write_object(
            dataset, Role.VIDEO, VIDEO_PHOTOGRAPHIC, encoded.transfer_syntax_uid, path
        )


def _add_derivation(draft: Dataset, header: CleanHeader, encoded: EncodedVideo) -> None:
    draft.ImageType = ["DERIVED", "PRIMARY"]
    draft.RecognizableVisualFeatures = "NO"
    draft.BurnedInAnnotation = "NO"
    draft.SyntheticData = "YES"
    draft.DerivationDescription = DERIVATION_OF_LOSSY if header.source_was_lossy else DERIVATION
    draft.DerivationCodeSequence = Sequence(
        [codes.item(codes.SURFACE_RENDERING), codes.item(codes.LOSSY_COMPRESSION)]
    )
    draft.LossyImageCompression = "01"
    # PS3.3 C.7.6.1.1.5: our own step. What a lossy source had lost shows in no pixel of ours.
    raw_bytes = encoded.rows * encoded.columns * 3 // 2 * encoded.n_frames
    draft.LossyImageCompressionRatio = f"{raw_bytes / encoded.path.stat().st_size:.2f}"
    draft.LossyImageCompressionMethod = "ISO_14496_10"


def _add_pixel_description(draft: Dataset, encoded: EncodedVideo) -> None:
    draft.SamplesPerPixel = 3
    draft.PhotometricInterpretation = "YBR_PARTIAL_420"
    draft.PlanarConfiguration = 0
    draft.NumberOfFrames = encoded.n_frames
    draft.Rows = encoded.rows
    draft.Columns = encoded.columns
    draft.BitsAllocated = 8
    draft.BitsStored = 8
    draft.HighBit = 7
    draft.PixelRepresentation = 0


def _add_timing(draft: Dataset, encoded: EncodedVideo) -> None:
    """Add the Cine module: one frame time, or the vector of a variable rate (PS3.3 C.7.6.5)."""
    rate_hz = 1000.0 / encoded.frame_time_ms
    vector = None if encoded.constant_rate else frame_time_vector(encoded.times_s)
    if vector is None:
        # Nominal where the rate varies; the payload itself has the time of every frame.
        draft.FrameIncrementPointer = Tag("FrameTime")
        draft.FrameTime = _decimal(encoded.frame_time_ms)
    else:
        draft.FrameIncrementPointer = Tag("FrameTimeVector")
        draft.FrameTimeVector = vector
    draft.CineRate = max(1, round(rate_hz))
    draft.RecommendedDisplayFrameRate = max(1, round(rate_hz))
    draft.EffectiveDuration = _decimal(encoded.n_frames * encoded.frame_time_ms / 1000.0)
    draft.StartTrim = 1
    draft.StopTrim = encoded.n_frames


def frame_time_vector(times_s: tuple[float, ...]) -> list[str] | None:
    """Return the time from each frame to the one before it, in milliseconds.

    Times are rounded before they are subtracted, so that errors do not add up over a clip.

    Parameters
    ----------
    times_s : tuple of float
        Presentation times, seconds.

    Returns
    -------
    list of str or None
        As many as frames; the first is 0 (PS3.3 C.7.6.5). To the microsecond, or to a tenth of a
        millisecond where that is too long for one attribute (PS3.5 7.1.2: 65534 bytes, some 9000
        frames); None where that is too long, too (some 13000 frames).
    """
    for decimals in (3, 1):
        ticks = [round(time * 1000 * 10**decimals) for time in times_s]
        steps = [0, *(after - before for before, after in pairwise(ticks))]
        vector = [f"{step / 10**decimals:.{decimals}f}" for step in steps]
        if sum(map(len, vector)) + len(vector) <= _MAX_VALUE_BYTES:
            return vector
    return None


def _decimal(value: float) -> DSfloat:
    """Return the value to five decimals, in at most 16 characters (PS3.5 6.2, DS).

    No more of them: the last gate takes six digits in a row for a sender's number.
    """
    return DSfloat(f"{round(value, 5):.10g}")
