"""Plots of the eye track for the readable report, as self-contained SVG.

No script, no font, no style sheet and no file beside them: the text can stand inside an HTML page
that a hospital's viewer shows without a network. Time runs to the right; the patient's right eye
is a broad vermilion line, the left eye a thin blue one above it: two colours that people with any
common colour blindness tell apart (Okabe and Ito, "Color universal design", 2008).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.records.anatomy import Eye
from dmask_node.records.masked import EyeTrack

_COLOUR: Final = {Eye.RIGHT: "#d55e00", Eye.LEFT: "#0072b2"}
_WIDTH: Final = 960
_LEFT: Final = 64
_RIGHT: Final = 16
_TOP: Final = 54
_PANEL_HEIGHT: Final = 200
_STRIP_HEIGHT: Final = 14
_FONT: Final = "font-family='DejaVu Sans, Verdana, Arial, sans-serif'"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    """One pair of axes: data ranges and where they lie in the picture, SVG units."""

    top: float
    height: float
    time_range_s: tuple[float, float]
    value_range: tuple[float, float]

    def x(self, time_s: NDArray[np.float64] | float) -> NDArray[np.float64]:
        start, end = self.time_range_s
        fraction = (np.asarray(time_s) - start) / (end - start)
        return np.asarray(_LEFT + fraction * (_WIDTH - _LEFT - _RIGHT))

    def y(self, value: NDArray[np.float64] | float) -> NDArray[np.float64]:
        low, high = self.value_range
        fraction = (np.asarray(value) - low) / (high - low)
        return np.asarray(self.top + self.height * (1 - fraction))


def aperture_plot(eyes: EyeTrack) -> str:
    """Plot the palpebral fissure height of both eyes against time.

    Below the curves one strip per eye shows when that eye was shut; frames without a measurement
    interrupt the curve, and frames without a face are hatched.

    Parameters
    ----------
    eyes : EyeTrack
        Aperture in millimetres.

    Returns
    -------
    str
        One ``<svg>`` element.
    """
    high = max(12.0, 1.0 + _largest(eyes.aperture_mm))
    low = min(0.0, np.floor(_smallest(eyes.aperture_mm)))
    panel = _Panel(
        top=_TOP,
        height=_PANEL_HEIGHT,
        time_range_s=_time_range_s(eyes.time_s),
        value_range=(float(low), float(high)),
    )
    strips_top = panel.top + panel.height + 6
    foot = strips_top + 2 * (_STRIP_HEIGHT + 4)
    parts = [
        *_missing(eyes, panel, "aperture", f"{strips_top + 2 * _STRIP_HEIGHT + 4 - panel.top:.1f}"),
        *_value_axis(panel, "aperture, mm"),
        *_curves(eyes.time_s, eyes.aperture_mm, panel),
        *_closed_strips(eyes, panel, strips_top),
        *_time_axis(panel, foot),
    ]
    return _document(
        parts,
        height=foot + 44,
        title="Palpebral fissure height",
        subtitle="distance between the lids at the middle of the eye, by the iris as ruler",
        description=(
            "Palpebral fissure height of the right and the left eye in millimetres over time in "
            "seconds, with the intervals in which each eye was shut."
        ),
    )


def rotation_plot(eyes: EyeTrack) -> str:
    """Plot the horizontal and the vertical rotation of both eyes against time.

    Parameters
    ----------
    eyes : EyeTrack
        Rotations in degrees in the head frame: positive to the patient's left, positive upwards.

    Returns
    -------
    str
        One ``<svg>`` element with two panels.
    """
    gap = 34
    shown = (
        ("horizontal, °", eyes.rotation_h_deg, "+ to the patient's left", "− to the right"),
        ("vertical, °", eyes.rotation_v_deg, "+ up", "− down"),
    )
    parts: list[str] = []
    for index, (label, rotation_deg, above, below) in enumerate(shown):
        reach = max(10.0, float(np.ceil(_largest(np.abs(rotation_deg)) * 1.1)))
        panel = _Panel(
            top=_TOP + index * (_PANEL_HEIGHT + gap),
            height=_PANEL_HEIGHT,
            time_range_s=_time_range_s(eyes.time_s),
            value_range=(-reach, reach),
        )
        parts += _missing(eyes, panel, f"rotation-{index}", f"{panel.height:.1f}")
        parts += _value_axis(panel, label)
        parts += _curves(eyes.time_s, rotation_deg, panel)
        parts.append(_text(_LEFT + 6, panel.top + 14, above, size=11, fill="#555"))
        parts.append(_text(_LEFT + 6, panel.top + panel.height - 6, below, size=11, fill="#555"))
        parts += _time_axis(panel, panel.top + panel.height, named=index == len(shown) - 1)
    return _document(
        parts,
        height=_TOP + 2 * _PANEL_HEIGHT + gap + 44,
        title="Eye rotation",
        subtitle="relative to the head",
        description=(
            "Horizontal and vertical rotation of the right and the left eye in degrees over time "
            "in seconds; positive is to the patient's left, and up."
        ),
    )


def _document(
    parts: Sequence[str], *, height: float, title: str, subtitle: str, description: str
) -> str:
    legend_x = _WIDTH - _RIGHT - 270
    legend = []
    for position, eye in enumerate(Eye):
        x = legend_x + position * 140
        name = "right eye (R)" if eye is Eye.RIGHT else "left eye (L)"
        legend.append(
            f"<line x1='{x}' x2='{x + 26}' y1='22' y2='22' {_stroke(eye)}/>"
            + _text(x + 32, 26, name, size=13)
        )
    return "".join(
        (
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {height:.0f}' ",
            f"width='{_WIDTH}' style='max-width:100%;height:auto' role='img' {_FONT}>",
            f"<title>{title}</title><desc>{description}</desc>",
            f"<rect width='{_WIDTH}' height='{height:.0f}' fill='#fff'/>",
            _text(_LEFT, 24, title, size=16, weight="bold"),
            _text(_LEFT, 42, subtitle, size=12, fill="#555"),
            *legend,
            *parts,
            "</svg>",
        )
    )


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: int,
    anchor: str = "start",
    fill: str = "#222",
    weight: str = "normal",
    turned: bool = False,
) -> str:
    turn = f" transform='rotate(-90 {x:.1f} {y:.1f})'" if turned else ""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' text-anchor='{anchor}' fill='{fill}' "
        # A white rim keeps words readable where a curve runs below them.
        f"font-weight='{weight}' stroke='#fff' stroke-width='3' paint-order='stroke'{turn}>"
        f"{words}</text>"
    )


def _stroke(eye: Eye) -> str:
    # A second cue beside the colour: the right eye is thicker and lies below.
    width = 3.4 if eye is Eye.RIGHT else 1.3
    return f"stroke='{_COLOUR[eye]}' stroke-width='{width}' stroke-linejoin='round' fill='none'"


def _time_range_s(time_s: NDArray[np.float64]) -> tuple[float, float]:
    if len(time_s) == 0:
        return 0.0, 1.0
    edges = _frame_edges_s(time_s)
    return float(edges[0]), float(edges[-1])


def _frame_edges_s(time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (frames + 1,) times, s: each frame stands from half way to its neighbours."""
    steps = np.diff(time_s)
    half = float(np.median(steps)) / 2 if len(steps) else 0.5
    inner = time_s[:-1] + steps / 2
    return np.concatenate([[time_s[0] - half], inner, [time_s[-1] + half]])


def _largest(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if finite.size else 0.0


def _smallest(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.min()) if finite.size else 0.0


def _ticks(low: float, high: float, at_most: int) -> NDArray[np.float64]:
    """Return round values in [low, high], at most `at_most` of them, 1, 2 or 5 times 10^k apart."""
    raw = max((high - low) / at_most, 1e-9)
    magnitude = 10.0 ** np.floor(np.log10(raw))
    step = next(s for s in (1.0, 2.0, 5.0, 10.0) if s * magnitude >= raw - 1e-12) * magnitude
    first = np.ceil(low / step - 1e-9)
    last = np.floor(high / step + 1e-9)
    return np.asarray(np.arange(first, last + 1) * step)


def _number(value: float) -> str:
    return f"{value + 0.0:g}".replace("-", "−")


def _value_axis(panel: _Panel, label: str) -> Iterator[str]:
    right = _WIDTH - _RIGHT
    for value in _ticks(*panel.value_range, at_most=7):
        y = float(panel.y(float(value)))
        is_zero = abs(value) < 1e-9
        yield (
            f"<line x1='{_LEFT}' x2='{right}' y1='{y:.1f}' y2='{y:.1f}' "
            f"stroke='{'#777' if is_zero else '#ddd'}' stroke-width='1'/>"
        )
        yield _text(_LEFT - 8, y + 4, _number(float(value)), size=12, anchor="end")
    yield (
        f"<line x1='{_LEFT}' x2='{_LEFT}' y1='{panel.top:.1f}' y2='{panel.top + panel.height:.1f}' "
        "stroke='#777'/>"
    )
    middle = panel.top + panel.height / 2
    yield _text(18, middle, label, size=13, anchor="middle", turned=True)


def _time_axis(panel: _Panel, y: float, *, named: bool = True) -> Iterator[str]:
    for value in _ticks(*panel.time_range_s, at_most=12):
        x = float(panel.x(float(value)))
        yield f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{y:.1f}' y2='{y + 5:.1f}' stroke='#777'/>"
        yield _text(x, y + 18, _number(round(float(value), 6)), size=12, anchor="middle")
    if named:
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        yield _text(middle, y + 36, "time, s", size=13, anchor="middle")


def _curves(
    time_s: NDArray[np.float64], values: NDArray[np.float64], panel: _Panel
) -> Iterator[str]:
    for eye in Eye:
        for start, end in _runs(np.isfinite(values[:, eye])):
            x, y = _thin(panel.x(time_s[start:end]), panel.y(values[start:end, eye]))
            if len(x) == 1:
                yield f"<circle cx='{x[0]:.1f}' cy='{y[0]:.1f}' r='1.8' fill='{_COLOUR[eye]}'/>"
                continue
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
            yield f"<polyline points='{points}' {_stroke(eye)}/>"


def _thin(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keep the highest and lowest point of every half pixel: no blink is lost, files stay small."""
    columns = np.floor(2 * x).astype(np.int64)
    if len(x) <= 4 * len(np.unique(columns)):
        return x, y
    starts = np.flatnonzero(np.diff(columns, prepend=columns[0] - 1))
    kept: list[int] = []
    for start, end in zip(starts, [*starts[1:], len(x)], strict=True):
        part = y[start:end]
        kept += sorted({int(start + part.argmin()), int(start + part.argmax())})
    return x[kept], y[kept]


def _runs(flags: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each run of True, end exclusive."""
    steps = np.diff(flags.astype(np.int8), prepend=0, append=0)
    yield from zip(
        np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True
    )


def _missing(eyes: EyeTrack, panel: _Panel, name: str, height: str) -> Iterator[str]:
    """Hatch the frames in which no face was found."""
    runs = list(_runs(~eyes.found))
    if not runs:
        return
    yield (
        f"<defs><pattern id='dmask-no-face-{name}' width='7' height='7' "
        "patternUnits='userSpaceOnUse' patternTransform='rotate(45)'>"
        "<rect width='7' height='7' fill='#f3f3f3'/>"
        "<line x1='0' x2='0' y1='0' y2='7' stroke='#b5b5b5' stroke-width='3'/></pattern></defs>"
    )
    edges = _frame_edges_s(eyes.time_s)
    for start, end in runs:
        left, right = float(panel.x(edges[start])), float(panel.x(edges[end]))
        yield (
            f"<rect x='{left:.1f}' y='{panel.top:.1f}' width='{max(right - left, 1.0):.1f}' "
            f"height='{height}' fill='url(#dmask-no-face-{name})'/>"
        )
        if right - left > 60:
            yield (
                f"<rect x='{(left + right) / 2 - 27:.1f}' y='{panel.top + 4:.1f}' width='54' "
                "height='16' rx='3' fill='#fff'/>"
            )
            middle = (left + right) / 2
            yield _text(middle, panel.top + 16, "no face", size=11, anchor="middle", fill="#555")


def _closed_strips(eyes: EyeTrack, panel: _Panel, top: float) -> Iterator[str]:
    """Draw one strip per eye that is filled while the eye is shut, and shade the plot above it."""
    edges = _frame_edges_s(eyes.time_s) if len(eyes.time_s) else np.zeros(1)
    for eye in Eye:
        y = top + eye * (_STRIP_HEIGHT + 4)
        yield (
            f"<rect x='{_LEFT}' y='{y:.1f}' width='{_WIDTH - _LEFT - _RIGHT}' "
            f"height='{_STRIP_HEIGHT}' fill='none' stroke='#ddd'/>"
        )
        yield _text(_LEFT - 8, y + 11, f"{eye.letter} shut", size=11, anchor="end")
        for start, end in _runs(eyes.closed[:, eye]):
            left, right = float(panel.x(edges[start])), float(panel.x(edges[end]))
            width = max(right - left, 1.0)
            yield (
                f"<rect x='{left:.1f}' y='{panel.top:.1f}' width='{width:.1f}' "
                f"height='{panel.height:.1f}' fill='{_COLOUR[eye]}' fill-opacity='0.10'/>"
            )
            yield (
                f"<rect x='{left:.1f}' y='{y:.1f}' width='{width:.1f}' height='{_STRIP_HEIGHT}' "
                f"fill='{_COLOUR[eye]}'/>"
            )
