"""What happened, and who wants to know.

The pipeline tells; progress, logs and the audit journal listen. A listener that raises is logged
and passed over, but for one marked `required`: then the job stops, as it must when an audit entry
could not be written.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, Protocol, TypeVar

from dmask_node.errors import DmaskError

_log = logging.getLogger(__name__)
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStarted:
    """A stage of the pipeline began."""

    job_id: str
    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageAdvanced:
    """A stage finished another frame."""

    job_id: str
    stage: str
    done: int
    total: int | None
    """None while the number of frames is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFinished:
    """A stage ended well."""

    job_id: str
    stage: str
    seconds: float
    facts: dict[str, str | int | float] = field(default_factory=dict)
    """Counts and digests worth recording; never a value of the source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFailed:
    """A stage ended with an error."""

    job_id: str
    stage: str
    seconds: float
    error: str
    """Class name only: a message could quote the data."""
    reason: str
    """`DmaskError.reason`, or ``internal_error``."""


Event = StageStarted | StageAdvanced | StageFinished | StageFailed


class Listener(Protocol):
    """Someone who wants to know."""

    @property
    def required(self) -> bool:
        """Whether the job must stop when this listener fails."""

    def __call__(self, event: Event) -> None:
        """Take note of one event."""


def tell(listeners: Sequence[Listener], event: Event) -> None:
    """Tell every listener; let only a required one stop the job."""
    for listener in listeners:
        try:
            listener(event)
        except Exception as error:
            if listener.required:
                raise
            _log.warning("listener_failed %s %s", type(listener).__name__, type(error).__name__)


@contextmanager
def stage(
    listeners: Sequence[Listener], job_id: str, name: str
) -> Iterator[dict[str, str | int | float]]:
    """Time one stage and tell how it went.

    Yields
    ------
    dict
        Facts the stage wants recorded with its end: counts and digests, never a source value.
    """
    tell(listeners, StageStarted(job_id=job_id, stage=name))
    began = monotonic()
    facts: dict[str, str | int | float] = {}
    try:
        yield facts
    except Exception as error:
        failed = StageFailed(
            job_id=job_id,
            stage=name,
            seconds=monotonic() - began,
            error=type(error).__name__,
            reason=error.reason if isinstance(error, DmaskError) else DmaskError.reason,
        )
        tell(listeners, failed)
        raise
    tell(
        listeners,
        StageFinished(job_id=job_id, stage=name, seconds=monotonic() - began, facts=facts),
    )


def advancing(
    listeners: Sequence[Listener],
    job_id: str,
    name: str,
    items: Iterable[Item],
    total: int | None,
) -> Iterator[Item]:
    """Hand the items on, telling the listeners how many have passed."""
    for done, item in enumerate(items, start=1):
        yield item
        tell(listeners, StageAdvanced(job_id=job_id, stage=name, done=done, total=total))


class Timed(Generic[Item]):
    """Hand items on and add up how long making them took.

    Parameters
    ----------
    items : iterable
        Made as they are taken.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)
        self.seconds = 0.0
        """Time spent so far inside the iterable, seconds."""

    def __iter__(self) -> Iterator[Item]:
        """Walk the items once."""
        while True:
            began = monotonic()
            try:
                item = next(self._items)
            except StopIteration:
                return
            finally:
                self.seconds += monotonic() - began
            yield item
