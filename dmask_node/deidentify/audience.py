"""Who gets objects under the same names and options."""

from dataclasses import dataclass
from pathlib import Path

from dmask_node.deidentify.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Receivers that get the same objects: one label, one profile.

    An instance is masked once, and composed once for each audience.
    """

    label: str
    """Under which names are keyed: receivers under one label can join their pseudonyms, under
    different labels they can't."""
    profile_name: str
    profile: Profile
    escrow: tuple[Path, ...] = ()
    """Certificates (PEM) to which the identity is encrypted and sent along; none: it is not."""

    @property
    def name(self) -> str:
        """Such as ``default@archive``; fit for a folder."""
        return f"{self.profile_name}@{self.label}"
