"""Builders of outgoing studies: a small real video, composed objects, measurements."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydicom import Dataset

from dmask_node.check.outgoing import check_outgoing
from dmask_node.compose.encoder import encode_video
from dmask_node.compose.report_sr import compose_report
from dmask_node.compose.settings import EncoderSettings
from dmask_node.compose.video_sop import compose_video
from dmask_node.deidentify.audience import Audience
from dmask_node.deidentify.header import clean_header
from dmask_node.deidentify.keys import MasterKey
from dmask_node.deidentify.profile import Profile
from dmask_node.deidentify.settings import DeidentifySettings
from dmask_node.models.store import digests
from dmask_node.records.anatomy import Eye
from dmask_node.records.masked import (
    Blink,
    CleanHeader,
    EncodedVideo,
    EyeSummary,
    EyeTrack,
    MaskedStudy,
    Measurements,
)

KEY = bytes(range(7, 39))
PIXELS = "ab" * 32
MODELS = "cd" * 32


def clean(
    header: Dataset,
    *,
    key: bytes = KEY,
    epoch: str = "1",
    label: str = "default",
    pixel_sha256: str = PIXELS,
    models_digest: str = MODELS,
    settings: DeidentifySettings | None = None,
    profile: Profile | None = None,
    calling_ae_title: str = "",
) -> CleanHeader:
    """Clean a header with a key of the tests."""
    keys = MasterKey(key).keys(epoch, label)
    chosen = settings or DeidentifySettings()
    audience = Audience(label=label, profile_name="default", profile=profile or Profile())
    return clean_header(
        header,
        pixel_sha256,
        keys,
        chosen,
        audience,
        models_digest=models_digest,
        calling_ae_title=calling_ae_title,
    )


def an_encoded_video(
    path: Path, *, n_frames: int = 6, times_s: tuple[float, ...] | None = None
) -> EncodedVideo:
    """Encode a few small plain pictures."""
    times = times_s or tuple(index / 25 for index in range(n_frames))
    pictures = (np.full((48, 64, 3), 20 + 5 * index, np.uint8) for index in range(len(times)))
    return encode_video(pictures, times, 48, 64, path, EncoderSettings())


def a_summary(eye: Eye, *, measured: bool = True) -> EyeSummary:
    """Give one eye values that tell right from left."""
    if not measured:
        return EyeSummary(
            eye=eye,
            frames_used=0,
            aperture_mean_mm=None,
            aperture_min_mm=None,
            rotation_h_mean_deg=None,
            rotation_v_mean_deg=None,
            blinks=None,
            blink_rate_per_min=None,
            confidence_mean=None,
        )
    return EyeSummary(
        eye=eye,
        frames_used=5,
        aperture_mean_mm=9.4 + 0.8 + eye,
        aperture_min_mm=0.123456 + eye,
        rotation_h_mean_deg=-3.25 - eye,
        rotation_v_mean_deg=1.5 + eye,
        blinks=(Blink(start_s=0.04, end_s=0.16),),
        blink_rate_per_min=17.25 + eye,
        confidence_mean=0.875 - 0.25 * eye,
    )


def some_measurements(*, left_measured: bool = True) -> Measurements:
    """Measure both eyes, or the right one alone."""
    return Measurements(
        right=a_summary(Eye.RIGHT),
        left=a_summary(Eye.LEFT, measured=left_measured),
        frames_total=6,
        frames_with_face=5,
        duration_s=0.2,
        iris_diameter_px=11.5,
    )


def an_eye_track(n_frames: int = 6) -> EyeTrack:
    """Track two eyes; frame 2 shows no face, frame 3 shows the left eye shut."""
    aperture = np.full((n_frames, 2), [9.0, 7.0])
    rotation_h = np.full((n_frames, 2), [-3.0, 4.0])
    rotation_v = np.full((n_frames, 2), [1.25, -0.0004])
    aperture[3, Eye.LEFT] = 0.0
    rotation_h[3, Eye.LEFT] = rotation_v[3, Eye.LEFT] = np.nan
    for values in (aperture, rotation_h, rotation_v):
        values[2] = np.nan
    closed = np.zeros((n_frames, 2), np.bool_)
    closed[3, Eye.LEFT] = True
    found = np.ones(n_frames, np.bool_)
    found[2] = False
    return EyeTrack(
        time_s=np.arange(n_frames) / 25,
        aperture_mm=aperture,
        rotation_h_deg=rotation_h,
        rotation_v_deg=rotation_v,
        closed=closed,
        confidence=np.where(np.isfinite(aperture), 0.9, 0.0),
        found=found,
        iris_diameter_px=11.5,
    )


def a_masked_study(
    folder: Path,
    header: CleanHeader,
    *,
    encoded: EncodedVideo | None = None,
    measurements: Measurements | None = None,
    models: Mapping[str, str] | None = None,
) -> MaskedStudy:
    """Compose video and report in a folder."""
    chosen = encoded or an_encoded_video(folder / "masked.mp4")
    values = measurements or some_measurements()
    video = compose_video(chosen, header, folder / "video.dcm")
    report = compose_report(
        values, header, video, chosen, models or digests(), folder / "report.dcm"
    )
    return MaskedStudy(
        audience=f"{header.profile}@default", image=video, report=report, encoded=chosen
    )


def a_checked_study(folder: Path, source: Dataset, **profile: object) -> MaskedStudy:
    """Clean, compose and check, as the pipeline does."""
    header = clean(source, profile=Profile.model_validate(profile))
    study = a_masked_study(folder, header)
    check_outgoing(study, source, header)
    return study
