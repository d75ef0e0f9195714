"""From a source header to the few facts that may stand in an outgoing object."""

import re
from typing import Final

from pydicom import Dataset

from dmask_node.deidentify.audience import Audience
from dmask_node.deidentify.body_parts import BODY_PARTS
from dmask_node.deidentify.keys import Keys
from dmask_node.deidentify.profile import ALWAYS, Profile
from dmask_node.deidentify.settings import DeidentifySettings
from dmask_node.deidentify.source_values import read_text
from dmask_node.deidentify.text import fold
from dmask_node.errors import Permanent
from dmask_node.records.masked import CleanHeader
from dmask_node.version import RENDERER

_SEXES: Final = frozenset({"M", "F", "O"})
_STANDARD_ROOT: Final = "1.2.840.10008."
"""UIDs below it name parts of the standard, never an instance, series or study (PS3.5 9)."""
_LOSSY_SYNTAXES: Final = re.compile(
    r"1\.2\.840\.10008\.1\.2\.4\."
    r"(?:5[0-6]|59|6[0-4]|81|9[13]|10[0-8](?:\.1)?|203|112)"
)
"""Transfer syntaxes that may have lost something: JPEG, JPEG-LS near-lossless, JPEG 2000 with
loss, MPEG-2, H.264, HEVC, HTJ2K, JPEG XL (PS3.6 A)."""


class HeaderIncomplete(Permanent):
    """The header lacks what an outgoing object must be named after."""

    reason = "header_incomplete"
    hint = "Look at the original: the sender left out an attribute that its SOP class requires."


def clean_header(
    header: Dataset,
    pixel_sha256: str,
    keys: Keys,
    settings: DeidentifySettings,
    audience: Audience,
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
        How patients are told apart.
    audience : Audience
        Whose profile holds.
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
    profile = audience.profile
    sex = (read_text(header, "PatientSex") or "").upper()
    sex = sex if profile.retain_patient_characteristics and sex in _SEXES else ""
    methods = set(ALWAYS)
    if profile.clean_descriptors:
        methods.add("113105")
    if sex:
        methods.add("113108")

    def instance_uid(what: str) -> str:
        # Two profiles under one label make two objects of one source.
        pixels = (pixel_sha256, RENDERER, models_digest)
        return keys.uid("instance", what, instance, audience.profile_name, *pixels)

    return CleanHeader(
        pseudonym=keys.pseudonym("patient", *patient),
        study_instance_uid=keys.uid("study", study),
        image_series_uid=keys.uid("series", "image", series),
        report_series_uid=keys.uid("series", "report", series),
        image_instance_uid=instance_uid("image"),
        report_instance_uid=instance_uid("report"),
        synchronization_uid=keys.uid("synchronization", instance, pixel_sha256),
        accession_number=keys.pseudonym("accession", *patient, accession) if accession else "",
        patient_sex=sex,
        body_part_examined=_body_part(header),
        study_description=_study_description(header, profile),
        source_was_lossy=_was_lossy(header),
        method_codes=tuple(sorted(methods)),
        profile=audience.profile_name,
        profile_digest=profile.digest(),
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


def _study_description(header: Dataset, profile: Profile) -> str:
    allowed = {fold(value): value for value in profile.study_descriptions}
    seen = read_text(header, "StudyDescription") if profile.clean_descriptors else None
    return allowed.get(fold(seen or ""), profile.default_study_description)


def _was_lossy(header: Dataset) -> bool:
    if read_text(header, "LossyImageCompression") == "01":
        return True
    meta = getattr(header, "file_meta", None)
    syntax = read_text(meta, "TransferSyntaxUID") if meta is not None else None
    return syntax is not None and _LOSSY_SYNTAXES.fullmatch(syntax) is not None
