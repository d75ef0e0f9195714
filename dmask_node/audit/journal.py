"""The audit journal on disk: JSON Lines, append-only, hash-chained, written by several processes.

`Journal.append` returns when the record is on disk. Writers take turns under a lock on the file.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from dmask_node.audit.chain import GENESIS, Fact, Fault, canonical, parse, seal, verify
from dmask_node.errors import Transient
from dmask_node.version import VERSION

_TAIL_BYTES: Final = 64 * 1024
"""Read from the end to find the last record; a record has less than 8 KiB."""

_HEAD_BYTES: Final = 128
"""The head is one line of this length, written over in place."""


class JournalUnwritable(Transient):
    """The audit journal can't be written, so nothing may happen that must stand in it."""

    reason = "journal_unwritable"
    hint = "Look at free disk space and at the owner of the audit folder."


class Journal:
    """The audit journal of one node.

    Parameters
    ----------
    folder : Path
        Holds ``journal.jsonl``, ``head`` and, after a crash in mid-write, ``torn-<seq>.bin``.
        Made when missing.
    node : str
        Name of the node, as it stands in each record.
    """

    def __init__(self, folder: Path, node: str) -> None:
        self.folder = folder
        self.path = folder / "journal.jsonl"
        self._head = folder / "head"
        self._node = node
        for missing in reversed([f for f in (folder, *folder.parents) if not f.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)

    def append(
        self, event: str, job: str, outcome: str, facts: Mapping[str, Fact] | None = None
    ) -> None:
        """Write one record; it is on disk when this returns.

        Parameters
        ----------
        event : str
            What happened, in snake_case.
        job : str
            Key of the job, or empty.
        outcome : str
            ``ok``, ``failed`` or ``refused``.
        facts : mapping, optional
            Of `dmask_node.audit.chain.ALLOWED_FACTS`.

        Raises
        ------
        FactRefused
            If a fact may not stand in the journal.
        JournalUnwritable
            If it could not be written; the journal is as it was.
        """
        try:
            with self._turn() as file:
                seq, prev = self._last(file)
                self._write(file, seq + 1, prev, event, job, outcome, facts or {})
        except OSError as error:
            raise JournalUnwritable(f"journal.jsonl: {type(error).__name__}") from None

    def verify(self) -> Fault | None:
        """Follow the chain from the first record to the last; return the first fault."""
        if not self.path.exists():
            return verify([], self._read_head())
        with self.path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            head = self._read_head()
            if head is None and os.fstat(file.fileno()).st_size:
                return Fault(line=0, what="the head is missing or was changed")
            return verify(file, head)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the records, the first first; a line that is not one is passed over."""
        if self.path.exists():
            with self.path.open("rb") as file:
                for line in file:
                    record = parse(line)
                    if record is not None:
                        yield record

    @contextmanager
    def _turn(self) -> Iterator[int]:
        """Hold the file, locked against every other writer."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)  # and with it the lock

    def _last(self, file: int) -> tuple[int, str]:
        """Return number and hash of the last record; set a torn end aside first."""
        size = os.fstat(file).st_size
        start = max(0, size - _TAIL_BYTES)
        tail = os.pread(file, size - start, start)
        whole = tail[: tail.rfind(b"\n") + 1]
        torn = tail[len(whole) :]
        lines = whole.splitlines(keepends=True)
        record = parse(lines[-1]) if lines else None
        if lines and record is None:
            # Changed by someone, not torn: go on from what it claims, so that verify finds it.
            record = _claim(lines[-1])
        seq, prev = (record["seq"], record["hash"]) if record else (0, GENESIS)
        if torn:
            return self._repair(file, size - len(torn), torn, seq, prev)
        return seq, prev

    def _repair(self, file: int, end: int, torn: bytes, seq: int, prev: str) -> tuple[int, str]:
        """Move the torn end aside and say so in the journal."""
        aside = self.folder / f"torn-{seq + 1}.bin"
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, torn)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.ftruncate(file, end)
        facts: dict[str, Fact] = {
            "bytes": len(torn),
            "sha256": hashlib.sha256(torn).hexdigest(),
        }
        return self._write(file, seq + 1, prev, "journal_repaired", "", "ok", facts)

    def _write(
        self,
        file: int,
        seq: int,
        prev: str,
        event: str,
        job: str,
        outcome: str,
        facts: Mapping[str, Fact],
    ) -> tuple[int, str]:
        record = seal(
            seq=seq,
            prev=prev,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            node=self._node,
            software=f"dmask-node {VERSION}",
            event=event,
            job=job,
            outcome=outcome,
            facts=facts,
        )
        line = canonical(record) + b"\n"
        end = os.fstat(file).st_size
        try:
            _write_all(file, line)
            os.fsync(file)
        except OSError:
            os.ftruncate(file, end)
            raise
        if seq == 1:
            self._sync_folder()
        self._write_head(seq, record["hash"])
        return seq, record["hash"]

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    # The head is not synced: after a power cut it may be behind, which `verify` allows; it is
    # never ahead, for the record it names was synced before.

    def _write_head(self, seq: int, digest: str) -> None:
        line = json.dumps({"seq": seq, "hash": digest}).encode().ljust(_HEAD_BYTES - 1) + b"\n"
        descriptor = os.open(self._head, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(descriptor, line, 0)
        finally:
            os.close(descriptor)

    def _read_head(self) -> tuple[int, str] | None:
        try:
            head = json.loads(self._head.read_bytes())
            return int(head["seq"]), str(head["hash"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _write_all(file: int, content: bytes) -> None:
    """Write a line; the disk may fill up in the middle of it."""
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]


def _claim(line: bytes) -> dict[str, Any]:
    """Read number and hash that a changed record claims to have."""
    try:
        claimed = json.loads(line)
        return {"seq": int(claimed["seq"]), "hash": str(claimed["hash"])}
    except (ValueError, KeyError, TypeError):
        return {"seq": 0, "hash": GENESIS}
