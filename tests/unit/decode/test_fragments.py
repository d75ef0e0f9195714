"""Fragments of encapsulated Pixel Data, found and read as one stream."""

import io
import struct

import pytest

from dmask_node.decode.errors import Truncated, Undecodable
from dmask_node.decode.fragments import Encapsulated, FragmentReader, find_fragments


def item(content: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(content)) + content


END = b"\xfe\xff\xdd\xe0\0\0\0\0"


def found(data: bytes) -> Encapsulated:
    return find_fragments(io.BytesIO(data), len(data))


def test_fragments_are_found_behind_the_offset_table() -> None:
    items = found(item(b"") + item(b"abcd") + item(b"") + item(b"efgh12") + END + b"padding")
    assert items.offset_table == ()
    assert items.fragments == ((16, 4), (28, 0), (36, 6))


def test_the_offset_table_is_read() -> None:
    items = found(item(struct.pack("<2I", 0, 12)) + item(b"abcd") + item(b"efgh") + END)
    assert items.offset_table == (0, 12)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", Truncated),
        (item(b"") + item(b"abcd"), Truncated),
        (item(b"") + item(b"abcd")[:-1], Truncated),
        (item(b"") + item(b"abcd") + END[:5], Truncated),
        (item(b"") + b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + END, Undecodable),
        (item(b"") + b"\x10\x00\x10\x00\x04\0\0\0abcd" + END, Undecodable),
        (item(b"abc") + item(b"abcd") + END, Undecodable),
        (item(b"") + END, Undecodable),
        (END, Undecodable),
        (item(b"") + item(b"") + END, Undecodable),
    ],
)
def test_anything_else_is_refused(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        found(data)


def test_pieces_are_read_as_one_stream() -> None:
    reader = FragmentReader(io.BytesIO(b"--abc----defg-h"), [(2, 3), (9, 4), (5, 0), (14, 1)])
    assert reader.size == 8
    assert reader.read(2) == b"ab"
    assert reader.read(4) == b"cdef"
    assert reader.read() == b"gh"
    assert reader.read(1) == b""
    assert reader.seek(-5, io.SEEK_END) == 3
    assert reader.read(2) == b"de"
    assert reader.seek(-3, io.SEEK_CUR) == 2
    buffer = bytearray(3)
    assert reader.readinto(buffer) == 3
    assert bytes(buffer) == b"cde"
    reader.seek(100)
    assert reader.read(5) == b""
    with pytest.raises(ValueError, match="negative"):
        reader.seek(-1)


def test_a_file_that_shrinks_while_it_is_read_is_told() -> None:
    with pytest.raises(Truncated):
        FragmentReader(io.BytesIO(b"abc"), [(0, 10)]).read()


def test_only_an_owned_file_is_closed_with_the_reader() -> None:
    kept, owned = io.BytesIO(b"abc"), io.BytesIO(b"abc")
    FragmentReader(kept, [(0, 3)]).close()
    FragmentReader(owned, [(0, 3)], owns_file=True).close()
    assert not kept.closed
    assert owned.closed
