"""DeidentifySettings: keys, and how patients are told apart."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class DeidentifySettings(BaseModel):
    """Keys, and how patients are told apart. What receivers get is said by ``[profiles]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_file: Path | None = None
    """Master key: 32 or more random bytes, raw or hex, mode 0600; `dmask keys create` makes one, and
    the node does not start without. Unset: systemd's credential ``dmask-master-key``, else
    ``keys/master.key`` in the state folder. Whoever holds it can link masks to patients who are
    known by record number: keep it off the data volume, and in escrow."""
    epoch: str = Field(default="1", pattern=r"^[A-Za-z0-9._-]{1,32}$")
    """Rotation. Another epoch renames every patient and study, so raise it only after a compromise
    or for a new project."""
    default_issuer_of_patient_id: str = Field(default="", max_length=64)
    """Taken where a source has a Patient ID and no Issuer of Patient ID, so that one patient gets
    one pseudonym from devices with and without it. Never sent."""
    queue_unseen: bool = True
    """Keep Study Descriptions and the like that nobody has approved yet, encrypted, for an
    administrator to approve or reject (`dmask vocabulary review`)."""
    max_pending: int = Field(default=10_000, ge=0, le=1_000_000)
    """How many of them wait at most; of those beyond, only the number is kept."""
