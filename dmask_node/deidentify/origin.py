"""Where an object came from, and what the node knows of its study already."""

from collections.abc import Callable
from dataclasses import dataclass

Pin = Callable[[str, str, str], str]
"""``pin(study, patient, epoch) -> epoch``: keyed digests of study and patient, and the epoch in
force; returns the epoch of that study. Raises if the study is another patient's."""


def take_epoch_in_force(_study: str, _patient: str, epoch: str) -> str:
    """Pin nothing: for a single file, of whose study nothing is known."""
    return epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an object came from, and what the node knows of its study already."""

    calling_ae_title: str = ""
    """Of its sender; empty for a file."""
    pin: Pin = take_epoch_in_force
