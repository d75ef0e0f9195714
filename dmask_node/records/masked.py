"""Records that can't identify a patient. Only these reach the rooms behind the gate."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmask_node.records.anatomy import Eye
from dmask_node.records.arrays import freeze, require_shape


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskTrack:
    """How the constant average face moves: all that rendering needs, and all it gets.

    Undefined (NaN) in frames where `found` is False. Eyes axis: `records.anatomy.Eye`.
    """

    rows: int
    """Of the source picture, pixels; the camera below is in those pixels."""
    columns: int
    focal_px: float
    time_s: NDArray[np.float64]
    """(frames,), presentation times, seconds after the first frame."""
    found: NDArray[np.bool_]
    """(frames,), whether a face was found; where not, the background with a mark is drawn."""
    rotation_model_to_camera: NDArray[np.float64]
    """(frames, 3, 3)."""
    translation_mm: NDArray[np.float64]
    """(frames, 3)."""
    expression: NDArray[np.float64]
    """(frames, expression components), in [0, 1], the clip's own median taken out."""
    eyelid_weights: NDArray[np.float64]
    """(frames, eyes, eyelid components), on the constant face."""
    gaze: NDArray[np.float64]
    """(frames, eyes, 3), unit vectors in camera axes: x right, y up, z towards the viewer."""
    iris_radius_mm: NDArray[np.float64]
    """(frames,), model millimetres."""

    def __post_init__(self) -> None:
        n = len(self.time_s)
        require_shape("found", self.found, (n,))
        require_shape("rotation_model_to_camera", self.rotation_model_to_camera, (n, 3, 3))
        require_shape("translation_mm", self.translation_mm, (n, 3))
        require_shape("expression", self.expression, (n, -1))
        require_shape("eyelid_weights", self.eyelid_weights, (n, 2, -1))
        require_shape("gaze", self.gaze, (n, 2, 3))
        require_shape("iris_radius_mm", self.iris_radius_mm, (n,))
        freeze(
            self,
            "time_s",
            "found",
            "rotation_model_to_camera",
            "translation_mm",
            "expression",
            "eyelid_weights",
            "gaze",
            "iris_radius_mm",
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EyeTrack:
    """What was measured on each eye in each frame; NaN where not measurable."""

    time_s: NDArray[np.float64]
    """(frames,), presentation times, seconds after the first frame."""
    aperture_mm: NDArray[np.float64]
    """(frames, eyes), palpebral fissure height at the middle of the lids, by the iris as ruler;
    signed: a contour that crosses itself is negative before the closure rule sets it to 0."""
    rotation_h_deg: NDArray[np.float64]
    """(frames, eyes), horizontal eye rotation in the head frame; positive to the patient's left."""
    rotation_v_deg: NDArray[np.float64]
    """(frames, eyes), vertical eye rotation in the head frame; positive upwards."""
    closed: NDArray[np.bool_]
    """(frames, eyes), whether the eye is shut; False where not measurable."""
    confidence: NDArray[np.float64]
    """(frames, eyes), in [0, 1]; 0 where not measurable."""
    found: NDArray[np.bool_]
    """(frames,), whether a face was found."""
    iris_diameter_px: float
    """Median iris diameter in source pixels, the ruler for millimetres; NaN without a face."""

    def __post_init__(self) -> None:
        n = len(self.time_s)
        require_shape("found", self.found, (n,))
        names = ("aperture_mm", "rotation_h_deg", "rotation_v_deg", "closed", "confidence")
        for name in names:
            require_shape(name, getattr(self, name), (n, 2))
        freeze(self, "time_s", "found", *names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blink:
    """One closure and opening of one eye."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EyeSummary:
    """The measurements of one eye over one clip. None: not measurable."""

    eye: Eye
    frames_used: int
    """Frames in which this eye was measured."""
    aperture_mean_mm: float | None
    """Mean palpebral fissure height over the frames outside blinks."""
    aperture_min_mm: float | None
    """Least palpebral fissure height over all frames used."""
    rotation_h_mean_deg: float | None
    rotation_v_mean_deg: float | None
    blinks: tuple[Blink, ...] | None
    """None when the clip is too short or too slow to see blinks."""
    blink_rate_per_min: float | None
    confidence_mean: float | None
    """Mean of the confidence over the frames used, in [0, 1]; a rating, not a probability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """All measurements of one clip."""

    right: EyeSummary
    left: EyeSummary
    frames_total: int
    frames_with_face: int
    duration_s: float
    iris_diameter_px: float | None
    """The ruler's length in source pixels; a short one means coarse millimetres."""

    def of(self, eye: Eye) -> EyeSummary:
        """Return the summary of one eye."""
        return self.right if eye is Eye.RIGHT else self.left


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedVideo:
    """A rendered and encoded video in a file of the node's own."""

    path: Path
    rows: int
    columns: int
    times_s: tuple[float, ...]
    """Presentation time of each frame, first 0.0."""
    frame_time_ms: float
    """Mean frame time; exact when `constant_rate`."""
    constant_rate: bool
    transfer_syntax_uid: str

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.times_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPicture:
    """A single rendered picture in a file of the node's own: what a photograph becomes."""

    path: Path
    """PNG, for people; never sent."""
    rows: int
    columns: int
    sha256: str
    """Hex digest of the samples: (rows, columns, 3) RGB, 8 bit, row by row."""

    @property
    def n_frames(self) -> int:
        """One."""
        return 1


Encoded = EncodedVideo | EncodedPicture
"""What was drawn of one source."""


@dataclass(frozen=True, slots=True)
class Words:
    """Grammar of an addition: one of these words of the site."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WholeNumbers:
    """Grammar of an addition: a whole number from `least` to `most`, both allowed."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class KeptCode:
    """A code as the site wrote it."""

    value: str
    scheme: str
    """Coding Scheme Designator."""
    meaning: str


@dataclass(frozen=True, slots=True)
class Codes:
    """Grammar of an addition: one of these codes, in a sequence of one item."""

    codes: tuple[KeptCode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptValue:
    """A value that goes out by an addition of the site; see ``extra_keep`` of a profile."""

    keyword: str
    """Of an attribute that is on no allow-list, at the top level."""
    in_image: bool
    in_report: bool
    grammar: Words | WholeNumbers | Codes
    value: str
    """One word of `Words`; decimal digits of one of `WholeNumbers`; or value and scheme of one of
    `Codes`, a space between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanHeader:
    """All of a source header that may reach an outgoing object, already keyed or from a list.

    Nothing here is a copy of a source value, but for members of enumerated lists.
    """

    pseudonym: str
    """Outgoing Patient ID, and the family name component of Patient's Name."""
    study_instance_uid: str
    image_series_uid: str
    """Of the masked video or photograph."""
    report_series_uid: str
    image_instance_uid: str
    report_instance_uid: str
    synchronization_uid: str
    accession_number: str
    """Keyed; empty when the source had none."""
    patient_sex: str
    """``M``, ``F``, ``O`` or empty."""
    patient_age: str
    """In whole years, ``000Y`` to ``090Y``, which also stands for all above; or empty."""
    body_part_examined: str
    """From the list of PS3.16 Annex L parts that show a face; ``FACE`` when in doubt."""
    laterality: str
    """Of that part: ``R``, ``L``, ``B`` or empty."""
    study_description: str
    """From the site's vocabulary, else the constant."""
    series_description: str
    """From the site's vocabulary, else empty: the image's constant goes out."""
    study_date: str
    """Here and below: shifted by the patient's keyed offset, ``YYYYMMDD``; empty: none is sent."""
    study_time: str
    """Here and below: ``HHMMSS``, never without its date."""
    content_date: str
    """Of the image."""
    content_time: str
    report_date: str
    """Content Date of the report: that of the image, else Study Date; as are its times."""
    report_time: str
    device_manufacturer: str
    """Of the camera, as the site wrote it; empty where it is not on the site's list."""
    device_model: str
    kept: tuple[KeptValue, ...]
    """What the site adds to the allow-lists."""
    source_was_lossy: bool
    method_codes: tuple[str, ...]
    """CID 7050 code values of the options applied to the image, in ascending order."""
    report_method_codes: tuple[str, ...]
    """The same of the report; those about pixels are never among them."""
    profile: str
    """Name of the profile under which this was made; not sent."""
    profile_digest: str
    """SHA-256 of that profile's options and lists, hex; not sent."""
    key_fingerprint: str
    """Names the key without telling it."""
    escrow: tuple[bytes, ...] = ()
    """The identity, encrypted to the certificates of those who may re-identify: a CMS envelope
    (DER); none where the audience has no escrow."""

    @property
    def longitudinal_modified(self) -> str:
        """Longitudinal Temporal Information Modified: whether dates were shifted or left out."""
        return "MODIFIED" if self.study_date or self.content_date else "REMOVED"


class Role(StrEnum):
    """What an outgoing object is."""

    VIDEO = "video"
    PHOTOGRAPH = "photograph"
    REPORT = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedObject:
    """One composed DICOM object in a file of the node's own."""

    role: Role
    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    sha256: str
    """Of the file."""
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedStudy:
    """What was composed for one audience; not yet looked at by the last gate."""

    audience: str
    """Under whose names and options: `dmask_node.deidentify.audience.Audience.name`."""
    image: MaskedObject
    """The masked video or photograph."""
    report: MaskedObject
    encoded: Encoded

    @property
    def objects(self) -> tuple[MaskedObject, MaskedObject]:
        """In the order in which they are sent: the report refers to the image."""
        return (self.image, self.report)
