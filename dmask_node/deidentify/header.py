"""From a source header to the few facts that may stand in an outgoing object."""

import re
from typing import Final

from pydicom import Dataset

from dmask_node.deidentify.keys import Keys
from dmask_node.deidentify.settings import DeidentifySettings, fold
from dmask_node.deidentify.source_values import read_text
from dmask_node.errors import Permanent
from dmask_node.records.masked import CleanHeader, Role
from dmask_node.version import RENDERER

BODY_PARTS: Final = frozenset(
    {
        "CHEEK", "EAR", "EYE", "EYELID", "FACE", "HEAD", "HEADNECK", "JAW",
        "MAXILLA", "MOUTH", "NECK", "NOSE", "ORBIT", "SKULL", "ZYGOMA",
    }
)  # fmt: skip
"""Defined terms of Body Part Examined for a face, its parts, and what it is seen with
(PS3.16 L)."""
_SEXES: Final = frozenset({"M", "F", "O"})
_STANDARD_ROOT: Final = "1.2.840.10008."
"""UIDs below it name parts of the standard, never an instance, series or study (PS3.5 9)."""
_LOSSY_SYNTAXES: Final = re.compile(
    r"1\.2\.840\.10008\.1\.2\.4\."
    r"(?:5[0-6]|59|6[0-4]|81|9[13]|10[0-8](?:\.1)?|203|112)"
)
"""Transfer syntaxes that may have lost something: JPEG, JPEG-LS near-lossless, JPEG 2000 with
loss, MPEG-2, H.264, HEVC, HTJ2K, JPEG XL (PS3.6 A)."""
_METHODS: Final = ("113100", "113101", "113102", "113105")
"""CID 7050: Basic Profile, Clean Pixel Data, Clean Recognizable Visual Features, Clean
Descriptors."""


class HeaderIncomplete(Permanent):
    """The header lacks what an outgoing object must be named after."""

    reason = "header_incomplete"
    hint = "Look at the original: the sender left out an attribute that its SOP class requires."


def clean_header(
    header: Dataset,
    pixel_sha256: str,
    keys: Keys,
    settings: DeidentifySettings,
    *,
    models_digest: str,
) -> CleanHeader:
    """Make what may leave of a source header.

    Parameters
    ----------
    header : Dataset
        As received; never changed. SOP Instance, Series Instance and Study Instance UID must be
        there, all else may be absent or broken.
    pixel_sha256 : str
        Digest of the source's pixel data.
    keys : Keys
        Of the epoch and label under which the objects go out.
    settings : DeidentifySettings
        Vocabulary and options.
    models_digest : str
        Digest of the networks and the face model. Together with the renderer's version and
        `pixel_sha256` it pins the pixels, so that a re-send gets the same UIDs, and other pixels
        never stand under a UID that is out already (PS3.3 C.12.4.1).

    Returns
    -------
    CleanHeader
        Keyed names, members of enumerated lists and the site's own words; no date, no time.

    Raises
    ------
    HeaderIncomplete
        If one of the three UIDs is absent, empty or one of the standard's own.

    References
    ----------
    PS3.15 E.1 (Basic Application Level Confidentiality Profile), E.3.5 (Clean Descriptors
    Option), E.3.7 (Retain Patient Characteristics Option).
    """
    study = _require_uid(header, "StudyInstanceUID")
    series = _require_uid(header, "SeriesInstanceUID")
    instance = _require_uid(header, "SOPInstanceUID")
    patient = _patient_parts(header, study, settings)
    accession = read_text(header, "AccessionNumber")
    sex = (read_text(header, "PatientSex") or "").upper()
    sex = sex if settings.retain_patient_sex and sex in _SEXES else ""

    def instance_uid(role: Role) -> str:
        return keys.uid("instance", role, instance, pixel_sha256, RENDERER, models_digest)

    return CleanHeader(
        pseudonym=keys.pseudonym("patient", *patient),
        study_instance_uid=keys.uid("study", study),
        video_series_uid=keys.uid("series", Role.VIDEO, series),
        report_series_uid=keys.uid("series", Role.REPORT, series),
        video_instance_uid=instance_uid(Role.VIDEO),
        report_instance_uid=instance_uid(Role.REPORT),
        synchronization_uid=keys.uid("synchronization", instance, pixel_sha256),
        accession_number=keys.pseudonym("accession", *patient, accession) if accession else "",
        patient_sex=sex,
        body_part_examined=_body_part(header),
        study_description=_study_description(header, settings),
        source_was_lossy=_was_lossy(header),
        method_codes=(*_METHODS, "113108") if sex else _METHODS,
        key_fingerprint=keys.fingerprint(),
    )


def _require_uid(header: Dataset, keyword: str) -> str:
    uid = (read_text(header, keyword) or "").split("\\")[0].strip()
    if not uid:
        raise HeaderIncomplete(f"{keyword} is absent, empty or unreadable")
    if uid.startswith(_STANDARD_ROOT):
        raise HeaderIncomplete(f"{keyword} is a UID of the standard itself")
    return uid


def _patient_parts(header: Dataset, study: str, settings: DeidentifySettings) -> tuple[str, ...]:
    """Return what the pseudonym depends on: Patient ID and issuer, else the study.

    Never name and birth date: these can be guessed once the key leaks, and spelling splits them.
    """
    patient_id = read_text(header, "PatientID")
    if patient_id is None:
        return ("study", study)
    issuer = read_text(header, "IssuerOfPatientID") or settings.default_issuer_of_patient_id
    return ("id", fold(patient_id), fold(issuer))


def _body_part(header: Dataset) -> str:
    part = (read_text(header, "BodyPartExamined") or "").upper()
    return part if part in BODY_PARTS else "FACE"


def _study_description(header: Dataset, settings: DeidentifySettings) -> str:
    allowed = {fold(value): value for value in settings.study_descriptions}
    seen = read_text(header, "StudyDescription")
    return allowed.get(fold(seen or ""), settings.default_study_description)


def _was_lossy(header: Dataset) -> bool:
    if read_text(header, "LossyImageCompression") == "01":
        return True
    meta = getattr(header, "file_meta", None)
    syntax = read_text(meta, "TransferSyntaxUID") if meta is not None else None
    return syntax is not None and _LOSSY_SYNTAXES.fullmatch(syntax) is not None
