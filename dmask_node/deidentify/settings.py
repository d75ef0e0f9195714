"""DeidentifySettings: keys, and what a site lets through by name."""

import unicodedata
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator


class DeidentifySettings(BaseModel):
    """Keys, and what a site lets through by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_file: Path | None = None
    """Master key: 32 or more random bytes, raw or hex, mode 0600. Unset: ``keys/master.key`` in the
    state folder, made on first start. Whoever holds it can link masks to patients who are known by
    record number: keep it off the data volume where you can, and in escrow."""
    epoch: str = Field(default="1", pattern=r"^[A-Za-z0-9._-]{1,32}$")
    """Rotation. Another epoch renames every patient and study, so raise it only after a compromise
    or for a new project."""
    label: str = Field(default="default", pattern=r"^[A-Za-z0-9._-]{1,32}$")
    """Names the destination or project. Receivers under one label can join their pseudonyms; under
    different labels they can't."""
    default_issuer_of_patient_id: str = Field(default="", max_length=64)
    """Taken where a source has a Patient ID and no Issuer of Patient ID, so that one patient gets
    one pseudonym from devices with and without it. Never sent."""
    study_descriptions: tuple[str, ...] = ()
    """Study Descriptions that may leave, each a whole string of at most 64 characters. A source
    value that equals one of them, letter case and Unicode form aside, is sent as written here; any
    other is replaced by `default_study_description`."""
    default_study_description: str = Field(default="Facial photography (masked)")
    """Sent where the source's Study Description is not on the list. At most 64 characters."""
    retain_patient_sex: bool = False
    """Send Patient's Sex when it is M, F or O; the objects then declare the Retain Patient
    Characteristics Option (CID 7050, 113108). Dates and times are always removed."""

    @field_validator("study_descriptions")
    @classmethod
    def _each_fits(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        values = tuple(_require_long_string(value) for value in values)
        if len({fold(value) for value in values}) != len(values):
            raise ValueError("two entries differ only in letter case, spaces or Unicode form")
        return values

    @field_validator("default_study_description")
    @classmethod
    def _default_fits(cls, value: str) -> str:
        return _require_long_string(value)


def fold(text: str) -> str:
    """Return the text without differences of case, Unicode form and outer white space."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _require_long_string(value: str) -> str:
    """Check value representation LO (PS3.5 6.2); spaces around it do not count there."""
    value = value.strip()
    if not value or len(value) > 64:
        raise ValueError("needs 1 to 64 characters")
    if "\\" in value or any(unicodedata.category(character) == "Cc" for character in value):
        raise ValueError("may hold no backslash and no control character")
    return value
