"""A painted eye on a plate, of which everything is known."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dmask_node.landmarks.mesh import Mesh
from dmask_node.records.anatomy import Eye
from dmask_node.training.crop import PLATE
from dmask_node.training.portraits import PortraitEye
from dmask_node.training.truth import EyeTruth

UPPER_PX, LOWER_PX = 20.0, 12.0
"""Heights of the arches above and below the line of the corners."""


def arch(height: float) -> NDArray[np.float64]:
    x = np.linspace(PLATE.outer_px[0], PLATE.inner_px[0], 61)
    part = (x - x[0]) / (x[-1] - x[0])
    return np.column_stack([x, PLATE.outer_px[1] - height * np.sin(np.pi * part)])


def painted_eye(seed: int = 0) -> tuple[NDArray[np.uint8], EyeTruth]:
    """Grainy skin, a white eye, a dark iris in the middle, a dark line on the upper lid."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: PLATE.rows, : PLATE.columns].astype(float)
    picture = np.full((PLATE.rows, PLATE.columns, 3), (200.0, 160.0, 130.0))
    picture += rng.normal(0, 3, picture.shape)
    upper, lower = arch(UPPER_PX), arch(-LOWER_PX)
    top = np.interp(columns[0], upper[:, 0], upper[:, 1])
    bottom = np.interp(columns[0], lower[:, 0], lower[:, 1])
    opening = (rows > top) & (rows < bottom)
    picture[opening] = (235, 232, 230)
    centre = np.array([112.0, 86.0])
    iris = np.hypot(columns - centre[0], rows - centre[1]) < 15
    picture[opening & iris] = (60, 45, 30)
    between = (columns > PLATE.outer_px[0]) & (columns < PLATE.inner_px[0])
    picture[(rows <= top) & (rows > top - 3) & between] = (40, 30, 28)
    truth = EyeTruth(
        lines=(upper, lower, arch(34), None),
        spots=np.array([PLATE.outer_px, PLATE.inner_px, centre, centre]),
        iris=15.0 * np.eye(2),
        pupil_ratio=0.4,
        visibility=1.0,
    )
    return np.clip(picture, 0, 255).astype(np.uint8), truth


def stock_mesh(lift: float) -> Mesh:
    """A stock contour on a plate that is itself the picture, its lids ``lift`` pixels higher."""
    upper = arch(20 + lift)[np.linspace(0, 60, 9).astype(int)]
    lower = arch(-12 + lift)[np.linspace(60, 0, 9).astype(int)]
    contour = np.concatenate([upper, lower[1:-1]])
    iris = np.array([[112.0, 86], [127, 86], [112, 71], [97, 86], [112, 101]])
    return Mesh(
        points=np.zeros((468, 2)),
        eye_contour=np.stack([contour, contour]),
        iris=np.stack([iris, iris]),
        presence=1.0,
    )


def portrait_eye(
    number: int,
    *,
    by_hand: bool = True,
    lift: float = 0.0,
    split: Literal["train", "test"] = "train",
) -> PortraitEye:
    plate, truth = painted_eye()
    seen = EyeTruth(
        lines=(arch(20 + lift), arch(-12 + lift), None, None),
        spots=truth.spots,
        iris=truth.iris,
        pupil_ratio=float("nan"),
        visibility=float("nan"),
        weight=0.3,
    )
    return PortraitEye(
        sha256=f"{number:064x}",
        frame=None,
        eye=Eye.RIGHT,
        split=split,
        picture=plate,
        enlarged=1.0,
        to_plate=np.array([[1.0, 0, 0], [0, 1.0, 0]]),
        plate=plate,
        truth=truth if by_hand else seen,
        by_hand=by_hand,
        stock=stock_mesh(lift),
    )
