"""Find the eyes of a folder of pictures and say where each one's crop lies."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from dmask_node.landmarks.scheme import INNER_CORNER, OUTER_CORNER
from dmask_node.landmarks.settings import LandmarkSettings
from dmask_node.landmarks.track import FaceTracker
from dmask_node.models.settings import InferenceSettings
from dmask_node.records.anatomy import Eye
from dmask_node.training.labels.crop import CropFrame
from dmask_node.training.labels.store import Crop, Picture

_KINDS: Final = (".jpg", ".jpeg", ".png")
_FRAMES: Final = "frames.json"
"""Beside frames taken from clips: which clip and which frame each file is."""


def read_picture(file: Path) -> NDArray[np.uint8]:
    """Read a picture as (rows, columns, 3) RGB; upright, as its orientation tag says."""
    bgr = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError("a file of the folder is no picture that OpenCV reads")
    return np.ascontiguousarray(bgr[..., ::-1]).astype(np.uint8, copy=False)


def take_frames(clip: Path, at: list[int], folder: Path) -> list[Path]:
    """Write frames of a clip as lossless pictures, each noted with the clip's checksum.

    Parameters
    ----------
    clip : Path
        Any video that FFmpeg decodes.
    at : list of int
        Indices of decoded frames, from 0.
    folder : Path
        Where they go, as ``<first 8 of the checksum>-<frame>.png``.

    Returns
    -------
    list of Path
        The files; fewer than asked for when the clip ends before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = hashlib.sha256(clip.read_bytes()).hexdigest()
    noted = _noted_frames(folder)
    written = []
    with av.open(str(clip)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index > max(at):
                break
            if index in at:
                file = folder / f"{sha256[:8]}-{index:05d}.png"
                cv2.imwrite(str(file), frame.to_ndarray(format="bgr24"))
                noted[file.name] = {"sha256": sha256, "frame": index}
                written.append(file)
    (folder / _FRAMES).write_text(json.dumps(noted, indent=1), encoding="utf-8")
    return written


def find_eyes(
    folder: Path, source: str, reading: Literal[1, 2], settings: LandmarkSettings | None = None
) -> Iterator[Crop | Path]:
    """Find both eyes in every picture of a folder with the stock networks.

    Parameters
    ----------
    folder : Path
        Pictures, one face each; frames taken by `take_frames` are told by clip and frame.
    source : str
        Key of the table of sources.
    reading : {1, 2}
        The crop's number; a second crop of the same eye lies a little differently.
    settings : LandmarkSettings, optional
        Of the face tracker.

    Yields
    ------
    Crop or Path
        Two crops a picture, or the file in which no face was found.
    """
    tracker = FaceTracker(InferenceSettings(), settings or LandmarkSettings())
    noted = _noted_frames(folder)
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() not in _KINDS:
            continue
        rgb = read_picture(file)
        rows, columns = rgb.shape[:2]
        name = noted.get(file.name) or {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        picture = Picture.model_validate({**name, "rows": rows, "columns": columns})
        tracker.restart()
        mesh = tracker(rgb)
        if mesh is None:
            yield file
            continue
        for eye in Eye:
            corners = mesh.eye_contour[eye, [OUTER_CORNER, INNER_CORNER]]
            yield _crop(corners, eye, file, picture, source, reading)


def second_crop(crop: Crop) -> Crop:
    """Place the crop for the second reading of an eye, under an id that does not tell."""
    eye = Eye.RIGHT if crop.eye == "R" else Eye.LEFT
    corners = crop.frame.carry([(140.0, 300.0), (660.0, 300.0)])
    return _crop(corners, eye, crop.file, crop.picture, crop.source, 2)


def _crop(
    corners: NDArray[np.float64],
    eye: Eye,
    file: Path,
    picture: Picture,
    source: str,
    reading: Literal[1, 2],
) -> Crop:
    name = f"{picture.sha256} {picture.frame} {eye.letter} {reading}"
    digest = hashlib.sha256(name.encode()).hexdigest()
    rng = np.random.default_rng(int(digest[:16], 16))
    frame = CropFrame.about_corners(corners[0], corners[1], eye, rng)
    (a, b, c), (d, e, f) = frame.crop_to_picture.tolist()
    return Crop(
        crop_id=digest[:8],
        source=source,
        file=file,
        picture=picture,
        eye="R" if eye is Eye.RIGHT else "L",
        reading=reading,
        crop_to_picture=((a, b, c), (d, e, f)),
    )


def _noted_frames(folder: Path) -> dict[str, dict[str, str | int]]:
    noted = folder / _FRAMES
    return dict(json.loads(noted.read_text(encoding="utf-8"))) if noted.exists() else {}
