"""Eyes of a folder of pictures, with what is known of them: read by hand, or by stock networks."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dmask_node.landmarks.lid_snap import move_upper_lid
from dmask_node.landmarks.mesh import Mesh
from dmask_node.landmarks.scheme import INNER_CORNER, LOWER_LID, OUTER_CORNER, UPPER_LID
from dmask_node.landmarks.settings import LandmarkSettings
from dmask_node.landmarks.track import FaceTracker
from dmask_node.models.settings import InferenceSettings
from dmask_node.records.anatomy import Eye
from dmask_node.training.crop import PLATE, apply
from dmask_node.training.figures import PLACES
from dmask_node.training.labels.find import read_picture
from dmask_node.training.labels.split import split_of
from dmask_node.training.labels.store import EyeLabel
from dmask_node.training.truth import EyeTruth, Line, Spot, opening_of, smooth_line, symmetric_root

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]
Split = Literal["train", "test"]

_LEAST_EYE_PX: Final = 40.0
"""Pictures are enlarged until their eyes are this wide: the stock networks need it."""
_STOCK_WEIGHT: Final = 0.3
"""How far lines by stock networks and snap are to be believed, beside those read by hand."""
_N_LINE: Final = 41
_OPEN: Final = 0.12
"""Opening from which an eye counts as open, eye widths."""
_LEAST_EYES: Final = 20
"""Eyes read by hand below which stock lines are not corrected."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PortraitEye:
    """One eye of one picture."""

    sha256: str
    """Of the picture file, or of the clip that the frame is from: it stands for the person."""
    frame: int | None
    """Index of the decoded frame, where it is one."""
    eye: Eye
    split: Split
    picture: Picture
    """(rows, columns, 3), RGB; enlarged if its eyes are small."""
    enlarged: float
    """By what."""
    to_plate: Floats
    """(2, 3), from the enlarged picture to the plate."""
    plate: Picture
    """(160, 224, 3), RGB."""
    truth: EyeTruth
    """In plate pixels; by hand where it was read, else by stock networks and snap."""
    by_hand: bool
    stock: Mesh
    """What the stock networks saw, in the enlarged picture."""
    label: EyeLabel | None = None

    @property
    def native_eye_px(self) -> float:
        """Width of the eye in the picture as it came."""
        scale = float(np.sqrt(abs(np.linalg.det(self.to_plate[:, :2]))))
        return PLATE.eye_px / scale / self.enlarged


class Stock:
    """The stock networks with the snap, on single pictures."""

    def __init__(self) -> None:
        self._tracker = FaceTracker(InferenceSettings(), LandmarkSettings())

    def __call__(self, picture: Picture, *, fresh: bool = True) -> Mesh | None:
        """Find the face of a picture; unless it is fresh, of the next frame of the last one."""
        if fresh:
            self._tracker.restart()
        return self._tracker(picture)

    def enlarged(self, picture: Picture) -> tuple[Picture, float, Mesh | None]:
        """Enlarge a picture until its eyes are wide enough, and find its face."""
        mesh = self(picture)
        if mesh is None:
            return picture, 1.0, None
        corners = mesh.eye_contour[:, [OUTER_CORNER, INNER_CORNER]]
        width = float(np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1).min())
        factor = float(np.ceil(_LEAST_EYE_PX / max(width, 1.0)))
        if factor <= 1 or factor > 6:
            return picture, 1.0, mesh
        enlarged = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        larger = np.asarray(enlarged, np.uint8)
        return larger, factor, self(larger)


def read_eyes(
    folder: Path, labels: Iterable[EyeLabel], split: Split | None = None
) -> Iterator[PortraitEye]:
    """Read the eyes of a folder of pictures, one face each.

    Parameters
    ----------
    folder : Path
        Pictures (jpg, png); frames taken from clips are told by the folder's ``frames.json``.
    labels : iterable of EyeLabel
        What was read by hand; second readings are averaged with the first.
    split : {"train", "test"}, optional
        Which people; default all.

    Yields
    ------
    PortraitEye
        In the order of file names, the right eye first; eyes that are neither read by hand nor
        believed of the stock networks are left out.
    """
    stock = Stock()
    read = {one.subject: one for one in labels if one.reading == 1}
    for file, (sha256, frame) in picture_names(folder).items():
        part = split_of(sha256)
        if split not in (None, part):
            continue
        picture, factor, mesh = stock.enlarged(read_picture(file))
        if mesh is None:
            continue
        for eye in Eye:
            label = read.get((sha256, frame, eye.letter))
            one = _portrait_eye(picture, factor, mesh, eye, label, (sha256, frame, part))
            if one is not None:
                yield one


def picture_names(folder: Path) -> dict[Path, tuple[str, int | None]]:
    """List the pictures of a folder with the checksum that stands for the person, and the frame."""
    noted = folder / "frames.json"
    frames = json.loads(noted.read_text(encoding="utf-8")) if noted.exists() else {}
    names: dict[Path, tuple[str, int | None]] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            continue
        if file.name in frames:
            names[file] = (frames[file.name]["sha256"], frames[file.name]["frame"])
        else:
            names[file] = (hashlib.sha256(file.read_bytes()).hexdigest(), None)
    return names


def checksum(folder: Path) -> str:
    """Return one SHA-256 over the sorted checksums of a folder's pictures."""
    names = sorted(f"{sha} {frame}" for sha, frame in picture_names(folder).values())
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def stock_contour(mesh: Mesh, eye: Eye, *, snapped: bool) -> Floats:
    """Return the (16, 2) lid margin of an eye by the stock networks, with or without the snap."""
    contour = mesh.eye_contour[eye]
    if not snapped or mesh.lid_offset is None:
        return contour
    offset = np.nan_to_num(mesh.lid_offset[eye])
    return move_upper_lid(contour, offset, eye)


def upper_of(contour: Floats) -> Floats:
    """Return the (9, 2) upper margin of a contour, corners included, outer to inner."""
    return np.concatenate([contour[OUTER_CORNER : UPPER_LID.stop], contour[[INNER_CORNER]]])


def lower_of(contour: Floats) -> Floats:
    """Return the (9, 2) lower margin of a contour, corners included, outer to inner."""
    return np.concatenate([contour[[INNER_CORNER]], contour[LOWER_LID], contour[[OUTER_CORNER]]])[
        ::-1
    ]


class StockOffset(NamedTuple):
    """By how much stock networks and snap miss what readers see, on average; eye widths."""

    upper: Floats
    """(17,), at `figures.PLACES`, positive where the true line lies lower in the picture."""
    lower: Floats
    """(17,)."""
    corners: Floats
    """(2, 2), outer and inner, x towards the nose."""
    iris: Floats
    """(2,), of its centre."""
    radius: float
    """Of the iris, true over seen."""
    eyes: int
    """How many eyes it was measured on."""


def measure_offset(eyes: Sequence[PortraitEye]) -> StockOffset:
    """Measure how stock lines differ from those read by hand.

    Parameters
    ----------
    eyes : sequence of PortraitEye
        Open eyes read by hand, of people who may be trained on, count; the median is taken.

    Returns
    -------
    StockOffset
        Nothing to correct if there are fewer than 20.
    """
    rows: list[tuple[Floats, Floats, Floats, Floats, float]] = []
    for eye in eyes:
        if not eye.by_hand or eye.split != "train" or opening_of(eye.truth) < _OPEN:
            continue
        contour = stock_contour(eye.stock, eye.eye, snapped=True)
        seen = _stock_truth(eye.stock, contour, eye.eye, eye.to_plate)
        radius = float(np.sqrt(np.linalg.det(eye.truth.iris)))
        rows.append(
            (
                _rows_of(eye.truth, Line.UPPER) - _rows_of(seen, Line.UPPER),
                _rows_of(eye.truth, Line.LOWER) - _rows_of(seen, Line.LOWER),
                (eye.truth.spots[:2] - seen.spots[:2]) / PLATE.eye_px,
                (eye.truth.spots[Spot.IRIS] - seen.spots[Spot.IRIS]) / PLATE.eye_px,
                radius / float(seen.iris[0, 0]),
            )
        )
    if len(rows) < _LEAST_EYES:
        return StockOffset(np.zeros(17), np.zeros(17), np.zeros((2, 2)), np.zeros(2), 1.0, 0)
    upper, lower, corners, iris, radius_ratio = (
        np.nanmedian(np.stack([np.asarray(row[k]) for row in rows]), axis=0) for k in range(5)
    )
    return StockOffset(upper, lower, corners, iris, float(radius_ratio), len(rows))


def correct_stock(eyes: Sequence[PortraitEye], offset: StockOffset) -> list[PortraitEye]:
    """Correct the lines of eyes that were not read by hand; the others stay as they are.

    Parameters
    ----------
    eyes : sequence of PortraitEye
        As `read_eyes` yields them.
    offset : StockOffset
        From `measure_offset`.

    Returns
    -------
    list of PortraitEye
        In the same order.
    """
    return [
        eye if eye.by_hand else replace(eye, truth=_corrected(eye.truth, offset)) for eye in eyes
    ]


def _corrected(truth: EyeTruth, offset: StockOffset) -> EyeTruth:
    spots = truth.spots.copy()
    spots[:2] += offset.corners * PLATE.eye_px
    spots[Spot.IRIS] += offset.iris * PLATE.eye_px
    left, right = spots[Spot.OUTER], spots[Spot.INNER]
    x = PLATE.outer_px[0] + PLACES * PLATE.eye_px
    lines = list(truth.lines)
    for line, by in ((Line.UPPER, offset.upper), (Line.LOWER, offset.lower)):
        middle = np.column_stack([x, (_rows_of(truth, line) + by) * PLATE.eye_px])
        inside = (x > left[0] + 2) & (x < right[0] - 2)
        lines[line] = smooth_line(np.concatenate([[left], middle[inside], [right]]), _N_LINE)
    return replace(truth, lines=tuple(lines), spots=spots, iris=truth.iris * offset.radius)


def _rows_of(truth: EyeTruth, line: Line) -> Floats:
    """Rows of a line at the places between the frame's corners, eye widths, (17,)."""
    points = truth.known(line)
    x = PLATE.outer_px[0] + PLACES * PLATE.eye_px
    return np.interp(x, points[:, 0], points[:, 1]) / PLATE.eye_px


def _portrait_eye(
    picture: Picture,
    factor: float,
    mesh: Mesh,
    eye: Eye,
    label: EyeLabel | None,
    name: tuple[str, int | None, Split],
) -> PortraitEye | None:
    contour = stock_contour(mesh, eye, snapped=True)
    if label is not None:
        shift = (factor - 1) / 2  # pixel centres move when a picture is enlarged
        corners = np.array([label.shape.corner_outer, label.shape.corner_inner]) * factor + shift
    else:
        corners = contour[[OUTER_CORNER, INNER_CORNER]]
    to_plate = PLATE.from_picture(corners[0], corners[1], eye)
    if label is not None:
        truth = label_truth(label, factor, to_plate)
    else:
        truth = _stock_truth(mesh, contour, eye, to_plate)
        if not _believed(truth):
            return None
    plate = cv2.warpAffine(
        picture,
        to_plate,
        (PLATE.columns, PLATE.rows),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.uint8, copy=False)
    sha256, frame, split = name
    return PortraitEye(
        sha256=sha256,
        frame=frame,
        eye=eye,
        split=split,
        picture=picture,
        enlarged=factor,
        to_plate=to_plate,
        plate=plate,
        truth=truth,
        by_hand=label is not None,
        stock=mesh,
        label=label,
    )


def label_truth(label: EyeLabel, factor: float, to_plate: Floats) -> EyeTruth:
    """Turn what was read by hand into a truth on the plate.

    Parameters
    ----------
    label : EyeLabel
        The reading, in pixels of the picture as it came.
    factor : float
        By what the picture was enlarged since.
    to_plate : (2, 3) ndarray of float64
        From the enlarged picture to the plate.

    Returns
    -------
    EyeTruth
        With weight 1; poor readings count less, and unseen lines are unknown, not absent, unless
        the reader says that there is no fold.
    """
    shape = label.shape

    def placed(points: object) -> Floats:
        there = np.asarray(points, dtype=np.float64) * factor + (factor - 1) / 2
        return apply(to_plate, there)

    def line(points: object) -> Floats:
        return smooth_line(placed(points), _N_LINE)

    fold: Floats | None = None
    if shape.fold is not None:
        fold = line(shape.fold)
    elif label.attributes.fold_visibility == "none":
        fold = np.zeros((0, 2))
    iris, centre, pupil, ratio = np.full((2, 2), np.nan), *np.full((2, 2), np.nan), float("nan")
    if shape.iris is not None:
        angle = np.radians(shape.iris.angle_deg)
        axis = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        half = axis @ np.diag(shape.iris.semi_axes) * factor
        linear = to_plate[:, :2] @ half
        iris, centre = symmetric_root(linear @ linear.T), placed(shape.iris.centre)
        if shape.pupil is not None:
            pupil = placed(shape.pupil.centre)
            ratio = shape.pupil.radius / float(np.mean(shape.iris.semi_axes))
    return EyeTruth(
        lines=(
            line(shape.margin("upper_margin")),
            line(shape.margin("lower_margin")),
            fold,
            None if shape.lower_boundary is None else line(shape.lower_boundary),
        ),
        spots=np.stack([placed(shape.corner_outer), placed(shape.corner_inner), centre, pupil]),
        iris=iris,
        pupil_ratio=ratio,
        visibility=1.0,
        weight={"good": 1.0, "fair": 0.8, "poor": 0.4}[label.attributes.quality],
    )


def _stock_truth(mesh: Mesh, contour: Floats, eye: Eye, to_plate: Floats) -> EyeTruth:
    """Take what stock networks and snap say; fold, boundary and pupil stay unknown."""
    placed = apply(to_plate, contour)
    iris = apply(to_plate, mesh.iris[eye])
    radius = np.linalg.norm(iris[1:] - iris[0], axis=1).mean()
    unknown = np.full(2, np.nan)
    return EyeTruth(
        lines=(
            smooth_line(upper_of(placed), _N_LINE),
            smooth_line(lower_of(placed), _N_LINE),
            None,
            None,
        ),
        spots=np.stack([placed[OUTER_CORNER], placed[INNER_CORNER], iris[0], unknown]),
        iris=radius * np.eye(2),
        pupil_ratio=float("nan"),
        visibility=float("nan"),
        weight=_STOCK_WEIGHT,
    )


def _believed(truth: EyeTruth) -> bool:
    """Whether stock networks are likely right: an open eye, an iris of the usual size in it."""
    opening = opening_of(truth)
    radius = truth.iris[0, 0] / PLATE.eye_px
    place = (truth.spots[Spot.IRIS, 0] - PLATE.outer_px[0]) / PLATE.eye_px
    return 0.15 < opening < 0.48 and 0.15 < radius < 0.28 and 0.2 < place < 0.8
