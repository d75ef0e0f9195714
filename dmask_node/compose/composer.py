"""Start outgoing objects from nothing, and let only listed attributes in.

The lists are ``data/allowed/*.toml``, one per SOP class. This file holds to their names; the
values are judged by the last gate, which reads the same lists by itself.
"""

import hashlib
import os
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from highdicom.sr import CodedConcept
from pydicom import Dataset, Sequence
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from dmask_node.compose import codes
from dmask_node.errors import Permanent
from dmask_node.records.masked import (
    CleanHeader,
    Codes,
    KeptValue,
    MaskedObject,
    Role,
    WholeNumbers,
    Words,
)
from dmask_node.version import VERSION

MANUFACTURER: Final = "dmask"
MODEL_NAME: Final = "dmask_node"
IMPLEMENTATION_CLASS_UID: Final = "2.25.80302813137786398554742050926734630921"
"""Names this software in file meta information (PS3.7 D.3.3.2)."""
IMPLEMENTATION_VERSION_NAME: Final = "DMASK_" + VERSION.replace(".", "_")
STUDY_ID: Final = "DMASK"
SERIES_NUMBERS: Final = {Role.VIDEO: 901, Role.PHOTOGRAPH: 901, Role.REPORT: 902}
"""Our own: a sender's series number can hold a record number."""
DEIDENTIFICATION_METHOD: Final = (
    "PS3.15 Basic Profile",
    "composed from an allow-list",
    "face re-rendered as a constant 3D model",
)
_READ_BYTES: Final = 1 << 20


class NotListed(Permanent):
    """A composed object has an attribute that its allow-list lacks."""

    reason = "not_listed"
    hint = "This is a defect of the node, and nothing was sent. Please report it."


@cache
def allowed(name: str) -> dict[str, Any]:
    """Read one allow-list.

    Parameters
    ----------
    name : str
        File name below ``data/allowed`` without ``.toml``.
    """
    file = resources.files("dmask_node").joinpath("data", "allowed", f"{name}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def take_listed(draft: Dataset, name: str) -> Dataset:
    """Build a dataset of the listed attributes of a draft, from an empty one.

    Parameters
    ----------
    draft : Dataset
        Made by the node or by a library it uses.
    name : str
        Of the allow-list.

    Returns
    -------
    Dataset
        New at every level; attributes that may not appear are left behind.

    Raises
    ------
    NotListed
        If a private attribute or one unknown to the dictionary stands in the draft.
    """
    listed = allowed(name)
    return _take(draft, listed["attributes"], listed)


def _take(draft: Dataset, attributes: dict[str, Any], listed: dict[str, Any]) -> Dataset:
    taken = Dataset()
    for element in draft:
        keyword = element.keyword
        if not keyword:
            raise NotListed(f"attribute {element.tag} has no keyword")
        rule = attributes.get(keyword)
        if rule is None:
            continue
        if element.VR == "SQ":
            kinds = _kinds_of(rule, len(element.value))
            items = [
                _take(item, _CODE_ATTRIBUTES if kind == "code" else listed["items"][kind], listed)
                for item, kind in zip(element.value, kinds, strict=True)
            ]
            setattr(taken, keyword, Sequence(items))
        else:
            taken[element.tag] = element  # the draft is left behind: no need to convert once more
    return taken


def _kinds_of(rule: dict[str, Any], n_items: int) -> list[str]:
    """Return the kind of each item: one for all, or the first so many of a list."""
    kinds = rule["items"]
    return kinds[:n_items] if isinstance(kinds, list) else [kinds] * n_items


_CODE_ATTRIBUTES: Final[dict[str, Any]] = {
    "CodeValue": {},
    "CodingSchemeDesignator": {},
    "CodeMeaning": {},
}


def add_patient_study_equipment(dataset: Dataset, header: CleanHeader, role: Role) -> None:
    """Add what both outgoing objects share (PS3.3 C.7.1.1, C.7.2.1, C.7.5.1, C.12.1).

    Parameters
    ----------
    dataset : Dataset
        Added to.
    header : CleanHeader
        Keyed names and listed values.
    role : Role
        Which object this is.
    """
    is_image = role is not Role.REPORT
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPInstanceUID = header.image_instance_uid if is_image else header.report_instance_uid
    dataset.PatientName = f"{header.pseudonym}^Masked"
    dataset.PatientID = header.pseudonym
    dataset.PatientBirthDate = ""
    dataset.PatientSex = header.patient_sex
    if header.patient_age:
        dataset.PatientAge = header.patient_age
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = [
        *DEIDENTIFICATION_METHOD,
        f"dmask_node {VERSION}, key {header.key_fingerprint}",
    ]
    dataset.DeidentificationMethodCodeSequence = Sequence(
        [
            codes.item(codes.METHODS[value])
            for value in (header.method_codes if is_image else header.report_method_codes)
        ]
    )
    dataset.LongitudinalTemporalInformationModified = header.longitudinal_modified
    dataset.StudyInstanceUID = header.study_instance_uid
    dataset.StudyDate = header.study_date
    dataset.StudyTime = header.study_time
    if is_image and header.content_date:
        dataset.ContentDate = header.content_date
    if is_image and header.content_time:
        dataset.ContentTime = header.content_time
    dataset.StudyID = STUDY_ID
    dataset.AccessionNumber = header.accession_number
    dataset.ReferringPhysicianName = ""
    dataset.StudyDescription = header.study_description
    dataset.SeriesInstanceUID = header.image_series_uid if is_image else header.report_series_uid
    dataset.SeriesNumber = SERIES_NUMBERS[role]
    dataset.InstanceNumber = 1
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = MODEL_NAME
    dataset.SoftwareVersions = VERSION
    dataset.ContentQualification = "RESEARCH"
    dataset.ContributingEquipmentSequence = Sequence(_equipment(header))
    if header.escrow:
        dataset.EncryptedAttributesSequence = Sequence(map(_encrypted, header.escrow))


def _encrypted(envelope: bytes) -> Dataset:
    """Return an item of Encrypted Attributes Sequence (PS3.3 C.12.1.1.4.1)."""
    item = Dataset()
    item.EncryptedContentTransferSyntaxUID = ExplicitVRLittleEndian
    item.EncryptedContent = envelope + b"\0" * (len(envelope) % 2)
    return item


def _equipment(header: CleanHeader) -> list[Dataset]:
    """Return what contributed: this software, and the camera where the site lets it be known."""
    ours = Dataset()
    ours.Manufacturer = MANUFACTURER
    ours.ManufacturerModelName = MODEL_NAME
    ours.SoftwareVersions = VERSION
    ours.ContributionDescription = "Facial identity removed by re-rendering"
    ours.PurposeOfReferenceCodeSequence = Sequence([codes.item(codes.DEIDENTIFYING_EQUIPMENT)])
    if not header.device_model:
        return [ours]
    camera = Dataset()
    camera.Manufacturer = header.device_manufacturer
    camera.ManufacturerModelName = header.device_model
    camera.PurposeOfReferenceCodeSequence = Sequence([codes.item(codes.ACQUISITION_EQUIPMENT)])
    return [ours, camera]


def add_additions(dataset: Dataset, header: CleanHeader, role: Role) -> None:
    """Add what the site lets out beyond the allow-list.

    Parameters
    ----------
    dataset : Dataset
        As `take_listed` returned it; added to.
    header : CleanHeader
        Its `kept`.
    role : Role
        Which object this is.

    Raises
    ------
    NotListed
        If an addition would replace an attribute of the allow-list.
    """
    for kept in header.kept:
        if not (kept.in_report if role is Role.REPORT else kept.in_image):
            continue
        if kept.keyword in dataset:
            raise NotListed(f"{kept.keyword} is on the allow-list and can't be added")
        setattr(dataset, kept.keyword, _value_of(kept))


def _value_of(kept: KeptValue) -> str | int | Sequence:
    match kept.grammar:
        case WholeNumbers():
            return int(kept.value)
        case Words():
            return kept.value
        case Codes(known):
            (code,) = (c for c in known if f"{c.value} {c.scheme}" == kept.value)
            concept = CodedConcept(code.value, code.scheme, code.meaning)
            return Sequence([codes.item(concept)])


def add_body_part(dataset: Dataset, header: CleanHeader) -> None:
    """Add what both kinds of image say of the part of the body (PS3.3 C.8.12.1).

    Parameters
    ----------
    dataset : Dataset
        Added to.
    header : CleanHeader
        Its body part and laterality.
    """
    dataset.BodyPartExamined = header.body_part_examined
    if header.laterality:
        dataset.ImageLaterality = header.laterality
    dataset.AnatomicRegionSequence = Sequence([codes.item(codes.FACE)])
    dataset.AcquisitionContextSequence = Sequence([])


def write_object(
    dataset: Dataset, role: Role, sop_class_uid: str, transfer_syntax_uid: str, path: Path
) -> MaskedObject:
    """Write a composed object: whole and on disk, or not at all.

    Parameters
    ----------
    dataset : Dataset
        Without file meta information, which is made anew here.
    role : Role
        What it is.
    sop_class_uid, transfer_syntax_uid : str
        For the file meta information.
    path : Path
        Where to; a file there is replaced. The same dataset gives the same bytes.

    Returns
    -------
    MaskedObject
        With digest and size of the file as read back from the disk.
    """
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    dataset.file_meta = meta
    dataset.preamble = b"\0" * 128
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            dataset.save_as(file, enforce_file_format=True)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return MaskedObject(
        role=role,
        path=path,
        sop_class_uid=sop_class_uid,
        sop_instance_uid=str(dataset.SOPInstanceUID),
        transfer_syntax_uid=transfer_syntax_uid,
        sha256=_sha256(path),
        size_bytes=path.stat().st_size,
    )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
