"""The worker: masks what was received, sends what was masked, deletes what may go.

One process beside the receiving one. It may be killed at any time: what it was doing is taken up
again at the next start, and what a destination has taken is not sent twice. Ledger, journal and
queue meet here.
"""

import logging
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from dmask_node.audit.journal import Journal
from dmask_node.audit.listener import AuditListener
from dmask_node.check.outgoing import WouldLeak
from dmask_node.config import Settings, audience_of, audit_folder, load_keys
from dmask_node.deidentify.origin import Origin
from dmask_node.errors import DmaskError, Permanent, Transient
from dmask_node.events import Event, Listener
from dmask_node.forward.scu import Outgoing, send
from dmask_node.forward.settings import Destination, ForwardSettings
from dmask_node.observe.logs import configure_logs
from dmask_node.observe.progress import ProgressListener
from dmask_node.parts import build_parts
from dmask_node.pipeline import mask_instance, write_companions
from dmask_node.records.gated import MaskedInstance
from dmask_node.records.jobs import DeliveryState, Job, JobEvent, JobState, StoredOutput
from dmask_node.spool.retention import expired
from dmask_node.spool.settings import SpoolSettings
from dmask_node.spool.store import Spool, intact
from dmask_node.workflow.backoff import pause_s
from dmask_node.workflow.engine import Engine, Outcome

_MAX_FACT: Final = 128
"""Characters of a text in the journal."""
_log: Final = logging.getLogger("dmask_node.worker")  # by name: this file is run as __main__

Mask = Callable[[str, Path, Path, Sequence[Listener], Origin], MaskedInstance]
"""``mask(job_id, source, out, listeners, origin)``: `dmask_node.pipeline.mask_instance` with its
parts."""


class WorkerDiedRepeatedly(Permanent):
    """The worker process died again and again over this object."""

    reason = "worker_died_repeatedly"
    hint = "The object may make a decoder crash or need more memory than there is."


class UnforeseenFault(Permanent):
    """Masking failed in a way that the node does not know."""

    reason = "internal_error"
    hint = "The log has the place in the program; please report it."


class DestinationUnknown(Permanent):
    """The object was to go to a destination that is configured no more."""

    reason = "destination_unknown"
    hint = "Configure the destination again, then retry the job."


class NodeStopping(Transient):
    """The node was asked to stop, and this job takes longer than it can wait."""

    reason = "node_stopping"


class _StopListener:
    """Ends a job between two frames when the node can't wait for it any longer."""

    required = True

    def __init__(self, interrupted: threading.Event) -> None:
        self._interrupted = interrupted

    def __call__(self, event: Event) -> None:  # noqa: ARG002 - any event will do
        """Raise if it is time."""
        if self._interrupted.is_set():
            raise NodeStopping


class Worker:
    """What the queue's handlers do, and the loop that fills the queue.

    Parameters
    ----------
    spool : Spool
        Files and ledger.
    journal : Journal
        Audit.
    mask : callable
        See `Mask`.
    spool_settings : SpoolSettings
        Pauses, limits, retention.
    forward_settings : ForwardSettings
        Destinations.
    audiences : mapping of str to str
        For each destination, by its name, the audience it belongs to.
    """

    def __init__(
        self,
        spool: Spool,
        journal: Journal,
        mask: Mask,
        spool_settings: SpoolSettings,
        forward_settings: ForwardSettings,
        audiences: Mapping[str, str],
    ) -> None:
        self._spool = spool
        self._ledger = spool.ledger
        self._journal = journal
        self._mask = mask
        self._settings = spool_settings
        self._forward_settings = forward_settings
        self._audiences = audiences
        self._destinations = {d.name: d for d in forward_settings.destinations}
        self._name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._submitted: set[tuple[str, int]] = set()
        self._sending: set[tuple[str, str]] = set()
        self._sending_lock = threading.Lock()
        self._interrupted = threading.Event()
        self._engine = Engine(
            spool.state_dir / "workflow.sqlite",
            self.mask,
            self.forward,
            # The ledger counts a worker's deaths and decides; the queue's own limit stands behind.
            max_recoveries=spool_settings.max_worker_deaths + 3,
            forward_concurrency=forward_settings.concurrency,
            poll_s=spool_settings.poll_s,
        )

    # Masking

    def mask(self, key: str) -> Outcome:
        """Mask one job, if it still has to be.

        Parameters
        ----------
        key : str
            Of the job.

        Returns
        -------
        Outcome
            Where the result goes, or when to try again.
        """
        record = partial(self._journal.append, "masking", key, "ok", {})
        job = self._ledger.claim(key, self._name, before_commit=record)
        if job is None:  # masked before, by a worker that died before it could say so
            return Outcome(forward_to=_waiting(self._ledger.job(key)))
        if job.worker_deaths > self._settings.max_worker_deaths:
            return self._set_aside(key, WorkerDiedRepeatedly())
        try:
            self._mask_and_store(job)
        except NodeStopping:
            record = partial(self._journal.append, "interrupted", key, "ok", {})
            self._ledger.advance(key, JobEvent.INTERRUPTED, before_commit=record)
            return Outcome(again_after_s=0.0)
        except Transient as error:
            return self._wait(job, error)
        except WouldLeak as alarm:
            return self._alarm(key, alarm)
        except Permanent as error:
            return self._set_aside(key, error)
        except Exception as error:  # noqa: BLE001 - one object must not stop the others
            _log.error("unforeseen_fault", exc_info=error, extra={"job": key})
            return self._set_aside(key, UnforeseenFault(type(error).__name__))
        return Outcome(forward_to=_waiting(self._ledger.job(key)))

    def _mask_and_store(self, job: Job) -> None:
        """Mask a job, unless its masked objects are there already; enter them in the ledger."""
        outputs = job.outputs
        composed_for = {output.audience for output in outputs}
        # A destination that came since, with an audience of its own, has no objects yet.
        if not intact(job, self._spool) or not composed_for.issuperset(self._audiences.values()):
            source = self._spool.require_original(job.key)
            out = self._spool.work_folder(job.key)
            origin = Origin(
                calling_ae_title=job.calling_ae_title,
                pin=partial(self._ledger.pin_study, job.key),
            )
            masked = self._mask(job.key, source, out, self._listeners(), origin)
            outputs = self._spool.store_outputs(job.key, masked)
        self._ledger.compose(
            job.key,
            outputs,
            self._audiences,
            before_commit=lambda: self._record_masked(job.key, outputs),
        )
        self._spool.clear_work(job.key)

    def _record_masked(self, key: str, outputs: Sequence[StoredOutput]) -> None:
        for output in outputs:
            facts: dict[str, str | int | float] = {
                "audience": output.audience,
                "role": output.role,
                "sop_instance_uid": output.sop_instance_uid,
                "sha256": output.sha256,
            }
            self._journal.append("gated", key, "ok", facts)
        self._journal.append("masked", key, "ok", {"count": len(outputs)})

    def _listeners(self) -> tuple[Listener, ...]:
        return (
            AuditListener(self._journal),
            ProgressListener(self._ledger.progress),
            _StopListener(self._interrupted),
        )

    def _wait(self, job: Job, error: Transient) -> Outcome:
        """Let a job wait whose failure may pass."""
        pause = pause_s(job.attempts, self._settings.retry_base_s, self._settings.retry_max_s)
        facts: dict[str, str | int | float] = {"reason": error.reason, "delay_s": pause}
        self._ledger.advance(
            job.key,
            JobEvent.FAILED_TRANSIENT,
            error=error,
            before_commit=lambda: self._journal.append("waiting", job.key, "failed", facts),
        )
        _log.warning("waiting", extra={"job": job.key, **facts})
        return Outcome(again_after_s=pause)

    def _alarm(self, key: str, alarm: WouldLeak) -> Outcome:
        """Raise the alarm, and put the job into quarantine: a composed object held identity."""
        facts: dict[str, str | int | float] = {
            "reason": alarm.reason,
            "audience": alarm.audience,
            "role": " ".join(alarm.parts),
            "count": alarm.n_findings,
            "why": " ".join(alarm.attributes)[:_MAX_FACT],  # names, never values
        }
        self._journal.append("security_alert", key, "refused", facts)
        _log.critical("security_alert", extra={"job": key, "hint": alarm.hint, **facts})
        return self._set_aside(key, alarm)

    def _set_aside(self, key: str, error: DmaskError) -> Outcome:
        """Put a job into quarantine."""
        self._spool.set_aside(key, error)
        self._spool.clear_work(key)
        _log.error(
            "quarantined",
            extra={"job": key, "reason": error.reason, "why": str(error), "hint": error.hint},
        )
        return Outcome()

    # Forwarding

    def forward(self, key: str, name: str) -> Outcome:
        """Send one destination what it has not taken yet.

        Parameters
        ----------
        key : str
            Of the job.
        name : str
            Of the destination.

        Returns
        -------
        Outcome
            When to try again, if so.
        """
        with self._alone(key, name) as alone:
            return self._forward(key, name) if alone else Outcome()

    @contextmanager
    def _alone(self, key: str, name: str) -> Iterator[bool]:
        """Tell whether nobody else is sending this job there; keep others out if so.

        A job that was given another try may still have its earlier forwarding in the queue.
        """
        with self._sending_lock:
            alone = (key, name) not in self._sending
            self._sending.add((key, name))
        try:
            yield alone
        finally:
            if alone:
                self._sending.discard((key, name))

    def _forward(self, key: str, name: str) -> Outcome:
        job = self._ledger.job(key)
        answered: list[int] = []
        try:
            self._send(job, name, answered.append)
        except (Transient, Permanent) as error:
            return self._not_sent(key, name, error, answered[-1] if answered else None)
        return Outcome()

    def _send(self, job: Job, name: str, refused: Callable[[int], None]) -> None:
        pending = {
            (d.audience, d.role)
            for d in job.deliveries
            if d.destination == name and d.state is DeliveryState.PENDING
        }
        if not pending:
            return
        objects = [
            Outgoing(
                audience=output.audience,
                role=output.role,
                path=self._spool.require_output(output),
                sop_class_uid=output.sop_class_uid,
                transfer_syntax_uid=output.transfer_syntax_uid,
            )
            for output in job.outputs
            if (output.audience, output.role) in pending
        ]
        facts: dict[str, str | int | float] = {"destination": name, "count": len(objects)}
        self._ledger.sending(
            job.key, lambda: self._journal.append("forwarding", job.key, "ok", facts)
        )
        send(
            self._destination(name),
            objects,
            delivered=partial(self._delivered, job, name),
            refused=refused,
        )

    def _destination(self, name: str) -> Destination:
        try:
            return self._destinations[name]
        except KeyError:
            raise DestinationUnknown(f"no destination {name}") from None

    def _delivered(self, job: Job, name: str, outgoing: Outgoing, status: int) -> None:
        """Note that a destination has taken an object, before the next one is sent."""
        [output] = [
            o for o in job.outputs if (o.audience, o.role) == (outgoing.audience, outgoing.role)
        ]
        facts: dict[str, str | int | float] = {
            "destination": name,
            "audience": output.audience,
            "role": output.role,
            "sop_instance_uid": output.sop_instance_uid,
            "sha256": output.sha256,
            "dicom_status": status,
        }
        last = self._ledger.deliver(
            job.key,
            (output.audience, output.role),
            name,
            status,
            before_commit=lambda: self._journal.append("delivered", job.key, "ok", facts),
        )
        _log.info("delivered", extra={"job": job.key, "destination": name, "role": output.role})
        if last:
            _log.info("forwarded", extra={"job": job.key})

    def _not_sent(
        self, key: str, name: str, error: Transient | Permanent, status: int | None
    ) -> Outcome:
        """Try again later, or leave it to a person."""
        facts: dict[str, str | int | float] = {"destination": name, "reason": error.reason}
        if status is not None:
            facts["dicom_status"] = status
        self._journal.append("not_delivered", key, "failed", facts)
        self._ledger.attempted(key, name, error, status)
        _log.warning("not_delivered", extra={"job": key, **facts})
        job = self._ledger.job(key)
        if isinstance(error, Permanent):
            if job.state is JobState.MASKED:
                self._set_aside(key, error)
            return Outcome()
        attempts = max(d.attempts for d in job.deliveries if d.destination == name)
        settings = self._forward_settings
        return Outcome(again_after_s=pause_s(attempts, settings.retry_base_s, settings.retry_max_s))

    # The loop

    def run(self, stop: threading.Event, hurry: threading.Event) -> None:
        """Work until asked to stop.

        Parameters
        ----------
        stop : Event
            Set: begin nothing new, and end when what is running has ended.
        hurry : Event
            Set beside `stop`: do not wait for it.
        """
        self._engine.start()
        self._journal.append("worker_started", "", "ok", {"pid": os.getpid()})
        _log.info("worker_started", extra={"pid": os.getpid()})
        reconcile_at = time.monotonic()
        janitor_at = time.monotonic()
        while not stop.is_set():
            try:
                self.dispatch()
                now = time.monotonic()
                if now >= reconcile_at:
                    reconcile_at = now + self._settings.reconcile_s
                    self.reconcile()
                if now >= janitor_at:
                    janitor_at = now + self._settings.janitor_s
                    self.tidy()
            except Exception as error:  # noqa: BLE001 - what fails now is tried at the next look
                _log.error("loop_failed", exc_info=error)
            stop.wait(self._settings.poll_s)
        grace = 0.0 if hurry.is_set() else self._settings.drain_s
        timer = threading.Timer(grace, self._interrupted.set)
        timer.daemon = True
        timer.start()
        self._engine.stop(grace + 5.0)
        _log.info("worker_stopped", extra={"pid": os.getpid()})

    def dispatch(self) -> None:
        """Queue what has come in since the last look."""
        received = set(self._ledger.runs(JobState.RECEIVED))
        for key, run in received - self._submitted:
            self._engine.submit(key, run)
        self._submitted = received

    def reconcile(self) -> None:
        """Compare ledger and queue; queue again what the queue has lost.

        The queue may have been lost as a whole, or have let go of a job whose worker died over it
        again and again.
        """
        unfinished = self._ledger.jobs(
            JobState.RECEIVED, JobState.MASKING, JobState.WAITING, JobState.MASKED, oldest=True
        )
        active = self._engine.active()
        for job in unfinished:
            if job.key in active or self._ledger.job(job.key).state is not job.state:
                continue
            if job.state is JobState.MASKING and self._engine.dropped(job.key, job.run):
                self._set_aside(job.key, WorkerDiedRepeatedly())
                continue
            run = self._ledger.requeue(job.key)
            self._journal.append("queued_again", job.key, "ok", {"run": run})
            if job.state is JobState.MASKED:
                for destination in _waiting(job):
                    self._engine.submit_forward(job.key, run, destination)
            else:
                self._engine.submit(job.key, run)

    def tidy(self) -> None:
        """Delete the files that have been kept long enough."""
        forwarded = self._ledger.jobs(JobState.FORWARDED, oldest=True)
        keys = expired(forwarded, time.time(), self._settings.keep_hours)
        for key in keys:
            self._spool.purge(key)
        self._engine.forget(keys)


def _waiting(job: Job) -> tuple[str, ...]:
    """Return the destinations that a masked job still has to go to."""
    if job.state is not JobState.MASKED:
        return ()
    return tuple(
        sorted({d.destination for d in job.deliveries if d.state is DeliveryState.PENDING})
    )


def run_worker(
    settings: Settings, parent: BinaryIO | None = None, mask: Mask | None = None
) -> None:
    """Run the worker until SIGTERM or SIGINT, or until its parent has ended.

    Parameters
    ----------
    settings : Settings
        Of the node.
    parent : binary file, optional
        Pipe from the parent process; its end is the parent's. Without it there is no parent.
    mask : callable, optional
        See `Mask`; without it the pipeline.
    """
    configure_logs(settings.log)
    stop, hurry = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if parent is not None:
        _watch(parent, stop, hurry)
    os.nice(5)  # the receiving process answers first
    state_dir = settings.node.state_dir
    journal = Journal(audit_folder(settings), settings.node.name)
    spool = Spool(state_dir, load_keys(settings).keyed_digest, journal.append)
    spool.clear_work()
    if mask is None:
        parts = build_parts(settings)

        def mask(
            job: str, source: Path, out: Path, listeners: Sequence[Listener], origin: Origin
        ) -> MaskedInstance:
            masked = mask_instance(job, source, out, parts, listeners, origin)
            write_companions(masked, parts, out)
            return masked

    audiences = {d.name: audience_of(d, settings).name for d in settings.forward.destinations}
    worker = Worker(spool, journal, mask, settings.spool, settings.forward, audiences)
    worker.run(stop, hurry)
    sys.stdout.flush()
    os._exit(0)  # a thread of a library must not keep an ending process


def _watch(parent: BinaryIO, stop: threading.Event, hurry: threading.Event) -> None:
    """End soon after the parent has ended, however it ended."""

    def wait() -> None:
        while parent.read(1):
            pass
        hurry.set()
        stop.set()

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()


def main() -> None:
    """Run as a child of the receiving process, which writes the settings to standard input."""
    parent = sys.stdin.buffer
    run_worker(Settings.model_validate_json(parent.readline()), parent)


if __name__ == "__main__":
    main()
