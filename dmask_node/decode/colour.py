"""Decoded samples to 8 bit RGB (pure)."""

import numpy as np
from numpy.typing import NDArray

from dmask_node.decode.errors import Undecodable


def to_rgb(
    samples: NDArray[np.generic], photometric_interpretation: str, bits_stored: int
) -> NDArray[np.uint8]:
    """Bring one decoded frame to 8 bit RGB.

    Parameters
    ----------
    samples : (rows, columns) or (rows, columns, 3) ndarray of integers
        The frame, subsampling already undone.
    photometric_interpretation : str
        PS3.3 C.7.6.3.1.2, of the samples as they are: ``RGB``, ``MONOCHROME1``, ``MONOCHROME2``,
        or a YBR that a decoder has turned into RGB (``YBR_ICT``, ``YBR_RCT``).
    bits_stored : int
        Used bits of a sample, 1 to 16; the full range is scaled to 0..255. Signed samples are
        shifted by half of it.

    Returns
    -------
    (rows, columns, 3) ndarray of uint8
        Contiguous.

    Raises
    ------
    Undecodable
        If shape, type and interpretation don't go together.
    """
    if not np.issubdtype(samples.dtype, np.integer) or not 1 <= bits_stored <= 16:
        raise Undecodable(f"samples of {samples.dtype} with {bits_stored} bits stored")
    grey = photometric_interpretation in ("MONOCHROME1", "MONOCHROME2")
    if samples.ndim != (2 if grey else 3) or (not grey and samples.shape[2] != 3):
        raise Undecodable(f"samples of shape {samples.shape} do not fit the interpretation")
    scaled = _to_8_bit(samples, bits_stored)
    if photometric_interpretation == "MONOCHROME1":
        scaled = 255 - scaled
    if grey:
        scaled = np.repeat(scaled[..., None], 3, axis=2)
    return np.ascontiguousarray(scaled)


def _to_8_bit(samples: NDArray[np.generic], bits_stored: int) -> NDArray[np.uint8]:
    if bits_stored == 8 and samples.dtype == np.uint8:
        return samples.astype(np.uint8, copy=False)
    top = (1 << bits_stored) - 1
    wide = samples.astype(np.int32)
    if np.issubdtype(samples.dtype, np.signedinteger):
        wide += 1 << (bits_stored - 1)
    # rounded, so that 0 and the largest value reach 0 and 255
    return ((np.clip(wide, 0, top) * 255 + top // 2) // top).astype(np.uint8)
