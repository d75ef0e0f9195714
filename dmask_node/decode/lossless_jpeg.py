"""Lossless JPEG (ITU-T T.81 process 14), which pydicom's usual plugins lack (edge: PyAV)."""

from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from dmask_node.decode.errors import Undecodable

_READ_AHEAD: Final = 64
TRANSFER_SYNTAXES: Final = frozenset({"1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"})


def decode_lossless_jpeg(data: bytes) -> NDArray[np.unsignedinteger]:
    """Decode one picture, exactly.

    Parameters
    ----------
    data : bytes
        A JPEG stream of one or three components, 8 bits each, or one of up to 16.

    Returns
    -------
    (rows, columns) or (rows, columns, 3) ndarray of uint8 or uint16
        Components in the order of the stream, whatever they stand for.

    Raises
    ------
    Undecodable
        If it is no such stream.
    """
    decoder = av.CodecContext.create("mjpeg", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    decoder.options = {"err_detect": "explode"}
    # FFmpeg reads a few bytes ahead of where it is; PyAV hands it the bytes as they are.
    pictures = decoder.decode(av.Packet(data + bytes(_READ_AHEAD))) + decoder.decode(None)
    if len(pictures) != 1:
        raise Undecodable(f"{len(pictures)} pictures in a stream of one")
    [picture] = pictures
    match picture.format.name:
        case "bgr24":
            samples = picture.to_ndarray()[..., ::-1]
        case "yuv444p" | "yuvj444p":
            samples = np.moveaxis(picture.to_ndarray(), 0, -1)
        case "gray" | "gray16le":
            samples = picture.to_ndarray()
        case _:
            raise Undecodable("a lossless JPEG of components that are not expected")
    return np.ascontiguousarray(samples)
