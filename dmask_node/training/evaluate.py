"""Measure the eye network beside the stock networks and the snap, on people it was not trained on.

Everything is measured as the product would: the stock networks look at the whole picture, and their
corners place the crop. Lids are moved on the plate, and the plate is put back into the picture.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dmask_node.landmarks.mesh import Mesh
from dmask_node.landmarks.scheme import INNER_CORNER, OUTER_CORNER
from dmask_node.models.store import load_morphable_model
from dmask_node.records.anatomy import Eye
from dmask_node.training.crop import CROP, PLATE, apply, chain, inverse
from dmask_node.training.figures import (
    PLACES,
    calibration_error,
    distance,
    following,
    opening,
    reliability,
    scale_factor,
)
from dmask_node.training.portraits import (
    PortraitEye,
    Stock,
    lower_of,
    stock_contour,
    upper_of,
)
from dmask_node.training.reader import TOLERANCE, Calibration, EyeReader, SeenEye, within
from dmask_node.training.renders import EyeRenderer
from dmask_node.training.samples import perhaps_occluded
from dmask_node.training.spoil import spoil
from dmask_node.training.truth import CropTruth, EyeTruth, Line, Spot, on_columns
from dmask_node.training.warps import LidMove, PasteLaw, move_iris, move_lids

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

METHODS: Final = ("stock", "stock+snap", "own")
DROPS: Final = (0.0, 0.15, 0.30, 0.45, 0.60)
RISES: Final = (0.0, -0.15, -0.30)
"""Shares of the opening by which the upper lid is lowered."""
SIZES_PX: Final = (20, 30, 45, 60, 90, 120)
_MOVES: Final[dict[str, LidMove]] = {
    "first": LidMove(upper=0.0),
    "lash": LidMove(upper=0.0, lashes=0.045, soft=1.0),
    "band": LidMove(upper=0.0, band=0.11, anchor=0.58, bend=1.8),
    "squeeze": LidMove(upper=0.0, anchor=0.40),
    "roll": LidMove(upper=0.0),
    "paste": LidMove(upper=0.0, lashes=0.02),
}
LAWS: Final = tuple(_MOVES)
HELD_OUT_LAWS: Final = ("roll", "paste")
IRIS_SHIFTS: Final = ((0.0, 0.0), (0.4, 0.0), (-0.4, 0.0), (0.0, 0.25), (0.0, -0.25))
_COPIES: Final = 5
"""Of each picture, to see how much a method's answer moves without the eye having moved."""
_SHOWS_IRIS: Final = 0.12
"""Opening from which an eye shows enough of its iris to tell the centre, eye widths."""
_SHOWN_FROM: Final = 2.0
"""Change in grey levels from which a pixel of the plate is put back into the picture."""


class Measured(NamedTuple):
    """One eye in one picture by every method, in the frame of its plate."""

    heights: Floats
    """(methods, 2, 17), rows of both lids at `PLACES`, % of eye width."""
    iris: Floats
    """(methods, 2), its centre, % of eye width."""
    seen: SeenEye | None
    """What the own network said, in picture coordinates."""


class Evaluator:
    """Measures eyes by all methods.

    Parameters
    ----------
    reader : EyeReader
        The own network.
    """

    def __init__(self, reader: EyeReader) -> None:
        self._reader = reader
        self._stock = Stock()

    def measure(
        self,
        picture: Picture,
        eyes: Mapping[Eye, tuple[Floats, EyeTruth]],
        *,
        fresh: bool = True,
    ) -> dict[Eye, Measured]:
        """Measure the eyes of one picture.

        Parameters
        ----------
        picture : (rows, columns, 3) ndarray of uint8
            With one face.
        eyes : mapping of Eye to (matrix, truth)
            Where the plate of each eye lies, and the truth on it: its corners are the frame in
            which heights are told.
        fresh : bool, optional
            Whether the face has to be searched; else it is followed from the last picture.

        Returns
        -------
        dict of Eye to Measured
            NaN where no face was found.
        """
        mesh = self._stock(picture, fresh=fresh)
        return {eye: self._one(picture, mesh, eye, *frame) for eye, frame in eyes.items()}

    def _one(
        self, picture: Picture, mesh: Mesh | None, eye: Eye, to_plate: Floats, truth: EyeTruth
    ) -> Measured:
        if mesh is None:
            return Measured(np.full((3, 2, 17), np.nan), np.full((3, 2), np.nan), None)
        heights, irises = [], []
        for snapped in (False, True):
            contour = stock_contour(mesh, eye, snapped=snapped)
            lids = (apply(to_plate, upper_of(contour)), apply(to_plate, lower_of(contour)))
            heights.append(heights_of(lids, truth))
            irises.append(apply(to_plate, mesh.iris[eye, 0]))
        corners = mesh.eye_contour[eye, [OUTER_CORNER, INNER_CORNER]]
        seen = self._reader(picture, corners[0], corners[1], eye)
        own = (apply(to_plate, seen.lines[Line.UPPER]), apply(to_plate, seen.lines[Line.LOWER]))
        heights.append(heights_of(own, truth))
        irises.append(apply(to_plate, seen.spots[Spot.IRIS]))
        return Measured(np.stack(heights), np.stack(irises) / width_of(truth) * 100, seen)


def heights_of(lids: Sequence[Floats], truth: EyeTruth) -> Floats:
    """Tell lines by their rows at `PLACES` between the true corners, % of eye width, (n, 17)."""
    left, right = truth.spots[Spot.OUTER, 0], truth.spots[Spot.INNER, 0]
    x = left + PLACES * (right - left)
    rows = [np.interp(x, line[:, 0], line[:, 1]) for line in (_rising(one) for one in lids)]
    return np.stack(rows) / width_of(truth) * 100


def margins(truth: EyeTruth) -> list[Floats]:
    """Return the upper and the lower margin."""
    return [truth.known(Line.UPPER), truth.known(Line.LOWER)]


def _rising(line: Floats) -> Floats:
    return line[np.argsort(line[:, 0], kind="stable")]


def width_of(truth: EyeTruth) -> float:
    """Distance of the true corners, plate pixels."""
    return float(np.hypot(*(truth.spots[Spot.INNER] - truth.spots[Spot.OUTER])))


def put_back(picture: Picture, before: Picture, after: Picture, to_plate: Floats) -> Picture:
    """Put what changed on a plate back into the picture.

    Parameters
    ----------
    picture : (rows, columns, 3) ndarray of uint8
        The picture that the plate was cut from.
    before, after : (160, 224, 3) ndarray of uint8
        The plate as it was cut, and as it is to be.
    to_plate : (2, 3) ndarray of float64
        From picture to plate.

    Returns
    -------
    (rows, columns, 3) ndarray of uint8
        Changed softly about the pixels that differ; the rest is bit for bit the picture.
    """
    changed = np.abs(after.astype(np.float32) - before).max(axis=2) > _SHOWN_FROM
    near = cv2.dilate(changed.astype(np.float32), np.ones((7, 7), np.uint8))
    soft = cv2.GaussianBlur(near, (0, 0), 2.0)
    ends = np.array([[0, 0], [PLATE.columns, 0], [0, PLATE.rows], [PLATE.columns, PLATE.rows]])
    corners = apply(inverse(to_plate), ends)
    left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0).tolist()
    right, bottom = (np.ceil(corners.max(axis=0)).astype(int) + 2).tolist()
    part = picture[top:bottom, left:right]
    size = (part.shape[1], part.shape[0])
    matrix = chain(np.array([[1.0, 0.0, left], [0.0, 1.0, top]]), to_plate)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    alpha = cv2.warpAffine(soft, matrix, size, flags=how, borderValue=0)[..., None]
    there = cv2.warpAffine(after, matrix, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
    mixed = picture.copy()
    mixed[top:bottom, left:right] = np.round(part * (1 - alpha) + there * alpha)
    return mixed


def follow_lids(
    evaluator: Evaluator,
    eyes: Iterable[PortraitEye],
    law: str,
    levels: Sequence[float],
    eye_px: float | None = None,
) -> tuple[Floats, Floats, NDArray[np.str_]]:
    """Lower or raise the lids of every person and measure.

    Parameters
    ----------
    evaluator : Evaluator
        Measures.
    eyes : iterable of PortraitEye
        Of people held back; eyes nearly closed at rest are left out.
    law : str
        One of `LAWS`.
    levels : sequence of float
        Shares of the opening; the first is 0.
    eye_px : float, optional
        Width to which the eyes are brought before anything looks at them; default as they are
        (enlarged to at least 40 pixels).

    Returns
    -------
    measured : (eyes, levels, methods, 2, 17) ndarray of float64
    true : (eyes, levels, 2, 17) ndarray of float64
        Both in % of eye width.
    person : (eyes,) ndarray of str
    """
    measured, true, person = [], [], []
    groups = _by_picture(eyes)
    everyone = [eye for group in groups for eye in group]
    for number, group in enumerate(groups):
        rng = np.random.default_rng([7, number])
        rows: dict[Eye, list[Floats]] = {one.eye: [] for one in group}
        truths: dict[Eye, list[Floats]] = {one.eye: [] for one in group}
        for level in levels:
            picture, frames = group[0].picture, {}
            for one in group:
                donor = everyone[(number * 2 + 7) % len(everyone)]
                plate, truth = _moved(one, donor, law, level, rng)
                picture = put_back(picture, one.plate, plate, one.to_plate)
                frames[one.eye] = (one.to_plate, truth)
            picture, frames = _resized(picture, frames, group[0], eye_px)
            for eye, seen in evaluator.measure(picture, frames, fresh=level == levels[0]).items():
                rows[eye].append(seen.heights)
                truth = frames[eye][1]
                truths[eye].append(heights_of(margins(truth), truth))
        for one in group:
            measured.append(np.stack(rows[one.eye]))
            true.append(np.stack(truths[one.eye]))
            person.append(one.sha256)
    return np.stack(measured), np.stack(true), np.array(person)


def _moved(
    one: PortraitEye, donor: PortraitEye, law: str, level: float, rng: np.random.Generator
) -> tuple[Picture, EyeTruth]:
    """Move the lid of one eye by a level; level 0 leaves the plate as it is, except for `paste`."""
    move = replace(_MOVES[law], upper=level)
    if law == "paste":
        return move_lids(one.plate, one.truth, PasteLaw(donor.plate, donor.truth), move, rng)
    if level == 0:
        return one.plate, one.truth
    return move_lids(one.plate, one.truth, law, move, rng)


def _resized(
    picture: Picture,
    frames: dict[Eye, tuple[Floats, EyeTruth]],
    one: PortraitEye,
    eye_px: float | None,
) -> tuple[Picture, dict[Eye, tuple[Floats, EyeTruth]]]:
    """Bring the eyes of a picture to a width."""
    if eye_px is None:
        return picture, frames
    now = PLATE.eye_px / float(np.sqrt(abs(np.linalg.det(one.to_plate[:, :2]))))
    k = eye_px / now
    how = cv2.INTER_AREA if k < 1 else cv2.INTER_CUBIC
    size = (round(picture.shape[1] * k), round(picture.shape[0] * k))
    small = cv2.resize(picture, size, interpolation=how).astype(np.uint8, copy=False)
    scale = np.array([size[0] / picture.shape[1], size[1] / picture.shape[0]])
    to_small = np.column_stack([np.diag(scale), scale / 2 - 0.5])
    from_small = inverse(to_small)
    resized = {}
    for eye, (to_plate, truth) in frames.items():
        resized[eye] = (chain(from_small, to_plate), truth)
    return small, resized


def follow_iris(evaluator: Evaluator, eyes: Iterable[PortraitEye]) -> dict[str, Any]:
    """Move irises by known amounts; tell how the methods follow, and how far off they are.

    Returns
    -------
    dict
        By method: ``slope_x``, ``slope_y`` (median over eyes), ``scatter`` (% of eye width).
    """
    got, true = [], []
    for group in _by_picture(one for one in eyes if np.isfinite(one.truth.iris).all()):
        rows: dict[Eye, list[Floats]] = {one.eye: [] for one in group}
        truths: dict[Eye, list[Floats]] = {one.eye: [] for one in group}
        for shift in IRIS_SHIFTS:
            picture, frames = group[0].picture, {}
            for one in group:
                plate, truth = one.plate, one.truth
                if shift != (0.0, 0.0):
                    plate, truth = move_iris(plate, truth, shift)
                picture = put_back(picture, one.plate, plate, one.to_plate)
                frames[one.eye] = (one.to_plate, truth)
            for eye, seen in evaluator.measure(
                picture, frames, fresh=shift == IRIS_SHIFTS[0]
            ).items():
                rows[eye].append(seen.iris)
                truth = frames[eye][1]
                truths[eye].append(truth.spots[Spot.IRIS] / width_of(truth) * 100)
        got += [np.stack(rows[one.eye]) for one in group]
        true += [np.stack(truths[one.eye]) for one in group]
    a, b = np.stack(got), np.stack(true)[:, :, None]  # (eyes, shifts, methods, 2)
    ok = np.isfinite(a).all(axis=(1, 2, 3))
    a, b = a[ok] - a[ok][:, :1], b[ok] - b[ok][:, :1]
    slope = (a * b).sum(axis=1) / (b**2).sum(axis=1)
    return {
        method: {
            "eyes": len(a),
            "slope_x": float(np.median(slope[:, k, 0])),
            "slope_y": float(np.median(slope[:, k, 1])),
            "scatter": float((a - b)[:, 1:, k].std()),
        }
        for k, method in enumerate(METHODS)
    }


def following_table(
    evaluator: Evaluator, eyes: Sequence[PortraitEye], laws: Sequence[str] = LAWS
) -> list[dict[str, Any]]:
    """Follow lids down and up by every law, and down at several sizes of eye.

    Returns
    -------
    list of dict
        A row for each law, direction, size and method, with the fields of `Following`.
    """
    rows: list[dict[str, Any]] = []
    open_eyes = [one for one in eyes if opened(one)]
    for law in laws:
        for name, levels in (("drop", DROPS), ("rise", RISES)):
            if name == "rise" and law == "paste":
                continue
            rows += _following_rows(evaluator, open_eyes, law, name, levels, None)
    for size in SIZES_PX:
        rows += _following_rows(evaluator, open_eyes, "lash", "drop", DROPS, float(size))
    return rows


def _following_rows(
    evaluator: Evaluator,
    eyes: Sequence[PortraitEye],
    law: str,
    name: str,
    levels: Sequence[float],
    eye_px: float | None,
) -> list[dict[str, Any]]:
    measured, true, person = follow_lids(evaluator, eyes, law, levels, eye_px)
    return [
        {
            "law": law,
            "held_out": law in HELD_OUT_LAWS,
            "move": name,
            "eye_px": eye_px,
            "method": method,
            **following(measured[:, :, k], true, person)._asdict(),
        }
        for k, method in enumerate(METHODS)
    ]


def opened(one: PortraitEye) -> bool:
    """Whether an eye is open enough at rest to be lowered by shares of its opening."""
    return float(opening(heights_of(margins(one.truth), one.truth))) > 16


def _by_picture(eyes: Iterable[PortraitEye]) -> list[list[PortraitEye]]:
    groups: dict[tuple[str, int | None], list[PortraitEye]] = {}
    for one in eyes:
        groups.setdefault((one.sha256, one.frame), []).append(one)
    return list(groups.values())


def against_hand(
    evaluator: Evaluator,
    eyes: Sequence[PortraitEye],
    groups: Mapping[str, Callable[[PortraitEye], bool]],
) -> dict[str, Any]:
    """Compare all methods with what was read by hand.

    Parameters
    ----------
    evaluator : Evaluator
        Measures.
    eyes : sequence of PortraitEye
        Those read by hand count, of people held back.
    groups : mapping of str to callable
        Names of groups, and who belongs to each.

    Returns
    -------
    dict
        By group and method: ``upper``, ``lower``, ``opening``, ``iris`` as `Distance`, % of eye
        width; and the confidences of the own network with what came true.
    """
    hand = [one for one in eyes if one.by_hand]
    pairs: list[tuple[PortraitEye, Measured]] = []
    for group in _by_picture(hand):
        frames = {one.eye: (one.to_plate, one.truth) for one in group}
        seen = evaluator.measure(group[0].picture, frames)
        pairs += [(one, seen[one.eye]) for one in group]
    table: dict[str, Any] = {}
    for name, belongs in groups.items():
        chosen = [(one, seen) for one, seen in pairs if belongs(one)]
        if chosen:
            table[name] = {method: _errors(chosen, k) for k, method in enumerate(METHODS)} | {
                "eyes": len(chosen)
            }
    return table


def _errors(pairs: Sequence[tuple[PortraitEye, Measured]], method: int) -> dict[str, Any]:
    lids, irises = [], []
    for one, seen in pairs:
        lids.append(seen.heights[method] - heights_of(margins(one.truth), one.truth))
        centre = one.truth.spots[Spot.IRIS] / width_of(one.truth) * 100
        irises.append(np.hypot(*(seen.iris[method] - centre)))
    error = np.stack(lids)
    return {
        "upper": distance(error[:, 0])._asdict(),
        "lower": distance(error[:, 1])._asdict(),
        "opening": distance(opening(error))._asdict(),
        "iris": distance(np.array(irises)[:, None])._asdict(),
    }


class CropErrors(NamedTuple):
    """Errors of the own network in crops, and what it thought of them; crop pixels."""

    line_error: Floats
    """(eyes, 4, 56), NaN where unknown."""
    line_scale: Floats
    """(eyes, 4, 56)."""
    line_present: Floats
    """(eyes, 4), probability that there is such a line."""
    present: Floats
    """(eyes, 4), whether there is; NaN where unknown."""
    spot_error: Floats
    """(eyes, 4), NaN where unknown."""
    spot_scale: Floats
    """(eyes, 4)."""


def crop_errors(reader: EyeReader, eyes: Iterable[PortraitEye]) -> CropErrors:
    """Compare the network with what was read by hand, crop by crop.

    Parameters
    ----------
    reader : EyeReader
        The network.
    eyes : iterable of PortraitEye
        At least one; the crops are placed by the stock networks' corners.

    Returns
    -------
    CropErrors
        Eyes in the order given.
    """
    crops, truths = [], []
    for one in eyes:
        corners = one.stock.eye_contour[one.eye, [OUTER_CORNER, INNER_CORNER]]
        to_crop = CROP.from_picture(corners[0], corners[1], one.eye)
        crops.append(CROP.cut(one.picture, to_crop))
        truths.append(on_columns(one.truth.moved(chain(inverse(one.to_plate), to_crop))))
    said = reader.run(np.stack(crops))
    truth = CropTruth(*(np.stack(values) for values in zip(*truths, strict=True)))
    return CropErrors(
        line_error=(said["line_rows"] - truth.heights).astype(np.float64),
        line_scale=said["line_scale"].astype(np.float64),
        line_present=said["line_present"].astype(np.float64),
        present=truth.present.astype(np.float64),
        spot_error=np.linalg.norm(said["points"] - truth.spots, axis=2).astype(np.float64),
        spot_scale=said["point_scale"].astype(np.float64),
    )


def calibrate(errors: CropErrors) -> Calibration:
    """Find the factors of the network's scales that fit its errors on people held back."""
    return Calibration(
        lines=tuple(
            scale_factor(errors.line_error[:, k], errors.line_scale[:, k]) for k in range(len(Line))
        ),
        spots=tuple(
            scale_factor(errors.spot_error[:, k], errors.spot_scale[:, k]) for k in range(len(Spot))
        ),
    )


def confidence_table(errors: CropErrors, calibration: Calibration) -> dict[str, Any]:
    """Compare calibrated confidences with what came true, by line and point.

    Returns
    -------
    dict
        By name: ``bins`` as `reliability`, and ``error``, the mean gap between said and true.
    """
    tolerance = TOLERANCE * CROP.eye_px
    table = {}
    for names, error, scale, factors in (
        (Line, errors.line_error, errors.line_scale, calibration.lines),
        (Spot, errors.spot_error, errors.spot_scale, calibration.spots),
    ):
        for one in names:
            known = np.isfinite(error[:, one])
            if not known.any():
                continue
            said = within(tolerance, scale[:, one][known] * factors[one])
            bins = reliability(said, np.abs(error[:, one][known]) < tolerance)
            table[one.name.lower()] = {"bins": bins, "error": round(calibration_error(bins), 4)}
    return table


def repeatability(evaluator: Evaluator, eyes: Iterable[PortraitEye]) -> dict[str, Any]:
    """Turn, shrink and roughen each picture a little, and tell how much the lines move.

    Returns
    -------
    dict
        By method: ``upper``, ``lower`` and ``opening``, root of the mean variance over five copies
        of each picture, % of eye width; ``eyes``.
    """
    spread: list[Floats] = []
    for number, group in enumerate(_by_picture(eyes)):
        rng = np.random.default_rng([11, number])
        seen: dict[Eye, list[Floats]] = {one.eye: [] for one in group}
        picture = group[0].picture
        for _ in range(_COPIES):
            middle = (picture.shape[1] / 2, picture.shape[0] / 2)
            angle, size = rng.uniform(-6, 6), rng.uniform(0.7, 1.0)
            turn = np.asarray(cv2.getRotationMatrix2D(middle, angle, size), np.float64)
            copy = cv2.warpAffine(
                picture, turn, picture.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
            )
            noisy = np.clip(copy + rng.normal(0, 3, copy.shape), 0, 255).astype(np.uint8)
            frames = {one.eye: (chain(inverse(turn), one.to_plate), one.truth) for one in group}
            for eye, measured in evaluator.measure(noisy, frames).items():
                seen[eye].append(measured.heights)
        for heights in seen.values():
            stack = np.stack(heights)  # (copies, methods, 2, 17)
            whole = np.concatenate(
                [stack, opening(stack)[..., None, None] + 0 * stack[:, :, :1]], 2
            )
            spread.append(whole.var(axis=0).mean(axis=2))
    root = np.sqrt(np.nanmean(np.stack(spread), axis=0))  # (methods, 3)
    return {
        method: dict(zip(("upper", "lower", "opening"), root[k].tolist(), strict=True))
        | {"eyes": len(spread)}
        for k, method in enumerate(METHODS)
    }


def on_renders(reader: EyeReader, n: int = 120, seed: int = 990_017) -> list[dict[str, Any]]:
    """Measure the own network on renders of seeds that it was not trained on, by width of the eye.

    Returns
    -------
    list of dict
        For each of `SIZES_PX`: mean absolute errors of the four lines, of the opening and of the
        iris's centre (in open eyes), % of eye width, and of the visible share.
    """
    rng = np.random.default_rng(seed)
    renderer = EyeRenderer(load_morphable_model())
    drawn = [perhaps_occluded(*renderer(rng), rng) for _ in range(n)]
    rows = []
    for size in SIZES_PX:
        made = [spoil(plate, truth, rng, float(size)) for plate, truth in drawn]
        said = reader.run(np.stack([crop for crop, _ in made]))
        truth = CropTruth(*(np.stack(v) for v in zip(*(t for _, t in made), strict=True)))
        seen = truth.visibility > 0.5
        unit = 100 / CROP.eye_px
        error = np.abs(said["line_rows"] - truth.heights)[seen] * unit
        row: dict[str, Any] = {"eye_px": size, "eyes": int(seen.sum())}
        row |= {line.name.lower(): float(np.nanmean(error[:, line])) for line in Line}
        shows = seen & (truth.opening > _SHOWS_IRIS)
        centre = np.linalg.norm(said["points"] - truth.spots, axis=2)[shows, Spot.IRIS] * unit
        opened_by = np.abs(said["shares"][:, 1] - truth.opening)[seen] * 100
        visible = np.abs(said["shares"][:, 2] - truth.visibility)
        row |= {"opening": float(opened_by.mean()), "iris": float(centre.mean())}
        rows.append(row | {"visibility": float(visible.mean())})
    return rows


def report(reader: EyeReader, test: Sequence[PortraitEye]) -> dict[str, Any]:
    """Measure everything that the model card tells.

    Parameters
    ----------
    reader : EyeReader
        The network.
    test : sequence of PortraitEye
        Eyes of people who were not trained on. Confidences are calibrated on those of them read by
        hand who are on one side of a cut by checksum, and tested on the other.

    Returns
    -------
    dict
        ``people``, ``speed_ms``, ``calibration``, ``confidence``, ``hand``, ``following``,
        ``iris``, ``repeatability`` and ``renders``.
    """
    evaluator = Evaluator(reader)
    hand = [one for one in test if one.by_hand]
    tune = [one for one in hand if int(one.sha256, 16) // 3 % 2 == 0]
    rest = [one for one in hand if one not in tune]
    figures: dict[str, Any] = {
        "people": {
            "test": len({one.sha256 for one in test}),
            "test_eyes_by_hand": len(hand),
            "calibration_eyes": len(tune),
        },
        "speed_ms": speed_ms(reader),
    }
    if tune and rest:
        calibration = calibrate(crop_errors(reader, tune))
        figures["calibration"] = calibration._asdict()
        figures["confidence"] = confidence_table(crop_errors(reader, rest), calibration)
    if hand:
        figures["hand"] = against_hand(evaluator, hand, GROUPS)
    figures["following"] = following_table(evaluator, test)
    figures["iris"] = follow_iris(evaluator, test)
    figures["repeatability"] = repeatability(evaluator, test)
    figures["renders"] = on_renders(reader)
    return figures


def speed_ms(reader: EyeReader, rounds: int = 5) -> float:
    """Time one crop on one thread: the best round's mean, milliseconds."""
    crop = (
        np.random.default_rng(0).integers(0, 255, (1, CROP.rows, CROP.columns, 3)).astype(np.uint8)
    )
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(40):
            reader.run(crop)
        best = min(best, (time.perf_counter() - start) / 40 * 1000)
    return best


def _noted(name: str, value: object) -> Callable[[PortraitEye], bool]:
    return lambda one: one.label is not None and getattr(one.label.attributes, name) == value


GROUPS: Final[dict[str, Callable[[PortraitEye], bool]]] = {
    "all": lambda one: one.label is not None,
    **{f"openness {value}": _noted("openness", value) for value in ("open", "half", "closed")},
    **{f"skin {value}": _noted("skin", value) for value in ("light", "medium", "dark")},
    **{f"light {value}": _noted("light", value) for value in ("normal", "dark")},
    "glasses": _noted("glasses", True),
    "no glasses": _noted("glasses", False),
    "make-up": _noted("make_up", True),
    "eye up to 25 px": lambda one: one.native_eye_px <= 25,
    "eye above 25 px": lambda one: one.native_eye_px > 25,
    "good reading": _noted("quality", "good"),
}
"""Groups of the model card, by what the reader noted."""
