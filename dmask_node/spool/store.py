"""The node's folders: what comes in, what was masked, what needs a person.

Below the state folder::

    incoming/                    parts of objects that are being received
    spool/<key>.dcm              originals, under names that tell nothing
    work/<key>/                  of the worker, emptied at its start
    gated/<key>/<audience>/      masked objects that have passed the last gate: the only ones that
                                 can be sent
    masked/<key>/                what people read beside them
    quarantine/<key>/            object.dcm and reason.json
    ledger.sqlite                what became of each

Nothing is acknowledged before file, ledger row and audit record are on disk.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from dmask_node.errors import DmaskError, Permanent
from dmask_node.records.arrivals import Arrival
from dmask_node.records.gated import MaskedInstance
from dmask_node.records.jobs import Job, JobEvent, JobState, StoredOutput
from dmask_node.records.masked import MaskedObject
from dmask_node.spool.files import (
    empty_folder,
    link_durably,
    make_folder,
    move_durably,
    sha256_of,
    sync_folder,
    write_durably,
)
from dmask_node.spool.ledger import Ledger

LEDGER_FILE: Final = "ledger.sqlite"
"""Below the state folder."""

COMPANIONS: Final = ("report.html", "measurements.csv")
"""What people and scripts read beside the masked objects. Free of identity; never sent."""

_DIGEST_DIGITS: Final = 32
"""Of the keyed digest in a key: 128 bits, so that no two instances share one by chance."""

_SHA256_DIGITS: Final = 16
"""Of the file's SHA-256 in a key: tells two files that claim one SOP Instance UID apart."""

Fact = str | int | float
Record = Callable[[str, str, str, Mapping[str, Fact]], None]
"""``record(event, job, outcome, facts)``: write one audit record, on disk when it returns."""


class OriginalMissing(Permanent):
    """The original is not where the ledger says it is."""

    reason = "original_missing"
    hint = "Was the state folder restored from a backup, or a file deleted by hand? Send it again."


class OutputDamaged(Permanent):
    """A masked object has not the digest it was written with."""

    reason = "output_damaged"
    hint = "The disk may be failing. Retry the job to mask the original again."


class Spool:
    """Files and ledger, kept in step.

    Parameters
    ----------
    state_dir : Path
        The node's state folder; made when missing.
    keyed_digest : callable
        From a string to a hex digest under the node's key.
    record : callable
        See `Record`.
    """

    def __init__(self, state_dir: Path, keyed_digest: Callable[[str], str], record: Record) -> None:
        self.state_dir = make_folder(state_dir)
        self.incoming = make_folder(state_dir / "incoming")
        self.originals = make_folder(state_dir / "spool")
        self.work = make_folder(state_dir / "work")
        self.gated = make_folder(state_dir / "gated")
        self.masked = make_folder(state_dir / "masked")
        self.quarantine = make_folder(state_dir / "quarantine")
        self.ledger = Ledger(state_dir / LEDGER_FILE)
        self._keyed_digest = keyed_digest
        self._record = record

    # What comes in

    def take_in(self, arrival: Arrival) -> str:
        """Make a received instance the node's own; after this it may be acknowledged.

        The same bytes again are counted and not processed twice, unless they are in quarantine or
        were discarded from there: then they get another try.

        Parameters
        ----------
        arrival : Arrival
            Its file is taken away.

        Returns
        -------
        str
            Key of its job.

        Raises
        ------
        DmaskError
            Nothing was taken in, and nothing may be acknowledged.
        OSError
            Likewise.
        """
        key, digest, sha256 = self._identify(arrival)
        known = self.ledger.find(key)
        if known is None:
            size_bytes = arrival.path.stat().st_size
            move_durably(arrival.path, self.original(key))
            self._enter(key, digest, sha256, size_bytes, arrival, None)
            return key
        discarded = known.state is JobState.PURGED and known.forwarded_at is None
        if known.state in (JobState.FORWARDED, JobState.PURGED) and not discarded:
            arrival.path.unlink()
        else:
            move_durably(arrival.path, self.original(key))
        self.ledger.receive_again(
            key, lambda: self._record("received_again", key, "ok", {"state": known.state})
        )
        if known.state is JobState.QUARANTINED or discarded:
            self.retry(key)
        return key

    def refuse(self, arrival: Arrival, error: DmaskError) -> str:
        """Keep an instance that the sender is told is not accepted, for a person to look at.

        Parameters
        ----------
        arrival : Arrival
            Its file is taken away.
        error : DmaskError
            Why.

        Returns
        -------
        str
            Key of its job, in quarantine.
        """
        key, digest, sha256 = self._identify(arrival)
        if self.ledger.find(key) is not None:
            arrival.path.unlink()
            self.ledger.receive_again(
                key,
                lambda: self._record("received_again", key, "refused", {"reason": error.reason}),
            )
            return key
        folder = make_folder(self.quarantine / key)
        size_bytes = arrival.path.stat().st_size
        move_durably(arrival.path, folder / "object.dcm")
        self._explain(key, error)
        self._enter(key, digest, sha256, size_bytes, arrival, error)
        return key

    def _identify(self, arrival: Arrival) -> tuple[str, str, str]:
        digest = self._keyed_digest(arrival.sop_instance_uid)[:_DIGEST_DIGITS]
        sha256 = sha256_of(arrival.path)
        return f"{digest}-{sha256[:_SHA256_DIGITS]}", digest, sha256

    def _enter(
        self,
        key: str,
        digest: str,
        sha256: str,
        size_bytes: int,
        arrival: Arrival,
        error: DmaskError | None,
    ) -> None:
        facts: dict[str, Fact] = {
            "sha256": sha256,
            "size_bytes": size_bytes,
            "sop_class_uid": arrival.sop_class_uid,
            "transfer_syntax_uid": arrival.transfer_syntax_uid,
            "calling_ae_title": arrival.calling_ae_title,
        }
        if error is not None:
            facts["reason"] = error.reason
        event, outcome = ("quarantined", "failed") if error else ("received", "ok")
        self.ledger.receive(
            key=key,
            instance_digest=digest,
            sha256=sha256,
            size_bytes=size_bytes,
            sop_class_uid=arrival.sop_class_uid,
            transfer_syntax_uid=arrival.transfer_syntax_uid,
            calling_ae_title=arrival.calling_ae_title,
            refused=error,
            before_commit=lambda: self._record(event, key, outcome, facts),
        )

    # Where things are

    def original(self, key: str) -> Path:
        """Return where the original of a job is."""
        return self.originals / f"{key}.dcm"

    def require_original(self, key: str) -> Path:
        """Return the original of a job, fetched back from quarantine if it is there.

        Raises
        ------
        OriginalMissing
            If it is in neither place.
        """
        path = self.original(key)
        kept = self.quarantine / key / "object.dcm"
        if not path.exists() and kept.exists():
            link_durably(kept, path)
        if not path.exists():
            raise OriginalMissing
        return path

    def work_folder(self, key: str) -> Path:
        """Return an empty folder for the worker."""
        folder = self.work / key
        if folder.exists():
            shutil.rmtree(folder)
        return make_folder(folder)

    def clear_work(self, key: str | None = None) -> None:
        """Delete what the worker has left of one job, or of all."""
        if key is None:
            empty_folder(self.work)
        else:
            shutil.rmtree(self.work / key, ignore_errors=True)

    def require_output(self, output: StoredOutput) -> Path:
        """Return the file of a masked object, its digest checked.

        Raises
        ------
        OutputDamaged
            If it is missing, was changed, or lies elsewhere than where gated objects do.
        """
        path = self.state_dir / output.file
        if not path.resolve().is_relative_to(self.gated.resolve()):
            raise OutputDamaged(f"the masked {output.role} is not among the gated objects")
        if not path.is_file() or sha256_of(path) != output.sha256:
            raise OutputDamaged(f"the masked {output.role} has not its recorded SHA-256")
        return path

    # What becomes of it

    def store_outputs(self, key: str, masked: MaskedInstance) -> tuple[StoredOutput, ...]:
        """Move the masked objects of a job to where they may be sent from.

        Parameters
        ----------
        key : str
            Of the job.
        masked : MaskedInstance
            Its objects have passed the last gate. What people read lies beside its video.

        Returns
        -------
        tuple of StoredOutput
            In the order in which they are sent.
        """
        folder = make_folder(self.masked / key)
        sync_folder(self.masked)
        for name in COMPANIONS:
            companion = masked.encoded.path.with_name(name)
            if companion.exists():
                move_durably(companion, folder / name)
        return tuple(
            self._store_gated(key, study.audience, gated)
            for study in masked.studies
            for gated in study.objects
        )

    def _store_gated(self, key: str, audience: str, gated: MaskedObject) -> StoredOutput:
        folder = make_folder(make_folder(self.gated / key) / audience)
        sync_folder(self.gated)
        target = folder / f"{gated.role}.dcm"
        move_durably(gated.path, target)
        return StoredOutput(
            audience=audience,
            role=gated.role,
            file=str(target.relative_to(self.state_dir)),
            sop_class_uid=gated.sop_class_uid,
            sop_instance_uid=gated.sop_instance_uid,
            transfer_syntax_uid=gated.transfer_syntax_uid,
            sha256=gated.sha256,
            size_bytes=gated.size_bytes,
        )

    def set_aside(self, key: str, error: DmaskError) -> None:
        """Put a job into quarantine, with what came in and why it is there.

        The original has its second name in quarantine, on disk, before it loses its first one. That
        happens before the commit: after it another process may give the job another try, and what
        were deleted then would be the original of that.
        """
        make_folder(self.quarantine / key)
        sync_folder(self.quarantine)
        if self.original(key).exists():
            link_durably(self.original(key), self.quarantine / key / "object.dcm")
        self._explain(key, error)

        def leave() -> None:
            self._record("quarantined", key, "failed", {"reason": error.reason})
            self.original(key).unlink(missing_ok=True)

        self.ledger.advance(key, JobEvent.FAILED_PERMANENT, error=error, before_commit=leave)

    def _explain(self, key: str, error: DmaskError) -> None:
        """Write beside a quarantined object why it is there; nothing in it tells who it shows."""
        reason = {
            "key": key,
            "reason": error.reason,
            "what": str(error),  # says attributes and numbers, never a value
            "hint": error.hint,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        content = json.dumps(reason, indent=2).encode() + b"\n"
        write_durably(self.quarantine / key / "reason.json", content)

    def retry(self, key: str) -> None:
        """Take a job out of quarantine for another try, as a person or a new sending asks.

        Its folder in quarantine goes before the commit: after it the worker may put the job there
        again.

        Raises
        ------
        OriginalMissing
            If its original is gone.
        ImpossibleTransition
            If it is not in quarantine.
        """
        self.require_original(key)

        def leave() -> None:
            self._record("retried", key, "ok", {})
            shutil.rmtree(self.quarantine / key, ignore_errors=True)

        self.ledger.advance(key, JobEvent.RETRIED, before_commit=leave)

    def purge(self, key: str, event: JobEvent = JobEvent.EXPIRED) -> None:
        """Delete every file of a job; its row and its records remain.

        Parameters
        ----------
        key : str
            Of a forwarded job; of a quarantined one with `JobEvent.DISCARDED`.
        event : JobEvent
            `EXPIRED` or `DISCARDED`.
        """

        def delete() -> None:  # before the commit: after it the same bytes may come in again
            self._record("purged", key, "ok", {"why": event.value})
            self._delete_files(key)

        self.ledger.advance(key, event, before_commit=delete)

    def _delete_files(self, key: str) -> None:
        self.original(key).unlink(missing_ok=True)
        for folder in (self.gated, self.masked, self.quarantine, self.work):
            shutil.rmtree(folder / key, ignore_errors=True)

    # After a crash

    def tidy(self, adopt: Callable[[Path], Arrival | None]) -> None:
        """Bring files and ledger into step; for the start of the receiving process, alone.

        Parts of objects go: they were never acknowledged. An original without a row was whole but
        not acknowledged; it is taken in, for the sender may not come back. Files of purged jobs,
        and originals of quarantined ones that still have their first name, are deleted.

        Parameters
        ----------
        adopt : callable
            Reads an original anew; None if it can't be understood.
        """
        parts = empty_folder(self.incoming)
        if parts:
            self._record("partials_discarded", "", "ok", {"files": parts})
        for path in sorted(self.originals.glob("*.dcm")):
            job = self.ledger.find(path.stem)
            if job is None:
                self._adopt(path, adopt)
            elif job.state is JobState.QUARANTINED:
                make_folder(self.quarantine / job.key)
                link_durably(path, self.quarantine / job.key / "object.dcm")
                path.unlink()
            elif job.state is JobState.PURGED:
                path.unlink()
        for folder in (self.gated, self.masked, self.quarantine):
            for entry in folder.iterdir():
                job = self.ledger.find(entry.name)
                if job is not None and job.state is JobState.PURGED:
                    shutil.rmtree(entry)

    def _adopt(self, path: Path, adopt: Callable[[Path], Arrival | None]) -> None:
        arrival = adopt(path)
        if arrival is None:
            path.unlink()
            self._record("partials_discarded", "", "ok", {"files": 1})
            return
        self.take_in(arrival)  # under another key, if the node's key was changed in between


def intact(job: Job, spool: Spool) -> bool:
    """Tell whether a job has all its masked objects on disk, unchanged."""
    try:
        for output in job.outputs:
            spool.require_output(output)
    except OutputDamaged:
        return False
    return bool(job.outputs)
