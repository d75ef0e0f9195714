"""Photographs of a real face in every representation that the accepted syntaxes allow."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import skimage.data
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import JPEG2000, JPEG2000Lossless

from tests import factories
from tests.factories import VL_PHOTOGRAPHIC, a_header

EXPLICIT, IMPLICIT, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99"


def a_face() -> NDArray[np.uint8]:
    """A public-domain portrait, cut to head and shoulders; an even number of columns."""
    return np.ascontiguousarray(skimage.data.astronaut()[0:300, 80:380])


FACE: Final = a_face()
GREY: Final = np.round(FACE.mean(axis=2)).astype(np.uint8)
GREY_RGB: Final = np.repeat(GREY[..., None], 3, axis=2)


def _described(samples: NDArray[Any], interpretation: str, bits_stored: int = 8) -> Dataset:
    dataset = a_header(VL_PHOTOGRAPHIC)
    dataset.Rows, dataset.Columns = FACE.shape[:2]
    dataset.PhotometricInterpretation = interpretation
    dataset.SamplesPerPixel = 3 if interpretation in ("RGB", "YBR_FULL", "YBR_FULL_422") else 1
    dataset.BitsAllocated = 8 * samples.itemsize
    dataset.BitsStored, dataset.HighBit = bits_stored, bits_stored - 1
    dataset.PixelRepresentation = int(np.issubdtype(samples.dtype, np.signedinteger))
    if dataset.SamplesPerPixel == 3:
        dataset.PlanarConfiguration = 0
    dataset.PixelData = samples.tobytes()
    dataset["PixelData"].VR = "OB" if samples.itemsize == 1 else "OW"
    return dataset


def _rgb() -> Dataset:
    return _described(FACE, "RGB")


def _by_plane() -> Dataset:
    dataset = _described(np.ascontiguousarray(np.moveaxis(FACE, -1, 0)), "RGB")
    dataset.PlanarConfiguration = 1
    return dataset


def _ybr() -> Dataset:
    return _described(convert_color_space(FACE, "RGB", "YBR_FULL"), "YBR_FULL")


def _ybr_422() -> Dataset:
    ybr = convert_color_space(FACE, "RGB", "YBR_FULL")
    halved = np.stack([ybr[:, 0::2, 0], ybr[:, 1::2, 0], ybr[:, 0::2, 1], ybr[:, 0::2, 2]], axis=-1)
    return _described(np.ascontiguousarray(halved), "YBR_FULL_422")


def _monochrome() -> Dataset:
    return _described(GREY, "MONOCHROME2")


def _negative() -> Dataset:
    return _described(255 - GREY, "MONOCHROME1")


def _sixteen_bits() -> Dataset:
    return _described(GREY.astype(np.uint16) * 257, "MONOCHROME2", 16)


def _twelve_bits() -> Dataset:
    return _described(np.round(GREY * (4095 / 255)).astype(np.uint16), "MONOCHROME2", 12)


def _signed() -> Dataset:
    shifted = GREY.astype(np.int32) * 257 - 32768
    return _described(shifted.astype(np.int16), "MONOCHROME2", 16)


def _palette() -> Dataset:
    dataset = _described(GREY, "PALETTE COLOR")
    for colour, offset in (("Red", 0), ("Green", 0), ("Blue", 0)):
        table = (np.arange(256, dtype=np.uint16) + offset) * 257
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", table.tobytes())
    return dataset


REPRESENTATIONS: Final[dict[str, tuple[Callable[[], Dataset], NDArray[np.uint8]]]] = {
    "RGB": (_rgb, FACE),
    "RGB by plane": (_by_plane, FACE),
    "YBR_FULL": (_ybr, FACE),
    "YBR_FULL_422": (_ybr_422, FACE),
    "MONOCHROME2": (_monochrome, GREY_RGB),
    "MONOCHROME1": (_negative, GREY_RGB),
    "16 bits": (_sixteen_bits, GREY_RGB),
    "12 bits": (_twelve_bits, GREY_RGB),
    "signed": (_signed, GREY_RGB),
    "PALETTE COLOR": (_palette, GREY_RGB),
}
"""What the samples are, and what they show."""

_DCMTK: Final = {
    "1.2.840.10008.1.2.4.50": ("dcmcjpeg", "+eb", "+q", "95"),
    "1.2.840.10008.1.2.4.51": ("dcmcjpeg", "+ee", "+q", "95"),
    "1.2.840.10008.1.2.4.57": ("dcmcjpeg", "+el"),
    "1.2.840.10008.1.2.4.70": ("dcmcjpeg", "+e1"),
    "1.2.840.10008.1.2.4.80": ("dcmcjpls", "+el"),
    "1.2.840.10008.1.2.4.81": ("dcmcjpls", "+en", "+md", "2"),
    "1.2.840.10008.1.2.5": ("dcmcrle",),
}


def a_still(
    path: Path,
    representation: str = "RGB",
    transfer_syntax_uid: str = EXPLICIT,
    sop_class_uid: str = VL_PHOTOGRAPHIC,
) -> Path:
    """Write the face as DICOM; compressed ones by DCMTK, or by OpenJPEG."""
    dataset = REPRESENTATIONS[representation][0]()
    dataset.SOPClassUID = sop_class_uid
    if transfer_syntax_uid in (EXPLICIT, IMPLICIT, DEFLATED):
        return factories._save(dataset, path, transfer_syntax_uid)
    plain = factories._save(dataset, path.with_suffix(".plain"), EXPLICIT)
    if transfer_syntax_uid in _DCMTK:
        tool, *options = _DCMTK[transfer_syntax_uid]
        subprocess.run([tool, "+un", *options, plain, path], check=True, capture_output=True)
        plain.unlink()
        return path
    dataset = dcmread(plain)
    assert transfer_syntax_uid in (JPEG2000, JPEG2000Lossless)
    ratio = [8.0] if transfer_syntax_uid == JPEG2000 else None
    dataset.compress(transfer_syntax_uid, generate_instance_uid=False, j2k_cr=ratio)
    dataset.save_as(path, enforce_file_format=True)
    return path
