"""SpoolSettings: what is kept, and for how long."""

from pydantic import BaseModel, ConfigDict, Field


class SpoolSettings(BaseModel):
    """What is kept, and for how long."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep_hours: float = Field(default=72.0, ge=0.0, le=24 * 366)
    """Hours that an original and its masked objects stay after delivery to every destination;
    0: purged at once. What is in quarantine stays until a person decides."""
    janitor_s: float = Field(default=60.0, gt=0.0, le=3600.0)
    """Seconds between two looks for what may go."""
    poll_s: float = Field(default=0.5, gt=0.0, le=60.0)
    """Seconds between two looks of the worker for new objects."""
    reconcile_s: float = Field(default=30.0, gt=0.0, le=3600.0)
    """Seconds between two comparisons of ledger and work queue; what the queue lost is queued
    again."""
    max_worker_deaths: int = Field(default=3, ge=0, le=20)
    """How often the worker may die over one object before that object goes to quarantine; so it
    is tried once more than this."""
    retry_base_s: float = Field(default=5.0, gt=0.0, le=3600.0)
    """Seconds before masking is tried again after a passing failure; doubles each time."""
    retry_max_s: float = Field(default=1800.0, gt=0.0, le=86400.0)
    """Longest pause between two tries of masking, seconds."""
    drain_s: float = Field(default=15.0, ge=0.0, le=300.0)
    """Seconds that running work gets to finish when the node is asked to stop; what has not
    finished then is put back and begun anew after the next start."""
