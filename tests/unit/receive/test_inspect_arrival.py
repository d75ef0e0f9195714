"""Whole or not, and the instance that was announced or not."""

import dataclasses
import io
import struct
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import ExplicitVRLittleEndian

from dmask_node.receive.admission import CannotUnderstand, DataSetMismatch
from dmask_node.receive.inspect import identify, inspect
from dmask_node.records.arrivals import Arrival
from tests.factories import (
    DEFLATED,
    H264_41,
    HEVC_MAIN,
    JPEG_BASELINE,
    a_photo_instance,
    a_video_instance,
)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_video_instance(tmp_path_factory.mktemp("video") / "video.dcm", n_frames=3)


def arrival_of(path: Path) -> Arrival:
    header = dcmread(path, stop_before_pixels=True)
    return Arrival(
        path=path,
        sop_instance_uid=str(header.SOPInstanceUID),
        sop_class_uid=str(header.SOPClassUID),
        transfer_syntax_uid=str(header.file_meta.TransferSyntaxUID),
        calling_ae_title="CAMERA",
    )


def changed(arrival: Arrival, content: bytes, tmp_path: Path) -> Arrival:
    path = tmp_path / "changed.dcm"
    path.write_bytes(content)
    return Arrival(
        path=path,
        sop_instance_uid=arrival.sop_instance_uid,
        sop_class_uid=arrival.sop_class_uid,
        transfer_syntax_uid=arrival.transfer_syntax_uid,
        calling_ae_title="CAMERA",
    )


@pytest.mark.parametrize("syntax", [H264_41, HEVC_MAIN])
def test_a_whole_video_is_let_in(tmp_path: Path, syntax: str) -> None:
    path = a_video_instance(tmp_path / "v.dcm", transfer_syntax_uid=syntax, n_frames=3)
    inspect(arrival_of(path))


@pytest.mark.parametrize(
    "syntax", [JPEG_BASELINE, "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", DEFLATED]
)
def test_a_whole_photograph_is_let_in(tmp_path: Path, syntax: str) -> None:
    path = a_photo_instance(tmp_path / "p.dcm", transfer_syntax_uid=syntax)
    inspect(arrival_of(path))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_video_that_was_cut_short_is_not_understood(
    video: Path, tmp_path: Path, share: float
) -> None:
    content = video.read_bytes()
    cut = changed(arrival_of(video), content[: int(len(content) * share)], tmp_path)
    with pytest.raises(CannotUnderstand):
        inspect(cut)


def test_a_photograph_that_was_cut_short_is_not_understood(tmp_path: Path) -> None:
    path = a_photo_instance(tmp_path / "p.dcm", transfer_syntax_uid="1.2.840.10008.1.2.1")
    cut = changed(arrival_of(path), path.read_bytes()[:-10], tmp_path)
    with pytest.raises(CannotUnderstand):
        inspect(cut)


def test_a_deflated_photograph_that_was_cut_short_is_not_understood(tmp_path: Path) -> None:
    path = a_photo_instance(tmp_path / "p.dcm", transfer_syntax_uid=DEFLATED)
    cut = changed(arrival_of(path), path.read_bytes()[:-20], tmp_path)
    with pytest.raises(CannotUnderstand):
        inspect(cut)


def test_a_deflated_bomb_is_stopped_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dmask_node.receive.inspect._MAX_INFLATED_BYTES", 32 << 20)
    path = a_photo_instance(tmp_path / "p.dcm", transfer_syntax_uid=DEFLATED)
    dataset = dcmread(path)
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = io.BytesIO()
    bomb.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(bomb, dataset.file_meta)  # type: ignore[arg-type]
    native = io.BytesIO()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(native, enforce_file_format=True)
    body = native.getvalue()
    start = 144 + dataset.file_meta.FileMetaInformationGroupLength
    bomb.write(deflater.compress(body[start:]))
    for _ in range(40):
        bomb.write(deflater.compress(b"\0" * (1 << 20)))
    bomb.write(deflater.flush())
    with pytest.raises(CannotUnderstand, match="inflates to more than"):
        inspect(changed(arrival_of(path), bomb.getvalue(), tmp_path))


def test_an_instance_that_was_announced_as_another_is_a_mismatch(video: Path) -> None:
    said = arrival_of(video)
    for sop_class, instance in (("1.2.3", said.sop_instance_uid), (said.sop_class_uid, "1.2.3")):
        with pytest.raises(DataSetMismatch) as caught:
            inspect(
                Arrival(
                    path=video,
                    sop_instance_uid=instance,
                    sop_class_uid=sop_class,
                    transfer_syntax_uid=said.transfer_syntax_uid,
                    calling_ae_title="CAMERA",
                )
            )
        assert said.sop_instance_uid not in str(caught.value)


def test_an_instance_without_pixel_data_is_not_understood(video: Path, tmp_path: Path) -> None:
    dataset = dcmread(video)
    del dataset.PixelData
    path = tmp_path / "none.dcm"
    dataset.save_as(path)
    with pytest.raises(CannotUnderstand, match="Pixel Data"):
        inspect(arrival_of(path))


def test_bytes_behind_a_length_that_lies_are_not_read(video: Path, tmp_path: Path) -> None:
    content = bytearray(video.read_bytes())
    at = content.rindex(b"\xe0\x7f\x10\x00")
    first_item = at + 12
    fragment = first_item + 8
    content[fragment + 4 : fragment + 8] = struct.pack("<I", 0xFFFFFFF0)
    with pytest.raises(CannotUnderstand, match="item 2"):
        inspect(changed(arrival_of(video), bytes(content), tmp_path))


def test_what_was_received_can_be_recognised_again(video: Path) -> None:
    said, read = arrival_of(video), identify(video)
    assert read is not None
    assert read.sop_instance_uid == said.sop_instance_uid
    assert read.transfer_syntax_uid == said.transfer_syntax_uid


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 3000), st.integers(0, 60))
def test_whatever_the_bytes_are_there_is_an_answer_and_no_other_exception(
    tmp_path_factory: pytest.TempPathFactory, video: Path, noise: bytes, at: int, drop: int
) -> None:
    content = video.read_bytes()
    content = content[:at] + noise + content[at + drop :]
    broken = changed(arrival_of(video), content, tmp_path_factory.mktemp("noise"))
    told = ""
    try:
        inspect(broken)
    except (CannotUnderstand, DataSetMismatch) as error:
        told = str(error)
    assert "PLANTED" not in told


def with_bomb(path: Path, at: bytes, element: bytes) -> bytes:
    content = path.read_bytes()
    place = content.index(at, 400)
    return content[:place] + element + content[place:]


ITEM = b"\xfe\xff\x00\xe0"
BOMBS = {
    "nested": b"SQ\0\0\xff\xff\xff\xff" + ITEM + b"\xff\xff\xff\xff",
    "items": b"SQ\0\0\xff\xff\xff\xff" + (ITEM + bytes(4)) * 500_000,
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_header_bomb_is_let_in_unread_for_decoding_to_refuse(
    video: Path, tmp_path: Path, kind: str
) -> None:
    """The limits are the site's own: the object is kept, and the worker says which one it is."""
    repeated = 10_000 if kind == "nested" else 1
    bomb = (b"\x55\x00\x10\x10" + BOMBS[kind]) * repeated
    arrival = changed(arrival_of(video), with_bomb(video, b"\xe0\x7f\x10\x00OB", bomb), tmp_path)
    began = time.process_time()
    inspect(arrival)
    assert time.process_time() - began < 1
    other = dataclasses.replace(arrival, sop_instance_uid="1.2.3")
    with pytest.raises(DataSetMismatch):
        inspect(other)


def test_a_header_bomb_before_the_uids_is_not_understood(video: Path, tmp_path: Path) -> None:
    bomb = (b"\x08\x00\x06\x00" + BOMBS["nested"]) * 10_000  # Language Code Sequence
    content = with_bomb(video, b"\x08\x00\x16\x00UI", bomb)
    with pytest.raises(CannotUnderstand):
        inspect(changed(arrival_of(video), content, tmp_path))
