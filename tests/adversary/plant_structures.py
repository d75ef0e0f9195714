"""Secrets where a walk over known attributes does not get: deep, private, unknown, around."""

from typing import Final

from pydicom.datadict import dictionary_has_tag

from tests.adversary.part10 import CHINESE, Element, Item, Part10, put, write_items
from tests.adversary.planter import Planter

DEPTH: Final = 30
"""Of nesting: as deep as an honest object could ever be, and within the node's limit."""
_FUTURE: Final = (
    *range(0x00100011, 0x00100016), 0x00100041, 0x00100042, 0x00100047, 0x00081303, 0x0008FFFE,
    0x00189999, 0x0020FFFC, 0x00400FFE, 0x3010FFFE, 0x7FDE0010, 0x00166666,
)  # fmt: skip
"""Even groups, not in the library's dictionary: later editions, or nobody's."""


def plant_in_structures(planter: Planter) -> None:
    """Plant in sequences, private blocks and unknown tags of the data set."""
    _deep(planter)
    _requests(planter)
    _codes(planter)
    _issuers(planter)
    _history(planter)
    _content_tree(planter)
    _icons(planter)
    _private_blocks(planter)
    _unknown_tags(planter)


def plant_around(planter: Planter, part10: Part10) -> None:
    """Plant in preamble, file meta information and behind the pixels."""
    mint, category = planter.mint, "file meta and preamble"
    part10.preamble = b"II*\0" + mint.text(category, "preamble").encode()
    for tag, vr, template in (
        (0x00020013, "SH", "{}"), (0x00020016, "AE", "{}"), (0x00020017, "AE", "{}"),
        (0x00020018, "AE", "{}"), (0x00020026, "UR", "dicom://{}/"), (0x00020027, "UR", "{}"),
        (0x00020028, "UR", "{}"), (0x00020102, "OB", "{}"),
    ):  # fmt: skip
        planter.plant(tag, category, template, item=part10.meta, vr=vr)
    for tag in (0x00020012, 0x00020100):
        put(part10.meta, tag, mint.uid(category, f"({tag:08X})").encode(), "UI")
    # Padding (FFFC,FFFC) is an element like any other; a group behind the pixels, too.
    planter.plant(0xFFFCFFFC, "behind the pixels", item=part10.after_pixel_data, vr="OB")
    planter.plant(0x7FE10010, "behind the pixels", item=part10.after_pixel_data, vr="LO")
    planter.plant(0x7FE11001, "behind the pixels", item=part10.after_pixel_data, vr="LO")


def _deep(planter: Planter) -> None:
    """Plant at every depth; the character set changes on the way down."""
    item: Item = {}
    for depth in range(DEPTH, 0, -1):
        level: Item = {}
        place = f"depth {depth}"
        if depth % 3 == 0:
            chinese = Planter(planter.mint, CHINESE)
            put(level, "SpecificCharacterSet", b"GB18030")
            chinese.person("PatientName", item=level, categories=("nested",) * 3, place=place)
        else:
            planter.plant("PatientID", "nested", item=level, place=place)
            put(level, "StudyDate", planter.mint.date("nested", place).encode())
        if item:
            put(level, "ReferencedStudySequence", [item])
        item = level
    put(planter.item, "ReferencedStudySequence", [item, {}])


def _requests(planter: Planter) -> None:
    category, mint = "request and order", planter.mint
    step: Item = {}
    for keyword in ("ScheduledProcedureStepDescription", "ScheduledProcedureStepID",
                    "ScheduledProcedureStepLocation"):  # fmt: skip
        planter.plant(keyword, category, item=step)
    request: Item = {}
    for keyword in ("AccessionNumber", "RequestedProcedureID", "RequestedProcedureDescription",
                    "ReasonForTheRequestedProcedure", "RequestedProcedureComments"):  # fmt: skip
        planter.plant(keyword, category, item=request, place=f"request/{keyword}")
    planter.person("RequestingPhysician", item=request, place="request/RequestingPhysician")
    uid = mint.uid(category, "request/StudyInstanceUID")
    put(request, "StudyInstanceUID", uid.encode())
    put(request, "ScheduledProtocolCodeSequence", [_code(planter, category), step])
    put(planter.item, "RequestAttributesSequence", [request])


def _code(planter: Planter, category: str, **known: bytes) -> Item:
    code: Item = {}
    for keyword, template in (
        ("CodeValue", "{}"), ("CodingSchemeDesignator", "99{}"), ("CodingSchemeVersion", "{}"),
        ("CodeMeaning", "Face of {}"), ("ContextIdentifier", "{}"),
    ):  # fmt: skip
        if keyword in known:
            put(code, keyword, known[keyword])
        else:
            planter.plant(keyword, category, template, item=code, place=f"code/{keyword}")
    return code


def _codes(planter: Planter) -> None:
    """Plant in codes; some are well known, but for what they are said to mean."""
    face = {"CodeValue": b"89545001", "CodingSchemeDesignator": b"SCT"}
    for keyword in ("AnatomicRegionSequence", "ProcedureCodeSequence",
                    "PatientSpeciesCodeSequence", "ViewCodeSequence", "DerivationCodeSequence",
                    "DeidentificationMethodCodeSequence", "InstitutionCodeSequence",
                    "AcquisitionContextSequence"):  # fmt: skip
        items = [_code(planter, "code"), _code(planter, "code", **face)]
        put(planter.item, keyword, items)
    scheme: Item = {}
    for keyword in ("CodingSchemeDesignator", "CodingSchemeName",
                    "CodingSchemeResponsibleOrganization", "CodingSchemeExternalID"):  # fmt: skip
        planter.plant(keyword, "code", item=scheme, place=f"scheme/{keyword}")
    put(planter.item, "CodingSchemeIdentificationSequence", [scheme])


def _issuers(planter: Planter) -> None:
    for keyword in ("IssuerOfPatientIDQualifiersSequence", "IssuerOfAccessionNumberSequence",
                    "IssuerOfAdmissionIDSequence", "IssuerOfServiceEpisodeIDSequence",
                    "AssigningFacilitySequence"):  # fmt: skip
        issuer: Item = {}
        for inner in ("LocalNamespaceEntityID", "UniversalEntityID"):
            planter.plant(inner, "issuer and assigning authority", item=issuer,
                          place=f"{keyword}/{inner}")  # fmt: skip
        put(planter.item, keyword, [issuer])


def _history(planter: Planter) -> None:
    """Plant where others keep what they have removed, and who did it."""
    category, mint = "history and signatures", planter.mint
    before: Item = {}
    planter.person("PatientName", item=before, categories=(category,) * 3)
    put(before, "PatientBirthDate", mint.date(category, "PatientBirthDate before").encode())
    original: Item = {}
    for keyword in ("SourceOfPreviousValues", "ModifyingSystem"):
        planter.plant(keyword, category, item=original)
    put(original, "AttributeModificationDateTime", mint.date_time(category, "modified").encode())
    put(original, "ModifiedAttributesSequence", [before])
    put(planter.item, "OriginalAttributesSequence", [original])
    equipment: Item = {}
    for keyword in ("Manufacturer", "InstitutionName", "StationName", "DeviceSerialNumber",
                    "ContributionDescription"):  # fmt: skip
        planter.plant(keyword, category, item=equipment, place=f"equipment/{keyword}")
    put(planter.item, "ContributingEquipmentSequence", [equipment])
    signature: Item = {}
    planter.plant("CertificateOfSigner", category, "CN={}", item=signature, vr="OB")
    planter.plant("CertifiedTimestamp", category, item=signature, vr="OB")
    put(planter.item, "DigitalSignaturesSequence", [signature])
    encrypted: Item = {}
    planter.plant("EncryptedContent", category, item=encrypted, vr="OB")
    put(planter.item, "EncryptedAttributesSequence", [encrypted])
    planter.plant("DeidentificationMethod", category, "by {}")
    for keyword in ("SourceImageSequence", "ReferencedImageSequence", "ReferencedSeriesSequence"):
        reference: Item = {}
        put(reference, "ReferencedSOPClassUID", b"1.2.840.10008.5.1.4.1.1.77.1.4")
        uid = mint.uid(category, f"{keyword}/ReferencedSOPInstanceUID")
        put(reference, "ReferencedSOPInstanceUID", uid.encode())
        planter.plant(0x00091001, category, item=reference, vr="UN", place=f"{keyword}/private")
        put(planter.item, keyword, [reference])


def _content_tree(planter: Planter) -> None:
    """Plant as a structured report would tell it (PS3.3 C.17.3)."""
    category, mint = "report content", planter.mint
    text: Item = {}
    put(text, "ValueType", b"TEXT")
    planter.plant("TextValue", category, "Patient {} was seen.", item=text)
    person: Item = {}
    put(person, "ValueType", b"PNAME")
    planter.person("PersonName", item=person, categories=(category,) * 3)
    moment: Item = {}
    put(moment, "DateTime", mint.date_time(category, "DateTime").encode())
    put(moment, "UID", mint.uid(category, "UID").encode())
    number: Item = {}
    put(number, "NumericValue", mint.decimal(category, "NumericValue").encode())
    put(number, "ConceptNameCodeSequence", [_code(planter, category)])
    put(number, "ContentSequence", [text, person])
    put(planter.item, "ContentSequence", [number, moment])
    observer: Item = {}
    planter.plant("VerifyingOrganization", category, item=observer)
    planter.person("VerifyingObserverName", item=observer, categories=(category,) * 3)
    put(planter.item, "VerifyingObserverSequence", [observer])


def _icons(planter: Planter) -> None:
    category = "icon, photograph and colour profile"
    icon: Item = {}
    put(icon, "Rows", b"\1\0")
    put(icon, "Columns", b"\x0c\0")
    planter.plant("PixelData", category, "{}  ", item=icon, vr="OB", place="icon/PixelData")
    planter.plant("ICCProfile", category, "\0\0\0\x40desc{}", item=icon, vr="OB")
    put(planter.item, "IconImageSequence", [icon])
    planter.plant("ICCProfile", category, "\0\0\1\0appl\2\0\0\0mntrRGB desc{}", vr="OB")
    planter.plant("ColorSpace", category, vr="CS")
    for keyword in ("EncapsulatedDocument", "WaveformData", "RedPaletteColorLookupTableData"):
        planter.plant(keyword, category, "%PDF-1.7 {} ", vr="OB")
    planter.plant("MIMETypeOfEncapsulatedDocument", category)


def _private_blocks(planter: Planter) -> None:
    mint, item = planter.mint, planter.item
    category = "private, with creator"
    for group, creator in ((0x0009, "ACME FACECAM 1.0"), (0x0011, "{}"), (0x7FDF, "ACME")):
        if creator == "{}":
            creator = mint.text(category, "creator")
        put(item, group << 16 | 0x10, planter.encode(creator), "LO")
        for element, vr in enumerate(("LO", "SH", "LT", "UT", "AE", "CS", "OB", "UN")):
            planter.plant(group << 16 | 0x1000 | element, category, item=item, vr=vr)
        put(item, group << 16 | 0x1010, mint.date(category, "DA").encode(), "DA")
        put(item, group << 16 | 0x1011, mint.uid(category, "UI").encode(), "UI")
        inner: Item = {}
        planter.person("PatientName", item=inner, categories=(category,) * 3)
        put(item, group << 16 | 0x1020, [inner], "SQ")
        # A sequence whose type was forgotten on the way (PS3.5 6.2.2, note 2).
        forgotten: Item = {}
        planter.plant("PatientID", category, item=forgotten, place="sequence as UN")
        body = write_items(forgotten, explicit=False)
        length = len(body).to_bytes(4, "little")
        put(item, group << 16 | 0x1021, b"\xfe\xff\x00\xe0" + length + body, "UN")
    category = "private, without creator"
    for tag in (0x000B1001, 0x000B10FF, 0x00130010, 0x0013EE01, 0x00290001, 0x60010010, 0x7FDD1010):
        planter.plant(tag, category, vr="LO" if tag % 2 else "UN")
    planter.person(0x000D1002, categories=(category,) * 3)
    category = "private, as the library knows it"
    for group, creator, element, vr in (
        (0x0019, "GEMS_PETD_01", 0x02, "LO"), (0x0021, "SIEMENS CSA HEADER", 0x10, "OB"),
        (0x2001, "Philips Imaging DD 001", 0x01, "FL"),
    ):  # fmt: skip
        put(item, group << 16 | 0x10, creator.encode(), "LO")
        # Text under a number's representation is in the "wrong" variant: here it is as declared.
        declared = vr if vr in ("LO", "OB") else "LO"
        planter.plant(group << 16 | 0x1000 | element, category, vr=declared)


def _unknown_tags(planter: Planter) -> None:
    for tag in _FUTURE:
        assert not dictionary_has_tag(tag), hex(tag)
        planter.plant(tag, "unknown tag", vr="UN" if tag % 3 else "LO")
    inner: Item = {}
    planter.person("PatientName", item=inner, categories=("unknown tag",) * 3)
    planter.item[0x00181FFE] = Element("SQ", [inner])
