"""No byte of a video's boxes is free: changed, it is told, or it says less than a small number."""

import random
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmask_node.check.boxes import Malformed
from dmask_node.check.h264 import read_picture_set, read_sequence_set
from dmask_node.check.mp4 import list_boxes, nal_unit_types, unexpected_content
from dmask_node.compose.encoder import encode_video
from dmask_node.compose.settings import EncoderSettings
from dmask_node.records.masked import EncodedVideo

TIMES = {
    "25 Hz": tuple(i / 25 for i in range(6)),
    "a phone's": (0.0, 0.033, 0.066, 0.1, 0.133, 0.2),
    "one picture": (0.0,),
}


def encode(
    path: Path, times_s: tuple[float, ...], rows: int = 48, columns: int = 64
) -> EncodedVideo:
    draw = np.random.default_rng(5)
    pictures = (draw.integers(0, 255, (rows, columns, 3), np.uint8) for _ in times_s)
    return encode_video(pictures, times_s, rows, columns, path, EncoderSettings(threads=1))


@pytest.fixture(scope="module", params=TIMES, ids=list(TIMES))
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> EncodedVideo:
    return encode(tmp_path_factory.mktemp("v") / "v.mp4", TIMES[request.param])


def changed(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def parameter_sets(data: bytes) -> tuple[range, range]:
    """Where sequence and picture parameter set stand."""
    at = data.index(b"avcC") + 10
    length = int.from_bytes(data[at : at + 2], "big")
    first = range(at + 2, at + 2 + length)
    at = first.stop + 1
    return first, range(at + 2, at + 2 + int.from_bytes(data[at : at + 2], "big"))


def test_every_bit_outside_the_pictures_is_judged(video: EncodedVideo) -> None:
    data = video.path.read_bytes()
    assert unexpected_content(data, encoded=video) == []
    [mdat] = [box for box in list_boxes(data) if box.path == "/mdat"]
    sequence, picture = parameter_sets(data)
    unseen = [
        (at, bit)
        for at in range(mdat.start)
        for bit in range(8)
        if not unexpected_content(changed(data, at, bytes([data[at] ^ 1 << bit])), encoded=video)
    ]
    # Coding parameters are numbers of a few bits: how many reference frames, which quantiser.
    assert all(at in sequence or at in picture for at, _ in unseen)
    assert len(unseen) < 40


def test_a_byte_of_any_value_is_judged(video: EncodedVideo) -> None:
    data = video.path.read_bytes()
    [mdat] = [box for box in list_boxes(data) if box.path == "/mdat"]
    sequence, picture = parameter_sets(data)
    draw = random.Random(11)
    for at in range(mdat.start):
        value = draw.randrange(256)
        if value != data[at] and at not in sequence and at not in picture:
            assert unexpected_content(changed(data, at, bytes([value])), encoded=video), at


def test_what_is_put_in_anywhere_is_told(video: EncodedVideo) -> None:
    data = video.path.read_bytes()
    for at in range(len(data) + 1):
        assert unexpected_content(data[:at] + b"Jan\0" + data[at:], encoded=video), at


def test_a_cut_anywhere_is_told(video: EncodedVideo) -> None:
    data = video.path.read_bytes()
    for at in range(0, len(data), 3):
        assert unexpected_content(data[:at], encoded=video), at


@pytest.mark.parametrize("scale", [2, 3, 10])
def test_times_written_otherwise_are_told(tmp_path: Path, scale: int) -> None:
    """The same video in other ticks would look the same, and number the patients."""
    video = encode(tmp_path / "v.mp4", TIMES["25 Hz"])
    data = video.path.read_bytes()
    mdhd, stts = data.index(b"mdhd") + 4, data.index(b"stts") + 4
    ticks, duration = struct.unpack_from(">II", data, mdhd + 12)
    (step,) = struct.unpack_from(">I", data, stts + 12)
    other = changed(data, mdhd + 12, struct.pack(">II", ticks * scale, duration * scale))
    other = changed(other, stts + 12, struct.pack(">I", step * scale))
    assert any("mdhd says something else" in f for f in unexpected_content(other, encoded=video))


def test_another_video_of_the_encoder_is_told(video: EncodedVideo, tmp_path: Path) -> None:
    longer = encode(tmp_path / "a.mp4", (*video.times_s, video.times_s[-1] + 0.04))
    larger = encode(tmp_path / "b.mp4", video.times_s, 64, 64)
    slower = encode(tmp_path / "c.mp4", tuple(time * 1.5 for time in video.times_s))
    assert unexpected_content(longer.path, encoded=video)
    assert unexpected_content(larger.path, encoded=video)
    if video.n_frames > 1:
        assert unexpected_content(slower.path, encoded=video)


def rebuilt(data: bytes, samples: Callable[[list[bytes]], list[bytes]]) -> bytes:
    """Change the frames, and every table that tells of them."""
    mdat = data.index(b"mdat") - 4
    stsz = data.index(b"stsz") + 4
    (count,) = struct.unpack_from(">I", data, stsz + 8)
    sizes = struct.unpack_from(f">{count}I", data, stsz + 12)
    frames, at = [], mdat + 8
    for size in sizes:
        frames.append(data[at : at + size])
        at += size
    new = samples(frames)
    assert len(new) == count
    body = b"".join(new)
    head = changed(data[:mdat], stsz + 12, struct.pack(f">{count}I", *map(len, new)))
    return head + struct.pack(">I4s", 8 + len(body), b"mdat") + body


def nal(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("text as SEI", lambda f: [nal(b"\x06\x05\x10" + b"Jan Kowalski") + f[0], *f[1:]], "(SEI)"),
        ("filler", lambda f: [f[0] + nal(b"\x0c\xff\xff\x80"), *f[1:]], "(filler)"),
        ("delimiter", lambda f: [nal(b"\x09\xf0") + f[0], *f[1:]], "(access unit delimiter)"),
        ("parameter set", lambda f: [nal(b"\x67\x64\x00\x29") + f[0], *f[1:]], "of type 7"),
        ("unspecified", lambda f: [f[0] + nal(b"\x18Jan Kowalski"), *f[1:]], "of type 24"),
        ("a second picture", lambda f: [f[0] + f[1], *f[1:]], "a frame of 2 slices"),
        ("no picture", lambda f: [nal(b"\x06\x80"), *f[1:]], "a frame of 0 slices"),
        ("empty unit", lambda f: [f[0] + nal(b""), *f[1:]], "does not fit"),
        ("start code", lambda f: [f[0][:20] + b"\0\0\1" + f[0][23:], *f[1:]], "begin of another"),
        ("trailing zero", lambda f: [f[0][:-1] + b"\0", *f[1:]], "begin of another"),
        ("forbidden bit", lambda f: [changed(f[0], 4, b"\xe5"), *f[1:]], "unusual header"),
        ("key where none is", lambda f: [f[0], changed(f[1], 4, b"\x65"), *f[2:]], "stss names"),
        ("bidirectional", lambda f: [f[0], changed(f[1], 5, b"\x9f"), *f[2:]], "type I or P"),
        ("half a picture", lambda f: [f[0], changed(f[1], 5, b"\x5f"), *f[2:]], "is not the first"),
    ],
)  # fmt: skip
def test_what_a_frame_must_not_hold_is_told(
    tmp_path: Path, name: str, change: Callable[[list[bytes]], list[bytes]], told: str
) -> None:
    video = encode(tmp_path / "v.mp4", TIMES["25 Hz"])
    data = video.path.read_bytes()
    assert rebuilt(data, lambda frames: frames) == data
    findings = unexpected_content(rebuilt(data, change), encoded=video)
    assert any(told in finding for finding in findings), findings
    assert not any("Kowalski" in finding for finding in findings)


def test_a_large_video_of_many_pieces_is_clean(tmp_path: Path) -> None:
    """Over a megabyte a piece, and a mean rate over the buffer's: other numbers in the boxes."""
    times = tuple(i / 30 for i in range(60))
    video = encode(tmp_path / "v.mp4", times, 480, 640)
    data = video.path.read_bytes()
    chunks = struct.unpack_from(">I", data, data.index(b"stco") + 8)[0]
    assert chunks > 3
    assert unexpected_content(video.path, encoded=video) == []


@pytest.mark.parametrize(
    "rate", [1, 5, 10, 12.5, 15, 24, 30, 50, 59.94, 60, 90, 7.3, 14.985, 29.97]
)
def test_what_the_encoder_writes_at_any_rate_is_clean(tmp_path: Path, rate: float) -> None:
    video = encode(tmp_path / "v.mp4", tuple(i / rate for i in range(4)))
    assert unexpected_content(video.path, encoded=video) == []


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_the_bytes_there_is_a_list_and_never_an_error(data: st.DataObject) -> None:
    """Bytes cut, doubled, moved and changed in the boxes."""
    payload = bytearray(CLEAN)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(payload) - 1))
        length = data.draw(st.integers(1, 12))
        match data.draw(st.sampled_from(["change", "cut", "double", "number"])):
            case "change":
                payload[at : at + length] = data.draw(st.binary(min_size=length, max_size=length))
            case "cut":
                del payload[at : at + length]
            case "double":
                payload[at:at] = payload[at : at + length]
            case "number":
                payload[at : at + 4] = struct.pack(">I", data.draw(st.integers(0, 2**32 - 1)))
        payload = payload or bytearray(b"\0")
    assert isinstance(unexpected_content(bytes(payload)), list)
    assert nal_unit_types(bytes(payload)) is not None


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=40))
def test_parameter_sets_of_any_bytes_are_read_or_refused(body: bytes) -> None:
    for head, read in ((b"\x67\x64\x00\x29", read_sequence_set), (b"\x68", read_picture_set)):
        with suppress(Malformed):
            read(head + body)


def _a_clean_payload() -> bytes:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        return encode(Path(folder) / "v.mp4", TIMES["a phone's"], 16, 16).path.read_bytes()


CLEAN = _a_clean_payload()
