"""The measurements of a clip: EyeTrack to Measurements."""

import numpy as np
from numpy.typing import NDArray

from dmask_node.measure.blinks import find_blinks
from dmask_node.measure.settings import MeasureSettings
from dmask_node.records.anatomy import Eye
from dmask_node.records.masked import EyeSummary, EyeTrack, Measurements


def summarise(eyes: EyeTrack, settings: MeasureSettings) -> Measurements:
    """Sum up what was measured on both eyes over a clip.

    Parameters
    ----------
    eyes : EyeTrack
        The measurements of each frame.
    settings : MeasureSettings
        Which frames count, and what counts as a blink.

    Returns
    -------
    Measurements
        With None for everything that could not be measured.
    """
    time_s = eyes.time_s
    ruler = eyes.iris_diameter_px
    return Measurements(
        right=summarise_eye(eyes, Eye.RIGHT, settings),
        left=summarise_eye(eyes, Eye.LEFT, settings),
        frames_total=len(time_s),
        frames_with_face=int(np.count_nonzero(eyes.found)),
        duration_s=float(time_s[-1] - time_s[0]) if len(time_s) else 0.0,
        iris_diameter_px=float(ruler) if np.isfinite(ruler) else None,
    )


def summarise_eye(eyes: EyeTrack, eye: Eye, settings: MeasureSettings) -> EyeSummary:
    """Sum up what was measured on one eye.

    Parameters
    ----------
    eyes : EyeTrack
        The measurements of each frame.
    eye : Eye
        Which eye.
    settings : MeasureSettings
        Which frames count, and what counts as a blink.

    Returns
    -------
    EyeSummary
        The mean aperture is that of the frames outside blinks; frames of a long closure count.
        The mean confidence is that of the frames used: frames left out do not lower it.
    """
    sure = eyes.confidence[:, eye] >= settings.least_confidence
    aperture = np.where(eyes.found & sure, eyes.aperture_mm[:, eye], np.nan)
    used = np.isfinite(aperture)
    count = find_blinks(eyes.time_s, aperture, settings)
    outside = used.copy()
    for blink in count.blinks if count else ():
        outside &= (eyes.time_s < blink.start_s) | (eyes.time_s > blink.end_s)
    return EyeSummary(
        eye=eye,
        frames_used=int(np.count_nonzero(used)),
        aperture_mean_mm=_mean(aperture[outside]),
        aperture_min_mm=float(aperture[used].min()) if used.any() else None,
        rotation_h_mean_deg=_mean(eyes.rotation_h_deg[used, eye]),
        rotation_v_mean_deg=_mean(eyes.rotation_v_deg[used, eye]),
        blinks=count.blinks if count else None,
        blink_rate_per_min=60.0 * len(count.blinks) / count.watched_s if count else None,
        confidence_mean=_mean(eyes.confidence[used, eye]),
    )


def _mean(values: NDArray[np.float64]) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None
