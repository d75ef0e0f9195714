"""Original and mask side by side, read back from what the demonstration left."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dmask_node.decode.frames import open_source
from dmask_node.demo.contact_sheet import choose_frames, contact_sheet, label_frames
from dmask_node.records.anatomy import Eye
from dmask_node.records.masked import EyeTrack


def write_contact_sheet(original: Path, masked: Path, measurements: Path, out: Path) -> None:
    """Draw six frames of original and mask, one of them with the eyes closest to shut.

    Parameters
    ----------
    original, masked : Path
        Videos of the same number of frames.
    measurements : Path
        ``measurements.csv`` of the same clip.
    out : Path
        PNG file.
    """
    eyes = read_measurements(measurements)
    chosen = choose_frames(eyes)
    labels = label_frames(eyes, chosen)
    sheet = contact_sheet(_take(original, chosen), _take(masked, chosen), labels)
    cv2.imwrite(str(out), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


def read_measurements(path: Path) -> EyeTrack:
    """Read ``measurements.csv`` back.

    Parameters
    ----------
    path : Path
        As `dmask_node.compose.readable.write_csv` wrote it.

    Returns
    -------
    EyeTrack
        `found` where an eye was measured; `iris_diameter_px` is not in the file and NaN.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    shape = (len(rows) // 2, 2)
    letters = {eye.letter: eye for eye in Eye}
    numbers = {
        name: np.full(shape, np.nan)
        for name in ("time_s", "aperture_mm", "rotation_h_deg", "rotation_v_deg", "confidence")
    }
    closed = np.zeros(shape, dtype=np.bool_)
    for row in rows:
        at = int(row["frame"]), letters[row["eye"]]
        for name, array in numbers.items():
            array[at] = float(row[name]) if row[name] else np.nan
        closed[at] = row["closed"] == "1"
    return EyeTrack(
        time_s=numbers["time_s"][:, 0],
        aperture_mm=numbers["aperture_mm"],
        rotation_h_deg=numbers["rotation_h_deg"],
        rotation_v_deg=numbers["rotation_v_deg"],
        closed=closed,
        confidence=np.nan_to_num(numbers["confidence"]),
        found=np.isfinite(numbers["aperture_mm"]).any(axis=1),
        iris_diameter_px=float("nan"),
    )


def _take(video: Path, chosen: Sequence[int]) -> list[NDArray[np.uint8]]:
    wanted = set(chosen)
    frames: Iterable[NDArray[np.uint8]] = (frame.rgb for frame in open_source(video).frames)
    return [frame.copy() for index, frame in enumerate(frames) if index in wanted]
