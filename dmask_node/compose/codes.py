"""The codes that outgoing objects may hold: one name each, and where it comes from.

``data/allowed/codes.toml`` repeats them for the last gate; a test compares the two.
"""

from typing import Final

from highdicom.sr import CodedConcept
from pydicom import Dataset


def _code(value: str, scheme: str, meaning: str) -> CodedConcept:
    return CodedConcept(value=value, scheme_designator=scheme, meaning=meaning)


SCHEME: Final = "99DMASK"
"""Private coding scheme of this software (PS3.16 8.2), for what no public scheme names."""
SCHEME_UID: Final = "2.25.171331203462915320184632107718430246117"
SCHEME_NAME: Final = "dmask_node codes for eyelid and eye movement"
SCHEME_VERSION: Final = "1"

# De-identification methods, PS3.16 CID 7050.
METHODS: Final = {
    value: _code(value, "DCM", meaning)
    for value, meaning in (
        ("113100", "Basic Application Confidentiality Profile"),
        ("113101", "Clean Pixel Data Option"),
        ("113102", "Clean Recognizable Visual Features Option"),
        ("113105", "Clean Descriptors Option"),
        ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
        ("113108", "Retain Patient Characteristics Option"),
        ("113109", "Retain Device Identity Option"),
    )
}

# Image: PS3.16 CID 7203, 7005 and 4031.
SURFACE_RENDERING: Final = _code("113075", "DCM", "Surface rendering")
LOSSY_COMPRESSION: Final = _code("113040", "DCM", "Lossy Compression")
ACQUISITION_EQUIPMENT: Final = _code("109101", "DCM", "Acquisition Equipment")
DEIDENTIFYING_EQUIPMENT: Final = _code("109104", "DCM", "De-identifying Equipment")
FACE: Final = _code("89545001", "SCT", "Face")

# Report structure: PS3.16 TID 1500, 1501, 1002, 1204, 4019.
IMAGING_MEASUREMENT_REPORT: Final = _code("126000", "DCM", "Imaging Measurement Report")
ENGLISH: Final = _code("en-US", "RFC5646", "English (United States)")
IMAGE_QUALITY: Final = _code("111101", "DCM", "Image Quality")
PROCEDURE: Final = _code("DM2001", SCHEME, "Video analysis of eyelid and eye movement")
PROCEDURE_OF_PHOTOGRAPH: Final = _code(
    "DM2003", SCHEME, "Photograph analysis of eyelids and line of sight"
)

DEVICE: Final = _code("121007", "DCM", "Device")

# Sites: PS3.16 CID 4031 and 244.
EYELID: Final = _code("80243003", "SCT", "Eyelid")
EYEBALL: Final = _code("79652003", "SCT", "Eyeball")
RIGHT: Final = _code("24028007", "SCT", "Right")
LEFT: Final = _code("7771000", "SCT", "Left")

# Measurements. LOINC for the fissure height; no public code was found for the others.
FISSURE_HEIGHT_RIGHT: Final = _code("79855-3", "LN", "Right palpebral fissure Opening height")
FISSURE_HEIGHT_LEFT: Final = _code("79856-1", "LN", "Left palpebral fissure Opening height")
ROTATION_HORIZONTAL: Final = _code("DM1101", SCHEME, "Horizontal eye rotation")
ROTATION_VERTICAL: Final = _code("DM1102", SCHEME, "Vertical eye rotation")
BLINK_RATE: Final = _code("DM1301", SCHEME, "Blink rate")
BLINK_COUNT: Final = _code("DM1302", SCHEME, "Number of blinks")
PROPORTION_MEASURED: Final = _code("DM1901", SCHEME, "Proportion of frames measured")
CONFIDENCE: Final = _code("DM1903", SCHEME, "Tracking confidence")
FRAMES_USED: Final = _code("DM1904", SCHEME, "Number of frames measured")
FRAMES_TOTAL: Final = _code("DM1905", SCHEME, "Number of frames in the video")
FRAMES_WITH_FACE: Final = _code("DM1906", SCHEME, "Number of frames with a face")
DURATION: Final = _code("DM1907", SCHEME, "Duration of the video")
IRIS_DIAMETER: Final = _code("DM1908", SCHEME, "Iris diameter in source pixels")

# Derivations: PS3.16 TID 1419 and CID 7464.
DERIVATION: Final = _code("121401", "DCM", "Derivation")
MEAN: Final = _code("373098007", "SCT", "Mean")
MINIMUM: Final = _code("255605001", "SCT", "Minimum")
MEDIAN: Final = _code("373099004", "SCT", "Median")

# How a value was measured: PS3.16 TID 1419. Ours: no public scheme names these ways.
MEASUREMENT_METHOD: Final = _code("370129005", "SCT", "Measurement Method")
BY_MODEL: Final = _code("DM2101", SCHEME, "Model-based from one camera, not calibrated")
BY_IRIS: Final = _code("DM2102", SCHEME, "By iris diameter of 11.7 mm")

# Why a value is missing: PS3.16 CID 42.
MEASUREMENT_STATUS: Final = _code("DM1990", SCHEME, "Measurement status")
NOT_MEASURED: Final = _code("DM1991", SCHEME, "Measurement concerned")
MEASUREMENT_FAILURE: Final = _code("114006", "DCM", "Measurement failure")
MEASUREMENT_NOT_ATTEMPTED: Final = _code("114007", "DCM", "Measurement not attempted")

# Units: UCUM.
MILLIMETER: Final = _code("mm", "UCUM", "millimeter")
DEGREE: Final = _code("deg", "UCUM", "degree")
PER_MINUTE: Final = _code("/min", "UCUM", "per minute")
SECOND: Final = _code("s", "UCUM", "second")
PERCENT: Final = _code("%", "UCUM", "percent")
NO_UNIT: Final = _code("1", "UCUM", "no units")
BLINKS: Final = _code("{blinks}", "UCUM", "blinks")
FRAMES: Final = _code("{frames}", "UCUM", "frames")
PIXELS: Final = _code("{pixels}", "UCUM", "Pixels")


def item(concept: CodedConcept) -> Dataset:
    """Return the concept as a fresh item of a code sequence (PS3.3 8.8)."""
    dataset = Dataset()
    dataset.CodeValue = concept.value
    dataset.CodingSchemeDesignator = concept.scheme_designator
    dataset.CodeMeaning = concept.meaning
    return dataset
