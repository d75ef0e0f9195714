"""Things before an eye: glasses, patch, hand, hair, a reflection."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from dmask_node.training.crop import PLATE
from dmask_node.training.truth import EyeTruth, Line, Spot

Picture = NDArray[np.uint8]
Cover = NDArray[np.float32]

_EYE: Final = PLATE.eye_px
_CLOSED_BAND: Final = 0.04
"""Half the height of the strip about closed margins that has to be seen, eye widths."""


def occlude(
    picture: Picture, truth: EyeTruth, kind: str, rng: Generator
) -> tuple[Picture, EyeTruth]:
    """Put something before the eye.

    Parameters
    ----------
    picture : (160, 224, 3) ndarray of uint8
        The plate.
    truth : EyeTruth
        Of the plate.
    kind : str
        Key of `KINDS`.
    rng : Generator
        Decides shape, place and colour.

    Returns
    -------
    picture : (160, 224, 3) ndarray of uint8
        With the thing before it.
    truth : EyeTruth
        With the share of the eye that can still be seen. Lines stay where they are.
    """
    colour, cover = KINDS[kind](rng)
    alpha = cover[..., None]
    covered = picture * (1 - alpha) + colour * alpha
    seen = 1 - covered_share(truth, cover)
    visibility = seen if np.isnan(truth.visibility) else seen * truth.visibility
    return np.clip(covered, 0, 255).astype(np.uint8), replace(truth, visibility=visibility)


def covered_share(truth: EyeTruth, cover: Cover) -> float:
    """Return which share of the opening, or of a strip about closed margins, is covered.

    Parameters
    ----------
    truth : EyeTruth
        Of the plate, with both margins.
    cover : (160, 224) ndarray of float32
        In [0, 1].

    Returns
    -------
    float
        In [0, 1].
    """
    upper, lower = truth.known(Line.UPPER), truth.known(Line.LOWER)
    rows, columns = np.mgrid[: PLATE.rows, : PLATE.columns]
    top = np.interp(columns[0], upper[:, 0], upper[:, 1])
    bottom = np.interp(columns[0], lower[:, 0], lower[:, 1])
    top = np.minimum(top, (top + bottom) / 2 - _CLOSED_BAND * _EYE)
    bottom = np.maximum(bottom, top + 2 * _CLOSED_BAND * _EYE)
    left, right = truth.spots[Spot.OUTER, 0], truth.spots[Spot.INNER, 0]
    eye = (rows >= top) & (rows <= bottom) & (columns >= left) & (columns <= right)
    return float(cover[eye].mean())


def _glasses(rng: Generator) -> tuple[Cover, Cover]:
    """Draw a rim around the eye, sometimes across it, and reflections on the lens."""
    cover = np.zeros((PLATE.rows, PLATE.columns), np.float32)
    centre = np.array([112, 92]) + rng.normal(0, [0.08 * _EYE, 0.1 * _EYE])
    half = _EYE * np.array([rng.uniform(0.68, 0.95), rng.uniform(0.36, 0.62)])
    power = rng.uniform(2, 5)
    turn = np.linspace(0, 2 * np.pi, 80)
    corner = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    rim = np.sign(corner) * np.abs(corner) ** (2 / power) * half + centre
    thick = int(np.clip(rng.exponential(0.03) * _EYE, 1, 12))
    rims = [np.round(rim * 16).astype(np.int32)]
    if rng.random() < 0.8:
        cv2.polylines(cover, rims, True, 1.0, thick, cv2.LINE_AA, 4)
    colour = np.zeros((PLATE.rows, PLATE.columns, 3), np.float32)
    colour[:] = rng.uniform(0, 120) * np.exp(rng.normal(0, 0.2, 3))
    lens = np.zeros_like(cover)
    cv2.fillPoly(lens, rims, 1.0, cv2.LINE_AA, 4)
    glass = lens * rng.uniform(0, 0.12) * (1 - cover)
    if rng.random() < 0.5:
        glass = np.maximum(glass, lens * _streak(rng) * rng.uniform(0.1, 0.9) * (1 - cover))
    white = (glass > 0)[..., None] * (cover < 0.5)[..., None]
    colour = np.where(white, np.float32(rng.uniform(200, 255)), colour)
    return colour, np.asarray(np.clip(cover + glass, 0, 1), np.float32)


def _streak(rng: Generator) -> Cover:
    """Draw a slanting band or a patch of light, soft at its rim."""
    cover = np.zeros((PLATE.rows, PLATE.columns), np.float32)
    centre = np.array([112, 88]) + rng.normal(0, 0.3 * _EYE, 2)
    size = _EYE * np.array([rng.uniform(0.2, 1.2), rng.uniform(0.04, 0.25)])
    box = cv2.boxPoints(((*centre,), (*size,), float(rng.uniform(-60, 60))))
    cv2.fillPoly(cover, [np.round(box * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.5, 4)), np.float32)


def _glare(rng: Generator) -> tuple[Cover, Cover]:
    """Draw a bright reflection over part of the eye."""
    colour = np.full((PLATE.rows, PLATE.columns, 3), rng.uniform(210, 255), np.float32)
    cover = np.maximum(_streak(rng), _streak(rng) * (rng.random() < 0.5))
    return colour, np.asarray(cover * rng.uniform(0.4, 1.0), np.float32)


def _patch(rng: Generator) -> tuple[Cover, Cover]:
    """Draw a patch, a bandage or a black bar over all of the eye or nearly so."""
    cover = np.zeros((PLATE.rows, PLATE.columns), np.float32)
    centre = np.array([112, 88]) + rng.normal(0, 0.12 * _EYE, 2)
    half = _EYE * rng.uniform([0.55, 0.35], [1.0, 0.7])
    angle = float(rng.normal(0, 10))
    box = (tuple(centre.tolist()), tuple((2 * half).tolist()), angle)
    if rng.random() < 0.5:
        cv2.ellipse(cover, box, 1.0, -1, cv2.LINE_AA)
    else:
        cv2.fillPoly(
            cover, [np.round(cv2.boxPoints(box) * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4
        )
    tone = rng.choice([rng.uniform(0, 50), rng.uniform(180, 250), rng.uniform(90, 200)])
    return _cloth(rng, tone * np.exp(rng.normal(0, 0.12, 3))), cover


def _cloth(rng: Generator, colour: NDArray[np.float64]) -> Cover:
    """Colour a surface, with soft shading and a little texture."""
    shape = (PLATE.columns, PLATE.rows)
    soft = cv2.resize(
        rng.standard_normal((4, 5)).astype(np.float32), shape, interpolation=cv2.INTER_CUBIC
    )
    fine = cv2.resize(rng.standard_normal((60, 80)).astype(np.float32), shape)
    shade = 1 + rng.uniform(0.02, 0.2) * soft + rng.uniform(0, 0.06) * fine
    return np.asarray(shade[..., None] * colour, np.float32)


def _hand(rng: Generator) -> tuple[Cover, Cover]:
    """Fingers from any side: capsules with shaded edges."""
    cover = np.zeros((PLATE.rows, PLATE.columns), np.float32)
    shade = np.ones_like(cover)
    angle = rng.uniform(0, 2 * np.pi)
    way = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-way[1], way[0]])
    tip = np.array([112, 88]) + rng.normal(0, 0.35 * _EYE, 2)
    width = _EYE * rng.uniform(0.28, 0.5)
    rows, columns = np.mgrid[: PLATE.rows, : PLATE.columns].astype(np.float32)
    for finger in range(int(rng.integers(1, 5))):
        end = tip + across * width * (finger - 1) + way * rng.normal(0, 0.15 * _EYE)
        aside = (columns - end[0]) * across[0] + (rows - end[1]) * across[1]
        along = (columns - end[0]) * way[0] + (rows - end[1]) * way[1]
        far = np.hypot(aside, np.minimum(along, 0)) / (width / 2)
        one = np.clip((1 - far) * width / 4, 0, 1)
        shade = np.where(one > 0.5, 1 - 0.45 * far**3, shade)
        cover = np.maximum(cover, one)
    tone = np.array([230, 180, 150]) * rng.uniform(0.25, 1.1) * np.exp(rng.normal(0, 0.06, 3))
    return _cloth(rng, tone) * shade[..., None], cover.astype(np.float32)


def _hair(rng: Generator) -> tuple[Cover, Cover]:
    """Strands of hair across the eye."""
    cover = np.zeros((PLATE.rows, PLATE.columns), np.float32)
    start = rng.uniform([20, -10], [200, 10])
    end = start + rng.normal([0, 190], [70, 30])
    for _ in range(int(rng.integers(3, 60))):
        bend = rng.normal(0, 12, 2)
        step = np.linspace(0, 1, 9)[:, None]
        shift = rng.normal(0, 14) * np.array([1, 0.2])
        strand = start + shift + (end - start) * step + 4 * step * (1 - step) * bend
        fixed = [np.round(strand * 16).astype(np.int32)]
        cv2.polylines(cover, fixed, False, float(rng.uniform(0.4, 1)), 1, cv2.LINE_AA, 4)
    colour = np.zeros((PLATE.rows, PLATE.columns, 3), np.float32)
    colour[:] = np.array([60, 45, 35]) * rng.uniform(0.3, 3.5)
    return colour, cover


KINDS: Final[dict[str, Callable[[Generator], tuple[Cover, Cover]]]] = {
    "glasses": _glasses,
    "glare": _glare,
    "patch": _patch,
    "hand": _hand,
    "hair": _hair,
}
"""What can stand before an eye: each draws a colour (rows, columns, 3) and a cover in [0, 1]."""
