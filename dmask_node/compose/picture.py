"""Keep a single rendered picture as PNG: without loss, and in a file that anybody can open."""

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dmask_node.errors import Transient
from dmask_node.records.masked import EncodedPicture


class PictureNotWritten(Transient):
    """The masked picture could not be written to disk, or not read back as it was."""

    reason = "picture_not_written"
    hint = "Free space in the node's work folder; look at the disk."


def write_picture(
    frames: Iterable[NDArray[np.uint8]], rows: int, columns: int, path: Path
) -> EncodedPicture:
    """Write the one picture of a photograph, and put the finished file in place at once.

    Parameters
    ----------
    frames : iterable of (rows, columns, 3) ndarray of uint8
        One RGB picture, full range.
    rows, columns : int
        Its size, pixels.
    path : Path
        Where the PNG goes. It is written as ``.part`` beside it, synced and renamed.

    Returns
    -------
    EncodedPicture
        With the digest of the samples. The same picture gives the same bytes.

    Raises
    ------
    PictureNotWritten
        If the disk fails.
    ValueError
        If it is not one picture of this size.
    """
    [rgb] = frames
    if rgb.shape != (rows, columns, 3) or rgb.dtype != np.uint8:
        raise ValueError(f"a picture of {rgb.shape} {rgb.dtype}, expected {rows} x {columns}")
    # OpenCV writes IHDR, IDAT and IEND, and nothing that tells of time or place.
    _, png = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(png.tobytes())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise PictureNotWritten(f"system error {error.errno}") from None
    finally:
        with suppress(OSError):
            part.unlink()
    digest = hashlib.sha256(rgb.tobytes()).hexdigest()
    return EncodedPicture(path=path, rows=rows, columns=columns, sha256=digest)


def read_picture(picture: EncodedPicture) -> bytes:
    """Return the samples of a picture: RGB, 8 bit, row by row.

    Raises
    ------
    PictureNotWritten
        If they are not those that were written.
    """
    bgr = cv2.imdecode(np.frombuffer(picture.path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    samples = b"" if bgr is None else cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).tobytes()
    if hashlib.sha256(samples).hexdigest() != picture.sha256:
        raise PictureNotWritten("the picture reads back otherwise than it was written")
    return samples
