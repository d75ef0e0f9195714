"""Records of the audit journal, each sealed to the one before (pure).

``hash = SHA-256(canonical JSON of the record without its hash)``; the record holds the hash of the
one before as ``prev``. So a changed, dropped, inserted or moved record breaks the chain from there
on. That the last records were cut off can't be seen in the chain itself: the head, kept beside the
journal, tells how far it had come.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dmask_node.errors import Permanent

GENESIS: Final = "0" * 64
"""``prev`` of the first record."""

FIELDS: Final = frozenset(
    {"seq", "time", "node", "software", "event", "job", "outcome", "facts", "prev", "hash"}
)
"""What a record has, no less and no more."""

ALLOWED_FACTS: Final = frozenset(
    {
        "attempts",
        "attribute",
        "audience",
        "bytes",
        "calling_ae_title",
        "columns",
        "count",
        "decode_seconds",
        "delay_s",
        "destination",
        "dicom_status",
        "draw_seconds",
        "error",
        "exit_code",
        "files",
        "frames",
        "frames_with_face",
        "image_sha256",
        "image_uid",
        "key_fingerprint",
        "pid",
        "port",
        "profile",
        "profile_digest",
        "reason",
        "recipient_serial",
        "report_sha256",
        "report_uid",
        "role",
        "rows",
        "run",
        "seconds",
        "sha256",
        "size_bytes",
        "sop_class_uid",
        "sop_instance_uid",
        "stage",
        "state",
        "transfer_syntax_uid",
        "user",
        "vocabulary_id",
        "why",
        "worker_deaths",
    }
)
"""Facts that a record may state. ``sop_instance_uid``, ``image_uid`` and ``report_uid`` are the
outgoing ones; a source UID has no name here."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9 ._:/+?@-]{0,128}")
"""What a text in a record is made of: codes, digests, UIDs, our own names; ``?`` stands for an AE
title that is no plain one."""

Fact = str | int | float


class FactRefused(Permanent):
    """A record was to state a fact that is not on the list: a fault in the node itself."""

    reason = "fact_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Where and how the chain is broken."""

    line: int
    """The first bad line, from 1."""
    what: str
    """In words."""


def canonical(record: Mapping[str, Any]) -> bytes:
    """Return the one spelling of a record that is hashed: keys sorted, no spaces, ASCII."""
    return json.dumps(
        record, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode()


def digest(record: Mapping[str, Any]) -> str:
    """Return the hash of a record, over all of it but ``hash``."""
    return hashlib.sha256(
        canonical({name: value for name, value in record.items() if name != "hash"})
    ).hexdigest()


def require_allowed(facts: Mapping[str, Fact]) -> None:
    """Check that facts are on the list, and that texts are plain.

    Raises
    ------
    FactRefused
        Names the fact, never its value.
    """
    for name, value in facts.items():
        if name not in ALLOWED_FACTS:
            raise FactRefused(f"{name} is not an allowed fact")
        if isinstance(value, str) and not _PLAIN.fullmatch(value):
            raise FactRefused(f"{name} is not plain text")


def seal(
    *,
    seq: int,
    prev: str,
    time: str,
    node: str,
    software: str,
    event: str,
    job: str,
    outcome: str,
    facts: Mapping[str, Fact],
) -> dict[str, Any]:
    """Make the next record.

    Parameters
    ----------
    seq : int
        Its number, from 1.
    prev : str
        Hash of the record before, or `GENESIS`.
    time : str
        UTC, ISO 8601.
    node, software : str
        Who writes.
    event, job, outcome : str
        What happened, to which job (empty for the node itself), and how it went.
    facts : mapping
        Of `ALLOWED_FACTS`.

    Returns
    -------
    dict
        With its ``hash``.

    Raises
    ------
    FactRefused
        If a text is not plain or a fact not allowed.
    """
    require_allowed(facts)
    for text in (time, node, software, event, job, outcome):
        if not _PLAIN.fullmatch(text):
            raise FactRefused("a field of the record is not plain text")
    record: dict[str, Any] = {
        "seq": seq,
        "time": time,
        "node": node,
        "software": software,
        "event": event,
        "job": job,
        "outcome": outcome,
        "facts": dict(facts),
        "prev": prev,
    }
    record["hash"] = digest(record)
    return record


def parse(line: bytes) -> dict[str, Any] | None:
    """Return the record that a line holds; None if it is none, or its hash is not its own."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or set(record) != FIELDS:
        return None
    if canonical(record) != line.rstrip(b"\n"):  # one record, one spelling
        return None
    return record if digest(record) == record["hash"] else None


def verify(lines: Iterable[bytes], head: tuple[int, str] | None = None) -> Fault | None:
    """Follow the chain.

    Parameters
    ----------
    lines : iterable of bytes
        The journal, each line with its line feed.
    head : tuple of int and str, optional
        Number and hash of the last record, as kept beside the journal. The journal may be ahead
        of it, by what was written when the node died; behind it, records were cut off.

    Returns
    -------
    Fault or None
        The first fault, or None if there is none.
    """
    seq, prev = 0, GENESIS
    for number, line in enumerate(lines, start=1):
        record = parse(line)
        if record is None or not line.endswith(b"\n"):
            return Fault(line=number, what="the line was changed, or is not whole")
        if record["prev"] != prev:
            return Fault(line=number, what="a line before it was dropped, inserted or moved")
        if record["seq"] != seq + 1:
            return Fault(line=number, what=f"number {record['seq']} where {seq + 1} must follow")
        seq, prev = record["seq"], record["hash"]
        if head is not None and head[0] == seq and head[1] != prev:
            return Fault(line=number, what="the record is not the one the head was set to")
    if head is not None and head[0] > seq:
        return Fault(line=seq + 1, what=f"{head[0] - seq} records were cut off at the end")
    return None
