"""The parser that looks for what a masked video must not hold."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from dmask_node.check.mp4 import list_boxes, nal_unit_types, unexpected_content
from dmask_node.compose.encoder import encode_video
from dmask_node.compose.settings import EncoderSettings
from tests.factories import a_video_file, pictures


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("mp4") / "clean.mp4"
    times = [float(Fraction(i, 25)) for i in range(8)]
    encode_video(pictures(8), times, 96, 128, path, EncoderSettings(threads=1))
    return path.read_bytes()


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def poke(payload: bytes, kind: bytes, offset: int, value: bytes) -> bytes:
    """Overwrite bytes within the body of the first box of a kind."""
    at = payload.index(kind) + 4 + offset
    return payload[:at] + value + payload[at + len(value) :]


def test_what_the_encoder_writes_is_clean(clean: bytes, tmp_path: Path) -> None:
    assert unexpected_content(clean, 8) == []
    path = tmp_path / "clean.mp4"
    path.write_bytes(clean)
    assert unexpected_content(path, 8) == []
    assert nal_unit_types(clean) == {7: 1, 8: 1, 5: 1, 1: 7}
    assert [b.path for b in list_boxes(clean)][:3] == ["/ftyp", "/moov", "/moov/mvhd"]


def test_one_zero_byte_of_padding_to_even_length_is_allowed_and_no_other(tmp_path: Path) -> None:
    for n in range(1, 40):  # until a payload has an odd length
        path = tmp_path / "odd.mp4"
        encode_video(pictures(n), [i / 25 for i in range(n)], 96, 128, path, EncoderSettings())
        odd = path.read_bytes()
        if len(odd) % 2:
            break
    assert len(odd) % 2
    assert unexpected_content(odd) == []
    assert unexpected_content(odd + b"\0") == []
    for padding in (b"\1", b"\0\0", b"\0\0\0"):
        assert unexpected_content(odd + padding) == ["bytes after the last box that are no box"]


def test_a_frame_too_many_or_too_few_is_told(clean: bytes) -> None:
    assert unexpected_content(clean, 9) == ["8 frames where 9 are expected"]


@pytest.mark.parametrize(
    ("name", "spoil", "told"),
    [
        ("time in mvhd", lambda p: poke(p, b"mvhd", 7, b"\1"), "/moov/mvhd tells a creation"),
        ("time in tkhd", lambda p: poke(p, b"tkhd", 11, b"\1"), "/moov/trak/tkhd tells a creation"),
        ("time in mdhd", lambda p: poke(p, b"mdhd", 4, b"\1"), "mdhd tells a creation"),
        ("language", lambda p: poke(p, b"mdhd", 20, b"\x41\xec"), "mdhd names a language"),
        ("handler", lambda p: poke(p, b"VideoHandler", -4, b"Ward9"), "hdlr has a name"),
        ("compressor", lambda p: poke(p, b"stsd", 58, b"\4cam7"), "names a compressor"),
        ("reserved", lambda p: poke(p, b"mvhd", 28, b"ID44"), "reserved fields"),
        ("brand", lambda p: poke(p, b"isom", 8, b"WARD"), "unknown brand"),
        ("uuid box", lambda p: p + box(b"uuid", bytes(16) + b"XMP"), "/uuid does not belong"),
        ("free text", lambda p: p + box(b"free", b"Ward 9"), "/free has content"),
        ("unknown box", lambda p: p + box(b"WARD", b"9"), "/???? does not belong"),
        ("trailing", lambda p: p + b"Ward 9, bed 2", "bytes after the last box"),
        ("cut", lambda p: p[:-5], "bytes after the last box"),
        ("nal type", lambda p: p.replace(b"\x65\x88", b"\x66\x88", 1), "type 6 (SEI)"),
        ("second movie", lambda p: p + box(b"moov"), "2 boxes /moov"),
        ("orphan bytes", lambda p: p + box(b"mdat", b"Ward 9"), "2 boxes /mdat"),
    ],
)
def test_whatever_could_carry_an_identity_is_told(
    clean: bytes, name: str, spoil: Callable[[bytes], bytes], told: str
) -> None:
    spoiled = spoil(clean)
    assert spoiled != clean
    findings = unexpected_content(spoiled, 8)
    assert any(told in finding for finding in findings), findings
    assert not any("Ward" in finding or "WARD" in finding for finding in findings)


def test_bytes_between_the_frames_are_told(clean: bytes) -> None:
    """The last box is mdat: let it grow by bytes that no frame owns."""
    start = clean.index(b"mdat") - 4
    (size,) = struct.unpack(">I", clean[start : start + 4])
    grown = clean[:start] + struct.pack(">I", size + 6) + clean[start + 4 :] + b"Ward 9"
    assert unexpected_content(grown, 8) == ["box /mdat holds bytes that no frame owns"]


def test_frames_hidden_by_an_edit_list_are_told(clean: bytes) -> None:
    hidden = poke(clean, b"elst", 12, struct.pack(">i", 512))
    assert any("elst hides frames" in finding for finding in unexpected_content(hidden, 8))


def test_a_phones_file_is_full_of_findings(tmp_path: Path) -> None:
    path = a_video_file(tmp_path / "dirty.mp4", audio=True, identity=True)
    findings = " | ".join(unexpected_content(path))
    for expected in (
        "mvhd tells a creation",
        "2 boxes /moov/trak",
        "hdlr has a name",
        "/uuid does not belong",
        "/free has content",
        "ilst has content",
    ):
        assert expected in findings, findings
    assert "PLANTED" not in findings


@pytest.mark.parametrize("payload", [b"", b"\0", b"abc", bytes(64), b"\0\0\0\x08moov" * 5000])
def test_what_is_no_movie_is_told(payload: bytes) -> None:
    assert unexpected_content(payload) != []
    assert nal_unit_types(payload) == {}
