"""Where a received instance stands."""

from dataclasses import dataclass
from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands."""

    RECEIVED = "received"  #: On disk and synced; C-STORE was answered Success.
    MASKING = "masking"  #: A worker is at it.
    WAITING = "waiting"  #: Masking failed in a way that may pass; to be tried again.
    MASKED = "masked"  #: The masked objects are on disk; not yet everywhere they go.
    FORWARDED = "forwarded"  #: Every destination has answered Success.
    QUARANTINED = "quarantined"  #: Needs a person.
    PURGED = "purged"  #: Nothing of it is on disk any more; the row remains.


class JobEvent(StrEnum):
    """What happened to a job."""

    CLAIMED = "claimed"  #: A worker took it up.
    RESUMED = "resumed"  #: A worker took it up after another had died over it.
    INTERRUPTED = "interrupted"  #: The node was asked to stop before it was done.
    COMPOSED = "composed"  #: The masked objects are on disk.
    DELIVERED = "delivered"  #: The last destination has answered Success.
    FAILED_TRANSIENT = "failed_transient"
    FAILED_PERMANENT = "failed_permanent"
    RETRIED = "retried"  #: A person asked for it, or the instance was sent again.
    EXPIRED = "expired"  #: Kept as long as it had to be.
    DISCARDED = "discarded"  #: A person decided that it may go.


class DeliveryState(StrEnum):
    """Where one object stands with one destination."""

    PENDING = "pending"  #: Not sent, or not answered.
    DELIVERED = "delivered"  #: Answered Success.
    REFUSED = "refused"  #: Answered with a failure that will not pass.


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOutput:
    """A masked object in the node's own store."""

    audience: str
    """Under whose names and options: `dmask_node.deidentify.audience.Audience.name`."""
    role: str
    """`dmask_node.records.masked.Role`."""
    file: str
    """Path below the node's state folder."""
    sop_class_uid: str
    sop_instance_uid: str
    """The outgoing one; a source UID stands nowhere."""
    transfer_syntax_uid: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How one object stands with one destination."""

    audience: str
    role: str
    destination: str
    state: DeliveryState
    attempts: int
    reason: str
    """Of the last failure; empty while there was none."""
    dicom_status: int | None
    """Of the last C-STORE response; None while there was none."""
    delivered_at: float | None
    """Seconds since the epoch, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One received instance, as the ledger has it. Holds no identifying value."""

    key: str
    """Keyed digest of the source SOP Instance UID, ``-``, first 16 digits of the SHA-256."""
    state: JobState
    run: int
    """0; one more each time the work was queued anew."""
    received_at: float
    """Seconds since the epoch, UTC."""
    updated_at: float
    size_bytes: int
    sha256: str
    """Of the file as received."""
    sop_class_uid: str
    transfer_syntax_uid: str
    calling_ae_title: str
    times_received: int
    attempts: int
    """How often masking was begun in this run."""
    worker_deaths: int
    """How often a worker died over it in this run."""
    reason: str
    """Of the last failure (`DmaskError.reason`); empty while there was none."""
    hint: str
    """What an operator can do about it."""
    stage: str
    """Of the pipeline; empty while it has not begun."""
    stage_done: int
    stage_total: int | None
    forwarded_at: float | None
    purged_at: float | None
    outputs: tuple[StoredOutput, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
