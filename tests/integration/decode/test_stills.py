"""Every accepted still: each transfer syntax, each representation of samples, each SOP class."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import JPEG2000, UID, JPEG2000Lossless

from dmask_node.decode.errors import (
    KindNotMasked,
    MirroredPicture,
    Undecodable,
    UnsupportedTransferSyntax,
)
from dmask_node.decode.frames import open_source
from dmask_node.receive.contexts import STILL_TRANSFER_SYNTAXES
from dmask_node.records.sop_classes import STILL_SOP_CLASSES, VIDEO_SOP_CLASSES
from tests import factories
from tests.stills import DEFLATED, EXPLICIT, FACE, IMPLICIT, REPRESENTATIONS, a_still

JPEG, JPEG_12, LOSSLESS, LOSSLESS_1 = (f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70))
JPEG_LS, JPEG_LS_NEAR, RLE = (
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.5",
)
LOSSY = {JPEG: 3.0, JPEG_12: 3.0, JPEG_LS_NEAR: 2.0, str(JPEG2000): 3.0}
"""Mean difference that a lossy syntax may make; the others only what colour spaces round."""
EVERYTHING = tuple(REPRESENTATIONS)
GREYS = ("MONOCHROME2", "MONOCHROME1", "16 bits", "12 bits")
COMBINATIONS = {
    EXPLICIT: EVERYTHING,
    IMPLICIT: EVERYTHING,
    DEFLATED: EVERYTHING,
    JPEG: ("RGB", "MONOCHROME2", "MONOCHROME1"),
    JPEG_12: ("RGB", "MONOCHROME2"),
    LOSSLESS: ("RGB", "YBR_FULL", *GREYS, "PALETTE COLOR"),
    LOSSLESS_1: ("RGB", "RGB by plane", "YBR_FULL", *GREYS, "PALETTE COLOR"),
    JPEG_LS: ("RGB", "YBR_FULL", *GREYS, "PALETTE COLOR"),
    JPEG_LS_NEAR: ("RGB", "MONOCHROME2"),
    RLE: ("RGB", "YBR_FULL", *GREYS, "signed", "PALETTE COLOR"),
    str(JPEG2000Lossless): ("RGB", *GREYS),
    str(JPEG2000): ("RGB", "MONOCHROME2"),
}
PAIRS = [(syntax, kind) for syntax, kinds in COMBINATIONS.items() for kind in kinds]


def test_every_accepted_still_syntax_is_tried() -> None:
    assert set(COMBINATIONS) == set(STILL_TRANSFER_SYNTAXES)


@pytest.mark.parametrize(("syntax", "kind"), PAIRS, ids=[f"{s[18:]}-{k}" for s, k in PAIRS])
def test_a_still_shows_the_face_that_was_put_in(tmp_path: Path, syntax: str, kind: str) -> None:
    path = a_still(tmp_path / "p.dcm", kind, syntax)
    assert dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID == syntax
    source = open_source(path)
    [frame] = source.frames
    shown = REPRESENTATIONS[kind][1].astype(int)
    assert frame.rgb.shape == shown.shape
    rounded = 2.5 if kind == "YBR_FULL_422" else 0.6
    assert np.abs(frame.rgb - shown).mean() < LOSSY.get(syntax, rounded)


@pytest.mark.parametrize("sop_class_uid", STILL_SOP_CLASSES)
def test_every_still_class_is_opened(tmp_path: Path, sop_class_uid: str) -> None:
    kind = "16 bits" if sop_class_uid.endswith(("5.2", "7.3")) else "RGB"
    path = a_still(tmp_path / "p.dcm", kind, EXPLICIT, sop_class_uid)
    assert sum(1 for _ in open_source(path).frames) == 1


def test_a_lossy_jpeg_of_twelve_bits_is_refused_by_name(tmp_path: Path) -> None:
    path = a_still(tmp_path / "p.dcm", "12 bits", JPEG_12)
    with pytest.raises(UnsupportedTransferSyntax, match="12 bits"):
        list(open_source(path).frames)


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_a_lossless_jpeg_that_was_cut_is_refused(tmp_path: Path, share: float) -> None:
    path = a_still(tmp_path / "p.dcm", "RGB", LOSSLESS_1)
    dataset = dcmread(path)
    from pydicom.encaps import encapsulate, generate_fragments

    coded = list(generate_fragments(dataset.PixelData))[1]
    dataset.PixelData = encapsulate([coded[: int(len(coded) * share)]])
    dataset.save_as(path)
    with pytest.raises(Undecodable):
        list(open_source(path).frames)


@pytest.mark.parametrize(
    "sop_class_uid",
    ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.88.67", "1.2.3", ""],
    ids=["CT", "dose report", "unknown", "none"],
)
def test_pixels_of_another_kind_of_object_are_never_opened(
    tmp_path: Path, sop_class_uid: str
) -> None:
    path = a_still(tmp_path / "p.dcm")
    dataset = dcmread(path)
    if sop_class_uid:
        dataset.SOPClassUID = sop_class_uid
    else:
        del dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    dataset.save_as(path)
    with pytest.raises(KindNotMasked):
        open_source(path)


def test_the_video_classes_are_opened_as_before(tmp_path: Path) -> None:
    for uid in VIDEO_SOP_CLASSES:
        path = factories.a_video_instance(
            tmp_path / "v.dcm", n_frames=2, header=factories.a_header(uid)
        )
        assert sum(1 for _ in open_source(path).frames) == 2


def _a_phone_s_picture(path: Path, orientation: int) -> Path:
    """A JPEG whose pixels lie as EXIF says, so that it shows the face upright."""
    from PIL import Image

    turns = {6: 1, 3: 2, 8: 3}.get(orientation, 0)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.rot90(FACE, turns)).save(path, "JPEG", exif=exif, quality=95)
    return path


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_phone_s_picture_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    [frame] = open_source(_a_phone_s_picture(tmp_path / "p", orientation)).frames
    assert np.abs(frame.rgb.astype(int) - FACE).mean() < 3


@pytest.mark.parametrize("orientation", [2, 4, 5, 7])
def test_a_mirrored_picture_is_refused_lest_right_be_taken_for_left(
    tmp_path: Path, orientation: int
) -> None:
    with pytest.raises(MirroredPicture):
        open_source(_a_phone_s_picture(tmp_path / "p", orientation))
