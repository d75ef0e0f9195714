"""From a sharp plate to a crop as a camera and a codec would have it: place, light, blur, noise."""

from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from dmask_node.training.crop import CROP, PLATE, chain, inverse
from dmask_node.training.truth import CropTruth, EyeTruth, on_columns

Picture = NDArray[np.uint8]
Image = NDArray[np.float32]

LEAST_EYE_PX: Final = 14.0
MOST_EYE_PX: Final = 128.0
"""Widths of eyes in the pictures that are made, pixels."""


def spoil(
    plate: Picture, truth: EyeTruth, rng: Generator, eye_px: float | None = None
) -> tuple[Picture, CropTruth]:
    """Cut a crop out of a plate as stock corners would place it, and make the picture worse.

    Parameters
    ----------
    plate : (160, 224, 3) ndarray of uint8
        Sharp.
    truth : EyeTruth
        In plate pixels.
    rng : Generator
        Decides everything.
    eye_px : float, optional
        Width of the eye in the picture that is made; default by chance.

    Returns
    -------
    crop : (80, 112, 3) ndarray of uint8
        What the network is shown.
    truth : CropTruth
        What it should say.
    """
    to_plate = crop_to_plate(rng)
    if eye_px is None:
        eye_px = float(np.exp(rng.uniform(np.log(LEAST_EYE_PX), np.log(MOST_EYE_PX))))
    lit = expose(cut_at(plate, to_plate, eye_px), rng)
    return record(lit, eye_px, rng), on_columns(truth.moved(inverse(to_plate)))


def crop_to_plate(rng: Generator) -> NDArray[np.float64]:
    """Draw where a crop lies on the plate, (2, 3), as corners are found: not quite right."""
    size = PLATE.eye_px / CROP.eye_px * np.exp(rng.normal(0, 0.07))
    angle = np.radians(rng.normal(0, 4))
    cos, sin = np.cos(angle), np.sin(angle)
    linear = size * np.array([[cos, -sin], [sin, cos]]) @ np.diag([np.exp(rng.normal(0, 0.03)), 1])
    middle = (np.array(PLATE.outer_px) + np.array(PLATE.inner_px)) / 2
    there = middle + rng.normal(0, 0.035 * PLATE.eye_px, 2)
    here = (np.array(CROP.outer_px) + np.array(CROP.inner_px)) / 2
    return np.column_stack([linear, there - linear @ here])


def cut_at(plate: Picture, to_plate: NDArray[np.float64], eye_px: float) -> Image:
    """Sample the crop's field so that its eye is ``eye_px`` wide; values 0 to 255."""
    double = np.column_stack([np.eye(2) / 2, [-0.25, -0.25]])  # twice the crop's grid
    size = (2 * CROP.columns, 2 * CROP.rows)
    fine = cv2.warpAffine(
        plate,
        chain(double, to_plate),
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    scale = min(eye_px / CROP.eye_px, 2.0)
    coarse = (max(16, round(CROP.columns * scale)), max(12, round(CROP.rows * scale)))
    return cv2.resize(fine, coarse, interpolation=cv2.INTER_AREA).astype(np.float32)


def expose(picture: Image, rng: Generator) -> Image:
    """Change light and colour: gain, gamma, cast, a gradient, grey pictures, shadow and flare."""
    rows, columns = picture.shape[:2]
    if rng.random() < 0.15:
        picture = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)
    down, across = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    slope = rng.normal(0, 0.22, 2)
    light = np.exp(rng.normal(-0.05, 0.22) + slope[0] * across + slope[1] * down)
    cast = np.exp(rng.normal(0, 0.08, 3))
    lit = picture * light[..., None] * cast
    lit = 255 * np.clip(lit / 255, 0, 1.5) ** np.exp(rng.normal(0, 0.22))
    contrast = np.exp(rng.normal(0, 0.15))
    return np.asarray((lit - 110) * contrast + 110 + rng.normal(0, 12), np.float32)


def record(picture: Image, eye_px: float, rng: Generator) -> Picture:
    """Blur, add noise, compress, and bring to the crop's grid."""
    if rng.random() < 0.35:
        picture = cv2.GaussianBlur(
            picture, (0, 0), rng.uniform(0.3, 1.6) * max(1, eye_px / 48)
        ).astype(np.float32)
    if rng.random() < 0.12:
        picture = _motion_blur(picture, rng.uniform(1, 0.1 * eye_px + 2), rng)
    if rng.random() < 0.03:
        picture[1::2] = np.roll(picture[1::2], int(rng.integers(1, 3)), axis=1)
    noise = rng.exponential(3.5)
    grain = rng.standard_normal(picture.shape, np.float32)
    if rng.random() < 0.5:  # noise of cameras is seldom coloured
        grain = grain[..., :1] + 0.3 * grain
    taken = np.clip(picture + noise * grain, 0, 255).astype(np.uint8)
    kind = rng.random()
    if kind < 0.35:
        taken = _jpeg(taken, int(rng.integers(25, 95)))
    elif kind < 0.7:
        taken = _video(taken, rng)
    shape = (CROP.columns, CROP.rows)
    larger = taken.shape[1] > CROP.columns
    how = cv2.INTER_AREA if larger else int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    return cv2.resize(taken, shape, interpolation=how).astype(np.uint8, copy=False)


def _motion_blur(picture: Image, length: float, rng: Generator) -> Image:
    side = int(np.ceil(length)) | 1
    kernel = np.zeros((side, side), np.float32)
    way = rng.uniform(0, np.pi)
    reach = (side - 1) / 2 * np.array([np.cos(way), np.sin(way)])
    middle = (side - 1) / 2
    ends = np.round(np.array([middle - reach, middle + reach])).astype(int)
    cv2.line(kernel, tuple(ends[0].tolist()), tuple(ends[1].tolist()), 1.0)
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.float32)


def _jpeg(picture: Picture, quality: int) -> Picture:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _video(picture: Picture, rng: Generator) -> Picture:
    """Coarse transform coding with half the colour, smoothed across block edges, as H.264 is."""
    shift = tuple(rng.integers(0, 8, 2).tolist())
    rolled = np.roll(picture, shift, axis=(0, 1))
    coded = np.roll(_jpeg(rolled, int(rng.integers(12, 60))), (-shift[0], -shift[1]), axis=(0, 1))
    smooth = cv2.GaussianBlur(coded, (0, 0), 0.7)
    part = rng.uniform(0.2, 0.8)
    return cv2.addWeighted(coded, 1 - part, smooth, part, 0).astype(np.uint8, copy=False)
