"""Who and what is let in, and what a sender is told (pure)."""

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from dmask_node.errors import DmaskError, Permanent, Transient
from dmask_node.receive.settings import ReceiveSettings

SUCCESS: Final = 0x0000

_PLAIN_TITLE: Final = re.compile(r"[A-Za-z0-9_.-]{1,16}")


class OutOfResources(Transient):
    """Too little disk space is left to take an object in."""

    reason = "out_of_resources"
    hint = "Free disk space, or lower receive.min_free_bytes or spool.keep_hours."


class ObjectTooLarge(Permanent):
    """The object is longer than the node takes."""

    reason = "object_too_large"
    hint = "Raise receive.max_object_bytes if such objects are meant to come."


class DataSetMismatch(Permanent):
    """The object is not what the C-STORE request said it is."""

    reason = "data_set_mismatch"
    hint = "The sender's request and its data set name different instances; ask its vendor."


class CannotUnderstand(Permanent):
    """The object is not a whole, readable DICOM instance with pixel data."""

    reason = "cannot_understand"
    hint = "It may have been cut short on the way or be damaged at the sender. Send it again."


class SopClassNotSupported(Permanent):
    """The node does not take objects of this SOP class."""

    reason = "sop_class_not_supported"
    hint = "The node masks videos and photographs; send other objects straight to the PACS."


class NotAuthorised(Permanent):
    """The sender may not send to this node."""

    reason = "not_authorised"
    hint = "Add its AE title to receive.calling_ae_titles."


STATUS: Final[Mapping[type[DmaskError], int]] = MappingProxyType(
    {
        OutOfResources: 0xA700,
        ObjectTooLarge: 0xA700,
        DataSetMismatch: 0xA900,
        CannotUnderstand: 0xC000,
        SopClassNotSupported: 0x0122,
        NotAuthorised: 0x0124,
    }
)
"""From error to C-STORE status (PS3.4 B.2.3, PS3.7 9.1.1.1.9)."""

OTHERWISE: Final = 0xA700
"""What could not be stored for a reason of the node's own is out of resources: send it again."""

TO_QUARANTINE: Final = (DataSetMismatch, CannotUnderstand)
"""Refused objects that are kept for a person to look at; `SopClassNotSupported` too where
``receive.other_objects`` says so."""


def status_of(error: BaseException) -> int:
    """Return the C-STORE status that tells a sender of an error."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return OTHERWISE


def require_caller(calling_ae_title: str, settings: ReceiveSettings) -> None:
    """Check that an AE may send.

    Titles are compared as they are, but for spaces around them, which do not count (PS3.5 6.2).

    Raises
    ------
    NotAuthorised
        If it is not on the list.
    """
    if not settings.any_caller and calling_ae_title.strip() not in settings.calling_ae_titles:
        raise NotAuthorised


def require_room(size_bytes: int, free_bytes: int, settings: ReceiveSettings) -> None:
    """Check that an object may be taken in.

    Parameters
    ----------
    size_bytes : int
        Of the object as far as it has come.
    free_bytes : int
        Free disk space, the object's part already taken off.
    settings : ReceiveSettings
        Limits.

    Raises
    ------
    ObjectTooLarge
        If it is longer than the limit.
    OutOfResources
        If less disk space is left than must be.
    """
    if size_bytes > settings.max_object_bytes:
        raise ObjectTooLarge(f"more than {settings.max_object_bytes} bytes")
    if free_bytes < settings.min_free_bytes:
        raise OutOfResources(
            f"{free_bytes} bytes are free, at least {settings.min_free_bytes} must be"
        )


def require_supported(sop_class_uid: str, accepted: Collection[str]) -> None:
    """Check that an instance is of a class that the node takes.

    Raises
    ------
    SopClassNotSupported
        If it is not.
    """
    if sop_class_uid not in accepted:
        raise SopClassNotSupported


def is_kept(error: DmaskError, settings: ReceiveSettings) -> bool:
    """Return whether a refused object is kept in quarantine.

    The sender is told the same status either way: what is in quarantine has not been delivered,
    and must not look as if it had.
    """
    if isinstance(error, SopClassNotSupported):
        return settings.other_objects == "quarantine"
    return isinstance(error, TO_QUARANTINE)


def plain_ae_title(title: str) -> str:
    """Return an AE title as it may stand in log and journal; ``?`` for what is no plain title."""
    stripped = title.strip()
    return stripped if _PLAIN_TITLE.fullmatch(stripped) else "?"
