"""The work queue: durable workflows over DBOS on SQLite, behind a port of a few functions.

Two workflows. *mask* masks one job, then starts one *forward* for each destination. What fails in a
way that may pass is queued again with a delay: a row in the database, which holds no thread. The
process may be killed at any time; at the next start under the same slot what was running is taken
up again.

The queue is not the truth, the ledger is: losing this database costs work done twice, no object.

Arguments are keys and numbers, so no payload and no name gets into this database.
"""

import fcntl
import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dbos import DBOS, DBOSConfig, Serializer, SetEnqueueOptions, SetWorkflowID

from dmask_node.errors import Permanent

_log: Final = logging.getLogger(__name__)

_WORKFLOW_VERSION: Final = "wf1"
"""Raised when the order of steps changes, and then only: workflows of another version are not taken
up. Left to itself the library takes a hash of the code, and every release would strand the rest."""

_MASK_QUEUE: Final = "mask"
_FORWARD_QUEUE: Final = "forward"
_ACTIVE: Final = ["ENQUEUED", "PENDING", "DELAYED"]
_STUCK_S: Final = 30.0
"""Pause before a step whose handler itself failed (the journal can't be written, say) is tried
again; that failure is not the job's."""


class SlotTaken(Permanent):
    """Another worker of this node is running."""

    reason = "slot_taken"
    hint = "Stop the other one; two workers under one name would do the same work twice."


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a handler says should happen next."""

    again_after_s: float | None = None
    """Try again after so many seconds; None: done, for good or ill."""
    forward_to: tuple[str, ...] = ()
    """Of masking: names of the destinations that wait for the result."""


MaskHandler = Callable[[str], Outcome]
"""``mask(key)``: mask one job. May be called again after a crash in the middle."""

ForwardHandler = Callable[[str, str], Outcome]
"""``forward(key, destination)``: send what is pending there. May be called again likewise."""


class _JsonSerializer(Serializer):
    """Plain JSON instead of pickles: what is read from the database can't run code."""

    def serialize(self, data: Any) -> str:
        """Write a value; an exception by its class name only, for its message may quote data."""
        return json.dumps(data, default=lambda other: {"class": type(other).__name__})

    def deserialize(self, serialized_data: str) -> Any:
        """Read a value."""
        return json.loads(serialized_data)

    def name(self) -> str:
        """Return the name under which the database knows this form."""
        return "json"


class _DurableConnection(sqlite3.Connection):
    """A connection whose commits survive a power cut."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Rollback journal: SQLite before 3.51.3 can corrupt a WAL database. With it only EXTRA
        # syncs the folder after a commit.
        self.execute("pragma journal_mode=delete")
        self.execute("pragma synchronous=extra")


class Engine:
    """The work queue of one worker process. There can be one of it in a process.

    Parameters
    ----------
    path : Path
        SQLite database of the queue; its lock file stands beside it.
    mask : callable
        See `MaskHandler`. One job at a time.
    forward : callable
        See `ForwardHandler`.
    slot : int
        Number of the worker. Names it in the queue, so that it finds again what it was doing. Not
        the host's name, which changes whenever a container is made anew.
    max_recoveries : int
        How often a workflow is taken up after its process died before the queue lets go of it.
    forward_concurrency : int
        Objects sent at a time.
    poll_s : float
        Seconds between two looks into the queue.
    """

    def __init__(
        self,
        path: Path,
        mask: MaskHandler,
        forward: ForwardHandler,
        *,
        slot: int = 0,
        max_recoveries: int = 3,
        forward_concurrency: int = 4,
        poll_s: float = 0.5,
    ) -> None:
        self._path = path
        self._mask = mask
        self._forward = forward
        self._slot = slot
        self._max_recoveries = max_recoveries
        self._forward_concurrency = forward_concurrency
        self._poll_s = poll_s
        self._lock: int | None = None
        self._stopping = False

    def start(self, wait_s: float = 30.0) -> None:
        """Take the slot and begin to work; what a dead process left is taken up first.

        Parameters
        ----------
        wait_s : float
            Seconds to wait for a worker that is just ending.

        Raises
        ------
        SlotTaken
            If another process has the slot.
        """
        self._take_slot(wait_s)
        self._path.touch(mode=0o600)
        DBOS(
            config=DBOSConfig(
                name="dmask",
                system_database_url=f"sqlite:///{self._path}",
                db_engine_kwargs={"connect_args": {"factory": _DurableConnection}},
                executor_id=f"slot:{self._slot}",
                application_version=_WORKFLOW_VERSION,
                serializer=_JsonSerializer(),
                enable_otlp=False,
                log_level="WARNING",
                console_log_level="CRITICAL",
            )
        )
        self._declare()
        DBOS.launch()
        DBOS.register_queue(
            _MASK_QUEUE,
            worker_concurrency=1,
            polling_interval_sec=self._poll_s,
            on_conflict="always_update",
        )
        DBOS.register_queue(
            _FORWARD_QUEUE,
            worker_concurrency=self._forward_concurrency,
            polling_interval_sec=self._poll_s,
            on_conflict="always_update",
        )

    def _take_slot(self, wait_s: float) -> None:
        """Two live processes under one name would run the same step twice."""
        lock = os.open(self._path.with_suffix(f".slot{self._slot}"), os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(lock)
                    raise SlotTaken(f"slot {self._slot} is taken") from None
                time.sleep(0.05)
            else:
                self._lock = lock
                return

    def _declare(self) -> None:
        """Tell the library of steps and workflows: what `_WORKFLOW_VERSION` stands for."""

        @DBOS.step(name="mask")
        def mask_step(key: str) -> dict[str, Any]:
            return _plain(self._guarded(lambda: self._mask(key)))

        @DBOS.step(name="forward")
        def forward_step(key: str, destination: str) -> dict[str, Any]:
            return _plain(self._guarded(lambda: self._forward(key, destination)))

        @DBOS.workflow(name="mask", max_recovery_attempts=self._max_recoveries)
        def mask_workflow(key: str, run: int, attempt: int) -> None:
            outcome = mask_step(key)
            if outcome["again_after_s"] is not None:
                with (
                    SetWorkflowID(_mask_id(key, run, attempt + 1)),
                    SetEnqueueOptions(delay_seconds=outcome["again_after_s"]),
                ):
                    DBOS.enqueue_workflow(_MASK_QUEUE, mask_workflow, key, run, attempt + 1)
            for destination in outcome["forward_to"]:
                with SetWorkflowID(_forward_id(key, run, destination, 0)):
                    DBOS.enqueue_workflow(
                        _FORWARD_QUEUE, forward_workflow, key, run, destination, 0
                    )

        @DBOS.workflow(name="forward", max_recovery_attempts=self._max_recoveries)
        def forward_workflow(key: str, run: int, destination: str, attempt: int) -> None:
            outcome = forward_step(key, destination)
            if outcome["again_after_s"] is not None:
                with (
                    SetWorkflowID(_forward_id(key, run, destination, attempt + 1)),
                    SetEnqueueOptions(delay_seconds=outcome["again_after_s"]),
                ):
                    DBOS.enqueue_workflow(
                        _FORWARD_QUEUE, forward_workflow, key, run, destination, attempt + 1
                    )

        self._mask_workflow = mask_workflow
        self._forward_workflow = forward_workflow

    def _guarded(self, handler: Callable[[], Outcome]) -> Outcome:
        """Let no exception into the queue's database; a handler that failed is tried again."""
        if self._stopping:
            return Outcome(again_after_s=0.0)
        try:
            return handler()
        except Exception as error:  # noqa: BLE001
            _log.error("handler_failed", exc_info=error)
            return Outcome(again_after_s=_STUCK_S)

    # The port

    def submit(self, key: str, run: int) -> None:
        """Queue a job for masking; the same key and run twice is once."""
        with SetWorkflowID(_mask_id(key, run, 0)):
            DBOS.enqueue_workflow(_MASK_QUEUE, self._mask_workflow, key, run, 0)

    def submit_forward(self, key: str, run: int, destination: str) -> None:
        """Queue what is masked for a destination; the same twice is once."""
        with SetWorkflowID(_forward_id(key, run, destination, 0)):
            DBOS.enqueue_workflow(_FORWARD_QUEUE, self._forward_workflow, key, run, destination, 0)

    def active(self) -> frozenset[str]:
        """Return the keys for which something is queued, delayed or running."""
        workflows = DBOS.list_workflows(status=_ACTIVE, load_input=False, load_output=False)
        return frozenset(_key_of(workflow.workflow_id) for workflow in workflows)

    def dropped(self, key: str, run: int) -> bool:
        """Tell whether the queue let go of a run because its process died too often over it."""
        return bool(
            DBOS.list_workflows(
                workflow_id_prefix=f"{key}.{run}.",
                status="MAX_RECOVERY_ATTEMPTS_EXCEEDED",
                load_input=False,
                load_output=False,
                limit=1,
            )
        )

    def forget(self, keys: Sequence[str]) -> None:
        """Delete what the queue remembers of jobs that are done with."""
        for key in keys:
            done = DBOS.list_workflows(
                workflow_id_prefix=f"{key}.", load_input=False, load_output=False
            )
            if done:
                DBOS.delete_workflows([workflow.workflow_id for workflow in done])

    def stop(self, grace_s: float) -> None:
        """Begin nothing new, wait for what is running, and let go of the slot.

        What has not ended then is taken up by the next process.
        """
        self._stopping = True
        DBOS.destroy(workflow_completion_timeout_sec=int(grace_s + 0.999), destroy_registry=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {"again_after_s": outcome.again_after_s, "forward_to": list(outcome.forward_to)}


def _mask_id(key: str, run: int, attempt: int) -> str:
    return f"{key}.{run}.mask.{attempt}"


def _forward_id(key: str, run: int, destination: str, attempt: int) -> str:
    return f"{key}.{run}.{destination}.{attempt}"


def _key_of(workflow_id: str) -> str:
    return workflow_id.split(".", 1)[0]
