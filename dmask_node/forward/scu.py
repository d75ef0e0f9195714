"""C-STORE and C-ECHO SCU.

One presentation context for each pair of SOP class and transfer syntax, and nothing else beside
it: with an uncompressed syntax in the same context an archive could choose that one, and a video
can't be sent in it. A context that is refused is a failure that will not pass.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pynetdicom import AE, _config

from dmask_node.errors import DmaskError, Permanent, Transient
from dmask_node.forward.settings import Destination

VERIFICATION: Final = "1.2.840.10008.1.1"
_EXPLICIT: Final = "1.2.840.10008.1.2.1"
_IMPLICIT: Final = "1.2.840.10008.1.2"
_PDU_BYTES: Final = 131072
_REJECTED_PERMANENT: Final = 1
"""Result of A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
_DUPLICATE: Final = 0x0111
"""Duplicate SOP Instance (PS3.7 C.4.3): it is there already, which is what we want."""


class DestinationUnreachable(Transient):
    """No association with the destination could be opened."""

    reason = "destination_unreachable"
    hint = "Is it running? Check host and port; try `dmask echo`."


class DestinationBusy(Transient):
    """The destination can't take an object now."""

    reason = "destination_busy"
    hint = "It may be short of disk space or of free associations; the node goes on trying."


class AssociationLost(Transient):
    """The association broke off before the destination had answered."""

    reason = "association_lost"
    hint = "Look at the network and at the destination's log; the node goes on trying."


class AssociationRefused(Permanent):
    """The destination does not talk to this node."""

    reason = "association_refused"
    hint = "Register forward.destinations' calling_ae_title there, and check ae_title."


class ContextRefused(Permanent):
    """The destination does not take such objects in their transfer syntax."""

    reason = "context_refused"
    hint = "Allow H.264 video and Enhanced SR at the destination."


class DestinationRefused(Permanent):
    """The destination has looked at the object and refused it."""

    reason = "destination_refused"
    hint = "Its log says why; the DICOM status stands in `dmask jobs`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """An object to send."""

    role: str
    path: Path
    sop_class_uid: str
    transfer_syntax_uid: str
    audience: str = ""
    """Of a masked object; see `dmask_node.records.gated.GatedStudy`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What the last C-STORE response said, where it was a failure."""

    error: DmaskError
    dicom_status: int


def failure(status: int) -> DmaskError | None:
    """Tell what a C-STORE status means for the node (PS3.4 B.2.3, PS3.7 C).

    Parameters
    ----------
    status : int
        Of the response.

    Returns
    -------
    DmaskError or None
        None if the object is there, be it with a warning. `Transient`: to be tried again.
    """
    if status in (0x0000, 0x0001, 0x0107, 0x0116, _DUPLICATE) or 0xB000 <= status <= 0xBFFF:
        return None
    if 0xA700 <= status <= 0xA7FF or status in (0x0110, 0x0213):  # out of resources; processing
        return DestinationBusy(f"C-STORE status 0x{status:04X}")
    return DestinationRefused(f"C-STORE status 0x{status:04X}")


def send(
    destination: Destination,
    objects: Sequence[Outgoing],
    delivered: Callable[[Outgoing, int], None],
    refused: Callable[[int], None] = lambda _: None,
) -> None:
    """Send objects in their order over one association; stop at the first failure.

    Parameters
    ----------
    destination : Destination
        Where to.
    objects : sequence of Outgoing
        Read from disk piece by piece.
    delivered : callable
        Told of each object and its status when the destination has taken it, before the next is
        sent.
    refused : callable
        Told the status of a failed response before the error is raised.

    Raises
    ------
    DestinationUnreachable, DestinationBusy, AssociationLost
        To be tried again.
    AssociationRefused, ContextRefused, DestinationRefused
        For a person.
    """
    pairs = sorted({(o.sop_class_uid, o.transfer_syntax_uid) for o in objects})
    with _association(destination, pairs) as association:
        accepted = {
            (c.abstract_syntax, c.transfer_syntax[0]) for c in association.accepted_contexts
        }
        for outgoing in objects:
            if (outgoing.sop_class_uid, outgoing.transfer_syntax_uid) not in accepted:
                raise ContextRefused(
                    f"{destination.name} refuses the context of the {outgoing.role}"
                )
            status = _store(association, outgoing.path)
            error = failure(status)
            if error is not None:
                refused(status)
                raise error
            delivered(outgoing, status)


def echo(destination: Destination) -> float:
    """Ask a destination whether it is there.

    Returns
    -------
    float
        Seconds until its answer.

    Raises
    ------
    DestinationUnreachable, AssociationRefused, ContextRefused, AssociationLost
        If it does not answer Success.
    """
    with _association(destination, [(VERIFICATION, _EXPLICIT), (VERIFICATION, _IMPLICIT)]) as link:
        if not link.accepted_contexts:
            raise ContextRefused(f"{destination.name} refuses Verification")
        began = time.monotonic()
        status = link.send_c_echo().get("Status")
        if status != 0x0000:
            raise AssociationLost(f"{destination.name} does not answer C-ECHO")
        return time.monotonic() - began


def _store(association: Any, path: Path) -> int:
    """Send one file and return the status of the response."""
    try:
        status = association.send_c_store(path).get("Status")
    except (RuntimeError, ValueError, OSError) as error:  # their messages may quote the data set
        raise AssociationLost(f"C-STORE failed: {type(error).__name__}") from None
    if status is None:
        raise AssociationLost("no answer to C-STORE")
    return int(status)


@contextmanager
def _association(destination: Destination, pairs: Sequence[tuple[str, str]]) -> Iterator[Any]:
    """Open an association, and release it at the end."""
    _config.STORE_SEND_CHUNKED_DATASET = True
    _config.LOG_HANDLER_LEVEL = "none"  # the library's own handlers write data sets to its log
    entity = AE(destination.calling_ae_title)
    entity.acse_timeout = entity.dimse_timeout = destination.timeout_s
    entity.connection_timeout = destination.timeout_s
    entity.network_timeout = max(60.0, destination.timeout_s)
    entity.maximum_pdu_size = _PDU_BYTES
    for sop_class, syntax in pairs:
        entity.add_requested_context(sop_class, syntax)
    for number, context in enumerate(entity.requested_contexts):
        context.context_id = 2 * number + 1
    association = entity.associate(
        destination.host, destination.port, ae_title=destination.ae_title
    )
    if not association.is_established:
        raise _refusal(destination, association)
    try:
        yield association
        association.release()
    finally:
        if association.is_established:
            association.abort()


def _refusal(destination: Destination, association: Any) -> DmaskError:
    """Tell a destination that will not talk to us from one that can't be reached now."""
    if association.is_rejected:
        answer = association.acceptor.primitive
        if getattr(answer, "result", None) == _REJECTED_PERMANENT:
            return AssociationRefused(f"{destination.name} rejects the association")
        return DestinationBusy(f"{destination.name} rejects the association for now")
    if association.acceptor.primitive is not None and association.rejected_contexts:
        return ContextRefused(f"{destination.name} accepts none of the contexts")
    return DestinationUnreachable(f"no association with {destination.name}")
