"""Search bytes for secrets, however they are spelt or packed."""

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.adversary.secrets import Secret
from tests.adversary.spellings import SHORTEST, Spelling, spellings

Found = dict[Secret, set[str]]
"""Which secrets stand there, and in which forms."""
_BITS: Final = 22
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_MAX_UNPACKED: Final = 1 << 24
_BESIDE: Final = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyz.")


class Search:
    """Looks for many secrets at once.

    A position is looked at closely only if its four bytes begin some spelling: the time it takes
    depends on the length of the content alone.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self.secrets = tuple(secrets)
        self._starts: dict[bytes, list[tuple[Spelling, Secret]]] = {}
        for secret in self.secrets:
            for spelling in set(spellings(secret)):
                if len(spelling.data) >= SHORTEST:
                    start = spelling.data[:SHORTEST]
                    self._starts.setdefault(start, []).append((spelling, secret))
        heads = np.frombuffer(b"".join(self._starts), "<u4")
        self._table = np.zeros(1 << _BITS, np.bool_)
        self._table[_slots(heads)] = True

    @classmethod
    def joined(cls, searches: Iterable["Search"]) -> "Search":
        """Return one search for what all of them look for."""
        whole = cls(())
        for search in searches:
            whole.secrets += search.secrets
            whole._table |= search._table
            for start, known in search._starts.items():
                whole._starts.setdefault(start, []).extend(known)
        return whole

    def found_in(self, content: bytes) -> Found:
        """Tell which secrets stand in the bytes, or in what is packed in them."""
        found: Found = {}
        for view in unpacked(content):
            self._look(view.lower(), found)
        return found

    def found_in_files(
        self, *roots: Path, contents_of: Callable[[Path], bool] = lambda _: True
    ) -> dict[str, Found]:
        """Search names of all files and folders below, and contents; by path, only hits.

        Parameters
        ----------
        *roots : Path
            Folders.
        contents_of : callable, optional
            Whether a file's content counts: an original is meant to be one.
        """
        hits: dict[str, Found] = {}
        for root in roots:
            for path in sorted(root.rglob("*")):
                found = self.found_in(path.name.encode("utf-8", "surrogateescape"))
                if path.is_file() and not path.is_symlink() and contents_of(path):
                    found |= self.found_in(path.read_bytes())
                if found:
                    hits[str(path.relative_to(root))] = found
        return hits

    def _look(self, content: bytes, found: Found) -> None:
        if len(content) < SHORTEST:
            return
        octets = np.frombuffer(content, np.uint8).astype(np.uint32)
        parts = (octets[at : len(octets) - 3 + at] << np.uint32(8 * at) for at in range(4))
        words: NDArray[np.uint32] = np.bitwise_or.reduce(list(parts))
        for at in np.flatnonzero(self._table[_slots(words)]).tolist():
            for spelling, secret in self._starts.get(content[at : at + SHORTEST], ()):
                if content.startswith(spelling.data, at) and _counts(content, at, spelling):
                    found.setdefault(secret, set()).add(spelling.form)


def _slots(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return (words * np.uint32(2654435761)) >> np.uint32(32 - _BITS)


def _counts(content: bytes, at: int, spelling: Spelling) -> bool:
    # Behind it anything may stand: in a data set the next tag follows, which may look like a digit.
    return not spelling.alone or at == 0 or content[at - 1] not in _BESIDE


def unpacked(content: bytes) -> Iterator[bytes]:
    """Yield the bytes, and what is deflated or in base64 in them."""
    yield content
    yield from _inflated(content)
    for armoured in _BASE64.findall(content):
        plain = armoured.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        try:
            inner = base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
        except binascii.Error:
            continue
        yield inner
        yield from _inflated(inner)


def _inflated(content: bytes) -> Iterator[bytes]:
    """Yield what zlib and gzip streams hold, and the data set of a deflated DICOM object."""
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08", content):
        inner = _inflate(content[match.start() :], 47)
        if inner:
            yield inner
    if content[128:132] == b"DICM" and b"1.2.840.10008.1.2.1.99" in content[:2048]:
        length = int.from_bytes(content[140:144], "little")
        yield _inflate(content[144 + length :], -15)


def _inflate(packed: bytes, window: int) -> bytes:
    try:
        return zlib.decompressobj(window).decompress(packed, _MAX_UNPACKED)
    except zlib.error:
        return b""
