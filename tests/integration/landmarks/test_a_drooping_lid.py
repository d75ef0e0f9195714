"""A lid drawn down by a known amount: how much of it do the landmarks follow?"""

from typing import Literal

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dmask_node.landmarks.crop import square_about_eye
from dmask_node.landmarks.scheme import LOWER_LID
from dmask_node.landmarks.settings import LandmarkSettings
from dmask_node.landmarks.track import FaceTracker, find_landmarks
from dmask_node.models.settings import InferenceSettings
from dmask_node.records.anatomy import Eye
from dmask_node.records.identified import SourceFrame

Picture = NDArray[np.uint8]
Contour = NDArray[np.float64]
Warp = Literal["cover", "squeeze"]

_LID_COLUMNS = np.array([0.35, 0.5, 0.65])
_ANCHOR = 0.30
"""The skin is stretched from this far above the lid, eye widths."""
_LASHES = 0.08
"""Lid and lashes that move as one."""


def _lids(contour: Contour, eye: Eye, frame: Contour) -> tuple[Contour, Contour]:
    """Upper and lower lid as (n, 2) in the eye frame of `frame`, x ascending."""
    placed = square_about_eye(frame, eye, 1.0).to_square(contour)
    lower = placed[[8, *range(LOWER_LID.start, LOWER_LID.stop), 0]]
    upper = placed[:9]
    return upper[np.argsort(upper[:, 0])], lower[np.argsort(lower[:, 0])]


def _height(lid: Contour, x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.interp(x, lid[:, 0], lid[:, 1]))


def draw_lids_down(picture: Picture, contours: Contour, drop: float, warp: Warp) -> Picture:
    """Lower both upper lids by `drop` of the eye's height in each column.

    ``cover``: the lid slides over the eye. ``squeeze``: the eye is squeezed under it, so that no
    seam is left. The skin above is stretched either way.
    """
    yy, xx = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float64)
    drawn = picture.astype(np.float32)
    for eye in Eye:
        square = square_about_eye(contours[eye], eye, 1.0)
        upper, lower = _lids(contours[eye], eye, contours[eye])
        placed = square.to_square(np.stack([xx, yy], axis=-1))
        x, y = placed[..., 0], placed[..., 1]
        lid, bottom = _height(upper, x), _height(lower, x)
        moved = lid + drop * np.clip(bottom - lid, 0, None)
        rigid = _LASHES if warp == "cover" else 0.0
        anchor = lid - _ANCHOR
        share = (y - anchor) / np.maximum(moved - rigid - anchor, 1e-6)
        source = np.where(
            (y > anchor) & (y <= moved - rigid), anchor + share * (lid - rigid - anchor), y
        )
        if warp == "cover":
            source = np.where((y > moved - rigid) & (y <= moved), y - moved + lid, source)
        else:
            share = (y - moved) / np.maximum(bottom - moved, 1e-6)
            source = np.where((y > moved) & (y < bottom), lid + share * (bottom - lid), source)
        source = np.where((x > 0) & (x < 1), source, y)
        back = square.to_picture(np.stack([x, source], axis=-1)).astype(np.float32)
        drawn = cv2.remap(
            drawn, back[..., 0], back[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        ).astype(np.float32)
    return np.clip(drawn, 0, 255).astype(np.uint8)


def _contours(tracker: FaceTracker, picture: Picture) -> Contour:
    frame = SourceFrame(rgb=picture, time_s=0.0)
    track = find_landmarks([frame], picture.shape[0], picture.shape[1], tracker)
    assert track.found.all()
    return track.eye_contour_px[0].astype(np.float64)


def _share_followed(tracker: FaceTracker, picture: Picture, base: Contour, warp: Warp) -> float:
    """Least-squares slope of the measured over the true drop, mean of both eyes."""
    drops = (0.0, 0.15, 0.3, 0.45, 0.6)
    found = [_contours(tracker, draw_lids_down(picture, base, drop, warp)) for drop in drops]
    slopes = []
    for eye in Eye:
        upper, lower = _lids(base[eye], eye, base[eye])
        height = (_height(lower, _LID_COLUMNS) - _height(upper, _LID_COLUMNS)).mean()
        lids = [_height(_lids(one[eye], eye, base[eye])[0], _LID_COLUMNS).mean() for one in found]
        true = np.array(drops) * height
        slopes.append(np.sum(true * (np.array(lids) - lids[0])) / np.sum(true**2))
    return float(np.mean(slopes))


@pytest.mark.parametrize("warp", ["cover", "squeeze"])
@pytest.mark.parametrize("scale", [2, 3])
def test_the_snapped_lid_follows_a_droop_that_the_networks_half_miss(
    astronaut: Picture, warp: Warp, scale: int
) -> None:
    face = cv2.resize(
        astronaut[0:300, 60:400], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC
    ).astype(np.uint8)
    network = FaceTracker(InferenceSettings(), LandmarkSettings(snap_upper_lid=False))
    snapped = FaceTracker(InferenceSettings(), LandmarkSettings(snap_upper_lid=True))
    base = _contours(network, face)
    by_network = _share_followed(network, face, base, warp)
    by_snap = _share_followed(snapped, face, base, warp)
    print(f"{warp} x{scale}: network {by_network:.2f}, snapped {by_snap:.2f}")
    assert by_network < 0.7
    assert by_snap > 0.7
    assert by_snap > by_network + 0.15


def test_the_snapped_lid_is_no_less_steady(astronaut: Picture) -> None:
    face = cv2.resize(
        astronaut[0:300, 60:400], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC
    ).astype(np.uint8)
    rng = np.random.default_rng(5)
    scatter = {}
    for snap in (False, True):
        tracker = FaceTracker(InferenceSettings(), LandmarkSettings(snap_upper_lid=snap))
        base, lids = _contours(tracker, face), []
        for _ in range(12):
            shift = rng.uniform(-2, 2, 2)
            matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
            moved = cv2.warpAffine(
                face,
                matrix,
                face.shape[1::-1],
                flags=cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE,
            )
            noisy = np.clip(moved + rng.normal(0, 3, moved.shape), 0, 255).astype(np.uint8)
            back = _contours(tracker, noisy) - shift
            lids.append(
                [_height(_lids(back[eye], eye, base[eye])[0], _LID_COLUMNS).mean() for eye in Eye]
            )
        scatter[snap] = float(np.std(lids, axis=0).mean())
    print({snap: f"{100 * sd:.2f} % of the eye's width" for snap, sd in scatter.items()})
    assert scatter[True] < 0.006
    assert scatter[True] < 1.2 * scatter[False]


def test_snapping_leaves_a_closed_eye_closed(talking: list[Picture]) -> None:
    # Frame 42 is a blink. Enlarged, so that the snap is in use, and sharpened, so that it is tried.
    large = [
        cv2.resize(rgb, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC) for rgb in talking[38:47]
    ]
    sharp = [
        np.clip(2.5 * rgb.astype(float) - 1.5 * cv2.GaussianBlur(rgb, (0, 0), 4), 0, 255).astype(
            np.uint8
        )
        for rgb in large
    ]
    heights = {}
    for snap in (False, True):
        tracker = FaceTracker(InferenceSettings(), LandmarkSettings(snap_upper_lid=snap))
        frames = [SourceFrame(rgb=rgb, time_s=k / 30) for k, rgb in enumerate(sharp)]
        rows, columns = sharp[0].shape[:2]
        contour = find_landmarks(frames, rows, columns, tracker).eye_contour_px
        width = np.linalg.norm(contour[:, :, 8] - contour[:, :, 0], axis=-1)
        heights[snap] = np.linalg.norm(contour[:, :, 12] - contour[:, :, 4], axis=-1) / width
    assert np.abs(heights[True][:3] - heights[False][:3]).max() > 0.005  # it is in use
    assert (heights[True][4] < heights[False][4] + 0.02).all()
    assert (heights[True][4] < 0.5 * heights[True][:3].min(axis=0)).all()
