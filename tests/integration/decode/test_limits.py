"""Bombs of every kind: a clear permanent error, in bounded time and memory, and nothing lost."""

import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_fragments

from dmask_node.decode.errors import PictureTooLarge, TooMuchToDecode, Undecodable, VideoTooLong
from dmask_node.decode.frames import open_source
from dmask_node.decode.settings import DecodeSettings
from dmask_node.errors import DmaskError, Permanent
from dmask_node.structure import HeaderTooComplex
from tests import factories
from tests.factories import a_photo_instance, a_video_file, a_video_instance

ITEM, ITEM_END, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0", b"\xfe\xff\xdd\xe0"
UNDEFINED = b"\xff\xff\xff\xff"


@contextmanager
def quickly() -> Iterator[None]:
    """Fail unless the block takes less than a second of the processor."""
    began = time.process_time()
    yield
    assert time.process_time() - began < 1.0


@contextmanager
def in_little_memory() -> Iterator[None]:
    """Fail if the block builds much, in Python's own memory."""
    tracemalloc.start()
    try:
        yield
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 20e6


def read(path: Path, settings: DecodeSettings | None = None) -> int:
    return sum(1 for _ in open_source(path, settings).frames)


def refused(path: Path, kind: type[DmaskError], settings: DecodeSettings | None = None) -> str:
    before = path.stat().st_size
    with quickly(), pytest.raises(kind) as caught:
        read(path, settings)
    assert issubclass(kind, Permanent)
    assert "decode.max_" in kind.hint or kind is Undecodable
    assert path.stat().st_size == before
    return str(caught.value)


def with_element(path: Path, element: bytes, *, in_meta: bool = False) -> Path:
    """Put bytes in front of the Pixel Data element, or into the file meta information."""
    content = path.read_bytes()
    if in_meta:
        at = content.index(b"\x02\x00\x10\x00UI")
        content = content[:at] + element + content[at:]
        (length,) = struct.unpack_from("<I", content, 140)
        content = content[:140] + struct.pack("<I", length + len(element)) + content[144:]
    else:
        at = content.index(b"\xe0\x7f\x10\x00OB")
        content = content[:at] + element + content[at:]
    path.write_bytes(content)
    return path


def a_nest(depth: int) -> bytes:
    head = b"\x55\x00\x10\x10SQ\0\0" + UNDEFINED + ITEM + UNDEFINED
    return head * depth + (ITEM_END + bytes(4) + SEQUENCE_END + bytes(4)) * depth


def empty_items(count: int) -> bytes:
    items = (ITEM + bytes(4)) * count
    return b"\x55\x00\x10\x10SQ\0\0" + UNDEFINED + items + SEQUENCE_END + bytes(4)


@pytest.mark.parametrize("in_meta", [False, True], ids=["header", "file meta"])
@pytest.mark.parametrize(
    ("bomb", "named"),
    [
        (lambda: a_nest(10_000), "32 levels"),
        (lambda: empty_items(1_000_000), "20000 items"),
        (lambda: b"\x55\x00\x10\x10LO\0\0" * 500_000, "100000 elements"),
        (lambda: b"\x55\x00\x10\x10OB\0\0\0\0\0\x05" + bytes(5 << 24), "bytes"),
    ],
    ids=["nested", "items", "elements", "long"],
)
def test_a_header_bomb_is_refused(
    tmp_path: Path, bomb: Callable[[], bytes], named: str, in_meta: bool
) -> None:
    element = bomb()
    if in_meta:
        element = element.replace(b"\x55\x00\x10\x10", b"\x02\x00\x02\x01")
    path = with_element(a_video_instance(tmp_path / "v.dcm"), element, in_meta=in_meta)
    assert named in refused(path, HeaderTooComplex)
    with in_little_memory() if not in_meta else quickly(), pytest.raises(HeaderTooComplex):
        read(path)


def test_thirty_levels_are_an_honest_header(tmp_path: Path) -> None:
    path = with_element(a_photo_instance(tmp_path / "p.dcm"), a_nest(30))
    assert read(path) == 1
    refused(path, HeaderTooComplex, DecodeSettings(max_depth=29))
    refused(path, HeaderTooComplex, DecodeSettings(max_items=29))


def test_a_deflated_nest_is_refused(tmp_path: Path) -> None:
    path = a_photo_instance(tmp_path / "p.dcm", transfer_syntax_uid=factories.DEFLATED)
    dataset = dcmread(path)
    dataset.add_new(0x00551010, "UN", a_nest(10_000)[12:-8])
    dataset.save_as(path)
    assert "levels" in refused(path, HeaderTooComplex)


def test_work_without_end_is_refused_before_it_begins(tmp_path: Path) -> None:
    one_gb = DecodeSettings(max_decompressed_gb=1)
    sixteen_mp = np.zeros((4000, 4000, 3), np.uint8)
    fragment = dcmread(a_photo_instance(tmp_path / "one.dcm", frames=[sixteen_mp])).PixelData
    coded = list(generate_fragments(fragment))[1]
    many = a_photo_instance(tmp_path / "many.dcm", n_frames=2)
    dataset = dcmread(many)
    dataset.Rows = dataset.Columns = 4000
    dataset.NumberOfFrames = 40
    dataset.PixelData = encapsulate([coded] * 40)
    dataset.save_as(many)
    with quickly(), pytest.raises(TooMuchToDecode, match="40 frames"):  # 1.9 GB of RGB
        read(many, one_gb)


def test_a_video_is_refused_by_what_its_frames_add_up_to(tmp_path: Path) -> None:
    path = a_video_file(tmp_path / "v.mp4", rows=720, columns=1280, n_frames=12)
    assert read(path, DecodeSettings(max_decompressed_gb=1)) == 12
    thousand = a_video_file(
        tmp_path / "long.mp4", rows=64, columns=64, n_frames=20, fps=Fraction(1, 10)
    )
    for most in (150.0, 189.0):
        refused(thousand, VideoTooLong, DecodeSettings(max_duration_s=most))
    assert read(thousand, DecodeSettings(max_duration_s=191)) == 20


def test_a_multi_frame_image_that_lasts_too_long_is_refused(tmp_path: Path) -> None:
    path = a_photo_instance(tmp_path / "p.dcm", n_frames=5, fps=1)
    refused(path, VideoTooLong, DecodeSettings(max_duration_s=3.9))
    assert read(path, DecodeSettings(max_duration_s=4.1)) == 5


def test_a_frame_that_is_longer_than_any_coding_makes_it_is_not_read(tmp_path: Path) -> None:
    path = a_photo_instance(tmp_path / "p.dcm")
    dataset = dcmread(path)
    coded = list(generate_fragments(dataset.PixelData))[1]
    dataset.PixelData = encapsulate([coded + bytes(60 << 20)])
    dataset.save_as(path)
    assert "a frame of" in refused(path, TooMuchToDecode)


def test_an_rle_segment_that_inflates_is_refused(tmp_path: Path) -> None:
    path = a_photo_instance(tmp_path / "p.dcm", transfer_syntax_uid=factories.RLE_LOSSLESS)
    assert read(path) == 1
    dataset = dcmread(path)
    segment = b"\x81\x00" * 200_000  # each pair of bytes stands for 128
    header = struct.pack("<16I", 3, 64, 64 + len(segment), 64 + 2 * len(segment), *[0] * 12)
    dataset.PixelData = encapsulate([header + segment * 3])
    dataset.save_as(path)
    assert "RLE" in refused(path, Undecodable)


@pytest.mark.parametrize("boxed", [False, True])
def test_a_jpeg_2000_stream_of_many_components_is_refused(tmp_path: Path, boxed: bool) -> None:
    path = a_photo_instance(tmp_path / "p.dcm", transfer_syntax_uid=factories.JPEG_2000_LOSSLESS)
    dataset = dcmread(path)
    coded = bytearray(list(generate_fragments(dataset.PixelData))[1])
    coded[40:42] = struct.pack(">H", 16384)
    if boxed:
        coded[:0] = b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\0jp2c"
    dataset.PixelData = encapsulate([bytes(coded)])
    dataset.save_as(path)
    assert "16384 components" in refused(path, Undecodable)


def test_a_boxed_jpeg_2000_stream_larger_than_its_header_says_is_refused(tmp_path: Path) -> None:
    path = a_photo_instance(
        tmp_path / "p.dcm", transfer_syntax_uid=factories.JPEG_2000_LOSSLESS, rows=256, columns=256
    )
    dataset = dcmread(path)
    coded = list(generate_fragments(dataset.PixelData))[1]
    dataset.Rows = dataset.Columns = 64
    dataset.PixelData = encapsulate([b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\0jp2c" + coded])
    dataset.save_as(path)
    refused(path, PictureTooLarge, DecodeSettings(max_rows=100, max_columns=100))


# MP4: tables that claim what the file can't hold


def patched(path: Path, kind: bytes, offset: int, *numbers: int) -> Path:
    """Overwrite 32 bit numbers behind the head of the first box of a kind."""
    content = bytearray(path.read_bytes())
    at = content.index(kind) + 4 + offset
    struct.pack_into(f">{len(numbers)}I", content, at, *numbers)
    path.write_bytes(bytes(content))
    return path


BILLIONS = 0xFFFFFFF0
TABLES = {
    "frames of one byte": (b"stsz", 4, (1, BILLIONS), VideoTooLong),
    "frames of no byte": (b"stsz", 4, (0, BILLIONS), VideoTooLong),
    "within the frames allowed": (b"stsz", 4, (1, 400_000), TooMuchToDecode),
    "times": (b"stts", 8, (BILLIONS,), TooMuchToDecode),
    "chunks": (b"stsc", 12, (BILLIONS,), TooMuchToDecode),
    "edits": (b"elst", 4, (BILLIONS,), TooMuchToDecode),
}


@pytest.mark.parametrize("name", TABLES)
def test_an_mp4_of_billions_of_frames_is_refused_before_memory_is_reserved(
    name: str, tmp_path: Path
) -> None:
    kind, offset, numbers, error = TABLES[name]
    path = a_video_file(tmp_path / "v.mp4", n_frames=5, rows=48, columns=64)
    assert read(path) == 5
    refused(patched(path, kind, offset, *numbers), error)


def test_a_fragment_of_billions_of_frames_is_refused(tmp_path: Path) -> None:
    movflags = {"movflags": "frag_keyframe+empty_moov"}
    path = a_video_file(tmp_path / "v.mp4", container_options=movflags)
    assert read(path) == 12
    refused(patched(path, b"trun", 4, BILLIONS), VideoTooLong)


@pytest.mark.parametrize("hide_in", [b"stsd", b"udta"])
def test_a_table_in_a_hiding_place_is_refused(hide_in: bytes, tmp_path: Path) -> None:
    """FFmpeg would read it there, too."""
    path = a_video_file(tmp_path / "v.mp4", n_frames=5)
    content = bytearray(path.read_bytes())
    table = struct.pack(">I4sIII", 20, b"stsz", 0, 1, BILLIONS)
    ends = []
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        at = content.index(kind) - 4
        (length,) = struct.unpack_from(">I", content, at)
        ends.append(at + length)
        if hide_in == b"stsd" or kind == b"moov":
            added = len(table) + 8 * (hide_in == b"udta")
            struct.pack_into(">I", content, at, length + added)
    if hide_in == b"udta":
        content[ends[0] : ends[0]] = struct.pack(">I4s", len(table) + 8, b"udta") + table
    else:
        content[ends[-1] : ends[-1]] = table
    path.write_bytes(bytes(content))
    refused(path, Undecodable)


def test_sound_without_compression_is_an_honest_table(tmp_path: Path) -> None:
    path = a_video_file(tmp_path / "v.mov", n_frames=10, audio=True)
    assert read(path) == 10
    assert read(path, DecodeSettings(max_frames=10)) == 10
