"""How far a job is, for whoever watches."""

import threading
import time
from collections.abc import Callable
from typing import Final

from dmask_node.events import Event, StageAdvanced, StageStarted

_EVERY_S: Final = 0.5
"""Twice a second is as fast as anyone reads, and spares the disk."""

Note = Callable[[str, str, int, int | None], None]
"""``note(job, stage, done, total)``: keep it where others can see it."""


class ProgressListener:
    """Notes the stage a job is in and how far it is, at most twice a second for each job.

    Parameters
    ----------
    note : callable
        See `Note`.
    clock : callable
        Seconds, rising.
    """

    required = False
    """A job does not stop because nobody can see how far it is."""

    def __init__(self, note: Note, clock: Callable[[], float] = time.monotonic) -> None:
        self._note = note
        self._clock = clock
        self._noted: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Take note of one event."""
        match event:
            case StageStarted():
                if self._due(event.job_id):
                    self._note(event.job_id, event.stage, 0, None)
            case StageAdvanced():
                last = event.done == event.total
                if self._due(event.job_id) or last:
                    self._note(event.job_id, event.stage, event.done, event.total)

    def _due(self, job_id: str) -> bool:
        now = self._clock()
        with self._lock:
            if now - self._noted.get(job_id, -_EVERY_S) < _EVERY_S:
                return False
            self._noted = {job_id: now}  # one job at a time; those before it are done
            return True
