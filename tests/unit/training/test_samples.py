"""Crops for the training: spoilt, occluded, made again from a seed, never of people of the test."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dmask_node.training.__main__ import main
from dmask_node.training.crop import CROP
from dmask_node.training.occluders import KINDS, covered_share, occlude
from dmask_node.training.samples import Samples, portrait_samples, render_samples
from dmask_node.training.spoil import cut_at, spoil
from dmask_node.training.truth import CropTruth, Line, on_columns
from tests.unit.training.eyes import painted_eye, portrait_eye


def test_eyes_of_people_of_the_test_are_refused() -> None:
    with pytest.raises(ValueError, match="held back"):
        portrait_samples([portrait_eye(1), portrait_eye(2, split="test")], 1, 0)


def test_the_same_seed_makes_the_same_crops_and_another_seed_others() -> None:
    one, same, other = (portrait_samples([portrait_eye(1)], 4, seed) for seed in (5, 5, 6))
    assert (one.crops == same.crops).all()
    assert (one.crops != other.crops).any()
    for first, second in zip(one.truth, same.truth, strict=True):
        np.testing.assert_array_equal(first, second)


def test_rendered_crops_have_all_their_truth() -> None:
    samples = render_samples(3, 1)
    assert samples.crops.shape == (3, 80, 112, 3)
    assert np.isfinite(samples.truth.heights[:, :2]).any(axis=2).all()
    assert np.isfinite(samples.truth.spots).all()
    assert set(np.unique(samples.truth.present)) <= {0.0, 1.0}


def test_blocks_are_kept_as_they_are(tmp_path: Path) -> None:
    samples = portrait_samples([portrait_eye(1)], 3, 0)
    samples.save(tmp_path / "a.npz")
    samples.save(tmp_path / "b.npz")
    joined = Samples.load([tmp_path / "a.npz", tmp_path / "b.npz"])
    assert (joined.crops[3:] == samples.crops).all()
    assert isinstance(joined.truth, CropTruth)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_a_crop_shows_the_lines_where_its_truth_has_them() -> None:
    """Over many spoilt crops, brightness falls from skin to lash within a pixel of the truth."""
    plate, truth = painted_eye()
    rng = np.random.default_rng(0)
    offsets = []
    for _ in range(40):
        crop, told = spoil(plate, truth, rng)
        column = int(np.abs(np.arange(CROP.columns) - 40).argmin())
        row = told.heights[Line.UPPER, (column - 1) // 2]
        blue = crop[..., 2].astype(float)
        if np.ptp(blue) < 60:
            continue
        rise = np.diff(blue[int(row) - 6 : int(row) + 7, column])
        offsets.append(rise.argmax() + int(row) - 6 + 0.5 - row)
    assert len(offsets) > 15
    assert abs(np.median(offsets)) < 0.8


@pytest.mark.parametrize("eye_px", [16.0, 40.0, 128.0])
def test_eyes_are_as_wide_as_asked_for_up_to_twice_the_crop(eye_px: float) -> None:
    plate, _ = painted_eye()
    identity = np.array([[1.5, 0.0, 28.0], [0.0, 1.5, 22.0]])
    picture = cut_at(plate, identity, eye_px)
    assert picture.shape[1] * CROP.eye_px / CROP.columns == pytest.approx(eye_px, rel=0.05)


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_stands_before_the_eye_takes_from_its_visibility_only(kind: str) -> None:
    plate, truth = painted_eye()
    rng = np.random.default_rng(4)
    seen = []
    for _ in range(6):
        picture, told = occlude(plate, truth, kind, rng)
        assert picture.shape == plate.shape
        assert told.known(Line.UPPER) is truth.known(Line.UPPER)
        seen.append(told.visibility)
    assert min(seen) < 1
    assert all(0 <= one <= 1 for one in seen)


def test_a_cover_of_half_the_eye_covers_half() -> None:
    _, truth = painted_eye()
    cover = np.zeros((160, 224), np.float32)
    assert covered_share(truth, cover) == 0
    cover[:, :112] = 1
    assert covered_share(truth, cover) == pytest.approx(0.5, abs=0.02)


def test_a_patch_hides_nearly_all() -> None:
    plate, truth = painted_eye()
    rng = np.random.default_rng(4)
    hidden = [occlude(plate, truth, "patch", rng)[1].visibility for _ in range(20)]
    assert np.median(hidden) < 0.1


def test_truth_of_crops_is_finite_only_where_known() -> None:
    plate, truth = painted_eye()
    del plate
    told = on_columns(truth)
    assert np.isnan(told.present[Line.BOUNDARY])


def test_nothing_of_a_node_needs_torch() -> None:
    """Only `network`, `train` and `export` may import it."""
    code = (
        "import sys; sys.modules['torch'] = None; import dmask_node.cli.app, dmask_node.worker;"
        "import dmask_node.training.__main__, dmask_node.training.evaluate;"
        "assert 'torch' not in [n for n, m in sys.modules.items() if m is not None]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_command_makes_blocks_once(tmp_path: Path) -> None:
    asked = ["data", "--out", str(tmp_path), "--renders", "2", "--seed", "4"]
    assert main(asked) == 0
    (block,) = (tmp_path / "data").iterdir()
    assert block.name == "render-004-000000.npz"
    made = block.stat().st_mtime_ns
    assert main(asked) == 0
    assert block.stat().st_mtime_ns == made
