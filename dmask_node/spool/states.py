"""The job state machine, as one table.

Rule 1: every change of a job's state is a row here. Nothing else may assign a state.
Rule 2: this file knows nothing of disks, databases or time.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dmask_node.errors import Permanent
from dmask_node.records.jobs import JobEvent as E
from dmask_node.records.jobs import JobState as S


class ImpossibleTransition(Permanent):
    """A job can't go that way from where it stands: a fault in the node itself."""

    reason = "impossible_transition"


TRANSITIONS: Final[Mapping[tuple[S, E], S]] = MappingProxyType(
    {
        (S.RECEIVED, E.CLAIMED): S.MASKING,
        (S.WAITING, E.CLAIMED): S.MASKING,
        (S.MASKING, E.RESUMED): S.MASKING,
        (S.MASKING, E.INTERRUPTED): S.RECEIVED,
        (S.MASKING, E.COMPOSED): S.MASKED,
        (S.MASKING, E.FAILED_TRANSIENT): S.WAITING,
        (S.MASKING, E.FAILED_PERMANENT): S.QUARANTINED,
        (S.MASKED, E.FAILED_PERMANENT): S.QUARANTINED,
        (S.MASKED, E.DELIVERED): S.FORWARDED,
        (S.FORWARDED, E.EXPIRED): S.PURGED,
        (S.QUARANTINED, E.RETRIED): S.RECEIVED,
        (S.QUARANTINED, E.DISCARDED): S.PURGED,
        (S.PURGED, E.RETRIED): S.RECEIVED,
    }
)

FIRST: Final = (S.RECEIVED, S.QUARANTINED)
"""Where a job may begin: what can't be understood goes to quarantine without a try."""

FINAL: Final = S.PURGED
"""Where a job ends, unless what a person has discarded is sent again."""


def after(state: S, event: E) -> S:
    """Return the state that follows.

    Parameters
    ----------
    state : JobState
        Where the job stands.
    event : JobEvent
        What happened to it.

    Returns
    -------
    JobState
        Where it stands now.

    Raises
    ------
    ImpossibleTransition
        If the table has no such row.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        allowed = sorted(e.value for s, e in TRANSITIONS if s is state)
        raise ImpossibleTransition(f"{event} from {state}; allowed: {allowed}") from None
