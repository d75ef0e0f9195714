"""What can go wrong, told by what the node does next.

Every error is either `Transient` (try again later) or `Permanent` (quarantine, for a person).
The class says which, so that no caller has to guess from a message. Messages name attributes,
files of the node's own and numbers; they never quote an attribute's value, a sender's file name
or anything else that could identify a patient.
"""

from typing import ClassVar


class DmaskError(Exception):
    """Something went wrong in the node."""

    reason: ClassVar[str] = "internal_error"
    """Machine-readable reason, as it stands in the ledger and the audit journal."""

    hint: ClassVar[str] = ""
    """What an operator can do about it; shown by the command line."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class Transient(DmaskError):
    """May succeed if tried again."""


class Permanent(DmaskError):
    """Will fail again, however often it is tried."""


class SettingsRefused(DmaskError):
    """The configuration has mistakes; each is listed with file and key."""

    reason = "settings_refused"
    hint = "Compare with config/dmask.example.toml."
