"""From a source header to the few facts that may stand in an outgoing object."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final, NamedTuple

from pydicom import Dataset

from dmask_node.deidentify.additions import keep_values, option_for, term_for
from dmask_node.deidentify.audience import Audience
from dmask_node.deidentify.body_parts import BODY_PARTS, PAIRED
from dmask_node.deidentify.dates import Moment, moved
from dmask_node.deidentify.keys import Keys
from dmask_node.deidentify.profile import (
    ALWAYS,
    CLEAN_DESCRIPTORS,
    DEVICE_IDENTITY,
    MODIFIED_DATES,
    PATIENT_CHARACTERISTICS,
    Device,
    Profile,
)
from dmask_node.deidentify.settings import DeidentifySettings
from dmask_node.deidentify.source_values import read_text
from dmask_node.deidentify.terms import Term
from dmask_node.deidentify.text import fold
from dmask_node.deidentify.vocabulary import NoVocabulary, Vocabulary
from dmask_node.errors import Permanent
from dmask_node.records.masked import CleanHeader, KeptValue
from dmask_node.version import RENDERER

OF_PIXELS: Final = frozenset({"113101", "113102"})
"""Of the options that always apply, those that say something of pixels: not for a report."""
OLDEST_YEARS: Final = 90
"""Stands for every age from here on: there are few who are older."""
_SEXES: Final = frozenset({"M", "F", "O"})
_SIDES: Final = frozenset({"R", "L", "B"})
_AGE: Final = re.compile(r"([0-9]{1,3})([DWMY])")
_DAYS_OF: Final = {"D": 1, "W": 7}
_DAYS_A_YEAR: Final = 365
_MONTHS_A_YEAR: Final = 12
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


class _Described(NamedTuple):
    """What is sent of the source's descriptors."""

    study: str
    series: str
    study_applied: bool
    """Whether the source had a Study Description, and it was cleaned."""
    series_applied: bool


class _Dated(NamedTuple):
    """What is sent of the source's dates."""

    study: Moment = Moment()
    content: Moment = Moment()

    @property
    def report(self) -> Moment:
        """When the report was made, as far as that is told: with the image, else in the study."""
        return self.content if self.content.date else self.study


def clean_header(
    header: Dataset,
    pixel_sha256: str,
    keys: Keys,
    settings: DeidentifySettings,
    audience: Audience,
    *,
    models_digest: str,
    calling_ae_title: str = "",
    vocabulary: Vocabulary | None = None,
    received: date | None = None,
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
    calling_ae_title : str, optional
        Of the sender; tells the issuer of Patient IDs where the header does not.
    vocabulary : Vocabulary, optional
        Asked for descriptors that the profile does not know, and told of those that nobody knows.
        None: nothing is approved, and what is unseen is forgotten.
    received : date, optional
        When the node got the object; a date from later on is none. None: today.

    Returns
    -------
    CleanHeader
        Keyed names, members of enumerated lists and the site's own words; dates only if the profile
        says so, and then moved back.

    Raises
    ------
    HeaderIncomplete
        If one of the three UIDs is absent, empty or one of the standard's own.

    References
    ----------
    PS3.15 E.1 (Basic Application Level Confidentiality Profile), E.3.5 (Clean Descriptors
    Option), E.3.6 (Retain Longitudinal Temporal Information Options), E.3.7 (Retain Patient
    Characteristics Option), E.3.8 (Retain Device Identity Option). Which codes are written is
    explained in docs/decisions/0007-what-profiles-send.md.
    """
    study = _require_uid(header, "StudyInstanceUID")
    series = _require_uid(header, "SeriesInstanceUID")
    instance = _require_uid(header, "SOPInstanceUID")
    patient = _patient_parts(header, study, settings.issuer_for(calling_ae_title))
    accession = read_text(header, "AccessionNumber")
    profile, words = audience.profile, vocabulary or NoVocabulary()

    described = _describe(header, profile, words)
    sex, age = _characteristics(header, profile)
    dated = _dates(header, profile, keys.date_offset(*patient), received or date.today())
    device = _device(header, profile)
    kept = keep_values(header, profile, words)

    of_both = set(ALWAYS)
    if described.study_applied:
        of_both.add(CLEAN_DESCRIPTORS)
    if dated.report.date:
        of_both.add(MODIFIED_DATES)
    if sex or age:
        of_both.add(PATIENT_CHARACTERISTICS)
    if device:
        of_both.add(DEVICE_IDENTITY)
    of_image = of_both | set(_options_of([k for k in kept if k.in_image], profile))
    if described.series_applied:
        of_image.add(CLEAN_DESCRIPTORS)
    of_report = of_both | set(_options_of([k for k in kept if k.in_report], profile))

    def instance_uid(what: str) -> str:
        # Two profiles under one label make two objects of one source.
        pixels = (pixel_sha256, RENDERER, models_digest)
        return keys.uid("instance", what, instance, audience.profile_name, *pixels)

    part = _body_part(header)
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
        patient_age=age,
        body_part_examined=part,
        laterality=_laterality(header, part),
        study_description=described.study,
        series_description=described.series,
        study_date=dated.study.date,
        study_time=dated.study.time,
        content_date=dated.content.date,
        content_time=dated.content.time,
        report_date=dated.report.date,
        report_time=dated.report.time,
        device_manufacturer=device.manufacturer if device else "",
        device_model=(device.name or device.model) if device else "",
        kept=kept,
        source_was_lossy=_was_lossy(header),
        method_codes=tuple(sorted(of_image)),
        report_method_codes=tuple(sorted(of_report - OF_PIXELS)),
        profile=audience.profile_name,
        profile_digest=profile.digest(),
        key_fingerprint=keys.fingerprint(),
    )


def identity_of(
    header: Dataset, settings: DeidentifySettings, calling_ae_title: str = ""
) -> tuple[str, str]:
    """Return what tells the study and the patient of a header apart from others.

    Parameters
    ----------
    header, settings, calling_ae_title
        As of `clean_header`.

    Returns
    -------
    study, patient : str
        Values of the source: for a keyed digest, and for nothing else. Two headers of equal
        `patient` get one pseudonym, under any one key.

    Raises
    ------
    HeaderIncomplete
        If the Study Instance UID is absent, empty or one of the standard's own.
    """
    study = _require_uid(header, "StudyInstanceUID")
    patient = _patient_parts(header, study, settings.issuer_for(calling_ae_title))
    return study, "\0".join(patient)


def _options_of(kept: list[KeptValue], profile: Profile) -> Iterator[str]:
    """Yield the options under which additions stand."""
    kinds = {keep.attribute: keep.kind for keep in profile.extra_keep}
    for value in kept:
        option = option_for(value.keyword, kinds[value.keyword], profile.options())
        if option:
            yield option


def _require_uid(header: Dataset, keyword: str) -> str:
    uid = (read_text(header, keyword) or "").split("\\")[0].strip()
    if not uid:
        raise HeaderIncomplete(f"{keyword} is absent, empty or unreadable")
    if uid.startswith(_STANDARD_ROOT):
        raise HeaderIncomplete(f"{keyword} is a UID of the standard itself")
    return uid


def _patient_parts(header: Dataset, study: str, default_issuer: str) -> tuple[str, ...]:
    """Return what the pseudonym depends on: Patient ID and issuer, else the study.

    Never name and birth date: these can be guessed once the key leaks, and spelling splits them.
    """
    patient_id = read_text(header, "PatientID")
    if patient_id is None:
        return ("study", study)
    issuer = read_text(header, "IssuerOfPatientID") or default_issuer
    return ("id", fold(patient_id), fold(issuer))


def _characteristics(header: Dataset, profile: Profile) -> tuple[str, str]:
    """Return sex and age; empty where the profile or the source says nothing."""
    if not profile.retain_patient_characteristics:
        return "", ""
    sex = (read_text(header, "PatientSex") or "").upper()
    return sex if sex in _SEXES else "", _age((read_text(header, "PatientAge") or "").upper())


def _age(text: str) -> str:
    """Return an age (AS, PS3.5 6.2) in whole years that have passed; `OLDEST_YEARS` at the most."""
    found = _AGE.fullmatch(text)
    if found is None:
        return ""
    number, unit = int(found[1]), found[2]
    if unit == "M":
        number //= _MONTHS_A_YEAR
    elif unit in _DAYS_OF:
        number = number * _DAYS_OF[unit] // _DAYS_A_YEAR
    return f"{min(number, OLDEST_YEARS):03d}Y"


def _body_part(header: Dataset) -> str:
    part = (read_text(header, "BodyPartExamined") or "").upper()
    return part if part in BODY_PARTS else "FACE"


def _laterality(header: Dataset, part: str) -> str:
    """Return the side that was examined; of a paired part without one both, as the mask shows."""
    for keyword in ("ImageLaterality", "Laterality"):
        side = (read_text(header, keyword) or "").upper()
        if side in _SIDES:
            return side
    return "B" if part in PAIRED else ""


def _describe(header: Dataset, profile: Profile, vocabulary: Vocabulary) -> _Described:
    def term(keyword: str, terms: tuple[Term, ...]) -> tuple[str | None, bool]:
        text = read_text(header, keyword) if profile.clean_descriptors else None
        if text is None:
            return None, False
        return term_for(keyword, terms, text, vocabulary), True

    study, study_applied = term("StudyDescription", profile.study_descriptions)
    series, series_applied = term("SeriesDescription", profile.series_descriptions)
    return _Described(
        study=study or profile.default_study_description,
        series=series or "",
        study_applied=study_applied,
        series_applied=series_applied,
    )


def _dates(header: Dataset, profile: Profile, offset: timedelta, received: date) -> _Dated:
    if not profile.modified_dates:
        return _Dated()

    def moment(name: str) -> Moment:
        day, time = read_text(header, f"{name}Date"), read_text(header, f"{name}Time")
        return moved(day, time, offset, received)

    return _Dated(study=moment("Study"), content=moment("Content"))


def _device(header: Dataset, profile: Profile) -> Device | None:
    """Return the camera, if both its maker and its model are on the site's list."""
    maker = fold(read_text(header, "Manufacturer") or "")
    model = fold(read_text(header, "ManufacturerModelName") or "")
    listed = ((fold(d.manufacturer), fold(d.model), d) for d in profile.devices)
    return next((device for *names, device in listed if names == [maker, model]), None)


def _was_lossy(header: Dataset) -> bool:
    if read_text(header, "LossyImageCompression") == "01":
        return True
    meta = getattr(header, "file_meta", None)
    syntax = read_text(meta, "TransferSyntaxUID") if meta is not None else None
    return syntax is not None and _LOSSY_SYNTAXES.fullmatch(syntax) is not None
