"""Run the trained network on the eyes of a picture, by ONNX Runtime."""

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from dmask_node.records.anatomy import Eye
from dmask_node.training.crop import COLUMNS, CROP, apply, inverse
from dmask_node.training.truth import MIDDLE, Line, Spot, symmetric_root

Floats = NDArray[np.float64]

INPUT: Final = "eye"
OUTPUTS: Final = (
    "line_rows",
    "line_scale",
    "points",
    "point_scale",
    "line_present",
    "iris_shape",
    "shares",
)
TOLERANCE: Final = 0.02
"""Error for which a confidence stands, eye widths: it is the probability to be nearer than this."""


class Calibration(NamedTuple):
    """By what the network's own scales are multiplied, so that confidences come true."""

    lines: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    """By `Line`."""
    spots: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    """By `Spot`."""


class SeenEye(NamedTuple):
    """What the network says of one eye, in picture coordinates."""

    lines: tuple[Floats, ...]
    """(points, 2) for each `Line`, outer to inner, between the corners; the margins begin and end
    in the corners."""
    line_confidence: tuple[Floats, ...]
    """(points,) for each line, in [0, 1]: probability to be there and within `TOLERANCE`."""
    spots: Floats
    """(4, 2), by `Spot`."""
    spot_confidence: Floats
    """(4,), in [0, 1]."""
    present: Floats
    """(4,), probability that there is such a line."""
    iris: Floats
    """(2, 2), takes the unit circle to the rim of the iris about its centre."""
    pupil_ratio: float
    opening: float
    """By the margins: their mean signed distance in the middle, over the corners' distance."""
    opening_seen: float
    """The same as the network guesses it from the whole crop."""
    visibility: float


class EyeReader:
    """The trained network on one thread.

    Parameters
    ----------
    file : Path
        The ONNX file.
    calibration : Calibration, optional
        From the model card.
    """

    def __init__(self, file: Path, calibration: Calibration | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        self._calibration = calibration or Calibration()

    def run(self, crops: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Run the network on (n, 80, 112, 3) crops."""
        given = crops.astype(np.float32) * np.float32(1 / 255)
        return dict(zip(OUTPUTS, self._session.run(list(OUTPUTS), {INPUT: given}), strict=True))

    def __call__(
        self, picture: NDArray[np.uint8], outer: NDArray[Any], inner: NDArray[Any], eye: Eye
    ) -> SeenEye:
        """Look at one eye.

        Parameters
        ----------
        picture : (rows, columns, 3) ndarray of uint8
            RGB.
        outer, inner : (2,) ndarray of float
            Roughly where its corners are, picture coordinates.
        eye : Eye
            Which eye.

        Returns
        -------
        SeenEye
            In picture coordinates.
        """
        to_crop = CROP.from_picture(outer, inner, eye)
        said = self.run(CROP.cut(picture, to_crop)[None])
        return decode({name: value[0] for name, value in said.items()}, to_crop, self._calibration)


def decode(
    said: dict[str, NDArray[np.float32]], to_crop: Floats, calibration: Calibration
) -> SeenEye:
    """Carry the network's outputs for one crop into the picture.

    Parameters
    ----------
    said : dict of str to ndarray
        The outputs, without the first axis.
    to_crop : (2, 3) ndarray of float64
        From the picture to the crop.
    calibration : Calibration
        Factors of the scales.

    Returns
    -------
    SeenEye
        In picture coordinates.
    """
    back = inverse(to_crop)
    spots = said["points"].astype(np.float64)
    left, right = spots[Spot.OUTER], spots[Spot.INNER]
    width = max(float(np.hypot(*(right - left))), 1.0)
    between = (left[0] < COLUMNS) & (right[0] > COLUMNS)
    lines, confidence = [], []
    for line in Line:
        rows = said["line_rows"][line].astype(np.float64)
        points = np.column_stack([COLUMNS[between], rows[between]])
        scale = said["line_scale"][line][between] * calibration.lines[line]
        sure = within(TOLERANCE * width, scale) * float(said["line_present"][line])
        if line in (Line.UPPER, Line.LOWER):
            points = np.concatenate([[left], points, [right]])
            sure = np.concatenate([sure[:1], sure, sure[-1:]])
        lines.append(apply(back, points))
        confidence.append(sure)
    xx, xy, yy = said["iris_shape"].astype(np.float64)
    linear = back[:, :2] @ np.array([[xx, xy], [xy, yy]])
    x = left[0] + (right[0] - left[0]) * np.linspace(*MIDDLE, 21)
    gap = np.interp(x, COLUMNS, said["line_rows"][Line.LOWER] - said["line_rows"][Line.UPPER])
    pupil, seen, visible = said["shares"].astype(np.float64)
    factors = np.array(calibration.spots)
    return SeenEye(
        lines=tuple(lines),
        line_confidence=tuple(confidence),
        spots=apply(back, spots),
        spot_confidence=within(TOLERANCE * width, said["point_scale"] * factors),
        present=said["line_present"].astype(np.float64),
        iris=symmetric_root(linear @ linear.T),
        pupil_ratio=float(pupil),
        opening=float(gap.mean() / width),
        opening_seen=float(seen),
        visibility=float(visible),
    )


def within(tolerance: float, scale: NDArray[Any]) -> Floats:
    """Return the probability that a Laplace error of a scale is smaller than a tolerance."""
    return np.asarray(1 - np.exp(-tolerance / np.maximum(scale, 1e-6)), dtype=np.float64)
