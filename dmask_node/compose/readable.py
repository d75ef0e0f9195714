"""What people and scripts read beside the DICOM objects: a table, a page, a text.

None of these is sent. They hold measurements and software versions, nothing of the source header.
"""

import base64
import csv
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import IO, Final

import jinja2
import numpy as np
from markupsafe import Markup
from pydicom import Dataset, dcmread

from dmask_node.compose.plots import aperture_plot, rotation_plot
from dmask_node.geometry.eyeball import IRIS_DIAMETER_MM
from dmask_node.records.anatomy import Eye
from dmask_node.records.masked import EyeSummary, EyeTrack, Measurements

CSV_HEADER: Final = (
    "frame",
    "time_s",
    "eye",
    "aperture_mm",
    "rotation_h_deg",
    "rotation_v_deg",
    "closed",
    "confidence",
)
"""Scripts are written against it: it never changes."""
LOW_CONFIDENCE: Final = 0.3
"""Mean confidence of an eye below which the page warns: the rating of an eye that is seen well in
all but size falls below it at about 12 pixels from corner to corner, and at that width the lid
margin that is found jitters by some 3 % of the width, a millimetre."""
SMALL_IRIS_PX: Final = 8.0
"""Iris diameter below which the page warns, pixels: a pixel is then about 1.5 mm or more."""
_NOT_MEASURED: Final = "not measurable"
_TITLES: Final = {
    False: "Eyelid and eye movement report",
    True: "Eyelid and line of sight report",
}
"""Of the page, by whether it shows a photograph."""


def write_csv(eyes: EyeTrack, path: Path) -> None:
    """Write the measurements of every frame as CSV (RFC 4180 with line feeds).

    A row per frame and eye, the right eye first: ``frame`` counts from 0; ``time_s`` in seconds
    after the first frame; ``eye`` is the patient's ``R`` or ``L``; aperture in millimetres;
    rotations in degrees, positive to the patient's left and up; ``closed`` is 0 or 1;
    ``confidence`` in [0, 1]. What could not be measured is empty.

    Parameters
    ----------
    eyes : EyeTrack
        Measurements of a clip.
    path : Path
        Where to; a file there is replaced.
    """
    with _replacing(path) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(CSV_HEADER)
        for frame, time_s in enumerate(eyes.time_s):
            for eye in Eye:
                aperture = eyes.aperture_mm[frame, eye]
                rotations = eyes.rotation_h_deg[frame, eye], eyes.rotation_v_deg[frame, eye]
                measured = np.isfinite([aperture, *rotations]).any()
                rows.writerow(
                    (
                        frame,
                        _decimals(time_s, 6),
                        eye.letter,
                        _decimals(aperture, 3),
                        _decimals(rotations[0], 3),
                        _decimals(rotations[1], 3),
                        int(eyes.closed[frame, eye]) if np.isfinite(aperture) else "",
                        _decimals(eyes.confidence[frame, eye], 3) if measured else "",
                    )
                )


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the page's table."""

    name: str
    unit: str
    right: str
    left: str


def write_html(
    measurements: Measurements,
    eyes: EyeTrack,
    path: Path,
    facts: Mapping[str, str],
    picture: bytes | None = None,
) -> None:
    """Write the measurements as one self-contained page for clinicians.

    No script, and nothing is loaded from elsewhere: a workstation without a network shows it.

    Parameters
    ----------
    measurements : Measurements
        Of the clip.
    eyes : EyeTrack
        For the plots.
    path : Path
        Where to; a file there is replaced.
    facts : mapping of str to str
        Software, versions and the like, shown as they are at the end. Nothing of the source.
    picture : bytes, optional
        PNG of the masked photograph, shown where a video has its plots. Without it the page is that
        of a video.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = resources.files("dmask_node.compose").joinpath("templates", "report.html")
    template = environment.from_string(source.read_text(encoding="utf-8"))
    ruler = measurements.iris_diameter_px
    with _replacing(path) as file:
        file.write(
            template.render(
                measurements=measurements,
                rows=list(_table(measurements) if picture is None else _values(measurements)),
                picture=None if picture is None else base64.b64encode(picture).decode(),
                warning=_warning(measurements),
                title=_TITLES[picture is not None],
                source="video" if picture is None else "photograph",
                eyes=[measurements.right, measurements.left],
                words={Eye.RIGHT: "Right eye (R)", Eye.LEFT: "Left eye (L)"},
                pixel_mm=None if not ruler else IRIS_DIAMETER_MM / ruler,
                iris_mm=IRIS_DIAMETER_MM,
                # Our own drawing: numbers and fixed words only.
                aperture_svg="" if picture else Markup(aperture_plot(eyes)),  # noqa: S704
                rotation_svg="" if picture else Markup(rotation_plot(eyes)),  # noqa: S704
                facts=facts,
            )
        )


def report_text(path: Path) -> str:
    """Return the content of a composed structured report as plain text.

    Parameters
    ----------
    path : Path
        DICOM file of a TID 1500 report.

    Returns
    -------
    str
        One paragraph per measurement group, values to two decimals and how they were measured,
        then the software; ends with a line feed.
    """
    report = dcmread(path)
    lines = [_meaning(report.ConceptNameCodeSequence[0]), f"Patient {report.PatientID}", ""]
    software: dict[str, None] = {}
    for group in _groups(report):
        lines.append(_text_of(group, "112039"))
        lines += [f"  {line}" for line in _group_lines(group)]
        lines.append("")
        for item in group.ContentSequence:
            if item.ValueType == "TEXT" and _value(item) in ("111001", "111003", "111002"):
                software[f"{_meaning(item.ConceptNameCodeSequence[0])}: {item.TextValue}"] = None
    return "\n".join([*lines, *software]) + "\n"


def _table(measurements: Measurements) -> Iterator[_Row]:
    """Make the rows of a video."""
    right, left = measurements.right, measurements.left
    total = measurements.frames_total
    numbers = partial(_numbers, measurements)
    yield numbers("Palpebral fissure height, mean", "mm", "aperture_mean_mm", 1)
    yield numbers("Palpebral fissure height, least", "mm", "aperture_min_mm", 1)
    yield numbers("Horizontal eye rotation, mean", "°", "rotation_h_mean_deg", 1, sign=True)
    yield numbers("Vertical eye rotation, mean", "°", "rotation_v_mean_deg", 1, sign=True)
    yield _Row("Blinks", "count", _blinks(right), _blinks(left))
    yield numbers("Blink rate", "per minute", "blink_rate_per_min", 1)
    yield _Row("Frames measured (n)", f"of {total}", _share(right, total), _share(left, total))
    yield numbers("Tracking confidence, mean", "0 to 1", "confidence_mean", 2)


def _values(measurements: Measurements) -> Iterator[_Row]:
    """Make the rows of a photograph: single values, and none that need time."""
    numbers = partial(_numbers, measurements)
    yield numbers("Palpebral fissure height", "mm", "aperture_mean_mm", 1)
    yield numbers("Horizontal eye rotation", "°", "rotation_h_mean_deg", 1, sign=True)
    yield numbers("Vertical eye rotation", "°", "rotation_v_mean_deg", 1, sign=True)
    yield numbers("Tracking confidence", "0 to 1", "confidence_mean", 2)


def _numbers(
    measurements: Measurements, name: str, unit: str, field: str, digits: int, *, sign: bool = False
) -> _Row:
    right, left = (getattr(measurements.of(eye), field) for eye in Eye)
    return _Row(name, unit, _shown(right, digits, sign), _shown(left, digits, sign))


def _warning(measurements: Measurements) -> str | None:
    """Say in a sentence why the values are coarse; None where nothing speaks against them.

    Compares what is shown, so that no page says that 0.30 is below 0.3.
    """
    reasons = []
    ruler = measurements.iris_diameter_px
    if ruler and round(ruler, 1) < SMALL_IRIS_PX:
        pixel_mm = _decimals(IRIS_DIAMETER_MM / ruler, 1)
        width = _decimals(ruler, 1)
        reasons.append(f"the iris is {width} pixels wide, so one pixel is {pixel_mm} mm")
    low = [
        f"{_decimals(summary.confidence_mean, 2)} ({name} eye)"
        for name, summary in (("right", measurements.right), ("left", measurements.left))
        if summary.confidence_mean is not None
        and round(summary.confidence_mean, 2) < LOW_CONFIDENCE
    ]
    if low:
        reasons.append(f"the tracking is rated {' and '.join(low)} on a scale from 0 to 1")
    if not reasons:
        return None
    return f"Low confidence: {'; '.join(reasons)}. Take the values below as rough."


def _shown(value: float | None, digits: int, sign: bool) -> str:
    if value is None:
        return _NOT_MEASURED
    text = _decimals(value, digits)
    plus = "+" if sign and float(text) > 0 else ""
    return plus + text.replace("-", "−")


def _blinks(summary: EyeSummary) -> str:
    return _NOT_MEASURED if summary.blinks is None else str(len(summary.blinks))


def _share(summary: EyeSummary, total: int) -> str:
    percent = 100.0 * summary.frames_used / total if total else 0.0
    return f"{summary.frames_used} ({percent:.0f} %)"


def _decimals(value: float, digits: int) -> str:
    """Return the value with fixed decimals; empty for NaN, and never a negative zero."""
    if not np.isfinite(value):
        return ""
    return f"{round(float(value), digits) + 0.0:.{digits}f}"


def _groups(report: Dataset) -> Iterator[Dataset]:
    for part in report.ContentSequence:
        if _value(part) == "126010":
            yield from (item for item in part.ContentSequence if _value(item) == "125007")


def _group_lines(group: Dataset) -> Iterator[str]:
    for item in group.ContentSequence:
        if item.ValueType == "NUM":
            measured = item.MeasuredValueSequence[0]
            unit = str(measured.MeasurementUnitsCodeSequence[0].CodeValue)
            # UCUM writes in braces what only explains: the name of a count says that already.
            shown = "" if "{" in unit or unit == "1" else f" {unit}"
            number = f"{round(float(measured.NumericValue), 2) + 0.0:g}"
            method = _modifier(item, "370129005")
            how = f" ({method[0].lower()}{method[1:]})" if method else ""
            yield f"{_described(item)}: {number}{shown}{how}"
        elif _value(item) == "DM1990":
            concerned = next(c for c in item.ContentSequence if _value(c) == "DM1991")
            name = _meaning(concerned.ConceptCodeSequence[0])
            status = _meaning(item.ConceptCodeSequence[0]).lower()
            yield f"{name}{_derivation(item)}: no value ({status})"


def _described(item: Dataset) -> str:
    return _meaning(item.ConceptNameCodeSequence[0]) + _derivation(item)


def _derivation(item: Dataset) -> str:
    meaning = _modifier(item, "121401")
    return f", {meaning.lower()}" if meaning else ""


def _modifier(item: Dataset, code: str) -> str:
    """Return the meaning of the coded modifier of that name; empty if there is none."""
    for child in item.get("ContentSequence", ()):
        if _value(child) == code:
            return _meaning(child.ConceptCodeSequence[0])
    return ""


def _text_of(group: Dataset, code: str) -> str:
    return next(str(item.TextValue) for item in group.ContentSequence if _value(item) == code)


def _value(item: Dataset) -> str:
    """Return the code value of a content item's name."""
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def _meaning(code: Dataset) -> str:
    return str(code.CodeMeaning)


@contextmanager
def _replacing(path: Path) -> Iterator[IO[str]]:
    """Write a text file that appears whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
