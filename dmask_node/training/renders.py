"""Rendered eyes of nobody: random heads, lids, gaze, skin, lashes, make-up and light.

Every random draw comes from the generator that is given, so the same seed makes the same eyes.
"""

from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from dmask_node.geometry.morphable_model import MorphableModel
from dmask_node.training.crop import PLATE
from dmask_node.training.eye_scene import (
    COLUMNS,
    ROWS,
    TO_PLATE,
    EyeScene,
    SceneBuilder,
    SceneSettings,
)
from dmask_node.training.truth import EyeTruth, Line, Spot, opening_of

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

_SKIN: Final = np.array(
    [
        [244, 214, 196],
        [236, 196, 172],
        [222, 176, 148],
        [204, 154, 124],
        [176, 124, 94],
        [142, 96, 72],
        [108, 72, 54],
        [78, 52, 42],
        [56, 38, 32],
    ],
    np.float32,
)
"""RGB of skin in full light, from light to dark."""
_IRISES: Final = np.array(
    [[70, 44, 26], [92, 60, 36], [120, 86, 50], [110, 116, 76], [96, 122, 140], [140, 156, 168]],
    np.float32,
)
"""RGB of irises: dark brown, brown, hazel, green, blue, grey."""
_SHADOWS: Final = np.array(
    [[96, 70, 60], [60, 56, 64], [150, 110, 90], [110, 80, 110], [70, 90, 120], [180, 130, 120]],
    np.float32,
)
"""RGB of eye shadows."""
_SHAPE_SD_MM: Final = np.array(
    [0.5, 0.5, 0.6, 0.8, 0.7, 0.35, 0.2, 0.1, 0.06, 0.6, 0.35, 0.2, 0.1, 0.06]
)
"""Corners, upper and lower margin modes: how much eyes differ at rest."""


class Look(NamedTuple):
    """What is painted on a scene."""

    skin: Image
    """(3,), RGB."""
    iris: Image
    """(3,), RGB."""
    light: Floats
    """(3,), direction to the main light."""
    ambient: float
    fold: float
    """Darkness of the fold, 0 for a lid without one."""
    boundary: float
    """Darkness of the furrow under the lower lid."""
    lashes: float
    """How many and how dark, 0 to 1."""
    liner: float
    """Darkness of a line painted along the lids."""
    shadow: float
    """Strength of eye shadow."""


class EyeRenderer:
    """Draws random eyes.

    Parameters
    ----------
    model : MorphableModel
        The face model.
    """

    def __init__(self, model: MorphableModel) -> None:
        self._build = SceneBuilder(model)
        self._n_identity, self._n_expression = model.n_identity, model.n_expression

    def __call__(self, rng: Generator) -> tuple[NDArray[np.uint8], EyeTruth]:
        """Draw one eye.

        Parameters
        ----------
        rng : Generator
            Decides everything.

        Returns
        -------
        plate : (160, 224, 3) ndarray of uint8
            RGB, sharp and unspoilt.
        truth : EyeTruth
            In plate pixels.
        """
        scene = self._build(self._settings(rng))
        while not 0 <= opening_of(scene.truth) < 0.62 or scene.truth.spots[Spot.IRIS, 0] < 0:
            scene = self._build(self._settings(rng))
        return render(scene, _look(rng), rng)

    def _settings(self, rng: Generator) -> SceneSettings:
        expression = np.zeros(self._n_expression)
        some = rng.choice(self._n_expression, rng.integers(0, 5), replace=False)
        expression[some] = rng.uniform(0, 0.8, len(some))
        kind = rng.choice(5, p=[0.30, 0.40, 0.10, 0.08, 0.12])
        closure = (
            rng.normal(0, 0.08),  # as it is
            rng.uniform(0.05, 0.97),  # ptosis, or on the way through a blink
            -rng.uniform(0.05, 0.45),  # retraction
            1.0,  # closed by the upper lid
            1.0,
        )[kind]
        meeting = rng.uniform(0, 0.3) if kind in (1, 4) else 0.0
        return SceneSettings(
            identity=np.clip(rng.normal(0, 0.9, self._n_identity), -2.5, 2.5),
            expression=expression,
            yaw_deg=float(rng.normal(0, 12)),
            pitch_deg=float(rng.normal(0, 8)),
            distance_mm=float(rng.uniform(350, 1500)),
            gaze_deg=(float(rng.normal(0, 13)), float(rng.normal(-1, 9) - 8 * max(closure, 0))),
            lid_shape=rng.normal(0, 1, len(_SHAPE_SD_MM)) * _SHAPE_SD_MM,
            closure=float(closure),
            meeting=float(meeting),
            tilt=float(rng.normal(0, 0.15)),
            fold_mm=float(rng.uniform(1.2, 7.0)),
            boundary_ring=float(rng.uniform(5.5, 8.6)),
            iris_radius_mm=float(rng.normal(5.85, 0.25)),
            pupil_ratio=float(rng.uniform(0.22, 0.62)),
        )


def render(scene: EyeScene, look: Look, rng: Generator) -> tuple[NDArray[np.uint8], EyeTruth]:
    """Paint and light a scene.

    Parameters
    ----------
    scene : EyeScene
        Where everything lies.
    look : Look
        What it looks like.
    rng : Generator
        For textures.

    Returns
    -------
    plate : (160, 224, 3) ndarray of uint8
        RGB.
    truth : EyeTruth
        In plate pixels; a fold or a boundary that was not painted is absent.
    """
    rows, columns = np.mgrid[:ROWS, :COLUMNS].astype(np.float32)
    below = [rows - _row_of(line, columns) for line in scene.truth.lines]
    inside = _inside(scene, columns)
    skin = _skin(scene, look, below, inside, rng)
    eye = _eye(scene, look, below, rng)
    cover = scene.skin[..., None]
    within = np.clip(scene.globe + scene.conjunctiva, 0, 1)[..., None]
    behind = rng.uniform(0, 255, 3).astype(np.float32)
    picture = cover * skin + within * eye + (1 - cover - within) * behind
    picture = _lashes(picture, scene, look, rng)
    picture = picture * rng.uniform(0.75, 1.2)  # exposure
    picture = np.clip(picture, 0, 255)
    plate = cv2.resize(picture, (PLATE.columns, PLATE.rows), interpolation=cv2.INTER_AREA)
    truth = scene.truth.moved(TO_PLATE)
    lines = list(truth.lines)
    for line, strength in ((Line.FOLD, look.fold), (Line.BOUNDARY, look.boundary)):
        if strength < 0.1:
            lines[line] = np.zeros((0, 2))
    return plate.astype(np.uint8), EyeTruth(
        lines=tuple(lines),
        spots=truth.spots,
        iris=truth.iris,
        pupil_ratio=truth.pupil_ratio,
        visibility=1.0,
    )


def _look(rng: Generator) -> Look:
    """Draw an appearance."""
    tone = rng.beta(1.0, 1.5) * (len(_SKIN) - 1.001)
    low, part = int(tone), tone % 1
    skin = (_SKIN[low] * (1 - part) + _SKIN[low + 1] * part) * np.exp(rng.normal(0, 0.04, 3))
    dark = tone > 4
    iris = _IRISES[rng.choice(len(_IRISES), p=[0.6, 0.3, 0.1, 0, 0, 0] if dark else None)]
    light = np.array([rng.normal(0, 0.6), rng.uniform(-0.1, 1.0), rng.uniform(0.4, 1.2)])
    made_up = rng.random() < 0.35
    return Look(
        skin=skin.astype(np.float32),
        iris=(iris * np.exp(rng.normal(0, 0.15, 3))).astype(np.float32),
        light=light / np.linalg.norm(light),
        ambient=float(rng.uniform(0.35, 0.8)),
        fold=float(rng.choice([0.0, rng.uniform(0.12, 0.3), rng.uniform(0.3, 0.7)])),
        boundary=float(rng.choice([0.0, rng.uniform(0.1, 0.4)])),
        lashes=float(np.clip(rng.beta(1.6, 1.6) + 0.25 * made_up, 0.02, 1)),
        liner=float(rng.uniform(0.3, 0.95)) if made_up and rng.random() < 0.6 else 0.0,
        shadow=float(rng.uniform(0.1, 0.7)) if made_up and rng.random() < 0.6 else 0.0,
    )


def _row_of(line: NDArray[np.float64] | None, columns: Image) -> Image:
    """Return the height of a line at every pixel's column."""
    assert line is not None
    row = np.interp(np.arange(columns.shape[1]), line[:, 0], line[:, 1]).astype(np.float32)
    return np.broadcast_to(row, columns.shape)


def _inside(scene: EyeScene, columns: Image) -> Image:
    """Return 1 between the corners, falling to 0 at and beyond them."""
    left, right = scene.truth.spots[Spot.OUTER, 0], scene.truth.spots[Spot.INNER, 0]
    place = (columns - left) / (right - left)
    return np.clip(np.minimum(place, 1 - place) / 0.12, 0, 1).astype(np.float32)


def _noise(rng: Generator, coarsest: int, octaves: int, stretch: float = 1.0) -> Image:
    """Return smooth noise of unit variance: octaves of random grids, each half as strong."""
    total = np.zeros((ROWS, COLUMNS), np.float32)
    for octave in range(octaves):
        cells = coarsest * 2**octave
        grid = rng.standard_normal((cells, max(2, int(cells * COLUMNS / ROWS / stretch))))
        total += 0.6**octave * cv2.resize(
            grid.astype(np.float32), (COLUMNS, ROWS), interpolation=cv2.INTER_CUBIC
        )
    return np.asarray(total / total.std(), np.float32)


def _bump(distance: Image, width: float) -> Image:
    return np.asarray(np.exp(-((distance / width) ** 2)), np.float32)


def _skin(scene: EyeScene, look: Look, below: list[Image], inside: Image, rng: Generator) -> Image:
    """Colour the skin: tone, blotches, wrinkles, brow, make-up, fold, furrow, light."""
    unit = scene.truth.spots[Spot.INNER, 0] - scene.truth.spots[Spot.OUTER, 0]  # eye's width
    normal = scene.normal
    bumps = rng.uniform(0.002, 0.02) * _noise(rng, 40, 3)
    bumps = bumps + rng.uniform(0, 0.025) * _noise(rng, 6, 4, float(rng.uniform(1, 6)))
    diffuse = np.clip(normal @ look.light.astype(np.float32) + 2 * bumps, 0, 1)
    light = look.ambient * (0.85 + 0.15 * normal[..., 1]) + (1 - look.ambient) * diffuse
    albedo = look.skin * (1 + rng.uniform(0.005, 0.045) * _noise(rng, 4, 4))[..., None]
    red = np.clip(1 - scene.ring * 4, 0, 1)[..., None] * rng.uniform(0, 0.25)
    albedo = albedo * (1 - red * np.array([0.1, 0.5, 0.45], np.float32))
    albedo = albedo * (1 - rng.uniform(0, 0.35) * _bump(scene.ring - 0.35, 0.3))[..., None]
    if look.shadow:
        colour = _SHADOWS[rng.integers(len(_SHADOWS))] * float(np.exp(rng.normal(0, 0.3)))
        reach = unit * rng.uniform(0.06, 0.3)
        amount = np.clip(1 + below[Line.UPPER] / reach, 0, 1) * (below[Line.UPPER] < 0) * inside
        amount = (look.shadow * amount)[..., None]
        albedo = albedo * (1 - amount) + colour * amount
    strands = np.clip(0.7 + 0.5 * _noise(rng, 60, 2, 3.0), 0, 1)
    hair = np.array([0.32, 0.26, 0.22], np.float32) * rng.uniform(0.3, 1.6)
    brow = (scene.brow * strands * rng.uniform(0.1, 1.0))[..., None]
    albedo = albedo * (1 - brow) + np.minimum(albedo, 255 * hair) * brow
    fold, furrow = below[Line.FOLD], below[Line.BOUNDARY]
    shade = look.fold * _bump(fold, unit * rng.uniform(0.008, 0.03))
    hooding = rng.uniform(0, 0.5) * look.fold  # the skin above throws a shadow on the lid
    shade = shade + hooding * np.exp(-np.clip(fold, 0, None) / (0.05 * unit)) * (fold > 0)
    shade = shade + look.boundary * _bump(furrow, unit * rng.uniform(0.015, 0.06))
    crow = np.clip(rng.normal(0, 0.05), 0, 1) * np.clip(_noise(rng, 10, 3, 5.0) - 0.6, 0, 1)
    light = light * (1 - np.clip(shade * inside + crow, 0, 0.9))
    # The wet edge of the lower lid is lighter and pinker than the skin below it.
    edge = np.clip(1 - np.abs(below[Line.LOWER] - 0.012 * unit) / (0.018 * unit), 0, 1) * inside
    wet = (edge * rng.uniform(0, 0.6))[..., None]
    albedo = albedo * (1 - wet) + (0.75 * albedo + [55, 30, 30]) * wet
    if look.liner:
        width = unit * rng.uniform(0.012, 0.05)
        above = _bump(np.minimum(below[Line.UPPER] + width * 0.5, 0), width) * (
            below[Line.UPPER] < 0.01 * unit
        )
        both = rng.random() < 0.4
        under = _bump(np.maximum(below[Line.LOWER] - width * 0.5, 0), width * 0.6)
        under = under * (below[Line.LOWER] > 0) * both
        amount = (look.liner * np.maximum(above, under) * np.clip(inside * 3, 0, 1))[..., None]
        albedo = albedo * (1 - amount) + 26 * amount
    gloss = (
        rng.uniform(0, 60)
        * np.clip(normal[..., 2], 0, 1) ** 30
        * np.clip(0.6 + 0.6 * _noise(rng, 60, 1), 0, 2)
    )
    return np.asarray(albedo * light[..., None] + gloss[..., None] * (1 - look.ambient), np.float32)


def _eye(scene: EyeScene, look: Look, below: list[Image], rng: Generator) -> Image:
    """Colour globe and conjunctiva: white, iris, pupil, shadow of the lid, reflections."""
    unit = scene.truth.spots[Spot.INNER, 0] - scene.truth.spots[Spot.OUTER, 0]
    x, y, z = np.moveaxis(scene.on_globe, 2, 0)
    polar = np.arccos(np.clip(z, -1, 1))
    meridian = np.arctan2(y, x)
    white = np.array([228, 222, 218], np.float32) * rng.uniform(0.78, 1.08)
    white = white * np.array([1, rng.uniform(0.9, 1), rng.uniform(0.86, 1)], np.float32)
    veins = rng.uniform(0, 0.25) * np.clip(_noise(rng, 12, 3, 4.0) - 0.8, 0, 1)
    colour = white * (1 - veins[..., None] * np.array([0.2, 0.9, 0.9], np.float32))
    rays = np.interp(meridian, np.linspace(-np.pi, np.pi, 90), _periodic(rng, 90))
    part = (polar - scene.pupil_rad) / max(scene.limbus_rad - scene.pupil_rad, 1e-3)
    tint = look.iris * (1 + 0.22 * rays[..., None] + rng.normal(0, 0.2) * (part[..., None] - 0.5))
    ring = np.clip((part - rng.uniform(0.7, 0.95)) / 0.3, 0, 1)[..., None] * rng.uniform(0.2, 0.8)
    tint = tint * (1 - ring)
    soft = 0.02 + 0.03 * rng.random()
    iris = np.clip((scene.limbus_rad - polar) / soft + 0.5, 0, 1)[..., None]
    pupil = np.clip((scene.pupil_rad - polar) / 0.02 + 0.5, 0, 1)[..., None]
    colour = colour * (1 - iris) + tint * iris
    colour = colour * (1 - pupil) + rng.uniform(5, 30) * pupil
    pink = np.array([200, 140, 130], np.float32) * rng.uniform(0.8, 1.1)
    flesh = white * np.array([0.92, 0.8, 0.78], np.float32)
    behind = scene.caruncle[..., None]
    conjunctiva = flesh * (1 - behind) + pink * behind
    globe = np.clip(scene.globe / np.maximum(1 - scene.skin, 1e-3), 0, 1)[..., None]
    colour = colour * globe + conjunctiva * (1 - globe)
    diffuse = np.clip(scene.normal @ look.light.astype(np.float32), 0, 1)
    light = (look.ambient + 0.12) + (0.95 - look.ambient) * diffuse
    depth = unit * rng.uniform(0.03, 0.14)
    light = light * (
        1 - rng.uniform(0.1, 0.6) * np.exp(-np.clip(below[Line.UPPER], 0, None) / depth)
    )
    light = light * (1 + 0.15 * np.clip(below[Line.LOWER] / depth, -1, 0) + 0.0)
    picture = colour * light[..., None]
    for _ in range(rng.integers(0, 4)):
        place = scene.truth.spots[Spot.IRIS] + rng.normal(0, 0.09 * unit, 2)
        size = unit * rng.uniform(0.006, 0.035, 2)
        rows, columns = np.ogrid[:ROWS, :COLUMNS]
        spot = ((columns - place[0]) / size[0]) ** 2 + ((rows - place[1]) / size[1]) ** 2
        picture = picture + rng.uniform(60, 255) * np.clip(1.5 - spot, 0, 1)[..., None]
    return np.asarray(picture, np.float32)


def _periodic(rng: Generator, n: int) -> Floats:
    """Return smooth noise around a circle."""
    values = rng.standard_normal(n - 1)
    smooth = np.convolve(np.tile(values, 3), [0.25, 0.5, 0.25], "same")[n - 1 : 2 * n - 2]
    return np.append(smooth, smooth[0])


def _lashes(picture: Image, scene: EyeScene, look: Look, rng: Generator) -> Image:
    """Draw lashes out of both lids, longest towards the outer corner, each of its own bend."""
    if look.lashes < 0.05:
        return picture
    count = int(25 + 75 * look.lashes)
    upper = _strands(
        scene.upper_roots, count, rng.uniform(5, 10), rng.uniform(-0.1, 0.5), scene.face_axes, rng
    )
    lower = _strands(scene.lower_roots, count // 2, rng.uniform(2, 5), -0.5, scene.face_axes, rng)
    cover = np.zeros(picture.shape[:2], np.uint8)
    for strands, strength in ((upper, 1.0), (lower, 0.55)):
        drawn = np.zeros_like(cover)
        fixed = [np.round(strand * 16).astype(np.int32) for strand in strands]
        cv2.polylines(drawn, fixed, False, 255, 1, cv2.LINE_AA, 4)
        cover = np.maximum(cover, (drawn * strength).astype(np.uint8))
    if rng.random() < 0.5:
        line = [np.round(scene.upper_roots * 16).astype(np.int32)]
        roots = np.zeros_like(cover)
        cv2.polylines(roots, line, False, 255, int(rng.integers(1, 4)), cv2.LINE_AA, 4)
        cover = np.maximum(cover, (roots * (0.75 * look.lashes)).astype(np.uint8))
    soft = cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.3, 0.9)).astype(np.float32) / 255
    alpha = (np.clip(soft * (0.5 + look.lashes), 0, 0.95))[..., None]
    hair = np.array([30, 24, 22], np.float32) * rng.uniform(0.4, 2.5)
    return np.asarray(picture * (1 - alpha) + np.minimum(hair, picture) * alpha, np.float32)


def _strands(
    roots: Floats, count: int, length_mm: float, lift: float, axes: Floats, rng: Generator
) -> list[Floats]:
    """Bend lashes out of their roots: forwards first, then by ``lift`` up or down."""
    place = np.sort(rng.uniform(0.08, 1.0, count))  # from the inner corner
    start = roots[(place * (len(roots) - 1)).astype(int)]
    length = length_mm * (0.45 + 0.55 * place) * rng.uniform(0.6, 1.15, count)
    fan = (place - 0.45) * rng.uniform(0.5, 1.1)
    step = np.linspace(0, 1, 6)
    strands = []
    for k in range(count):
        droop = -0.25 if lift > 0 else 0.0
        forwards = 0.85 * step
        upwards = droop * step + (lift - droop) * step**2
        aside = -(fan[k] + rng.normal(0, 0.08)) * step
        bent = length[k] * np.stack([aside, upwards, forwards], axis=1)  # head axes
        strands.append(start[k] + (bent @ axes.T)[:, :2])
    return strands


def sheet(plates: list[Any], columns: int = 8) -> NDArray[np.uint8]:
    """Join plates of one size to a contact sheet; what is missing in the last row stays black."""
    while len(plates) % columns:
        plates = [*plates, np.zeros_like(plates[0])]
    return np.vstack(
        [np.hstack(plates[k : k + columns]) for k in range(0, len(plates), columns)]
    ).astype(np.uint8)
