"""Profile: what one kind of receiver gets beyond the bare minimum."""

import hashlib
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from dmask_node.deidentify.terms import Term, require_terms
from dmask_node.deidentify.text import fold, require_long_string

ALWAYS: Final = frozenset({"113100", "113101", "113102"})
"""CID 7050: Basic Application Confidentiality Profile; and, as every pixel is rendered anew, Clean
Pixel Data and Clean Recognizable Visual Features."""
CLEAN_DESCRIPTORS: Final = "113105"
MODIFIED_DATES: Final = "113107"
PATIENT_CHARACTERISTICS: Final = "113108"
DEVICE_IDENTITY: Final = "113109"

LongString = Annotated[str, AfterValidator(require_long_string)]
"""Fits value representation LO: 1 to 64 characters."""
ShortString = Annotated[LongString, Field(max_length=16)]
"""Fits value representation SH: 1 to 16 characters."""
Terms = Annotated[tuple[Term, ...], AfterValidator(require_terms)]


class Device(BaseModel):
    """A kind of camera that receivers may know of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    manufacturer: LongString
    """Equals the source's Manufacturer, letter case and Unicode form aside; sent as here."""
    model: LongString
    """Equals the source's Manufacturer's Model Name, in the same way."""
    name: LongString | None = None
    """Sent as Manufacturer's Model Name in place of `model`."""


class AddedCode(BaseModel):
    """A code that may leave, with the meaning that is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: ShortString
    scheme: ShortString
    """Coding Scheme Designator, such as ``SCT``."""
    meaning: LongString
    """Sent in place of the source's Code Meaning, which anybody may have typed."""


class Keep(BaseModel):
    """One attribute that a site adds to what is sent, and all that its value may be.

    Exactly one of `enum`, `codes`, `integer` and `vocabulary` says so. What the source has is sent
    only if it is, as a whole, among these; else the attribute is left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    attribute: str
    """Keyword of PS3.6, such as ``ProtocolName``; at the top level of the source."""
    classes: tuple[Literal["image", "report"], ...] = ("image",)
    """Which of the outgoing objects hold it."""
    enum: tuple[str, ...] = ()
    """Code strings (CS)."""
    codes: tuple[AddedCode, ...] = ()
    """Of a code sequence, such as { value = "S1", scheme = "99SITE", meaning = "Squint clinic" };
    one item is sent, and only if the source has one item."""
    integer: tuple[int, int] | None = None
    """Least and greatest whole number, such as [1, 20]."""
    vocabulary: Terms = ()
    """Texts, as in `Profile.study_descriptions`; unseen ones are queued for an administrator."""

    @property
    def kind(self) -> str:
        """Which grammar it has."""
        return next(kind for kind in GRAMMARS if getattr(self, kind))

    @model_validator(mode="after")
    def _one_grammar(self) -> Self:
        given = [kind for kind in GRAMMARS if getattr(self, kind)]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of {', '.join(GRAMMARS)}; has {len(given)}")
        if not self.classes or len(set(self.classes)) != len(self.classes):
            raise ValueError("classes names image, report, or both, each once")
        return self


GRAMMARS: Final = ("enum", "codes", "integer", "vocabulary")
"""Kinds of grammar that an addition may have."""


class Profile(BaseModel):
    """What one kind of receiver gets beyond the bare minimum.

    Named in ``[profiles.<name>]``, chosen per destination. Whatever it says, objects are composed
    from the allow-lists, and the last gate looks at them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    clean_descriptors: bool = True
    """Send descriptors that are, as a whole, in the site's own vocabulary; objects whose source had
    one declare the Clean Descriptors Option (CID 7050, 113105). Off: always the defaults."""
    study_descriptions: Terms = ()
    """Study Descriptions that may leave, each a whole string of at most 64 characters. A source
    value that equals one of them, letter case and Unicode form aside, is sent as written here; any
    other is replaced by `default_study_description`. An entry may also name many spellings:
    { regex = "ptosis.*", send = "Ptosis clinic" }."""
    default_study_description: LongString = "Facial photography (masked)"
    """Sent where the source's Study Description is not on the list. At most 64 characters."""
    series_descriptions: Terms = ()
    """Series Descriptions that may leave with the masked image, as `study_descriptions`; any other
    is replaced by a constant that says what the image is."""
    retain_patient_characteristics: bool = False
    """Send Patient's Sex when it is M, F or O, and Patient's Age in whole years, 90 and more as
    090Y; objects with either declare the Retain Patient Characteristics Option (CID 7050,
    113108)."""
    modified_dates: bool = False
    """Send Study and Content Date and Time, moved 1 to 10 years back by an offset that is the same
    for all recordings of a patient and secret otherwise; objects with a date declare the Retain
    Longitudinal Temporal Information with Modified Dates Option (CID 7050, 113107). This does not
    make repeat visitors anonymous. Who knows one true date of a patient, of a press report, say,
    knows all of them. The gaps between visits stay: of 10,000 simulated patients over two years
    they alone single out less than 1 % of those with two visits, but 95 % with three, and nearly
    all with four. And 76 % of 10,000 recordings in a ten-hour day have a second to themselves."""
    devices: tuple[Device, ...] = ()
    """Cameras whose maker and model may leave, where the source has exactly these; such objects
    declare the Retain Device Identity Option (CID 7050, 113109). Serial numbers and station names
    never leave. A rare camera narrows down where a patient was recorded."""
    extra_keep: tuple[Keep, ...] = ()
    """Attributes that the site adds to what is sent, each with all values it may have: exactly one
    of enum, codes, integer and vocabulary says which. Refused at start-up where PS3.15 and the
    options of this profile forbid it."""

    @field_validator("devices")
    @classmethod
    def _listed_once(cls, devices: tuple[Device, ...]) -> tuple[Device, ...]:
        if len({(fold(d.manufacturer), fold(d.model)) for d in devices}) != len(devices):
            raise ValueError("two devices differ only in letter case, spaces or Unicode form")
        return devices

    def options(self) -> frozenset[str]:
        """Return the options that this profile declares, as code values of PS3.16 CID 7050.

        An object holds those of them that were applied to it.
        """
        declared = set(ALWAYS)
        if self.clean_descriptors:
            declared.add(CLEAN_DESCRIPTORS)
        if self.modified_dates:
            declared.add(MODIFIED_DATES)
        if self.retain_patient_characteristics:
            declared.add(PATIENT_CHARACTERISTICS)
        if self.devices:
            declared.add(DEVICE_IDENTITY)
        return frozenset(declared)

    def digest(self) -> str:
        """Return the SHA-256 of all that it says, hex: 64 digits."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
