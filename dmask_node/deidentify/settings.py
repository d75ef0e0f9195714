"""DeidentifySettings: keys, and how patients are told apart."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class DeidentifySettings(BaseModel):
    """Keys, and how patients are told apart. What receivers get is said by ``[profiles]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_file: Path | None = None
    """Master key: 32 or more random bytes, raw or hex, mode 0600. Unset: ``keys/master.key`` in the
    state folder, made on first start. Whoever holds it can link masks to patients who are known by
    record number: keep it off the data volume where you can, and in escrow."""
    epoch: str = Field(default="1", pattern=r"^[A-Za-z0-9._-]{1,32}$")
    """Rotation. Another epoch renames every patient and study, so raise it only after a compromise
    or for a new project."""
    default_issuer_of_patient_id: str = Field(default="", max_length=64)
    """Taken where a source has a Patient ID and no Issuer of Patient ID, so that one patient gets
    one pseudonym from devices with and without it. Never sent."""
