"""AuditSettings: where the journal is."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class AuditSettings(BaseModel):
    """Where the journal is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path | None = None
    """Folder of the journal; unset: ``audit`` in the node's state folder. A disk of its own keeps
    it apart from the originals."""
