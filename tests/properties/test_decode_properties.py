"""Any bytes give a record or a DmaskError, never another exception."""

import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmask_node.check.mp4 import list_boxes, nal_unit_types, unexpected_content
from dmask_node.decode.frames import open_source
from dmask_node.decode.settings import DecodeSettings
from dmask_node.errors import DmaskError
from tests import factories
from tests.factories import a_photo_instance, a_video_file, a_video_instance
from tests.stills import a_still

LIMITS = DecodeSettings(max_rows=512, max_columns=512, max_frames=200, max_header_mb=4, threads=1)
FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@contextmanager
def written(content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzzed"
        path.write_bytes(content)
        yield path


def decode(content: bytes) -> None:
    """Decode all; let nothing but a DmaskError out, and check what comes."""
    began = process_time()
    with written(content) as path:
        last = -1.0
        refusal: DmaskError | None = None
        try:
            source = open_source(path, LIMITS)
            assert len(source.pixel_sha256) == 64
            for frame in source.frames:
                assert frame.rgb.shape == (source.rows, source.columns, 3)
                assert frame.rgb.dtype == np.uint8
                assert frame.time_s > last
                last = frame.time_s
        except DmaskError as error:
            refusal = error
        if refusal is not None:
            assert refusal.reason != DmaskError.reason
            assert refusal.hint
    assert process_time() - began < 5, "a small file must not cost more"


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """One valid file of each kind."""
    folder = tmp_path_factory.mktemp("samples")
    keywords = {"n_frames": 4, "rows": 48, "columns": 64}
    paths = [
        a_video_instance(folder / "mp4.dcm", **keywords),  # type: ignore[arg-type]
        a_video_instance(folder / "ts.dcm", container="mpegts", n_fragments=3, **keywords),  # type: ignore[arg-type]
        a_video_instance(folder / "m2.dcm", transfer_syntax_uid=factories.MPEG2_MAIN, **keywords),  # type: ignore[arg-type]
        *(
            a_photo_instance(folder / f"{uid}.dcm", transfer_syntax_uid=uid, **keywords)  # type: ignore[arg-type]
            for uid in (
                factories.JPEG_BASELINE,
                factories.JPEG_LS_LOSSLESS,
                factories.JPEG_2000_LOSSLESS,
                factories.RLE_LOSSLESS,
                factories.DEFLATED,
                "1.2.840.10008.1.2",
                "1.2.840.10008.1.2.2",
            )
        ),
        a_still(folder / "lossless.dcm", "RGB", "1.2.840.10008.1.2.4.70"),
        a_still(folder / "16.dcm", "16 bits", "1.2.840.10008.1.2.4.57"),
        a_video_file(folder / "v.mp4", identity=True, **keywords),  # type: ignore[arg-type]
        a_video_file(folder / "v.avi", codec="mjpeg", pix_fmt="yuvj420p", **keywords),  # type: ignore[arg-type]
        a_video_file(folder / "v.mkv", **keywords),  # type: ignore[arg-type]
    ]
    return [path.read_bytes() for path in paths]


@FUZZ
@given(st.binary(max_size=600))
def test_any_bytes(content: bytes) -> None:
    decode(content)


@FUZZ
@given(
    st.binary(max_size=600), st.sampled_from(["4.102", "4.100", "4.50", "4.90", "5", "1", "1.99"])
)
def test_any_bytes_behind_a_valid_file_meta(content: bytes, syntax: str) -> None:
    uid = f"1.2.840.10008.1.2.{syntax}".encode()
    uid += b"\0" * (len(uid) % 2)
    element = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(uid)) + uid
    group = b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<I", len(element))
    decode(bytes(128) + b"DICM" + group + element + content)


@FUZZ
@given(st.data())
def test_any_damage_to_a_valid_file(samples: list[bytes], data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(samples), label="sample"))
    for _ in range(data.draw(st.integers(1, 4), label="wounds")):
        at = data.draw(st.integers(0, len(content) - 1), label="at")
        kind = data.draw(st.sampled_from(["flip", "overwrite", "delete", "insert", "cut"]))
        if kind == "flip":
            content[at] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "overwrite":
            patch = data.draw(st.binary(min_size=1, max_size=8))
            content[at : at + len(patch)] = patch
        elif kind == "delete":
            del content[at : at + data.draw(st.integers(1, 50))]
        elif kind == "insert":
            content[at:at] = data.draw(st.binary(min_size=1, max_size=20))
        else:
            del content[at:]
        if not content:
            return
    decode(bytes(content))


ODD_NUMBERS = st.one_of(
    st.sampled_from([0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF]),
    st.integers(0, 0xFFFFFFFF),
)


@FUZZ
@given(st.sampled_from([0, 12, 13]), st.data())
def test_any_numbers_in_the_tables_of_a_movie(
    samples: list[bytes], sample: int, data: st.DataObject
) -> None:
    content = bytearray(samples[sample])
    at = content.index(b"moov" if sample != 13 else b"hdrl")
    fields = list(range(at, min(len(content), at + 3000) - 4))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(fields))
        struct.pack_into(">I", content, place, data.draw(ODD_NUMBERS))
    decode(bytes(content))


@FUZZ
@given(st.sampled_from(range(12)), st.data())
def test_any_lengths_in_a_header(samples: list[bytes], sample: int, data: st.DataObject) -> None:
    content = bytearray(samples[sample])
    places = range(132, min(len(content), 1500) - 4)
    for _ in range(data.draw(st.integers(1, 3))):
        number = data.draw(ODD_NUMBERS)
        place = data.draw(st.sampled_from(places))
        if data.draw(st.booleans()):
            struct.pack_into("<H", content, place, number & 0xFFFF)
        else:
            struct.pack_into("<I", content, place, number)
    decode(bytes(content))


@FUZZ
@given(st.integers(1, 3000), st.booleans())
def test_nested_sequences_of_any_depth(depth: int, undefined: bool) -> None:
    """Depth costs nothing but an error."""
    length = b"\xff\xff\xff\xff" if undefined else struct.pack("<I", 1 << 20)
    element = b"\x08\x00\x40\x11SQ\0\0" + length + b"\xfe\xff\x00\xe0" + length
    uid = b"1.2.840.10008.1.2.1\0"
    meta = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(uid)) + uid
    group = b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<I", len(meta))
    decode(bytes(128) + b"DICM" + group + meta + element * depth)


@FUZZ
@given(st.data())
def test_the_search_for_unexpected_content_takes_any_bytes(
    samples: list[bytes], data: st.DataObject
) -> None:
    movie = bytearray(samples[12])
    for _ in range(data.draw(st.integers(0, 5))):
        at = data.draw(st.integers(0, len(movie) - 1))
        patch = data.draw(st.binary(min_size=1, max_size=8))
        movie[at : at + len(patch)] = patch
    content = data.draw(st.sampled_from([bytes(movie), bytes(movie[: len(movie) // 2])]))
    content = data.draw(st.one_of(st.just(content), st.binary(max_size=200)))
    assert unexpected_content(content)
    list_boxes(content)
    nal_unit_types(content)
    with written(content) as path:
        assert unexpected_content(path) == unexpected_content(content)
