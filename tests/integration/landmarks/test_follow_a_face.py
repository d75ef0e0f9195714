"""The real networks on real faces: found, followed, lost, found again."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dmask_node.landmarks.crop import CropRegion
from dmask_node.landmarks.mesh import Mesh
from dmask_node.landmarks.scheme import EYE_CONTOUR, IRIS
from dmask_node.landmarks.settings import LandmarkSettings
from dmask_node.landmarks.track import FaceTracker, find_landmarks
from dmask_node.models.settings import InferenceSettings
from dmask_node.records.anatomy import Eye
from dmask_node.records.identified import LandmarkTrack, SourceFrame

Picture = NDArray[np.uint8]


def follow(tracker: FaceTracker, pictures: Sequence[Picture], fps: float = 30.0) -> LandmarkTrack:
    frames = (SourceFrame(rgb=rgb, time_s=k / fps) for k, rgb in enumerate(pictures))
    rows, columns = pictures[0].shape[:2]
    return find_landmarks(frames, rows, columns, tracker)


def openness(track: LandmarkTrack) -> NDArray[np.float64]:
    """Height over width of the eyes, (frames, eyes), signed."""
    contour = track.eye_contour_px.astype(np.float64)
    across = contour[:, :, 8] - contour[:, :, 0]
    width = np.linalg.norm(across, axis=-1)
    normal = np.stack([-across[..., 1], across[..., 0]], axis=-1) / width[..., None]
    normal[:, Eye.LEFT] *= -1
    gaps = [((contour[:, :, 16 - k] - contour[:, :, k]) * normal).sum(axis=-1) for k in (3, 4, 5)]
    return np.asarray(np.mean(gaps, axis=0) / width)


def test_the_talking_face_is_found_in_every_frame(
    tracker: FaceTracker, talking: list[Picture]
) -> None:
    track = follow(tracker, talking, fps=12.5)
    assert track.found.all()
    assert track.presence.min() > 0.9
    np.testing.assert_array_equal(track.time_s, np.arange(120) / 12.5)
    assert (track.rows, track.columns) == (144, 176)
    assert tracker.detector_runs == 4  # the first frame, then every 30
    assert tracker.other_faces_frames == 0
    assert tracker.cuts == 0
    steps = np.linalg.norm(np.diff(track.points_px.mean(axis=1), axis=0), axis=1)
    assert steps.max() < 4  # px; no frame jumps off the face


def test_without_the_safety_net_the_detector_runs_once(talking: list[Picture]) -> None:
    tracker = FaceTracker(InferenceSettings(), LandmarkSettings(detect_every_frames=0))
    assert follow(tracker, talking[:60]).found.all()
    assert tracker.detector_runs == 1


def test_a_blink_of_both_eyes_is_seen(tracker: FaceTracker, talking: list[Picture]) -> None:
    eyes = openness(follow(tracker, talking))
    for eye in Eye:
        assert eyes[30:40, eye].min() > 0.25
        assert eyes[42, eye] < 0.12
        assert eyes[46:52, eye].min() > 0.25


def test_the_patients_right_eye_is_on_the_left_of_the_picture(
    tracker: FaceTracker, astronaut: Picture, talking: list[Picture]
) -> None:
    for track in (follow(tracker, [astronaut]), follow(tracker, talking[:3])):
        for part in (track.eye_contour_px, track.iris_px):
            middle = part.mean(axis=2)
            assert (middle[:, Eye.RIGHT, 0] < middle[:, Eye.LEFT, 0]).all()
        outer, inner = track.eye_contour_px[:, :, 0], track.eye_contour_px[:, :, 8]
        assert (outer[:, Eye.RIGHT, 0] < inner[:, Eye.RIGHT, 0]).all()
        assert (inner[:, Eye.LEFT, 0] < outer[:, Eye.LEFT, 0]).all()
        upper, lower = track.eye_contour_px[:, :, 1:8], track.eye_contour_px[:, :, 9:16]
        assert (upper[..., 1].mean(axis=2) < lower[..., 1].mean(axis=2)).all()


def test_irises_lie_where_the_portrait_has_them(tracker: FaceTracker, astronaut: Picture) -> None:
    track = follow(tracker, [astronaut])
    # Read from the picture, enlarged: the middle of the limbus, to about half a pixel.
    np.testing.assert_allclose(track.iris_px[0, Eye.RIGHT, 0], [203.2, 100.6], atol=0.8)
    np.testing.assert_allclose(track.iris_px[0, Eye.LEFT, 0], [246.3, 102.9], atol=0.8)
    for eye in Eye:
        contour, iris = track.eye_contour_px[0, eye], track.iris_px[0, eye]
        centre = (float(iris[0, 0]), float(iris[0, 1]))
        assert cv2.pointPolygonTest(contour.reshape(-1, 1, 2), centre, True) > 1.0
        named = dict(zip(IRIS, iris, strict=True))
        assert named["right"][0] > named["centre"][0] > named["left"][0]
        assert named["top"][1] < named["centre"][1] < named["bottom"][1]


def test_iris_centres_lie_within_open_eyes(tracker: FaceTracker, talking: list[Picture]) -> None:
    track = follow(tracker, talking)
    open_wide = openness(track) > 0.2
    for k, eye in np.argwhere(open_wide):
        x, y = track.iris_px[k, eye, 0]
        contour = track.eye_contour_px[k, eye].reshape(-1, 1, 2)
        assert cv2.pointPolygonTest(contour, (float(x), float(y)), False) > 0
    assert open_wide.sum() > 200


def test_a_mirrored_portrait_gives_mirrored_landmarks(
    tracker: FaceTracker, astronaut: Picture
) -> None:
    # Half a crop pixel of shift by a wrong pixel convention would show as 0.5 px or more here.
    track = follow(tracker, [astronaut])
    mirrored = follow(tracker, [np.ascontiguousarray(astronaut[:, ::-1])])
    flipped = mirrored.eye_contour_px[0, ::-1] * [-1, 1] + [astronaut.shape[1] - 1, 0]
    difference = track.eye_contour_px[0] - flipped
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.25
    assert np.abs(difference).max() < 1.0


@pytest.mark.parametrize("scale", [2, 5])
def test_an_enlarged_portrait_gives_enlarged_landmarks(
    tracker: FaceTracker, astronaut: Picture, scale: int
) -> None:
    # At 5 the face is shrunk by area before it is sampled.
    track = follow(tracker, [astronaut])
    large = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    enlarged = follow(tracker, [large.astype(np.uint8)])
    shift = (enlarged.points_px[0] + 0.5) / scale - 0.5 - track.points_px[0]
    assert np.abs(shift.mean(axis=0)).max() < 0.2
    assert np.abs(shift).max() < 1.2


def test_blank_frames_have_no_face_and_the_face_is_found_again(
    tracker: FaceTracker, talking: list[Picture]
) -> None:
    blank = [np.zeros_like(talking[0])] * 10
    track = follow(tracker, talking[:20] + blank + talking[20:40])
    expected = np.r_[np.ones(20, bool), np.zeros(10, bool), np.ones(20, bool)]
    np.testing.assert_array_equal(track.found, expected)
    np.testing.assert_array_equal(track.presence[~expected], 0)
    for part in (track.points_px, track.eye_contour_px, track.iris_px):
        assert np.isnan(part[~expected]).all()
        assert np.isfinite(part[expected]).all()
    uncut = follow(tracker, talking[:40])
    after = np.abs(track.points_px[30:] - uncut.points_px[20:])
    assert after.mean() < 0.5


def test_after_a_cut_the_new_face_is_followed_at_once(
    tracker: FaceTracker, talking: list[Picture], astronaut: Picture
) -> None:
    other = cv2.resize(astronaut[0:213, 100:360], (176, 144), interpolation=cv2.INTER_AREA)
    alone = follow(tracker, [other.astype(np.uint8)])
    track = follow(tracker, [*talking[:10], *[other.astype(np.uint8)] * 3])
    assert track.found.all()
    assert tracker.cuts == 1
    np.testing.assert_allclose(track.points_px[10], alone.points_px[0], atol=0.01)


def test_noise_shows_no_face(tracker: FaceTracker) -> None:
    rng = np.random.default_rng(7)
    noise = list(rng.integers(0, 256, (12, 240, 320, 3), dtype=np.uint8))
    track = follow(tracker, noise)
    assert not track.found.any()
    assert tracker.detector_runs == 12
    assert np.isnan(track.eye_contour_px).all()


def test_no_frames_make_an_empty_track(tracker: FaceTracker) -> None:
    track = find_landmarks(iter(()), 144, 176, tracker)
    assert track.points_px.shape == (0, 468, 2)


def test_a_frame_of_another_size_is_refused(tracker: FaceTracker, talking: list[Picture]) -> None:
    with pytest.raises(ValueError, match="frame 0"):
        find_landmarks([SourceFrame(rgb=talking[0], time_s=0.0)], 100, 100, tracker)


def test_the_eyes_are_found_above_a_covered_mouth(tracker: FaceTracker, astronaut: Picture) -> None:
    covered = astronaut.copy()
    covered[125:] = 0
    whole, track = follow(tracker, [astronaut]), follow(tracker, [covered])
    assert track.found.all()
    assert np.abs(track.eye_contour_px - whole.eye_contour_px).mean() < 1.0


def test_a_face_with_its_eyes_cut_off_is_no_face(tracker: FaceTracker, astronaut: Picture) -> None:
    covered = astronaut.copy()
    covered[:110] = 0
    assert not follow(tracker, [covered]).found.any()


def test_the_larger_of_two_faces_is_followed_and_the_other_counted(
    tracker: FaceTracker, astronaut: Picture
) -> None:
    large = astronaut[0:300, 50:400]
    small = np.zeros((300, 175, 3), dtype=np.uint8)
    small[:150] = cv2.resize(large, (175, 150), interpolation=cv2.INTER_AREA)
    alone = follow(tracker, [large])
    assert tracker.other_faces_frames == 0
    for pair, shift in (((large, small), 0), ((small, large), 175)):
        track = follow(tracker, [np.concatenate(pair, axis=1)] * 2)
        assert tracker.other_faces_frames == 1
        assert tracker.detector_runs == 1
        np.testing.assert_allclose(track.points_px[0] - [shift, 0], alone.points_px[0], atol=2)


def test_a_track_that_has_drifted_off_is_brought_back(
    astronaut: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = FaceTracker(InferenceSettings(), LandmarkSettings(detect_every_frames=5))
    real = tracker._mesh
    background = CropRegion(x_px=430.0, y_px=60.0, side_px=90.0)
    corners = background.to_picture(np.array([[0.2, 0.2], [0.8, 0.8]]))

    def believes_all(rgb: Picture, region: CropRegion) -> Mesh:
        """A mesh that never says no, and stays where it is unless told of the face."""
        mesh = real(rgb, region)
        if mesh.presence > 0.5:
            return mesh
        points = np.linspace(corners[0], corners[1], 468)
        eyes = points[EYE_CONTOUR]
        return Mesh(points=points, eye_contour=eyes, iris=eyes[:, :5], presence=0.9)

    monkeypatch.setattr(tracker, "_mesh", believes_all)
    tracker(astronaut)
    tracker._region = background
    xs = []
    for _ in range(6):
        mesh = tracker(astronaut)
        assert mesh is not None
        xs.append(mesh.points[:, 0].mean())
    assert all(abs(x - 430) < 60 for x in xs[:4])
    assert all(abs(x - 225) < 20 for x in xs[4:])


def test_the_same_frames_give_the_same_track(tracker: FaceTracker, talking: list[Picture]) -> None:
    large = [cv2.resize(rgb, None, fx=3, fy=3).astype(np.uint8) for rgb in talking[:8]]
    first = follow(tracker, large)
    again = follow(FaceTracker(InferenceSettings(), LandmarkSettings()), large)
    for name in ("points_px", "eye_contour_px", "iris_px", "presence"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_eyes_of_ten_pixels_keep_the_attention_networks_contour(
    tracker: FaceTracker, talking: list[Picture]
) -> None:
    track = follow(tracker, talking[:3])
    for k, contour in enumerate(track.eye_contour_px):
        np.testing.assert_array_equal(contour, track.points_px[k][EYE_CONTOUR])
