"""The ledger: what became of every received instance. It is the truth; the work queue is not.

One SQLite file, written by the receiving process, the worker and the command line. Rollback
journal rather than WAL: SQLite before 3.51.3 can corrupt a WAL database when two connections
checkpoint at once. ``synchronous=EXTRA``: with a rollback journal only EXTRA syncs the folder after
the journal is unlinked, without which a power cut can roll back a commit that was reported.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dmask_node.errors import DmaskError, Permanent, Transient
from dmask_node.records.jobs import (
    Delivery,
    DeliveryState,
    Job,
    JobEvent,
    JobState,
    StoredOutput,
)
from dmask_node.spool.states import after

_VERSION: Final = 2
"""Of the tables; raised with a migration whenever they change."""

_TABLES: Final = """
create table instance (
    key text primary key,
    state text not null,
    run integer not null default 0,
    claimed_by text not null default '',
    received_at real not null,
    updated_at real not null,
    size_bytes integer not null,
    sha256 text not null,
    instance_digest text not null,
    sop_class_uid text not null,
    transfer_syntax_uid text not null,
    calling_ae_title text not null,
    study_digest text not null default '',
    patient_digest text not null default '',
    epoch text not null default '',
    times_received integer not null default 1,
    attempts integer not null default 0,
    worker_deaths integer not null default 0,
    reason text not null default '',
    hint text not null default '',
    stage text not null default '',
    stage_done integer not null default 0,
    stage_total integer,
    forwarded_at real,
    purged_at real
) strict;
create index instance_by_state on instance (state, received_at);
create index instance_by_study on instance (study_digest, received_at);
create table output (
    key text not null references instance (key),
    audience text not null,
    role text not null,
    position integer not null,
    file text not null,
    sop_class_uid text not null,
    sop_instance_uid text not null,
    transfer_syntax_uid text not null,
    sha256 text not null,
    size_bytes integer not null,
    primary key (key, audience, role)
) strict;
create table delivery (
    key text not null,
    audience text not null,
    role text not null,
    destination text not null,
    state text not null,
    attempts integer not null default 0,
    reason text not null default '',
    dicom_status integer,
    delivered_at real,
    primary key (key, audience, role, destination),
    foreign key (key, audience, role) references output (key, audience, role)
) strict;
"""

BeforeCommit = Callable[[], None]
"""Called inside the transaction, before it is committed: when it raises, nothing has changed. The
audit record of a change goes here, so that no change is without its record."""


def _nothing() -> None:
    """Have nothing to do before the commit."""


class LedgerBusy(Transient):
    """The ledger could not be written: locked for too long, or the disk is full or broken."""

    reason = "ledger_busy"
    hint = "Look at free disk space and at the health of the disk that holds the state folder."


class LedgerForeign(Permanent):
    """The ledger was written by another version of the node, or is not a ledger."""

    reason = "ledger_foreign"
    hint = "Use the version of the node that wrote the state folder, or another state folder."


class IdentityConflict(Permanent):
    """The study has an instance of another patient already."""

    reason = "identity_conflict"
    hint = (
        "Two instances of one study name different patients. Correct the one that is wrong at its"
        " sender; discard it here if it is this one."
    )


class NoSuchJob(Permanent):
    """The ledger has no job of that key."""

    reason = "no_such_job"
    hint = "List the keys with `dmask jobs`."


class Ledger:
    """What became of every received instance.

    Every method is one transaction, on disk when it returns. May be used from several threads.

    Parameters
    ----------
    path : Path
        SQLite file; made when missing, in an existing folder on a local disk.
    busy_timeout_s : float
        Seconds to wait for another process's transaction.

    Raises
    ------
    LedgerForeign
        If the file is something else.
    """

    def __init__(self, path: Path, busy_timeout_s: float = 30.0) -> None:
        self.path = path
        self._lock = threading.RLock()
        path.touch(mode=0o600)
        self._connection = sqlite3.connect(
            path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        self._connection.row_factory = sqlite3.Row
        try:
            self._connection.execute("pragma journal_mode=delete")
            self._connection.execute("pragma synchronous=extra")
            self._connection.execute("pragma foreign_keys=on")
            self._prepare()
        except sqlite3.DatabaseError as error:
            raise LedgerForeign(f"{path.name}: {type(error).__name__}") from None

    def _prepare(self) -> None:
        with self._writing() as connection:
            version = connection.execute("pragma user_version").fetchone()[0]
            if version == 0:
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                connection.execute(f"pragma user_version={_VERSION}")
            elif version != _VERSION:
                raise LedgerForeign(f"{self.path.name} has version {version}, not {_VERSION}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock for one transaction; commit at its end."""
        with self._lock:
            try:
                self._connection.execute("begin immediate")
                yield self._connection
                self._connection.execute("commit")
            except sqlite3.OperationalError as error:
                raise LedgerBusy(f"{self.path.name}: {error.sqlite_errorname}") from None
            finally:
                if self._connection.in_transaction:  # SQLite has rolled back some errors itself
                    self._connection.execute("rollback")

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.OperationalError as error:
                raise LedgerBusy(f"{self.path.name}: {error.sqlite_errorname}") from None

    # What came in

    def receive(
        self,
        *,
        key: str,
        instance_digest: str,
        sha256: str,
        size_bytes: int,
        sop_class_uid: str,
        transfer_syntax_uid: str,
        calling_ae_title: str,
        refused: DmaskError | None = None,
        before_commit: BeforeCommit = _nothing,
    ) -> None:
        """Enter an instance for the first time.

        Parameters
        ----------
        key : str
            Of the new job; must not be in the ledger yet.
        instance_digest : str
            Keyed digest of the source SOP Instance UID.
        sha256, size_bytes, sop_class_uid, transfer_syntax_uid, calling_ae_title
            As in `Job`.
        refused : DmaskError, optional
            Why it goes to quarantine at once; without it the job stands at `RECEIVED`.
        before_commit : callable
            See `BeforeCommit`.

        Raises
        ------
        LedgerBusy
            If it could not be written.
        """
        now = time.time()
        state = JobState.QUARANTINED if refused else JobState.RECEIVED
        with self._writing() as connection:
            connection.execute(
                "insert into instance (key, state, received_at, updated_at, size_bytes, sha256,"
                " instance_digest, sop_class_uid, transfer_syntax_uid, calling_ae_title, reason,"
                " hint) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key,
                    state,
                    now,
                    now,
                    size_bytes,
                    sha256,
                    instance_digest,
                    sop_class_uid,
                    transfer_syntax_uid,
                    calling_ae_title,
                    refused.reason if refused else "",
                    refused.hint if refused else "",
                ),
            )
            before_commit()

    def receive_again(self, key: str, before_commit: BeforeCommit = _nothing) -> None:
        """Count that the same bytes have come once more."""
        with self._writing() as connection:
            connection.execute(
                "update instance set times_received = times_received + 1 where key = ?", (key,)
            )
            before_commit()

    # What becomes of it

    def advance(
        self,
        key: str,
        event: JobEvent,
        *,
        error: DmaskError | None = None,
        before_commit: BeforeCommit = _nothing,
    ) -> JobState:
        """Take one step in the table of states.

        Parameters
        ----------
        key : str
            Of the job.
        event : JobEvent
            What happened.
        error : DmaskError, optional
            Its reason and hint are kept; without it, those of an earlier failure are cleared.
        before_commit : callable
            See `BeforeCommit`.

        Returns
        -------
        JobState
            Where the job stands now.

        Raises
        ------
        NoSuchJob
            If there is no such key.
        ImpossibleTransition
            If the table of states has no such step.
        LedgerBusy
            If it could not be written.
        """
        now = time.time()
        with self._writing() as connection:
            state = after(self._state(connection, key), event)
            connection.execute(
                "update instance set state = ?, updated_at = ?, reason = ?, hint = ? where key = ?",
                (state, now, error.reason if error else "", error.hint if error else "", key),
            )
            if event is JobEvent.RETRIED:
                connection.execute(
                    "update instance set run = run + 1, attempts = 0, worker_deaths = 0,"
                    " claimed_by = '', stage = '', stage_done = 0, stage_total = null,"
                    " purged_at = null where key = ?",
                    (key,),
                )
                connection.execute(
                    "update delivery set state = ?, attempts = 0, reason = '', dicom_status = null"
                    " where key = ? and state = ?",
                    (DeliveryState.PENDING, key, DeliveryState.REFUSED),
                )
            if state is JobState.PURGED:
                connection.execute("update instance set purged_at = ? where key = ?", (now, key))
            before_commit()
        return state

    def claim(self, key: str, worker: str, before_commit: BeforeCommit = _nothing) -> Job | None:
        """Take a job up for masking.

        A job that another worker has left at `MASKING` has outlived that worker: its deaths are
        counted.

        Parameters
        ----------
        key : str
            Of the job.
        worker : str
            Names the worker's process: two processes never have the same.
        before_commit : callable
            See `BeforeCommit`.

        Returns
        -------
        Job or None
            None if there is nothing to mask: masked already, or in quarantine.
        """
        with self._writing() as connection:
            row = self._row(connection, key)
            state = JobState(row["state"])
            if state not in (JobState.RECEIVED, JobState.WAITING, JobState.MASKING):
                return None
            died = state is JobState.MASKING and row["claimed_by"] != worker
            event = JobEvent.RESUMED if state is JobState.MASKING else JobEvent.CLAIMED
            connection.execute(
                "update instance set state = ?, claimed_by = ?, updated_at = ?,"
                " attempts = attempts + 1, worker_deaths = worker_deaths + ?, stage = '',"
                " stage_done = 0, stage_total = null where key = ?",
                (after(state, event), worker, time.time(), int(died), key),
            )
            before_commit()
        return self.job(key)

    def pin_study(self, key: str, study_digest: str, patient_digest: str, epoch: str) -> str:
        """Enter whose study a job belongs to, and tell under which epoch its names are keyed.

        All instances of one study are named under the epoch of the first, so that a rotation does
        not split a study that is on its way; and all of them must be of one patient.

        Parameters
        ----------
        key : str
            Of the job.
        study_digest, patient_digest : str
            Keyed digests of the source's Study Instance UID, and of what its pseudonym is made
            from.
        epoch : str
            The one in force.

        Returns
        -------
        str
            The epoch of the study.

        Raises
        ------
        IdentityConflict
            If an instance of that study was masked, or is being masked, as another patient's. One
            in quarantine does not count, nor one that was discarded from there, unless a
            destination has some of it.
        """
        with self._writing() as connection:
            other = connection.execute(
                "select 1 from instance where study_digest = ? and patient_digest != ?"
                " and key != ? and (state in ('masking', 'waiting', 'masked', 'forwarded')"
                " or exists (select 1 from delivery where delivery.key = instance.key"
                " and delivery.state = 'delivered')) limit 1",
                (study_digest, patient_digest, key),
            ).fetchone()
            if other is not None:
                raise IdentityConflict
            first = connection.execute(
                "select epoch from instance where study_digest = ? and epoch != ''"
                " order by received_at, key limit 1",
                (study_digest,),
            ).fetchone()
            pinned = str(first["epoch"]) if first is not None else epoch
            connection.execute(
                "update instance set study_digest = ?, patient_digest = ?, epoch = ? where key = ?",
                (study_digest, patient_digest, pinned, key),
            )
        return pinned

    def compose(
        self,
        key: str,
        outputs: Sequence[StoredOutput],
        audiences: Mapping[str, str],
        before_commit: BeforeCommit = _nothing,
    ) -> None:
        """Enter the masked objects, and to which destinations each has to go.

        Parameters
        ----------
        key : str
            Of the job, which goes from `MASKING` to `MASKED`.
        outputs : sequence of StoredOutput
            In the order in which they are sent.
        audiences : mapping of str to str
            For each destination, by its name, the audience it belongs to.
        before_commit : callable
            See `BeforeCommit`.
        """
        with self._writing() as connection:
            state = after(self._state(connection, key), JobEvent.COMPOSED)
            connection.execute(
                "update instance set state = ?, updated_at = ?, reason = '', hint = ''"
                " where key = ?",
                (state, time.time(), key),
            )
            for position, output in enumerate(outputs):
                # Masked anew by another version, it is another object, and nobody has that one.
                connection.execute(
                    "update delivery set state = ?, attempts = 0, reason = '', dicom_status = null,"
                    " delivered_at = null where key = ? and audience = ? and role = ? and exists"
                    " (select 1 from output where output.key = delivery.key"
                    " and output.audience = delivery.audience and output.role = delivery.role"
                    " and output.sop_instance_uid != ?)",
                    (
                        DeliveryState.PENDING,
                        key,
                        output.audience,
                        output.role,
                        output.sop_instance_uid,
                    ),
                )
                connection.execute(
                    "insert into output (key, audience, role, position, file, sop_class_uid,"
                    " sop_instance_uid, transfer_syntax_uid, sha256, size_bytes)"
                    " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                    " on conflict (key, audience, role) do update set"
                    " file = excluded.file, sop_instance_uid = excluded.sop_instance_uid,"
                    " transfer_syntax_uid = excluded.transfer_syntax_uid,"
                    " sha256 = excluded.sha256, size_bytes = excluded.size_bytes",
                    (
                        key,
                        output.audience,
                        output.role,
                        position,
                        output.file,
                        output.sop_class_uid,
                        output.sop_instance_uid,
                        output.transfer_syntax_uid,
                        output.sha256,
                        output.size_bytes,
                    ),
                )
            connection.executemany(
                "insert into delivery (key, audience, role, destination, state)"
                " values (?, ?, ?, ?, ?) on conflict do nothing",
                [
                    (key, output.audience, output.role, destination, DeliveryState.PENDING)
                    for destination, audience in audiences.items()
                    for output in outputs
                    if output.audience == audience
                ],
            )
            before_commit()
            self._finish(connection, key)  # all had gone out before a retry masked them again

    def requeue(self, key: str) -> int:
        """Give the job a new run, for a queue that has lost it; return the run."""
        with self._writing() as connection:
            connection.execute("update instance set run = run + 1 where key = ?", (key,))
            return int(self._row(connection, key)["run"])

    def progress(self, key: str, stage: str, done: int, total: int | None) -> None:
        """Note how far masking is."""
        with self._writing() as connection:
            connection.execute(
                "update instance set stage = ?, stage_done = ?, stage_total = ? where key = ?",
                (stage, done, total, key),
            )

    # Deliveries

    def sending(self, key: str, before_commit: BeforeCommit = _nothing) -> None:
        """Note that objects are about to be sent.

        A ledger that can't be written is found out here, before an object has gone out of which
        nobody could then note that it has: it would be sent again and again.
        """
        with self._writing() as connection:
            connection.execute(
                "update instance set updated_at = ? where key = ?", (time.time(), key)
            )
            before_commit()

    def attempted(
        self, key: str, destination: str, error: DmaskError, dicom_status: int | None
    ) -> None:
        """Note that sending failed; a Permanent error refuses what is still pending there."""
        state = DeliveryState.REFUSED if isinstance(error, Permanent) else DeliveryState.PENDING
        with self._writing() as connection:
            connection.execute(
                "update delivery set attempts = attempts + 1, state = ?, reason = ?,"
                " dicom_status = ? where key = ? and destination = ? and state = ?",
                (state, error.reason, dicom_status, key, destination, DeliveryState.PENDING),
            )
            connection.execute(
                "update instance set updated_at = ? where key = ?", (time.time(), key)
            )

    def deliver(
        self,
        key: str,
        output: tuple[str, str],
        destination: str,
        dicom_status: int,
        before_commit: BeforeCommit = _nothing,
    ) -> bool:
        """Note that a destination has taken an object.

        Parameters
        ----------
        key : str
            Of the job.
        output : tuple of str
            Audience and role of the object.
        destination : str
            Its name.
        dicom_status : int
            What it answered.
        before_commit : callable
            See `BeforeCommit`.

        Returns
        -------
        bool
            Whether that was the last: the job stands at `FORWARDED` now.
        """
        now = time.time()
        with self._writing() as connection:
            connection.execute(
                "update delivery set state = ?, attempts = attempts + 1, reason = '',"
                " dicom_status = ?, delivered_at = ?"
                " where key = ? and audience = ? and role = ? and destination = ?",
                (DeliveryState.DELIVERED, dicom_status, now, key, *output, destination),
            )
            before_commit()
            return self._finish(connection, key)

    def _finish(self, connection: sqlite3.Connection, key: str) -> bool:
        """Let a job that has gone everywhere stand at `FORWARDED`; tell whether it has."""
        left = connection.execute(
            "select count(*) from delivery where key = ? and state != ?",
            (key, DeliveryState.DELIVERED),
        ).fetchone()[0]
        state = self._state(connection, key)
        if left or state is not JobState.MASKED:
            return False
        now = time.time()
        connection.execute(
            "update instance set state = ?, updated_at = ?, forwarded_at = ?, reason = '',"
            " hint = '' where key = ?",
            (after(state, JobEvent.DELIVERED), now, now, key),
        )
        return True

    # Looking

    def _row(self, connection: sqlite3.Connection, key: str) -> sqlite3.Row:
        row: sqlite3.Row | None = connection.execute(
            "select * from instance where key = ?", (key,)
        ).fetchone()
        if row is None:
            raise NoSuchJob(f"no job {key}")
        return row

    def _state(self, connection: sqlite3.Connection, key: str) -> JobState:
        return JobState(self._row(connection, key)["state"])

    def find(self, key: str) -> Job | None:
        """Return one job, or None."""
        rows = self._rows("select * from instance where key = ?", (key,))
        return self._job(rows[0]) if rows else None

    def job(self, key: str) -> Job:
        """Return one job.

        Raises
        ------
        NoSuchJob
            If there is no such key.
        """
        found = self.find(key)
        if found is None:
            raise NoSuchJob(f"no job {key}")
        return found

    def jobs(self, *states: JobState, limit: int = 1000, oldest: bool = False) -> tuple[Job, ...]:
        """Return the newest jobs of these states (of any, without states), the oldest first.

        With `oldest` the oldest ones: whoever works jobs off must not have the newest push them
        out of sight.
        """
        marks = ", ".join("?" * len(states))
        which = f"where state in ({marks})" if states else ""
        order = "asc" if oldest else "desc"
        rows = self._rows(
            f"select * from instance {which} order by received_at {order} limit ?",  # noqa: S608 - question marks
            (*states, limit),
        )
        return tuple(self._job(row) for row in (rows if oldest else reversed(rows)))

    def runs(self, state: JobState, limit: int = 1000) -> tuple[tuple[str, int], ...]:
        """Return key and run of the jobs of one state, the oldest first; cheap."""
        rows = self._rows(
            "select key, run from instance where state = ? order by received_at limit ?",
            (state, limit),
        )
        return tuple((row["key"], row["run"]) for row in rows)

    def counts(self) -> dict[JobState, int]:
        """Return how many jobs stand where; states without a job are left out."""
        rows = self._rows("select state, count(*) as n from instance group by state")
        return {JobState(row["state"]): row["n"] for row in rows}

    def _job(self, row: sqlite3.Row) -> Job:
        outputs = self._rows("select * from output where key = ? order by position", (row["key"],))
        deliveries = self._rows(
            "select delivery.* from delivery join output using (key, audience, role) where key = ?"
            " order by destination, position",
            (row["key"],),
        )
        return Job(
            state=JobState(row["state"]),
            outputs=tuple(
                StoredOutput(**{name: output[name] for name in StoredOutput.__slots__})
                for output in outputs
            ),
            deliveries=tuple(
                Delivery(
                    state=DeliveryState(delivery["state"]),
                    **{n: delivery[n] for n in Delivery.__slots__ if n != "state"},
                )
                for delivery in deliveries
            ),
            **{
                name: row[name]
                for name in Job.__slots__
                if name not in ("state", "outputs", "deliveries")
            },
        )
