"""Secrets in the attributes of the dictionary, under their own value representations."""

import re
from collections.abc import Iterator
from typing import Final

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.datadict import dictionary_VR

from tests.adversary.part10 import Item, number, put
from tests.adversary.planter import NAMES, Planter

UNLISTED: Final = (
    "RetrieveURL", "PixelDataProviderURL", "SoftwareVersions", "DeviceID",
    "LocalNamespaceEntityID", "UniversalEntityID", "TextValue", "CodeMeaning",
    "PatientBirthDateInAlternativeCalendar", "PatientDeathDateInAlternativeCalendar",
    "CodingSchemeResponsibleOrganization", "SOPAuthorizationComment", "SOPClassesSupported",
    "LensMake", "LensModel", "UniversalEntityIDType", "ApplicationVersion", "CodeValue",
    "LongCodeValue", "URNCodeValue", "CodingSchemeURL", "ContextIdentifier", "MappingResourceName",
    "FilenameInContainer", "RetrieveURI", "LabelText",
)  # fmt: skip
"""Texts that Table E.1-1 of PS3.15 does not name."""
_LONG_ENOUGH: Final = frozenset({"AE", "LO", "LT", "SH", "ST", "UC", "UR", "UT"})
_CATEGORIES: Final = {
    "institution and staff": "Institution|Department|Address|Tele[pc]|Organization|Contact",
    "device": "Device|Serial|Station|Manufacturer|Model|Gantry|Detector|Plate|Equipment|Version",
    "issuer and assigning authority": "Issuer|Assigning|Namespace|UniversalEntity",
    "request and order": "Request|Scheduled|Order|Placer|Filler|Admission|Accession|Performed",
    "code": "Code|Scheme|Context|Mapping|Template",
    "camera and place": "GPS|Lens|Camera|Battery|EXIF|Sensitivity|OECF|Interoperability",
}
"""By words in the keyword, the first that fits."""
_ROUTING: Final = (
    "Modality", "BodyPartExamined", "Laterality", "ImageLaterality", "ImageType",
    "PresentationIntentType", "ConversionType", "ContentQualification", "PatientPosition",
    "PatientSex", "BurnedInAnnotation", "RecognizableVisualFeatures", "LossyImageCompression",
    "LossyImageCompressionMethod", "PatientIdentityRemoved", "QualityControlImage",
    "LongitudinalTemporalInformationModified", "SynchronizationTrigger", "SyntheticData",
    "PreferredPlaybackSequencing", "AcquisitionTimeSynchronized", "VolumetricProperties",
)  # fmt: skip
_NUMBERS: Final = (
    "SeriesNumber", "InstanceNumber", "AcquisitionNumber", "NumberOfStudyRelatedInstances",
    "TemporalPositionIndex", "ReferencedFrameNumber", "StartTrim", "StopTrim", "CineRate",
    "RecommendedDisplayFrameRate", "FrameTime", "FrameDelay", "EffectiveDuration",
    "ActualFrameDuration", "LossyImageCompressionRatio", "ItemNumber", "ReconstructionIndex",
    "NumberOfTemporalPositions", "ExposureTimeInSeconds", "FocalLength", "SubjectDistance",
    "TriggerTime", "PreferredPlaybackSequencing", "ImageTriggerDelay", "SpacingBetweenSlices",
)  # fmt: skip


def plant_in_attributes(planter: Planter) -> None:
    """Plant in every attribute of the dictionary that takes a text, a moment or a UID.

    What is planted already stays.
    """
    _in_the_patient(planter)
    _in_codes_of_lists(planter)
    _in_descriptions(planter)
    _in_numbers(planter)
    _in_overlays_and_curves(planter)
    _in_names(planter)
    _in_texts(planter)
    _in_moments(planter)
    _in_uids(planter)


def _attributes(planter: Planter, *vrs: str) -> Iterator[tuple[int, str, str]]:
    """Yield tag, keyword and value representation of what is not planted yet.

    Of the data set alone, not of command set, file meta information and directories.
    """
    for tag, (vr, _, _, _, keyword) in sorted(DicomDictionary.items()):
        if vr in vrs and 0x0005FFFF < tag < 0x7FDF0000 and keyword and tag not in planter.item:
            yield tag, keyword, vr


def _in_names(planter: Planter) -> None:
    for _, keyword, _ in _attributes(planter, "PN"):
        first = "patient" if keyword.startswith("Patient") else NAMES[0]
        planter.person(keyword, categories=(first, *NAMES[1:]))


def _in_the_patient(planter: Planter) -> None:
    mint = planter.mint
    put(planter.item, "PatientID", mint.number("patient", "PatientID").encode())
    put(planter.item, "OtherPatientIDs", planter.encode("\\".join(
        mint.text("patient", "OtherPatientIDs") for _ in range(2))))  # fmt: skip
    for keyword in ("PatientComments", "AdditionalPatientHistory", "MedicalAlerts", "Allergies",
                    "Occupation", "EthnicGroup", "PatientReligiousPreference",
                    "CountryOfResidence", "RegionOfResidence", "MilitaryRank"):  # fmt: skip
        planter.plant(keyword, "patient characteristics")
    put(planter.item, "PatientAge", b"107Y")
    for keyword in ("PatientSize", "PatientWeight", "PatientBodyMassIndex", "MeasuredAPDimension"):
        value = mint.decimal("patient characteristics", keyword)
        put(planter.item, keyword, value.encode())
    for keyword in ("OtherPatientIDsSequence", "SourcePatientGroupIdentificationSequence"):
        inner: Item = {}
        planter.plant("PatientID", "patient", item=inner, place=f"{keyword}/PatientID")
        planter.plant("IssuerOfPatientID", "issuer and assigning authority", item=inner)
        put(planter.item, keyword, [inner])


def _in_texts(planter: Planter) -> None:
    for tag, keyword, vr in _attributes(planter, *_LONG_ENOUGH):
        template = {
            "LT": "He said: {}, and left.\r\n", "ST": "x{}", "UR": "https://pacs.example/{}?q=1",
            "UT": "<p>{}</p> " + "long " * 40, "UC": "a\\{}",
        }.get(vr, "{}")  # fmt: skip
        planter.plant(tag, _category_of(keyword, vr), template, place=keyword)


def _in_descriptions(planter: Planter) -> None:
    for keyword in ("StudyDescription", "SeriesDescription", "ProtocolName", "ImageComments",
                    "RequestedProcedureDescription", "InstitutionName"):  # fmt: skip
        planter.plant_script(keyword, "descriptions in other scripts", "{} eyes")
    # A description that begins as a site's own word may: only whole values count.
    planter.plant("DerivationDescription", "free text", "Facial photography (masked) {}")


def _category_of(keyword: str, vr: str) -> str:
    if keyword in UNLISTED:
        return "text that Table E.1-1 does not name"
    for category, pattern in _CATEGORIES.items():
        if re.search(pattern, keyword):
            return category
    return {"AE": "AE title", "UR": "URL", "LO": "other strings", "SH": "other strings"}.get(
        vr, "free text"
    )


def _in_moments(planter: Planter) -> None:
    mint = planter.mint
    several = "\\".join(mint.date_time("date and time", "AcquisitionDateTime") for _ in range(2))
    put(planter.item, "AcquisitionDateTime", several.encode())
    for tag, keyword, vr in _attributes(planter, "DA", "TM", "DT"):
        make = {"DA": mint.date, "TM": mint.time, "DT": mint.date_time}[vr]
        category = {"DA": "date", "TM": "time", "DT": "date and time"}[vr]
        put(planter.item, tag, make(category, keyword).encode())


def _in_uids(planter: Planter) -> None:
    mint = planter.mint
    several = [mint.uid("UID with a moment in it", "FailedSOPInstanceUIDList") for _ in range(3)]
    put(planter.item, "FailedSOPInstanceUIDList", "\\".join(several).encode())
    for tag, keyword, _ in _attributes(planter, "UI"):
        if keyword in ("SOPClassUID", "SOPInstanceUID"):
            continue
        if tag % 3:
            value = mint.uid("UID with a moment in it", keyword)
        else:
            value = mint.uuid_uid("UID that can be looked up", keyword)
        put(planter.item, tag, value.encode())


def _in_codes_of_lists(planter: Planter) -> None:
    """Plant where a value of an enumerated list belongs: it may be let through for its place."""
    for keyword in _ROUTING:
        template = {"ImageType": "ORIGINAL\\PRIMARY\\{}", "BodyPartExamined": "FACE{}"}
        planter.plant(keyword, "value where a listed one belongs", template.get(keyword, "{}"))


def _in_numbers(planter: Planter) -> None:
    mint = planter.mint
    for keyword in _NUMBERS:
        vr = dictionary_VR(keyword)
        if vr == "IS":
            value = mint.number("number that is none", keyword).encode()
        elif vr == "DS":
            value = mint.decimal("number that is none", keyword).encode()
        elif vr == "FD":
            value = number("FD", mint.binary("number that is none", keyword, "d"))
        else:
            continue
        put(planter.item, keyword, value)
    for keyword in ("GPSLatitude", "GPSLongitude", "GPSAltitude", "GPSDestLatitude",
                    "GPSDestLongitude"):  # fmt: skip
        values = [mint.decimal("camera and place", keyword) for _ in range(3)]
        put(planter.item, keyword, "\\".join(values).encode())
    for keyword in ("MakerNote", "GPSProcessingMethod", "GPSAreaInformation"):
        planter.plant(keyword, "camera and place", "ASCII\0\0\0{}", vr="OB")


def _in_overlays_and_curves(planter: Planter) -> None:
    """Plant in repeating groups, up to the last one (PS3.5 7.6)."""
    for group in (0x6000, 0x6002, 0x601E, 0x5000, 0x501E):
        for tag_text, (vr, *_) in sorted(RepeatersDictionary.items()):
            if tag_text[:2] != f"{group >> 8:x}" or vr not in ("LO", "SH", "CS", "LT", "ST"):
                continue
            tag = group << 16 | int(tag_text[4:], 16)
            planter.plant(tag, "overlay, curve and graphic", vr=vr)
        planter.plant(group << 16 | 0x3000, "overlay, curve and graphic", vr="OW")
    text: Item = {}
    planter.plant("UnformattedTextValue", "overlay, curve and graphic", item=text)
    layer: Item = {}
    planter.plant("GraphicLayerDescription", "overlay, curve and graphic", item=layer)
    put(planter.item, "GraphicAnnotationSequence", [{**_sequence("TextObjectSequence", text)}])
    put(planter.item, "GraphicLayerSequence", [layer])


def _sequence(keyword: str, *items: Item) -> Item:
    item: Item = {}
    put(item, keyword, list(items))
    return item
