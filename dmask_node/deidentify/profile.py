"""Profile: what one kind of receiver gets beyond the bare minimum."""

import hashlib

from pydantic import BaseModel, ConfigDict, Field, field_validator

from dmask_node.deidentify.text import fold, require_long_string

ALWAYS = frozenset({"113100", "113101", "113102"})
"""CID 7050: Basic Application Confidentiality Profile; and, as every pixel is rendered anew, Clean
Pixel Data and Clean Recognizable Visual Features."""


class Profile(BaseModel):
    """What one kind of receiver gets beyond the bare minimum.

    Named in ``[profiles.<name>]``, chosen per destination. Whatever it says, objects are composed
    from the allow-lists, and the last gate looks at them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    clean_descriptors: bool = True
    """Send descriptors that are, as a whole, in the site's own vocabulary; the objects declare the
    Clean Descriptors Option (CID 7050, 113105). Off: always the defaults."""
    study_descriptions: tuple[str, ...] = ()
    """Study Descriptions that may leave, each a whole string of at most 64 characters. A source
    value that equals one of them, letter case and Unicode form aside, is sent as written here; any
    other is replaced by `default_study_description`."""
    default_study_description: str = Field(default="Facial photography (masked)")
    """Sent where the source's Study Description is not on the list. At most 64 characters."""
    retain_patient_characteristics: bool = False
    """Send Patient's Sex when it is M, F or O; the objects then declare the Retain Patient
    Characteristics Option (CID 7050, 113108)."""

    @field_validator("study_descriptions")
    @classmethod
    def _each_fits(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        values = tuple(require_long_string(value) for value in values)
        if len({fold(value) for value in values}) != len(values):
            raise ValueError("two entries differ only in letter case, spaces or Unicode form")
        return values

    @field_validator("default_study_description")
    @classmethod
    def _default_fits(cls, value: str) -> str:
        return require_long_string(value)

    def options(self) -> frozenset[str]:
        """Return the options that this profile declares, as code values of PS3.16 CID 7050.

        An object holds those of them that were applied to it.
        """
        declared = set(ALWAYS)
        if self.clean_descriptors:
            declared.add("113105")
        if self.retain_patient_characteristics:
            declared.add("113108")
        return frozenset(declared)

    def digest(self) -> str:
        """Return the SHA-256 of all that it says, hex: 64 digits."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
