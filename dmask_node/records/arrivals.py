"""An object that has just come in."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A received instance in a file of the node's own; the sender waits for the answer."""

    path: Path
    """DICOM Part 10, in the node's folder for incoming files."""
    sop_instance_uid: str = field(repr=False)
    """As the sender said it. Goes into a keyed digest and nowhere else."""
    sop_class_uid: str
    transfer_syntax_uid: str
    calling_ae_title: str
