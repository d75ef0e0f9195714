"""What readers and stock networks say becomes truth on the plate."""

from pathlib import Path

import numpy as np
import pytest

from dmask_node.records.anatomy import Eye
from dmask_node.training.crop import PLATE, inverse
from dmask_node.training.evaluate import heights_of, put_back
from dmask_node.training.labels.store import EyeLabel
from dmask_node.training.portraits import (
    checksum,
    correct_stock,
    label_truth,
    lower_of,
    measure_offset,
    picture_names,
    stock_contour,
    upper_of,
)
from dmask_node.training.truth import Line, Spot, opening_of
from tests.unit.training.eyes import painted_eye, portrait_eye, stock_mesh

SHA = "ab" * 32
OUTER, INNER = (100.0, 80.0), (132.0, 80.0)


def label(**attributes: str) -> EyeLabel:
    x = np.linspace(OUTER[0], INNER[0], 9)[1:-1]
    bend = np.sin(np.pi * (x - OUTER[0]) / 32)
    return EyeLabel.model_validate(
        {
            "source": "portraits",
            "picture": {"sha256": SHA, "frame": None, "rows": 200, "columns": 300},
            "eye": "R",
            "reader": "T",
            "reading": 1,
            "date": "2026-01-01",
            "crop_to_picture": ((1, 0, 0), (0, 1, 0)),
            "shape": {
                "corner_outer": OUTER,
                "corner_inner": INNER,
                "upper_margin": np.column_stack([x, 80 - 7 * bend]).tolist(),
                "lower_margin": np.column_stack([x, 80 + 4 * bend]).tolist(),
                "fold": None,
                "lower_boundary": None,
                "iris": {"centre": (115.0, 79.0), "semi_axes": (6.0, 5.0), "angle_deg": 90.0},
                "pupil": {"centre": (115.2, 79.0), "radius": 2.0},
            },
            "attributes": {
                "openness": "open",
                "fold_visibility": "hidden",
                "iris_hidden": 0.1,
                "skin": "dark",
                "quality": "good",
            }
            | attributes,
        }
    )


@pytest.mark.parametrize("factor", [1.0, 2.0, 3.0])
def test_a_reading_lies_on_the_plate_however_much_the_picture_was_enlarged(factor: float) -> None:
    shift = (factor - 1) / 2
    outer, inner = (np.array(one) * factor + shift for one in (OUTER, INNER))
    truth = label_truth(label(), factor, PLATE.from_picture(outer, inner, Eye.RIGHT))
    assert truth.spots[Spot.OUTER] == pytest.approx(PLATE.outer_px)
    assert truth.spots[Spot.INNER] == pytest.approx(PLATE.inner_px)
    assert opening_of(truth) == pytest.approx(11 / 32 * 0.936, rel=0.02)
    assert truth.spots[Spot.IRIS] == pytest.approx([64 + 15 * 3, 88 - 3])
    # A first axis that points down is the height of the iris.
    assert np.diag(truth.iris) == pytest.approx([15, 18])
    assert truth.pupil_ratio == pytest.approx(2 / 5.5)


def test_a_fold_is_absent_only_where_the_reader_says_that_there_is_none() -> None:
    to_plate = PLATE.from_picture(np.array(OUTER), np.array(INNER), Eye.RIGHT)
    hidden = label_truth(label(), 1.0, to_plate)
    none = label_truth(label(fold_visibility="none"), 1.0, to_plate)
    assert hidden.lines[Line.FOLD] is None
    assert len(none.known(Line.FOLD)) == 0
    assert none.lines[Line.BOUNDARY] is None


def test_poor_readings_count_less() -> None:
    to_plate = PLATE.from_picture(np.array(OUTER), np.array(INNER), Eye.RIGHT)
    weights = [
        label_truth(label(quality=quality), 1.0, to_plate).weight
        for quality in ("good", "fair", "poor")
    ]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] == 1


def test_stock_lines_are_corrected_by_what_readers_saw_of_other_eyes() -> None:
    read = [portrait_eye(k, by_hand=True, lift=4.0) for k in range(25)]
    unread = portrait_eye(99, by_hand=False, lift=4.0)
    offset = measure_offset([*read, unread])
    assert offset.eyes == 25
    corrected = correct_stock([unread, read[0]], offset)
    x = np.linspace(80, 145, 9)
    rows = [np.interp(x, *one.truth.known(Line.UPPER).T) for one in corrected]
    assert rows[0] == pytest.approx(rows[1], abs=1.0)
    before = np.interp(x, *unread.truth.known(Line.UPPER).T)
    assert np.abs(before - rows[1]).max() > 2.5
    assert corrected[1] is read[0]


def test_few_readings_correct_nothing() -> None:
    offset = measure_offset([portrait_eye(k, by_hand=True, lift=4.0) for k in range(5)])
    assert offset.eyes == 0
    assert not offset.upper.any()


def test_upper_and_lower_lines_run_from_the_outer_to_the_inner_corner() -> None:
    contour = stock_contour(stock_mesh(0.0), Eye.RIGHT, snapped=True)
    for line in (upper_of(contour), lower_of(contour)):
        assert line[0] == pytest.approx(PLATE.outer_px)
        assert line[-1] == pytest.approx(PLATE.inner_px)
        assert (np.diff(line[:, 0]) > 0).all()
    assert upper_of(contour)[4, 1] < lower_of(contour)[4, 1]


def test_heights_are_told_in_percent_of_the_eye() -> None:
    _, truth = painted_eye()
    rows = heights_of([truth.known(Line.UPPER), truth.known(Line.LOWER)], truth)
    assert rows.shape == (2, 17)
    assert (rows[1] - rows[0]).max() == pytest.approx(100 * 32 / 96, rel=0.01)


def test_only_what_changed_on_the_plate_changes_in_the_picture() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (200, 260, 3)).astype(np.uint8)
    to_plate = PLATE.from_picture(np.array([80.0, 90.0]), np.array([150.0, 100.0]), Eye.LEFT)
    before = np.full((160, 224, 3), 90, np.uint8)
    after = before.copy()
    assert (put_back(picture, before, after, to_plate) == picture).all()
    after[70:90, 90:130] = 250
    changed = (put_back(picture, before, after, to_plate) != picture).any(axis=2)
    middle = inverse(to_plate) @ np.array([110, 80, 1])
    assert changed[round(middle[1]), round(middle[0])]
    rows, columns = np.nonzero(changed)
    assert np.ptp(rows) < 60
    assert np.ptp(columns) < 60


def test_pictures_stand_for_people_by_their_checksum(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"one")
    (tmp_path / "b.png").write_bytes(b"two")
    (tmp_path / "notes.txt").write_bytes(b"no picture")
    first = checksum(tmp_path)
    assert next(name for name, _ in picture_names(tmp_path).values()).startswith("7692c3ad")
    (tmp_path / "a.jpg").rename(tmp_path / "z.jpg")
    assert checksum(tmp_path) == first
    (tmp_path / "z.jpg").write_bytes(b"other")
    assert checksum(tmp_path) != first
