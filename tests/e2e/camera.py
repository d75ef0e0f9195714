"""What a camera would send: a real talking face, wrapped as a Video Photographic Image."""

from io import BytesIO
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from dmask_node.decode.wrap import wrap_video
from tests.factories import a_header, a_video_file


def pictures_of(video: Path | bytes) -> list[NDArray[np.uint8]]:
    """Decode every frame, (rows, columns, 3) RGB, by an independent few lines."""
    with av.open(BytesIO(video) if isinstance(video, bytes) else str(video), "r") as container:
        return [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            for frame in container.decode(video=0)
        ]


def a_recording(
    path: Path, talking_face: Path, *, seconds: float = 1.0, identity: bool = False
) -> Path:
    """A DICOM video of a real face, so many seconds long; with `identity`, marked all over."""
    frames = pictures_of(talking_face)
    n = round(seconds * 30)
    frames = [frames[i % len(frames)] for i in range(n)]
    clip = a_video_file(
        path.with_suffix(".mp4"), frames=frames, fps=30, audio=identity, identity=identity
    )
    header: Dataset = a_header(identity=identity)
    return wrap_video(clip, path, header)
