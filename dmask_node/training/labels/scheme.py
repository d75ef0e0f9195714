"""What is read of an eye, and what every reading must satisfy.

The lines are the semantic edges of Q. Wen et al., *Real-time 3D Eyelids Tracking from Semantic
Edges*, ACM Transactions on Graphics 36(6), 2017: double fold, upper and lower margin, lower
boundary. The README of ``dmask_node/training/eye_labels`` says how each is recognised.
"""

from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from dmask_node.training.labels.errors import ReadingRefused

CROP_SIZE: Final = (800, 560)
"""Width and height of a crop, pixels."""
_TOUCHING: Final = 0.012
"""Margins of a closed eye are nowhere farther apart than this, in eye widths."""
_CROSSING: Final = 0.004
"""The upper margin may fall below the lower by so much (near a corner), in eye widths."""
_LEAST_OPEN: Final = 0.02
"""An eye that is not closed is open somewhere by at least so much, in eye widths."""
_IRIS_RADIUS: Final = (0.14, 0.36)
"""Semi-axes of a seen iris, in eye widths. (11.7 mm over some 30 mm, half of it: 0.2.)"""
_IRIS_RATIO: Final = 1.6
"""Longer over shorter semi-axis of an iris, at most."""

Line = NDArray[np.float64]


def _split_points(value: Any) -> Any:
    """Turn the short form ``"140,290 200,241"`` into a list of points."""
    if not isinstance(value, str):
        return value
    return [tuple(point.split(",")) for point in value.split()]


def _split_point(value: Any) -> Any:
    return tuple(value.split(",")) if isinstance(value, str) else value


Point = Annotated[tuple[float, float], BeforeValidator(_split_point)]
Points = Annotated[tuple[tuple[float, float], ...], BeforeValidator(_split_points)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Ellipse(_Strict):
    """The outline of an iris, also where lids hide it."""

    centre: Point
    semi_axes: Annotated[tuple[float, float], BeforeValidator(_split_point)]
    """Half the width and half the height, before the rotation."""
    angle_deg: float = 0.0
    """From the x axis towards the y axis (which points down) to the first semi-axis."""


class Circle(_Strict):
    """The outline of a pupil."""

    centre: Point
    radius: float = Field(gt=0)


class Attributes(_Strict):
    """What the reader notes besides the lines."""

    openness: Literal["open", "half", "closed"]
    """half: the lid covers at least the upper half of the pupil, or the eye is in a blink."""
    fold_visibility: Literal["clear", "faint", "none", "hidden"]
    """How well the crease is seen; none: a lid without one; hidden: by skin, frame or shadow."""
    iris_hidden: float = Field(ge=0, le=1)
    """Share of the iris's area that the lids hide, as estimated."""
    glasses: bool = False
    make_up: bool = False
    """Eye liner, mascara or shadow that changes how the lid looks."""
    light: Literal["normal", "dark"] = "normal"
    skin: Literal["light", "medium", "dark"]
    """As seen in the picture; about tones 1-3, 4-6 and 7-10 of the Monk scale."""
    quality: Literal["good", "fair", "poor"]
    """good: every margin point within 1.5 % of the eye's width, the reader believes; fair: a
    stretch of a line is guessed; poor: lines are mostly guessed."""
    note: str = Field(default="", max_length=200)


class Shape(_Strict):
    """The lines of one eye, in pixels of a crop or of a picture; each runs outer to inner."""

    corner_outer: Point
    corner_inner: Point
    upper_margin: Points
    """Where skin meets eyeball, 7 to 9 points, without the corners."""
    lower_margin: Points
    fold: Points | None
    lower_boundary: Points | None
    iris: Ellipse | None
    pupil: Circle | None

    @property
    def width(self) -> float:
        """Distance of the corners."""
        return float(np.hypot(*np.subtract(self.corner_inner, self.corner_outer)))

    def margin(self, name: str) -> Line:
        """Return ``upper_margin`` or ``lower_margin`` with both corners, (n, 2)."""
        points = getattr(self, name)
        return np.array([self.corner_outer, *points, self.corner_inner], dtype=np.float64)


class Reading(_Strict):
    """What a reader saw in one crop, in crop pixels."""

    shape: Shape
    attributes: Attributes


_SHAPE_FIELDS: Final = frozenset(Shape.model_fields)


def parse_reading(given: dict[str, Any]) -> Reading:
    """Turn a reading as the reader wrote it into a checked one.

    Parameters
    ----------
    given : dict
        The fields of `Shape` and `Attributes` side by side. Points may be written
        ``"x,y x,y ..."``. A closed eye has no ``lower_margin`` of its own: it may be left out,
        as may everything that was not seen (``fold``, ``lower_boundary``, ``iris``, ``pupil``).

    Returns
    -------
    Reading
        In crop pixels.

    Raises
    ------
    ReadingRefused
        If it breaks the scheme; the message names every fault.
    """
    shape = {name: given.get(name) for name in _SHAPE_FIELDS}
    if given.get("openness") == "closed" and shape["lower_margin"] is None:
        shape["lower_margin"] = shape["upper_margin"]
    attributes = {name: value for name, value in given.items() if name not in _SHAPE_FIELDS}
    try:
        reading = Reading.model_validate({"shape": shape, "attributes": attributes})
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise ReadingRefused("; ".join(faults)) from None
    check_reading(reading)
    return reading


def check_reading(reading: Reading) -> None:
    """Refuse what can't be an eye.

    Parameters
    ----------
    reading : Reading
        In crop pixels, where the outer corner is on the left.

    Raises
    ------
    ReadingRefused
        The message names every fault.
    """
    shape = reading.shape
    faults = [*_faults_of_lines(shape)]
    if not faults:
        faults += [*_faults_of_aperture(shape, reading.attributes.openness)]
        faults += [*_faults_of_folds(shape, reading.attributes.fold_visibility)]
        faults += [*_faults_of_iris(shape, reading.attributes.openness)]
    if faults:
        raise ReadingRefused("; ".join(faults))


def heights_at(line: Line, columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate the heights of a line that runs left to right.

    Parameters
    ----------
    line : (n, 2) ndarray of float64
        Points with rising x.
    columns : (m,) ndarray of float64
        Where the heights are wanted; beyond its ends the line goes on level.

    Returns
    -------
    (m,) ndarray of float64
        y at the columns.
    """
    return np.asarray(np.interp(columns, line[:, 0], line[:, 1]))


def _faults_of_lines(shape: Shape) -> list[str]:
    faults = []
    for name in ("upper_margin", "lower_margin"):
        points = getattr(shape, name)
        if not 7 <= len(points) <= 9:
            faults.append(f"{name} has {len(points)} points, not 7 to 9")
        if np.any(np.diff(shape.margin(name)[:, 0]) <= 0):
            faults.append(f"{name} does not run from the outer corner (left) to the inner (right)")
    for name in ("fold", "lower_boundary"):
        points = getattr(shape, name)
        if points is None:
            continue
        if len(points) < 3:
            faults.append(f"{name} has {len(points)} points; 3 at least, or none")
        if np.any(np.diff(np.array(points)[:, 0]) <= 0):
            faults.append(f"{name} does not run from outer (left) to inner (right)")
    seen = [shape.corner_outer, shape.corner_inner, *shape.upper_margin, *shape.lower_margin]
    seen += [*(shape.fold or ()), *(shape.lower_boundary or ())]
    outside = [p for p in seen if not (0 <= p[0] < CROP_SIZE[0] and 0 <= p[1] < CROP_SIZE[1])]
    if outside:
        faults.append(f"outside of the crop: {outside}")
    return faults


def _faults_of_aperture(shape: Shape, openness: str) -> list[str]:
    columns = np.linspace(shape.corner_outer[0], shape.corner_inner[0], 60)[1:-1]
    upper = heights_at(shape.margin("upper_margin"), columns)
    gap = (heights_at(shape.margin("lower_margin"), columns) - upper) / shape.width
    if openness == "closed":
        if np.abs(gap).max() > _TOUCHING:
            return [f"a closed eye that gapes by {np.abs(gap).max():.1%} of its width"]
        return []
    faults = []
    if gap.min() < -_CROSSING:
        where = columns[gap.argmin()]
        faults.append(f"the upper margin is below the lower one about x = {where:.0f}")
    if gap.max() < _LEAST_OPEN:
        faults.append(f"an eye called {openness} that opens by {gap.max():.1%} of its width")
    return faults


def _faults_of_folds(shape: Shape, visibility: str) -> list[str]:
    faults = []
    for name, margin, sign in (
        ("fold", "upper_margin", 1),
        ("lower_boundary", "lower_margin", -1),
    ):
        if (points := getattr(shape, name)) is None:
            continue
        line = shape.margin(margin)
        inside = [p for p in points if line[0, 0] <= p[0] <= line[-1, 0]]
        wrong = [p for p in inside if sign * (heights_at(line, np.array([p[0]]))[0] - p[1]) < 0]
        if wrong:
            faults.append(f"{name} is on the wrong side of the {margin} at {wrong}")
    if (shape.fold is None) == (visibility in ("clear", "faint")):
        faults.append(
            f"the fold is called {visibility}, but is {'not ' * (shape.fold is None)}drawn"
        )
    return faults


def _faults_of_iris(shape: Shape, openness: str) -> list[str]:
    iris, pupil = shape.iris, shape.pupil
    if openness == "closed":
        return ["a closed eye shows neither iris nor pupil"] if iris or pupil else []
    if iris is None:
        return ["an eye that is not closed has an iris"] if openness == "open" else []
    faults = []
    axes = np.array(iris.semi_axes) / shape.width
    if axes.min() < _IRIS_RADIUS[0] or axes.max() > _IRIS_RADIUS[1]:
        faults.append(f"semi-axes of the iris are {axes.round(2).tolist()} eye widths")
    if axes.max() > _IRIS_RATIO * axes.min():
        faults.append(f"the iris is {axes.max() / axes.min():.2f} times as long as wide")
    if not shape.corner_outer[0] < iris.centre[0] < shape.corner_inner[0]:
        faults.append("the iris is not between the corners")
    if pupil is not None:
        reach = float(np.hypot(*np.subtract(pupil.centre, iris.centre))) + pupil.radius
        if reach > max(iris.semi_axes):
            faults.append("the pupil reaches out of the iris")
    return faults
