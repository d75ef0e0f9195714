"""The fragments of encapsulated Pixel Data, seen as one stream without loading them (PS3.5 A.4)."""

import io
import struct
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO, Final

from dmask_node.decode.errors import Truncated, Undecodable

_ITEM: Final = b"\xfe\xff\x00\xe0"
_SEQUENCE_DELIMITER: Final = b"\xfe\xff\xdd\xe0"
_UNDEFINED: Final = 0xFFFFFFFF
_MAX_FRAGMENTS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Encapsulated:
    """Where the items of an encapsulated Pixel Data element stand."""

    offset_table: tuple[int, ...]
    """Basic Offset Table: offset of each frame's first item tag, bytes, from the first item tag
    after the table. Often empty; always for video."""
    fragments: tuple[tuple[int, int], ...]
    """Offset of the content in the file and its length, bytes, of each fragment."""


def find_fragments(file: BinaryIO, size: int) -> Encapsulated:
    """Walk the items of encapsulated Pixel Data.

    Parameters
    ----------
    file : BinaryIO
        Positioned at the first item tag, after the length of the Pixel Data element.
    size : int
        Length of the file, bytes.

    Returns
    -------
    Encapsulated
        Every item lies within the file.

    Raises
    ------
    Truncated
        If the file ends before the sequence delimiter.
    Undecodable
        If something else than items stands there, or no fragment, or over a million.
    """
    table: tuple[int, ...] | None = None
    fragments: list[tuple[int, int]] = []
    while True:
        header = file.read(8)
        if len(header) < 8:
            raise Truncated("Pixel Data ends without its sequence delimiter")
        tag, length = header[:4], int.from_bytes(header[4:], "little")
        if tag == _SEQUENCE_DELIMITER:
            break
        if tag != _ITEM or length == _UNDEFINED:
            raise Undecodable("Pixel Data holds something else than fragments of known length")
        start = file.tell()
        if start + length > size:
            raise Truncated(f"fragment {len(fragments)} is longer than the rest of the file")
        if table is None:
            table = _offsets(file.read(length))
        else:
            fragments.append((start, length))
            file.seek(length, io.SEEK_CUR)
        if len(fragments) > _MAX_FRAGMENTS:
            raise Undecodable(f"Pixel Data has more than {_MAX_FRAGMENTS} fragments")
    if not any(length for _, length in fragments):
        raise Undecodable("Pixel Data has no fragment with content")
    return Encapsulated(offset_table=table or (), fragments=tuple(fragments))


def _offsets(content: bytes) -> tuple[int, ...]:
    if len(content) % 4:
        raise Undecodable("the Basic Offset Table has an odd length")
    return struct.unpack(f"<{len(content) // 4}I", content)


class FragmentReader(io.RawIOBase):
    """Seekable read-only view over pieces of a file, joined.

    Parameters
    ----------
    file : BinaryIO
        The file; the reader moves its position.
    pieces : sequence of (int, int)
        Offset and length of each piece, bytes, in the order in which they are joined.
    owns_file : bool
        Whether closing the reader closes the file too. Default: it stays open.
    """

    def __init__(
        self, file: BinaryIO, pieces: Sequence[tuple[int, int]], *, owns_file: bool = False
    ) -> None:
        super().__init__()
        self._owns_file = owns_file
        self._file = file
        self._pieces = [piece for piece in pieces if piece[1]]
        # where each piece begins in the joined stream, and where the last one ends
        self._begins = [0, *accumulate(length for _, length in self._pieces)]
        self._position = 0

    @property
    def size(self) -> int:
        """Length of the joined stream, bytes."""
        return self._begins[-1]

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in the joined stream, bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to a position in the joined stream; past the end is allowed, as in a file."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("negative position")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes over the borders of pieces; all that is left when negative."""
        left = self.size - self._position
        wanted = left if size is None or size < 0 else min(size, left)
        chunks = []
        while wanted > 0:
            index = bisect_right(self._begins, self._position) - 1
            offset, length = self._pieces[index]
            within = self._position - self._begins[index]
            self._file.seek(offset + within)
            chunk = self._file.read(min(wanted, length - within))
            if not chunk:
                raise Truncated("the file became shorter while it was read")
            chunks.append(chunk)
            self._position += len(chunk)
            wanted -= len(chunk)
        return b"".join(chunks)

    def readinto(self, buffer: "memoryview | bytearray", /) -> int:  # type: ignore[override]
        """Read into a buffer; returns how many bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the view, and the file underneath if it is owned."""
        if self._owns_file and not self.closed:
            self._file.close()
        super().close()
