"""What an administrator has decided about descriptors, and those that still wait, encrypted.

One SQLite file, used by the worker and by commands at the same time. A value of a source never
stands in it in clear: a row is known by an HMAC over attribute and folded value, and what waits is
sealed by AES-256-GCM under a key of its own. Of an approved row the term is kept, which goes out;
of a rejected one nothing but that it was.
"""

import hashlib
import hmac
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydicom.datadict import dictionary_VR

from dmask_node.deidentify.keys import MasterKey
from dmask_node.deidentify.text import fold, require_long_string
from dmask_node.deidentify.vocabulary import Vocabulary
from dmask_node.errors import Permanent, Transient

_log: Final = logging.getLogger(__name__)

VOCABULARY_FILE: Final = Path("vocabulary", "terms.sqlite")
"""Below the state folder."""
_LAYOUT: Final = 1
_BUSY_S: Final = 10.0
_NONCE_BYTES: Final = 12
_MAX_SHORT_STRING: Final = 16
_SCHEMA: Final = """
CREATE TABLE entries (
    id TEXT PRIMARY KEY,
    attribute TEXT NOT NULL,
    state TEXT NOT NULL,
    sealed BLOB,
    term TEXT,
    folded_term BLOB,
    count INTEGER NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL
);
CREATE INDEX by_term ON entries (attribute, folded_term);
CREATE INDEX by_state ON entries (state);
CREATE TABLE beyond (attribute TEXT PRIMARY KEY, count INTEGER NOT NULL);
"""
_DURABLE: Final = "PRAGMA synchronous = EXTRA"
_WIPE: Final = "PRAGMA secure_delete = ON"
_GET_LAYOUT: Final = "PRAGMA user_version"
_SET_LAYOUT: Final = f"PRAGMA user_version = {_LAYOUT}"
_BEGIN: Final = "BEGIN IMMEDIATE"
_COMMIT: Final = "COMMIT"
_ROLLBACK: Final = "ROLLBACK"
_DECISION_OF: Final = "SELECT state, term FROM entries WHERE id = ?"
_SAME_WORDS: Final = """
SELECT state, term FROM entries WHERE attribute = ? AND folded_term = ? ORDER BY id
"""
_SEALED_OF: Final = "SELECT sealed FROM entries WHERE id = ?"
_HOW_MANY: Final = "SELECT count(*) FROM entries WHERE state = ?"
_LIST: Final = """
SELECT id, attribute, state, coalesce(term, ''), count, first_seen, last_seen FROM entries
WHERE state = ? ORDER BY count DESC, id
"""
_LIST_BEYOND: Final = "SELECT attribute, count FROM beyond ORDER BY attribute"
_ADD: Final = "INSERT INTO entries VALUES (?, ?, ?, ?, NULL, NULL, 1, ?, ?)"
_SEEN_AGAIN: Final = """
UPDATE entries SET count = count + 1, last_seen = ? WHERE id = ? AND state = ?
"""
_COUNT_BEYOND: Final = """
INSERT INTO beyond VALUES (?, 1) ON CONFLICT (attribute) DO UPDATE SET count = count + 1
"""
_DECIDE: Final = """
UPDATE entries SET state = ?, term = ?, folded_term = ?, sealed = NULL WHERE id = ?
"""


class VocabularyUnusable(Permanent):
    """The vocabulary is of another version of the node, or damaged."""

    reason = "vocabulary_unusable"
    hint = "Use the version that wrote it, or move vocabulary/ away: what waits is queued again."


class VocabularyBusy(Transient):
    """The vocabulary could not be read or written."""

    reason = "vocabulary_busy"
    hint = "Look at free disk space, and at the owner of the folder vocabulary/."


class NoSuchEntry(Permanent):
    """No one entry of the vocabulary has an id that begins so."""

    reason = "no_such_entry"
    hint = "See `dmask vocabulary list`."


class TermRefused(Permanent):
    """A term can't stand in an object."""

    reason = "term_refused"
    hint = "Approve it under another wording: `dmask vocabulary approve ID --as TERM`."


class Decision(StrEnum):
    """What was decided about a value."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One value of one attribute, without the value."""

    id: str
    """64 hex digits, keyed."""
    attribute: str
    decision: Decision
    term: str
    """What is sent for it; empty unless approved."""
    count: int
    """In how many instances it was seen before it was decided about."""
    first_seen: str
    """Day (UTC), ``YYYY-MM-DD``."""
    last_seen: str


def _today() -> date:
    return datetime.now(UTC).date()


class SiteVocabulary:
    """The vocabulary of a site: what `Vocabulary` asks, and what an administrator decides.

    Parameters
    ----------
    path : Path
        Of the file; made, with its folder, when the first value has to wait.
    key : MasterKey
        Under another one, what waits can't be read any more, and terms approved under another
        wording are asked for anew.
    queue_unseen : bool
        Whether unseen values wait for a decision.
    max_pending : int
        How many wait at most; of more, only the number is kept.
    today : callable
        Returns the day.
    """

    def __init__(
        self,
        path: Path,
        key: MasterKey,
        *,
        queue_unseen: bool = True,
        max_pending: int = 10_000,
        today: Callable[[], date] = _today,
    ) -> None:
        self._path = path
        self._index_key = key.encryption_key("vocabulary index")
        self._cipher = AESGCM(key.encryption_key("vocabulary"))
        self._queue_unseen = queue_unseen
        self._max_pending = max_pending
        self._today = today
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    # What the header step asks

    def match(self, attribute: str, text: str) -> str | None:
        """Return the approved term for a text; see `Vocabulary`.

        A decision counts from the next call on, whichever process it was made in.

        Raises
        ------
        VocabularyBusy
            If it can't be read now: better to wait than to send a constant for an approved term.
        VocabularyUnusable
            If it can't be read at all.
        """
        with self._reading() as database:
            if database is None:
                return None
            row = database.execute(_DECISION_OF, (self._id(attribute, text),)).fetchone()
            if row is None or row[0] == Decision.PENDING:
                row = database.execute(_SAME_WORDS, (attribute, _folded(text))).fetchone()
        return str(row[1]) if row and row[0] == Decision.APPROVED else None

    def unseen(self, attribute: str, text: str) -> None:
        """Let a value wait for a decision, or count it once more; see `Vocabulary`.

        That it can't be written down is logged, and holds nothing up.
        """
        if not self._queue_unseen:
            return
        try:
            self._make()
            with self._writing() as database:
                self._note(database, attribute, text)
        except (OSError, VocabularyBusy, VocabularyUnusable) as error:
            _log.warning("descriptor_not_queued", extra={"error": type(error).__name__})

    def _note(self, database: sqlite3.Connection, attribute: str, text: str) -> None:
        id_, day = self._id(attribute, text), self._today().isoformat()
        if database.execute(_DECISION_OF, (id_,)).fetchone() is not None:
            database.execute(_SEEN_AGAIN, (day, id_, Decision.PENDING))
            return
        (waiting,) = database.execute(_HOW_MANY, (Decision.PENDING,)).fetchone()
        if waiting < self._max_pending:
            sealed = self._seal(id_, attribute, text)
            database.execute(_ADD, (id_, attribute, Decision.PENDING, sealed, day, day))
        else:
            database.execute(_COUNT_BEYOND, (attribute,))

    # What an administrator asks

    def entries(self, decision: Decision) -> tuple[Entry, ...]:
        """Return the entries that were decided about so; the most frequent first."""
        with self._reading() as database:
            if database is None:
                return ()
            rows = database.execute(_LIST, (decision,)).fetchall()
        return tuple(_entry(row) for row in rows)

    def beyond(self) -> dict[str, int]:
        """Return how often, by attribute, a value was seen that found no place to wait."""
        with self._reading() as database:
            if database is None:
                return {}
            return dict(database.execute(_LIST_BEYOND))

    def value(self, entry: Entry) -> str | None:
        """Return a value that waits, for the administrator's eyes.

        Returns
        -------
        str or None
            May identify. None if it waits no more, or was sealed under another key.
        """
        with self._reading() as database:
            if database is None:
                return None
            row = database.execute(_SEALED_OF, (entry.id,)).fetchone()
        return self._open(entry, row[0]) if row and row[0] else None

    def find(self, beginning: str) -> Entry:
        """Return the one entry whose id begins so.

        Raises
        ------
        NoSuchEntry
            If there is none, or more than one.
        """
        found = [e for d in Decision for e in self.entries(d) if e.id.startswith(beginning)]
        if len(found) != 1:
            raise NoSuchEntry(f"{len(found)} entries have such an id")
        return found[0]

    def approve(self, entry: Entry, term: str | None, before_commit: Callable[[], None]) -> str:
        """Let a term be sent for a value from now on, and forget the value.

        Parameters
        ----------
        entry : Entry
            Of `entries` or `find`; also one that was decided about before.
        term : str, optional
            What to send; without it, the value as it is.
        before_commit : callable
            Records the decision; if it raises, there is none.

        Returns
        -------
        str
            The term.

        Raises
        ------
        TermRefused
            If the term can't stand in the attribute, or no value is left to send as it is.
        """
        wording = self.value(entry) if term is None else term
        if wording is None:
            raise TermRefused("its value can't be read: it was decided about, or the key changed")
        try:
            wording = require_long_string(wording)
            wording.encode()
        except UnicodeEncodeError:
            raise TermRefused("a term needs characters that can be written") from None
        except ValueError as error:
            raise TermRefused(f"a term {error}") from None
        if len(wording) > _MAX_SHORT_STRING and dictionary_VR(entry.attribute) == "SH":
            raise TermRefused(f"{entry.attribute} takes {_MAX_SHORT_STRING} characters")
        self._decide(entry, Decision.APPROVED, wording, before_commit)
        return wording

    def reject(self, entry: Entry, before_commit: Callable[[], None]) -> None:
        """Never send this value, forget it, and do not ask again; also takes an approval back.

        Parameters
        ----------
        entry : Entry
            Of `entries` or `find`.
        before_commit : callable
            Records the decision; if it raises, there is none.
        """
        self._decide(entry, Decision.REJECTED, None, before_commit)

    def _decide(
        self,
        entry: Entry,
        decision: Decision,
        term: str | None,
        before_commit: Callable[[], None],
    ) -> None:
        with self._writing() as database:
            folded = None if term is None else _folded(term)
            database.execute(_DECIDE, (decision, term, folded, entry.id))
            before_commit()

    # Keyed and sealed

    def _id(self, attribute: str, text: str) -> str:
        mac = hmac.new(self._index_key, digestmod=hashlib.sha256)
        mac.update(attribute.encode() + b"\0" + _folded(text))
        return mac.hexdigest()

    def _seal(self, id_: str, attribute: str, text: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = text.encode("utf-8", "surrogatepass")
        return nonce + self._cipher.encrypt(nonce, plain, _bound_to(id_, attribute))

    def _open(self, entry: Entry, sealed: bytes) -> str | None:
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            plain = self._cipher.decrypt(nonce, rest, _bound_to(entry.id, entry.attribute))
        except (InvalidTag, ValueError):
            return None
        return plain.decode("utf-8", "surrogatepass")

    # The file

    def _make(self) -> None:
        """Make folder and file for the node's user alone."""
        if not self._path.exists():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """Give the file, or None while nothing was ever written."""
        with self._lock, _told():
            yield self._open_file() if self._path.exists() else None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Give the file for one change, on disk when the block has ended, or not made at all."""
        with self._lock, _told():
            database = self._open_file()
            database.execute(_BEGIN)
            try:
                yield database
                database.execute(_COMMIT)
            except BaseException:
                database.execute(_ROLLBACK)
                raise

    def _open_file(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(
                self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            try:
                _prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables, or check that they are ours."""
    connection.execute(_DURABLE)
    connection.execute(_WIPE)
    connection.execute(_BEGIN)  # of two processes, one makes the tables
    (layout,) = connection.execute(_GET_LAYOUT).fetchone()
    if layout == 0:
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(_SET_LAYOUT)
    connection.execute(_COMMIT)
    if layout not in (0, _LAYOUT):
        raise VocabularyUnusable(f"terms.sqlite has layout {layout}; this node knows {_LAYOUT}")


@contextmanager
def _told() -> Iterator[None]:
    """Turn what SQLite raises into what the node does next; its messages are not passed on."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise VocabularyBusy(f"terms.sqlite: {error.sqlite_errorname}") from None
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        raise VocabularyUnusable(f"terms.sqlite: {name}") from None


def _folded(text: str) -> bytes:
    return fold(text).encode("utf-8", "surrogatepass")


def _bound_to(id_: str, attribute: str) -> bytes:
    """Bind a sealed value to its row: moved to another one, it does not open."""
    return f"{attribute}\0{id_}".encode()


def _entry(row: Sequence[object]) -> Entry:
    id_, attribute, state, term, count, first_seen, last_seen = row
    return Entry(
        id=str(id_),
        attribute=str(attribute),
        decision=Decision(str(state)),
        term=str(term),
        count=int(str(count)),
        first_seen=str(first_seen),
        last_seen=str(last_seen),
    )


class OneInstance:
    """A vocabulary as one instance meets it: what several audiences lack is noted once.

    Parameters
    ----------
    vocabulary : Vocabulary
        Asked and told.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._noted: set[tuple[str, str]] = set()

    def match(self, attribute: str, text: str) -> str | None:
        """Ask the vocabulary."""
        return self._vocabulary.match(attribute, text)

    def unseen(self, attribute: str, text: str) -> None:
        """Tell the vocabulary, the first time."""
        if (attribute, text) not in self._noted:
            self._noted.add((attribute, text))
            self._vocabulary.unseen(attribute, text)
