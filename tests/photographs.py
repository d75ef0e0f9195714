"""Builders of masked photographs: a small picture, composed objects, measurements of one frame."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from dmask_node.compose.photograph import compose_photograph
from dmask_node.compose.picture import write_picture
from dmask_node.compose.report_sr import compose_report
from dmask_node.models.store import digests
from dmask_node.records.anatomy import Eye
from dmask_node.records.masked import CleanHeader, EncodedPicture, MaskedStudy, Measurements
from tests.outgoing import some_measurements


def an_encoded_picture(path: Path, *, rows: int = 48, columns: int = 64) -> EncodedPicture:
    """Write a small picture in which no two neighbours are alike."""
    samples = np.arange(rows * columns * 3, dtype=np.uint32) * 37 % 251
    return write_picture([samples.astype(np.uint8).reshape(rows, columns, 3)], rows, columns, path)


def measurements_of_a_photograph(*, left_measured: bool = True) -> Measurements:
    """Measure one frame: no blinks, no duration."""
    values = some_measurements(left_measured=left_measured)
    eyes = [
        replace(values.of(eye), frames_used=used, blinks=None, blink_rate_per_min=None)
        for eye, used in ((Eye.RIGHT, 1), (Eye.LEFT, int(left_measured)))
    ]
    return replace(
        values,
        right=eyes[0],
        left=eyes[1],
        frames_total=1,
        frames_with_face=1,
        duration_s=0.0,
    )


def a_masked_photograph(
    folder: Path,
    header: CleanHeader,
    *,
    picture: EncodedPicture | None = None,
    left_measured: bool = True,
) -> MaskedStudy:
    """Compose photograph and report in a folder."""
    chosen = picture or an_encoded_picture(folder / "masked.png")
    image = compose_photograph(chosen, header, folder / "photograph.dcm")
    values = measurements_of_a_photograph(left_measured=left_measured)
    report = compose_report(values, header, image, chosen, digests(), folder / "report.dcm")
    audience = f"{header.profile}@default"
    return MaskedStudy(audience=audience, image=image, report=report, encoded=chosen)
