"""Pixel Data of a photograph is the picture that was rendered, uncompressed, and nothing else."""

import hashlib
import struct
from pathlib import Path

import pytest

from dmask_node.check.pixel_data import unexpected_picture
from dmask_node.records.masked import EncodedPicture

HEAD = b"attributes before"
PIXEL_DATA = bytes.fromhex("e07f1000") + b"OB\0\0"


def picture(rows: int, columns: int) -> tuple[bytes, EncodedPicture]:
    samples = bytes(range(256)) * (rows * columns * 3 // 256 + 1)
    samples = samples[: rows * columns * 3]
    digest = hashlib.sha256(samples).hexdigest()
    return samples, EncodedPicture(
        path=Path("never read"), rows=rows, columns=columns, sha256=digest
    )


def told(data: bytes, encoded: EncodedPicture) -> list[str]:
    return list(unexpected_picture(memoryview(HEAD + data), len(HEAD), encoded))


@pytest.mark.parametrize(("rows", "columns"), [(8, 6), (5, 3), (1, 1)])
def test_the_samples_are_let_out_padded_to_even_length(rows: int, columns: int) -> None:
    samples, encoded = picture(rows, columns)
    padded = samples + b"\0" * (len(samples) % 2)
    assert told(PIXEL_DATA + struct.pack("<I", len(padded)) + padded, encoded) == []


def test_whatever_else_stands_there_is_told() -> None:
    samples, encoded = picture(5, 3)
    length = struct.pack("<I", 46)
    whole = PIXEL_DATA + length + samples + b"\0"
    for at in range(len(whole)):
        assert told(whole[:at] + bytes([whole[at] ^ 9]) + whole[at + 1 :], encoded), at
        assert told(whole[:at], encoded), at
    item = b"\xfe\xff\0\xe0"
    for other in (
        whole + b"\0\0",
        PIXEL_DATA + b"\xff\xff\xff\xff" + item + bytes(4) + item + length + samples + b"\0",
        PIXEL_DATA.replace(b"OB", b"OW") + length + samples + b"\0",
        PIXEL_DATA + struct.pack("<I", 48) + samples + b"\0\0\0",
        b"",
    ):
        assert told(other, encoded)
