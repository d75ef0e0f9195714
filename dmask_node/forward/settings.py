"""ForwardSettings: where masked objects go."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

AeTitle = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,16}$")]
"""Letters, digits, ``_``, ``.`` and ``-``: stricter than PS3.5 6.2 (AE)."""


NAME: Final = r"^[a-z0-9_-]{1,32}$"


class Destination(BaseModel):
    """An archive that takes masked objects by C-STORE."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default="archive", pattern=NAME)
    """By which the node, its journal and its commands call it."""
    ae_title: AeTitle = "ARCHIVE"
    """Called AE title."""
    host: str = "127.0.0.1"
    """Name or address."""
    port: int = Field(default=11113, ge=1, le=65535)
    """TCP port."""
    calling_ae_title: AeTitle = "DMASK"
    """By which the node calls itself there."""
    profile: str = Field(default="default", pattern=NAME)
    """Which of the ``[profiles]`` says what it gets beyond the bare minimum."""
    label: str = Field(default="", max_length=32, pattern=r"^[A-Za-z0-9._-]*$")
    """Under which its names are keyed. Empty: its own name, so that no other destination can join
    its pseudonyms and UIDs with those here. Give two destinations one label only if they shall."""
    escrow_certificates: tuple[Path, ...] = ()
    """RSA certificates (PEM, one in each file) of those who may re-identify what goes here: the
    identity is encrypted to them, and travels in the objects (`dmask reidentify` opens it). None:
    the identity is not sent. Destinations with one profile and label have the same."""
    timeout_s: float = Field(default=30.0, gt=0.0, le=3600.0)
    """Seconds to wait for a connection, and for the answer to each request."""


class ForwardSettings(BaseModel):
    """Where masked objects go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    destinations: tuple[Destination, ...] = Field(default=(Destination(),), min_length=1)
    """Each gets every object. The default is an archive on this machine."""
    retry_base_s: float = Field(default=5.0, gt=0.0, le=3600.0)
    """Seconds before a destination that could not be reached is tried again; doubles each time."""
    retry_max_s: float = Field(default=1800.0, gt=0.0, le=86400.0)
    """Longest pause between two tries, seconds: a PACS back from maintenance is found within
    it."""
    concurrency: int = Field(default=4, ge=1, le=32)
    """Objects sent at a time."""

    @field_validator("destinations")
    @classmethod
    def _named_once(cls, destinations: tuple[Destination, ...]) -> tuple[Destination, ...]:
        twice = [name for name, n in Counter(d.name for d in destinations).items() if n > 1]
        if twice:
            raise ValueError(f"destination names must differ; named twice: {', '.join(twice)}")
        return destinations
