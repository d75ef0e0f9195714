"""The real encoder: what it writes plays back as it was given, and says nothing else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from dmask_node.check.mp4 import nal_unit_types, unexpected_content
from dmask_node.compose.encoder import (
    EncodedVideoNotWritten,
    TooLargeToEncode,
    encode_video,
)
from dmask_node.compose.settings import EncoderSettings
from dmask_node.errors import Permanent
from dmask_node.records.masked import EncodedVideo
from tests.factories import a_picture, frame_index_of, pictures

SETTINGS = EncoderSettings(threads=2)


def encode(
    path: Path, times_s: Sequence[float], rows: int = 96, columns: int = 128
) -> EncodedVideo:
    return encode_video(
        pictures(len(times_s), rows, columns), times_s, rows, columns, path, SETTINGS
    )


def rgb_of(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


@dataclass(frozen=True)
class Played:
    """What a player sees; taken while the container is open."""

    indices: list[int]
    times_s: list[float]
    rate: float
    duration_s: float
    profile: str | None
    pix_fmt: str | None


def played_back(path: Path) -> Played:
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        indices = [frame_index_of(rgb_of(frame)) for frame in frames]
        assert stream.average_rate is not None
        assert stream.duration is not None
        assert stream.time_base is not None
        return Played(
            indices=indices,
            times_s=[frame.time for frame in frames],
            rate=float(stream.average_rate),
            duration_s=float(stream.duration * stream.time_base),
            profile=stream.codec_context.profile,
            pix_fmt=stream.codec_context.pix_fmt,
        )


@pytest.mark.parametrize("rate", [25.0, 30000 / 1001, 60.0])
def test_a_constant_rate_comes_back_frame_by_frame(tmp_path: Path, rate: float) -> None:
    encoded = encode(tmp_path / "v.mp4", [i / rate for i in range(75)])
    played = played_back(encoded.path)
    assert played.indices == list(range(75))
    np.testing.assert_allclose(played.times_s, encoded.times_s, atol=1e-4)
    assert encoded.constant_rate
    assert encoded.frame_time_ms == pytest.approx(1000 / rate)
    assert played.rate == pytest.approx(rate, rel=1e-6)
    assert (played.profile, played.pix_fmt) == ("High", "yuv420p")
    assert encoded.transfer_syntax_uid == "1.2.840.10008.1.2.4.102"
    assert unexpected_content(encoded.path, 75) == []


def test_uneven_times_come_back_as_they_were(tmp_path: Path) -> None:
    times = [0.0, 0.042, 0.05, 0.3, 0.5, 1.0, 1.04, 2.2]
    encoded = encode(tmp_path / "v.mp4", times)
    played = played_back(encoded.path)
    assert played.indices == list(range(8))
    np.testing.assert_allclose(played.times_s, times, atol=2e-5)
    np.testing.assert_allclose(encoded.times_s, times, atol=2e-5)
    assert not encoded.constant_rate
    assert encoded.frame_time_ms == pytest.approx(2200 / 7, rel=1e-4)
    assert unexpected_content(encoded.path, 8) == []


def test_a_single_picture_is_a_video_of_one_frame(tmp_path: Path) -> None:
    encoded = encode(tmp_path / "v.mp4", [0.0])
    played = played_back(encoded.path)
    assert (played.indices, played.times_s) == ([0], [0.0])
    assert (encoded.n_frames, encoded.frame_time_ms, encoded.constant_rate) == (1, 40.0, True)
    assert played.duration_s == pytest.approx(0.04)
    assert unexpected_content(encoded.path, 1) == []


@pytest.mark.parametrize("times", [[i / 30 for i in range(90)], [0.0, 0.1, 0.15, 0.4]])
def test_the_same_input_gives_the_same_bytes(tmp_path: Path, times: list[float]) -> None:
    first = encode(tmp_path / "a.mp4", times, 240, 320).path.read_bytes()
    second = encode(tmp_path / "b.mp4", times, 240, 320).path.read_bytes()
    assert first == second


def test_there_is_a_key_frame_every_second_and_no_reordering(tmp_path: Path) -> None:
    encoded = encode(tmp_path / "v.mp4", [i / 25 for i in range(80)])
    with av.open(str(encoded.path)) as container:
        packets = [p for p in container.demux(container.streams.video[0]) if p.size]
    assert all(p.pts == p.dts for p in packets)
    keys = [i for i, p in enumerate(packets) if p.is_keyframe]
    assert keys[0] == 0
    assert max(np.diff([*keys, 80])) <= 25
    assert set(nal_unit_types(encoded.path)) == {1, 5, 7, 8}


def test_the_encoder_leaves_no_name(tmp_path: Path) -> None:
    payload = encode(tmp_path / "v.mp4", [i / 25 for i in range(10)]).path.read_bytes()
    for name in (b"x264", b"Lavf", b"Lavc", b"ffmpeg", b"libx264"):
        assert name not in payload


def test_colours_and_sharp_edges_survive(tmp_path: Path) -> None:
    encoded = encode(tmp_path / "v.mp4", [i / 25 for i in range(10)], 240, 320)
    with av.open(str(encoded.path)) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (6, 1)  # BT.601, limited range
        shown = rgb_of(frame).astype(int)
    assert np.abs(shown - a_picture(0, 240, 320)).mean() < 3


def test_level_4_2_gets_its_own_transfer_syntax(tmp_path: Path) -> None:
    encoded = encode(tmp_path / "v.mp4", [i / 240 for i in range(6)], 480, 640)
    assert encoded.transfer_syntax_uid == "1.2.840.10008.1.2.4.104"
    payload = encoded.path.read_bytes()
    assert payload[payload.index(b"avcC") + 7] == 42


def test_a_video_beyond_level_4_2_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TooLargeToEncode):
        encode(tmp_path / "v.mp4", [i / 240 for i in range(6)], 1080, 1920)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_renderer_passes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    class RenderingFailed(Permanent):
        """Stands for any error of the room before."""

    def failing() -> Iterator[NDArray[np.uint8]]:
        yield from pictures(3)
        raise RenderingFailed

    with pytest.raises(RenderingFailed):
        encode_video(failing(), [0.0, 0.1, 0.2, 0.3], 96, 128, tmp_path / "v.mp4", SETTINGS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("n_pictures", [3, 5])
def test_pictures_and_times_must_match_in_number(tmp_path: Path, n_pictures: int) -> None:
    with pytest.raises(ValueError, match="times"):
        encode_video(
            pictures(n_pictures), [0.0, 0.1, 0.2, 0.3], 96, 128, tmp_path / "v.mp4", SETTINGS
        )
    assert list(tmp_path.iterdir()) == []


def test_a_picture_of_another_size_or_type_is_refused(tmp_path: Path) -> None:
    for wrong in (np.zeros((96, 130, 3), np.uint8), np.zeros((96, 128, 3), np.float32)):
        with pytest.raises(ValueError, match="picture of"):
            encode_video([wrong], [0.0], 96, 128, tmp_path / "v.mp4", SETTINGS)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="even"):
        encode(tmp_path / "v.mp4", [0.0], 97, 128)


def test_an_earlier_attempt_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(b"left by an attempt that was killed")
    path.with_name("v.mp4.part").write_bytes(b"half")
    encode(path, [0.0, 0.04])
    assert [p.name for p in tmp_path.iterdir()] == ["v.mp4"]
    assert unexpected_content(path, 2) == []


def test_a_full_disk_is_transient(tmp_path: Path) -> None:
    (tmp_path / "v.mp4.part").symlink_to("/dev/full")
    with pytest.raises(EncodedVideoNotWritten, match="system error 28"):
        encode(tmp_path / "v.mp4", [i / 25 for i in range(60)])
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_transient(tmp_path: Path) -> None:
    with pytest.raises(EncodedVideoNotWritten):
        encode(tmp_path / "missing" / "v.mp4", [0.0])
