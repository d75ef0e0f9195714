"""Objects that have passed the last gate: all that the store for sending takes, and all it gives.

Made by `dmask_node.check.outgoing` alone; a test holds every other room to that.
"""

from dataclasses import dataclass

from dmask_node.records.masked import Encoded, EyeTrack, MaskedObject, Measurements


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedStudy:
    """The objects for one audience, as the last gate has let them pass."""

    audience: str
    """As in `MaskedStudy`."""
    profile: str
    """Name of the profile whose options were applied."""
    profile_digest: str
    """SHA-256 of that profile's options and lists, hex."""
    image: MaskedObject
    """The masked video or photograph."""
    report: MaskedObject

    @property
    def objects(self) -> tuple[MaskedObject, MaskedObject]:
        """In the order in which they are sent: the report refers to the image."""
        return (self.image, self.report)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedInstance:
    """What came of one received instance."""

    studies: tuple[GatedStudy, ...]
    """One for each audience."""
    eyes: EyeTrack
    measurements: Measurements
    encoded: Encoded
