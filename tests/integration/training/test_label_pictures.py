from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import skimage

from dmask_node.training.labels.__main__ import main
from dmask_node.training.labels.find import read_picture, take_frames
from dmask_node.training.labels.store import read_manifest


@pytest.fixture(scope="module")
def astronaut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    bgr = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    cv2.imwrite(str(folder / "astronaut.png"), bgr)
    cv2.imwrite(str(folder / "wall.png"), np.full((200, 300, 3), 120, dtype=np.uint8))
    return folder


def test_both_eyes_of_a_portrait_are_cut_out_upright_outer_corner_left(
    astronaut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["crops", str(astronaut), str(tmp_path), "--source", "astronaut"]) == 0
    assert "2 eyes; no face in 1 pictures" in capsys.readouterr().out
    crops = {crop.eye: crop for crop in read_manifest(tmp_path).values()}
    right, left = crops["R"].frame, crops["L"].frame
    # The pupils, read in the picture; the corners' middle lies near them.
    np.testing.assert_allclose(right.carry([400, 300]), [203, 101], atol=3)
    np.testing.assert_allclose(left.carry([400, 300]), [246, 103], atol=3)
    assert (right.mirrored, left.mirrored) == (False, True)
    picture = read_picture(astronaut / "astronaut.png")
    for frame in (right, left):
        grey = frame.cut(picture).mean(axis=2)
        assert grey[180:380, 280:520].mean() < grey[430:550, 100:700].mean() - 30  # iris, cheek


def test_a_second_reading_is_of_the_same_eye_under_another_id(
    astronaut: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["crops", str(astronaut), str(tmp_path), "--source", "astronaut"])
    (first, *_) = read_manifest(tmp_path).values()
    capsys.readouterr()
    assert main(["again", str(tmp_path), first.crop_id]) == 0
    second = read_manifest(tmp_path)[capsys.readouterr().out.strip()]
    assert (second.reading, second.eye, second.picture) == (2, first.eye, first.picture)


def test_frames_of_a_clip_are_told_by_its_checksum_and_their_number(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mkv"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray"
        for level in range(6):
            frame = np.full((48, 64), 30 * level, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
    files = take_frames(clip, [2, 4, 99], tmp_path / "frames")
    assert [file.name[-9:] for file in files] == ["00002.png", "00004.png"]
    assert [int(read_picture(file).mean()) for file in files] == pytest.approx([60, 120], abs=2)
