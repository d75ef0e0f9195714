"""ReceiveSettings: who may send, and how much."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

AeTitle = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,16}$")]
"""Letters, digits, ``_``, ``.`` and ``-``: stricter than PS3.5 6.2 (AE), so that a title can stand
in a log line or a file as it is."""


class ReceiveSettings(BaseModel):
    """Who may send, and how much."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ae_title: AeTitle = "DMASK"
    """Called AE title; an association that calls another one is rejected."""
    host: str = "127.0.0.1"
    """Address to listen on. Loopback until a site decides otherwise."""
    port: int = Field(default=11112, ge=1, le=65535)
    """TCP port; 11112 is the registered DICOM port that needs no privilege (PS3.8 9.1.1)."""
    calling_ae_titles: tuple[AeTitle, ...] = ("DMASK_SEND", "STORESCU", "DCMSEND", "ECHOSCU")
    """Who may call. The default names the usual test tools, for the first steps on loopback."""
    any_caller: bool = False
    """Let anybody call. For bring-up only: told at every start in log and journal."""
    maximum_associations: int = Field(default=10, ge=1, le=100)
    """Associations at a time; each idle one costs 3 to 8 % of a core in polling."""
    acse_timeout_s: float = Field(default=10.0, gt=0.0, le=120.0)
    """Seconds for a peer that has connected to ask for its association."""
    dimse_timeout_s: float = Field(default=60.0, gt=0.0, le=3600.0)
    """Seconds to wait for the next message of an association."""
    network_timeout_s: float = Field(default=60.0, gt=0.0, le=3600.0)
    """Seconds without a byte after which an association is aborted."""
    maximum_pdu_bytes: int = Field(default=131072, ge=16384, le=1048576)
    """Longest PDU a sender may use. Never unlimited: one PDU is held in memory as a whole."""
    max_object_bytes: int = Field(default=8 * 2**30, ge=2**20)
    """Longest object, bytes; a longer one is answered A700H. One fragment of video may hold 4 GiB
    (PS3.5 8.2)."""
    other_objects: Literal["refuse", "quarantine"] = "refuse"
    """What becomes of objects that are neither videos nor photographs: reports, documents,
    waveforms, CT. All are answered 0122H and never passed on; ``refuse`` reads and drops them,
    ``quarantine`` keeps them for a person to look at."""
    min_free_bytes: int = Field(default=2 * 2**30, ge=0)
    """Free disk space below which objects are answered A700H, bytes: a full disk would stop the
    ledger too."""
    drain_s: float = Field(default=10.0, ge=0.0, le=300.0)
    """Seconds that running associations get to finish when the node is asked to stop."""
