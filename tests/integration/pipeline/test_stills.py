"""Stills through the whole path: the same eyes, however the samples were written."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from dmask_node.config import create_keys, load_settings
from dmask_node.deidentify.audience import Audience
from dmask_node.deidentify.profile import Profile
from dmask_node.parts import build_parts
from dmask_node.pipeline import Parts, TooFewFaces, mask_instance
from dmask_node.records.gated import MaskedInstance
from dmask_node.records.masked import Role
from tests import factories
from tests.factories import a_header, a_photo_instance
from tests.stills import FACE, a_still

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
STILLS = {
    "JPEG": ("RGB", "1.2.840.10008.1.2.4.50", "1.2.840.10008.5.1.4.1.1.77.1.4"),
    "lossless JPEG of 16 bits": (
        *("16 bits", "1.2.840.10008.1.2.4.70", "1.2.840.10008.5.1.4.1.1.77.1.5.2"),
    ),
    "RLE, palette, captured": ("PALETTE COLOR", "1.2.840.10008.1.2.5", SECONDARY_CAPTURE),
}
Mask = Callable[[Path], MaskedInstance]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    settings = load_settings()
    node = settings.node.model_copy(update={"state_dir": tmp_path_factory.mktemp("state")})
    settings = settings.model_copy(update={"node": node})
    create_keys(settings)
    audience = Audience(label="local", profile_name="default", profile=Profile())
    return build_parts(settings, [audience])


@pytest.fixture
def mask(parts: Parts, tmp_path: Path) -> Mask:
    return lambda source: mask_instance("still", source, tmp_path, parts, [])


@pytest.fixture(scope="module")
def plain(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> MaskedInstance:
    """The uncompressed RGB picture, to which the others are compared."""
    folder = tmp_path_factory.mktemp("plain")
    return mask_instance("plain", a_still(folder / "p.dcm"), folder, parts, [])


def test_no_sample_of_the_source_is_in_the_mask(plain: MaskedInstance) -> None:
    image = dcmread(plain.studies[0].image.path)
    drawn = np.frombuffer(image.PixelData, np.uint8).reshape(image.Rows, image.Columns, 3)
    shown = cv2.resize(FACE, (image.Columns, image.Rows)).astype(int)
    assert np.abs(drawn - shown).mean() > 40
    rows = [FACE[row, 50:250].tobytes() for row in range(0, 300, 10)]
    assert not any(row in image.PixelData for row in rows)


@pytest.mark.parametrize("kind", STILLS)
def test_every_kind_of_still_becomes_the_same_mask(
    kind: str, mask: Mask, plain: MaskedInstance, tmp_path: Path
) -> None:
    masked = mask(a_still(tmp_path / "s.dcm", *STILLS[kind]))
    [study] = masked.studies
    assert (study.image.role, masked.encoded.n_frames) == (Role.PHOTOGRAPH, 1)
    assert study.image.sop_class_uid == "1.2.840.10008.5.1.4.1.1.77.1.4"
    for name, tolerance in (("aperture_mm", 0.7), ("rotation_h_deg", 4), ("rotation_v_deg", 4)):
        found, wanted = getattr(masked.eyes, name), getattr(plain.eyes, name)
        np.testing.assert_allclose(found, wanted, atol=tolerance)


def _captured(path: Path, picture: NDArray[np.uint8], **attributes: object) -> Path:
    header: Dataset = a_header(SECONDARY_CAPTURE)
    for keyword, value in attributes.items():
        setattr(header, keyword, value)
    return a_photo_instance(
        path, frames=[picture], header=header, transfer_syntax_uid=factories.RLE_LOSSLESS
    )


def test_a_captured_page_of_text_is_not_masked_and_not_passed_on(
    mask: Mask, tmp_path: Path
) -> None:
    page = np.full((480, 640, 3), 255, np.uint8)
    for line in range(12):
        text = f"Kowalska Wanda 80010112345 line {line}"
        cv2.putText(page, text, (20, 40 + 36 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0))
    with pytest.raises(TooFewFaces):
        mask(_captured(tmp_path / "s.dcm", page))
    assert not list(tmp_path.rglob("photograph.dcm"))
    assert not list(tmp_path.rglob("masked.png"))


def test_a_captured_slice_of_a_ct_is_not_masked_and_not_passed_on(
    mask: Mask, tmp_path: Path
) -> None:
    y, x = np.mgrid[:512, :512] - 256.0
    head = np.hypot(x / 180, y / 220)
    brain = 110 + 15 * np.sin(x / 17) * np.cos(y / 23)
    skull = np.where((head > 0.9) & (head < 1.0), 250, np.where(head < 0.9, brain, 0))
    picture = np.repeat(skull.astype(np.uint8)[..., None], 3, axis=2)
    source = _captured(tmp_path / "s.dcm", picture, Modality="CT", ConversionType="WSD")
    with pytest.raises(TooFewFaces):
        mask(source)
