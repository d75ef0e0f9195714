"""Keyed names: outgoing UIDs and pseudonyms from one secret.

One master key, one sub-key per purpose, epoch and destination label, each by HMAC-SHA256
(RFC 2104). Who lacks the key can't get from an outgoing name to the source, not even by trying all
seven-digit record numbers; two destinations with different labels can't join their pseudonyms.
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

from dmask_node.errors import Permanent

MIN_KEY_BYTES: Final = 32
"""As long as the output of SHA-256: a shorter key would be the weaker part (RFC 2104, 3)."""
_MAX_FILE_BYTES: Final = 4096
_MIN_DISTINCT_BYTES: Final = 12
"""32 random bytes hold about 30 distinct values and practically never fewer than 20; a file of
zeros or of one repeated word holds few."""
_PURPOSES: Final = ("uid", "pseudonym", "fingerprint", "date")
_SHORTEST_OFFSET_S: Final = 366 * 86_400
"""A year at the least, so that no shifted date lies in the future."""
_LONGEST_OFFSET_S: Final = 3_652 * 86_400
"""Ten years."""
_CREDENTIAL_MODES: Final = frozenset({0o400, 0o440, 0o600})
_LABEL: Final = re.compile(r"[A-Za-z0-9._-]{1,32}")


class KeyFileUnusable(Permanent):
    """The key file can't be used."""

    reason = "key_file_unusable"
    hint = "Mend what the message names, or restore the key from escrow; see `dmask keys`."


class KeyMissing(KeyFileUnusable):
    """There is no master key where the settings say."""

    reason = "key_missing"
    hint = "New site: `dmask keys create`. Else restore the key from escrow; never make a new one."


class KeyFileExists(Permanent):
    """There is a key file already; a new key would rename every patient."""

    reason = "key_file_exists"
    hint = "Keep the key. To start over, move it away yourself and keep it in escrow."


class MasterKey:
    """The one secret of a node, from which every keyed name is made.

    Parameters
    ----------
    master : bytes
        At least 32 random bytes.

    Raises
    ------
    KeyFileUnusable
        If the key is short or plainly not random.
    """

    def __init__(self, master: bytes) -> None:
        if len(master) < MIN_KEY_BYTES:
            raise KeyFileUnusable(f"the key has {len(master)} bytes; {MIN_KEY_BYTES} are needed")
        if len(set(master)) < _MIN_DISTINCT_BYTES:
            raise KeyFileUnusable("the key is not random: it repeats a few byte values")
        self._master = master
        # What the node keeps for itself must be known again whatever the epoch is.
        self._ledger_key = _mac(master, "dmask", "ledger")

    @classmethod
    def from_file(cls, path: Path, *, credential: bool = False) -> Self:
        """Read the master key.

        Parameters
        ----------
        path : Path
            At least 32 random bytes, raw or as hex digits (white space around them is passed
            over). Readable by its owner alone (mode 0600 or 0400).
        credential : bool
            Whether systemd made the file (LoadCredential=). Then it may have mode 0440, which is
            how an access control list for the service's user shows, if root or this user owns it.

        Returns
        -------
        MasterKey

        Raises
        ------
        KeyMissing
            If there is no such file.
        KeyFileUnusable
            If it is not a regular file, readable by others, too short, too long, text other than
            hex digits, or not random.
        """
        return cls(_read_master(path, credential=credential))

    @classmethod
    def passing(cls) -> Self:
        """Make a key that ends with the process, for what is thrown away when it has been timed."""
        return cls(secrets.token_bytes(MIN_KEY_BYTES))

    def __repr__(self) -> str:
        return f"MasterKey(fingerprint={self.fingerprint()!r})"

    def keys(self, epoch: str, label: str) -> "Keys":
        """Return the sub-keys of one epoch and one label; see `Keys`."""
        return Keys(self._master, epoch=epoch, label=label)

    def keyed_digest(self, value: str) -> str:
        """Return a digest by which the node knows a source value again without storing it.

        Parameters
        ----------
        value : str
            Such as a source SOP Instance UID; padding is passed over.

        Returns
        -------
        str
            64 hex digits, the same in every epoch and for every label.
        """
        return _mac(self._ledger_key, value.strip(" \0")).hex()

    def encryption_key(self, purpose: str) -> bytes:
        """Return 32 bytes for AES-256, the same in every epoch; one key for each purpose."""
        return _mac(self._master, "dmask", "encryption", purpose)

    def fingerprint(self) -> str:
        """Return 16 hex digits that name the key without telling it."""
        return _mac(self._master, "dmask", "fingerprint").hex()[:16]


class Keys:
    """The sub-keys of one epoch and one label, as `MasterKey.keys` returns them.

    Parameters
    ----------
    master : bytes
        Checked by `MasterKey`.
    epoch : str
        Raised on rotation: all outgoing names change with it. 1 to 32 of ``A-Za-z0-9._-``.
    label : str
        Names the receivers; names made under two labels can't be joined. As `epoch`.

    Raises
    ------
    ValueError
        If epoch or label has other characters.
    """

    def __init__(self, master: bytes, *, epoch: str, label: str) -> None:
        for name, value in (("epoch", epoch), ("label", label)):
            if not _LABEL.fullmatch(value):
                raise ValueError(f"{name} must be 1 to 32 letters, digits, dots, dashes")
        self.epoch, self.label = epoch, label
        self._sub_keys = {
            purpose: _mac(master, "dmask", epoch, label, purpose) for purpose in _PURPOSES
        }

    def __repr__(self) -> str:
        return f"Keys(fingerprint={self.fingerprint()!r})"

    def uid(self, *parts: str) -> str:
        """Return the outgoing UID that stands for these parts.

        Parameters
        ----------
        *parts : str
            What the UID depends on; ``("a", "bc")`` and ``("ab", "c")`` give different UIDs.

        Returns
        -------
        str
            ``2.25.`` and the decimal value of a version 8 UUID (RFC 9562 5.8; PS3.5 B.2), 122 bits
            of it keyed; at most 44 characters.
        """
        octets = bytearray(_mac(self._sub_keys["uid"], *parts)[:16])
        octets[6] = octets[6] & 0x0F | 0x80
        octets[8] = octets[8] & 0x3F | 0x80
        return f"2.25.{int.from_bytes(octets, 'big')}"

    def pseudonym(self, *parts: str) -> str:
        """Return the pseudonym that stands for these parts.

        Returns
        -------
        str
            16 characters of base32 (RFC 4648), 80 bits; fits SH and LO.
        """
        return base64.b32encode(_mac(self._sub_keys["pseudonym"], *parts)[:10]).decode("ascii")

    def date_offset(self, *parts: str) -> timedelta:
        """Return how far back the dates of these parts are moved.

        Returns
        -------
        timedelta
            366 to 3652 days, to the second, each as likely as any other.
        """
        number = int.from_bytes(_mac(self._sub_keys["date"], *parts)[:16], "big")
        span = _LONGEST_OFFSET_S - _SHORTEST_OFFSET_S + 1
        return timedelta(seconds=_SHORTEST_OFFSET_S + number % span)

    def fingerprint(self) -> str:
        """Return 16 hex digits that name key, epoch and label without telling them."""
        return _mac(self._sub_keys["fingerprint"]).hex()[:16]


def create_key_file(
    path: Path, before_commit: Callable[[MasterKey], None] = lambda _: None
) -> MasterKey:
    """Make a new random master key: 64 hex digits, mode 0600.

    The file appears whole or not at all, also after a power cut, and never replaces another; of
    two processes that start at once, one wins and the other is told.

    Parameters
    ----------
    path : Path
        Where to. Its folder must exist.
    before_commit : callable
        Called with the key before its file appears; if it raises, none appears.

    Returns
    -------
    MasterKey
        The new one.

    Raises
    ------
    KeyFileExists
        If there is a file already.
    KeyFileUnusable
        If it can't be written.
    """
    if path.exists() or path.is_symlink():
        raise KeyFileExists(f"{path} exists")
    master = secrets.token_bytes(MIN_KEY_BYTES)
    key = MasterKey(master)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(master.hex().encode("ascii") + b"\n")
                file.flush()
                os.fsync(file.fileno())
            before_commit(key)
            os.link(temporary, path)  # unlike rename, fails where a file stands
        finally:
            temporary.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        raise KeyFileExists(f"{path} exists") from None
    except OSError as error:
        raise KeyFileUnusable(f"{path} can't be written: {error.strerror}") from None
    return key


def _read_master(path: Path, *, credential: bool) -> bytes:
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            data = file.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise KeyMissing(f"{path} does not exist") from None
    except OSError as error:
        raise KeyFileUnusable(f"{path} can't be read: {error.strerror}") from None
    if not stat.S_ISREG(state.st_mode):
        raise KeyFileUnusable(f"{path} is not a regular file")
    _require_private(path, state, credential=credential)
    if len(data) > _MAX_FILE_BYTES:
        raise KeyFileUnusable(f"{path} is longer than {_MAX_FILE_BYTES} bytes; that is no key")
    text = data.strip()
    if re.fullmatch(rb"(?:[0-9a-fA-F]{2})+", text):
        master = bytes.fromhex(text.decode("ascii"))
    elif text and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in data):
        # 32 random bytes are never all printable: this is a passphrase, or base64, or a mistake.
        raise KeyFileUnusable(f"{path} holds text; a key is hex digits or raw random bytes")
    else:
        master = data
    try:
        MasterKey(master)
    except KeyFileUnusable as error:
        raise KeyFileUnusable(f"{path}: {error}") from None
    return master


def _require_private(path: Path, state: os.stat_result, *, credential: bool) -> None:
    mode = stat.S_IMODE(state.st_mode)
    if credential:
        if mode not in _CREDENTIAL_MODES or state.st_uid not in (0, os.geteuid()):
            raise KeyFileUnusable(
                f"{path} has mode {mode:04o} and owner {state.st_uid}; systemd makes credentials "
                "that only the service's user can read"
            )
    elif mode & 0o077:
        raise KeyFileUnusable(f"{path} has mode {mode:04o}; others may read it; chmod it to 0600")


def _mac(key: bytes, *parts: str) -> bytes:
    """HMAC-SHA256 over length-prefixed parts, so that no two lists of parts run together."""
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        octets = part.encode("utf-8", "surrogatepass")
        mac.update(len(octets).to_bytes(8, "big"))
        mac.update(octets)
    return mac.digest()
