"""DeidentifySettings: keys, and how patients are told apart."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

AeTitle = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,16}$")]


class DeidentifySettings(BaseModel):
    """Keys, and how patients are told apart. What receivers get is said by ``[profiles]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_file: Path | None = None
    """Master key: 32 or more random bytes, raw or hex, mode 0600; `dmask keys create` makes it, and
    the node does not start without. Unset: systemd's credential ``dmask-master-key``, else
    ``keys/master.key`` in the state folder. Whoever holds it can link masks to patients who are
    known by record number: keep it off the data volume, and in escrow."""
    epoch: str = Field(default="1", pattern=r"^[A-Za-z0-9._-]{1,32}$")
    """Rotation. Another epoch renames every patient and study, so raise it only after a compromise
    or for a new project."""
    default_issuer_of_patient_id: str = Field(default="", max_length=64)
    """Taken where a source has a Patient ID and no Issuer of Patient ID, so that one patient gets
    one pseudonym from devices with and without it. Never sent."""
    issuers_of_patient_id: dict[AeTitle, str] = {}
    """The same by calling AE title, where senders of several hospitals number their patients by
    themselves: ``{CAMERA_A = "Hospital A"}``. Without it two patients of one number would become
    one."""
    queue_unseen: bool = True
    """Keep Study Descriptions and the like that nobody has approved yet, encrypted, for an
    administrator to approve or reject (`dmask vocabulary review`)."""
    max_pending: int = Field(default=10_000, ge=0, le=1_000_000)
    """How many of them wait at most; of those beyond, only the number is kept."""

    def issuer_for(self, calling_ae_title: str) -> str:
        """Return the issuer to take where a source names none."""
        default = self.default_issuer_of_patient_id
        return self.issuers_of_patient_id.get(calling_ae_title.strip(), default)
