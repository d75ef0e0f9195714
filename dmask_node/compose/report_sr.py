"""The measurements as an Enhanced SR, TID 1500 Measurement Report (PS3.16 A)."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from highdicom import sr
from highdicom.sr import CodedConcept
from pydicom import Dataset, Sequence, dcmread
from pydicom.uid import EnhancedSRStorage, ExplicitVRLittleEndian

from dmask_node.compose import codes
from dmask_node.compose.composer import (
    MANUFACTURER,
    MODEL_NAME,
    SERIES_NUMBERS,
    add_additions,
    add_patient_study_equipment,
    take_listed,
    write_object,
)
from dmask_node.records.anatomy import Eye
from dmask_node.records.masked import (
    CleanHeader,
    Encoded,
    EncodedPicture,
    EyeSummary,
    MaskedObject,
    Measurements,
    Role,
)
from dmask_node.version import RENDERER, VERSION

ALLOWED: Final = "enhanced_sr"
DUMMY_DATE: Final = "19000101"
DUMMY_TIME: Final = "000000"
"""Content Date and Time are type 1 in a report (PS3.3 C.17.2), so action D of PS3.15 E.1 applies:
a dummy. See docs/decisions/0003-outgoing-dates.md."""
OBSERVER_UID: Final = "2.25.80302813137786398554742050926734630922"
"""Names the software as observer (TID 1004); the same at every site."""
SERIES_OF_VIDEO: Final = "Eyelid and eye movement measurements"
SERIES_OF_PHOTOGRAPH: Final = "Eyelid and line of sight measurements"
_SIDE: Final = {Eye.RIGHT: codes.RIGHT, Eye.LEFT: codes.LEFT}
_WORD: Final = {Eye.RIGHT: "Right", Eye.LEFT: "Left"}
_FISSURE_HEIGHT: Final = {
    Eye.RIGHT: codes.FISSURE_HEIGHT_RIGHT,
    Eye.LEFT: codes.FISSURE_HEIGHT_LEFT,
}


class _Finding(NamedTuple):
    """One number of a measurement group."""

    concept: CodedConcept
    value: float | None
    unit: CodedConcept
    derivation: CodedConcept | None = None
    method: CodedConcept | None = None


def compose_report(
    measurements: Measurements,
    header: CleanHeader,
    image: MaskedObject,
    encoded: Encoded,
    models: Mapping[str, str],
    path: Path,
) -> MaskedObject:
    """Compose the structured report.

    One measurement group each for right eyelid, left eyelid, right eyeball, left eyeball and the
    video or photograph. A value that could not be measured is left out, and a coded status says so:
    114006 Measurement failure, or 114007 Measurement not attempted for blinks in a photograph, or
    in a clip too short or too slow to see them. Heights and rotations carry the way they were
    measured, and each eye's groups the mean confidence of its frames. The values of a photograph
    are single ones, no means, and nothing in its report counts frames or seconds.

    Parameters
    ----------
    measurements : Measurements
        Of the clip.
    header : CleanHeader
        Keyed names and listed values.
    image : MaskedObject
        The composed video or photograph, to which every group refers.
    encoded : Encoded
        What is in it.
    models : mapping of str to str
        SHA-256 of each shipped model file, by its path.
    path : Path
        Where to; a file there is replaced.

    Returns
    -------
    MaskedObject
        The same arguments give the same bytes: no clock is read.

    References
    ----------
    PS3.3 A.35.2 (Enhanced SR IOD), PS3.16 TID 1500, 1501, 1419, 4019.
    """
    evidence = dcmread(image.path, stop_before_pixels=True)
    is_photograph = isinstance(encoded, EncodedPicture)
    groups = [
        _group(header, name, site, side, findings, evidence, models)
        for name, site, side, findings in _findings(measurements, encoded)
    ]
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(
            observer_device_context=sr.ObserverContext(
                observer_type=codes.DEVICE,
                observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
                    uid=OBSERVER_UID,
                    name=MODEL_NAME,
                    manufacturer_name=MANUFACTURER,
                    model_name=MODEL_NAME,
                ),
            )
        ),
        procedure_reported=(codes.PROCEDURE_OF_PHOTOGRAPH if is_photograph else codes.PROCEDURE),
        imaging_measurements=groups,
        title=codes.IMAGING_MEASUREMENT_REPORT,
        language_of_content_item_and_descendants=sr.LanguageOfContentItemAndDescendants(
            codes.ENGLISH
        ),
        referenced_images=[evidence],
    )
    draft = sr.EnhancedSR(
        evidence=[evidence],
        content=content,
        series_instance_uid=header.report_series_uid,
        series_number=SERIES_NUMBERS[Role.REPORT],
        sop_instance_uid=header.report_instance_uid,
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
    )
    _finish(draft, header)
    draft.SeriesDescription = SERIES_OF_PHOTOGRAPH if is_photograph else SERIES_OF_VIDEO
    dataset = take_listed(draft, ALLOWED)
    add_additions(dataset, header, Role.REPORT)
    return write_object(dataset, Role.REPORT, EnhancedSRStorage, ExplicitVRLittleEndian, path)


def _finish(draft: Dataset, header: CleanHeader) -> None:
    """Replace what highdicom filled in from the clock, and add what it does not know."""
    add_patient_study_equipment(draft, header, Role.REPORT)
    draft.ContentDate = header.report_date or DUMMY_DATE
    draft.ContentTime = header.report_time or DUMMY_TIME
    scheme = Dataset()
    scheme.CodingSchemeDesignator = codes.SCHEME
    scheme.CodingSchemeUID = codes.SCHEME_UID
    scheme.CodingSchemeName = codes.SCHEME_NAME
    scheme.CodingSchemeVersion = codes.SCHEME_VERSION
    draft.CodingSchemeIdentificationSequence = Sequence([scheme])
    _shorten_numbers(draft)


def _shorten_numbers(item: Dataset) -> None:
    """Write 30 frames as 30, not 30.0; 10.2 mm not as 10.2000000000000; zero without a sign."""
    for measured in item.get("MeasuredValueSequence", ()):
        measured.NumericValue = f"{float(measured.NumericValue) + 0.0:.10g}"
    for child in item.get("ContentSequence", ()):
        _shorten_numbers(child)


def _findings(
    measurements: Measurements, encoded: Encoded
) -> list[tuple[str, CodedConcept, Eye | None, list[_Finding]]]:
    """List the groups: tracking identifier, site, side and values."""
    if isinstance(encoded, EncodedPicture):
        return _findings_of_photograph(measurements)
    total = measurements.frames_total
    groups: list[tuple[str, CodedConcept, Eye | None, list[_Finding]]] = [
        (f"{_WORD[eye]} eyelid", codes.EYELID, eye, _lid(measurements.of(eye), total))
        for eye in Eye
    ]
    groups += [
        (f"{_WORD[eye]} eyeball", codes.EYEBALL, eye, _ball(measurements.of(eye), total))
        for eye in Eye
    ]
    quality: list[_Finding] = [
        _Finding(codes.FRAMES_TOTAL, encoded.n_frames, codes.FRAMES),
        _Finding(codes.FRAMES_WITH_FACE, measurements.frames_with_face, codes.FRAMES),
        _share(measurements.frames_with_face, total),
        _Finding(codes.DURATION, measurements.duration_s, codes.SECOND),
        _Finding(codes.IRIS_DIAMETER, measurements.iris_diameter_px, codes.PIXELS, codes.MEDIAN),
    ]
    return [*groups, ("Video", codes.FACE, None, quality)]


def _findings_of_photograph(
    measurements: Measurements,
) -> list[tuple[str, CodedConcept, Eye | None, list[_Finding]]]:
    """List the groups of a single picture: one value each, nothing that has a course in time."""

    def height(summary: EyeSummary) -> list[_Finding]:
        concept, value = _FISSURE_HEIGHT[summary.eye], summary.aperture_mean_mm
        return [
            _Finding(concept, value, codes.MILLIMETER, None, codes.BY_IRIS),
            _Finding(codes.BLINK_COUNT, None, codes.BLINKS),
            _Finding(codes.BLINK_RATE, None, codes.PER_MINUTE),
            _Finding(codes.CONFIDENCE, summary.confidence_mean, codes.NO_UNIT),
        ]

    def rotations(summary: EyeSummary) -> list[_Finding]:
        pairs = (
            (codes.ROTATION_HORIZONTAL, summary.rotation_h_mean_deg),
            (codes.ROTATION_VERTICAL, summary.rotation_v_mean_deg),
        )
        return [
            *(_Finding(name, value, codes.DEGREE, None, codes.BY_MODEL) for name, value in pairs),
            _Finding(codes.CONFIDENCE, summary.confidence_mean, codes.NO_UNIT),
        ]

    iris = _Finding(codes.IRIS_DIAMETER, measurements.iris_diameter_px, codes.PIXELS)
    of = measurements.of
    return [
        *((f"{_WORD[eye]} eyelid", codes.EYELID, eye, height(of(eye))) for eye in Eye),
        *((f"{_WORD[eye]} eyeball", codes.EYEBALL, eye, rotations(of(eye))) for eye in Eye),
        ("Photograph", codes.FACE, None, [iris]),
    ]


def _lid(summary: EyeSummary, total: int) -> list[_Finding]:
    height = _FISSURE_HEIGHT[summary.eye]
    mean, least = summary.aperture_mean_mm, summary.aperture_min_mm
    count = None if summary.blinks is None else len(summary.blinks)
    return [
        _Finding(height, mean, codes.MILLIMETER, codes.MEAN, codes.BY_IRIS),
        _Finding(height, least, codes.MILLIMETER, codes.MINIMUM, codes.BY_IRIS),
        _Finding(codes.BLINK_COUNT, count, codes.BLINKS),
        _Finding(codes.BLINK_RATE, summary.blink_rate_per_min, codes.PER_MINUTE),
        *_sureness(summary, total),
    ]


def _ball(summary: EyeSummary, total: int) -> list[_Finding]:
    horizontal, vertical = summary.rotation_h_mean_deg, summary.rotation_v_mean_deg
    by_model = codes.MEAN, codes.BY_MODEL
    return [
        _Finding(codes.ROTATION_HORIZONTAL, horizontal, codes.DEGREE, *by_model),
        _Finding(codes.ROTATION_VERTICAL, vertical, codes.DEGREE, *by_model),
        *_sureness(summary, total),
    ]


def _sureness(summary: EyeSummary, total: int) -> list[_Finding]:
    return [
        _Finding(codes.CONFIDENCE, summary.confidence_mean, codes.NO_UNIT, codes.MEAN),
        _Finding(codes.FRAMES_USED, summary.frames_used, codes.FRAMES),
        _share(summary.frames_used, total),
    ]


def _share(part: int, total: int) -> _Finding:
    percent = 100.0 * part / total if total else None
    return _Finding(codes.PROPORTION_MEASURED, percent, codes.PERCENT)


def _group(
    header: CleanHeader,
    name: str,
    site: CodedConcept,
    side: Eye | None,
    findings: list[_Finding],
    image: Dataset,
    models: Mapping[str, str],
) -> sr.MeasurementsAndQualitativeEvaluations:
    """Build one TID 1501 group."""
    laterality = None if side is None else _SIDE[side]
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=_tracking_uid(header.report_instance_uid, name), identifier=name
        ),
        finding_type=codes.IMAGE_QUALITY if side is None else None,
        finding_sites=[sr.FindingSite(site, laterality=laterality)],
        algorithm_id=sr.AlgorithmIdentification(
            name=MODEL_NAME,
            version=VERSION,
            parameters=[
                f"renderer {RENDERER}",
                *(f"{model} sha256 {models[model]}" for model in sorted(models)),
            ],
            manufacturer=MANUFACTURER,
        ),
        measurements=[
            _measurement(finding, finding.value)
            for finding in findings
            if finding.value is not None
        ],
        qualitative_evaluations=[
            _missing(finding) for finding in findings if finding.value is None
        ],
        source_images=[sr.SourceImageForMeasurementGroup(image.SOPClassUID, image.SOPInstanceUID)],
    )


def _measurement(finding: _Finding, value: float) -> sr.Measurement:
    return sr.Measurement(
        finding.concept,
        round(float(value), 4),  # finer than any camera sees
        finding.unit,
        derivation=finding.derivation,
        method=finding.method,
    )


def _missing(finding: _Finding) -> sr.QualitativeEvaluation:
    """Say that a value is missing, why, and which.

    A NUM without a value and with a qualifier (PS3.3 C.18.1) would be shorter, but common readers
    fail on it.
    """
    blinks = finding.concept in (codes.BLINK_COUNT, codes.BLINK_RATE)
    reason = codes.MEASUREMENT_NOT_ATTEMPTED if blinks else codes.MEASUREMENT_FAILURE
    evaluation = sr.QualitativeEvaluation(codes.MEASUREMENT_STATUS, reason)
    relation = sr.RelationshipTypeValues.HAS_CONCEPT_MOD
    said = ((codes.NOT_MEASURED, finding.concept), (codes.DERIVATION, finding.derivation))
    which = [
        sr.CodeContentItem(name, value, relationship_type=relation)
        for name, value in said
        if value is not None
    ]
    evaluation[0].ContentSequence = sr.ContentSequence(which)
    return evaluation


def _tracking_uid(report_instance_uid: str, name: str) -> str:
    """Return a UID for what is tracked, fixed by the report's own (keyed) UID."""
    octets = bytearray(hashlib.sha256(f"{report_instance_uid} {name}".encode()).digest()[:16])
    octets[6] = octets[6] & 0x0F | 0x80  # RFC 9562 5.8: version 8
    octets[8] = octets[8] & 0x3F | 0x80
    return f"2.25.{int.from_bytes(octets, 'big')}"
