"""The index tables fit together."""

import numpy as np
import pytest

from dmask_node.landmarks.scheme import (
    EYE_CONTOUR,
    EYE_REGION,
    IRIS,
    LIPS,
    LOWER_LID,
    MIRRORED_IRIS,
    REGION_CONTOUR,
    UPPER_LID,
)


def test_the_eye_networks_order_yields_the_contour() -> None:
    np.testing.assert_array_equal(EYE_REGION[:, REGION_CONTOUR], EYE_CONTOUR)


def test_no_landmark_is_named_twice_but_where_the_lips_meet() -> None:
    assert len(np.unique(EYE_REGION)) == 2 * 71
    assert not set(EYE_REGION.ravel()) & set(LIPS)
    assert LIPS.shape == (80,)
    assert EYE_REGION.max() < 468
    assert LIPS.max() < 468


def test_the_lids_and_two_corners_are_the_whole_contour() -> None:
    places = range(16)
    assert sorted([0, 8, *places[UPPER_LID], *places[LOWER_LID]]) == list(places)


def test_mirroring_the_iris_swaps_right_and_left() -> None:
    assert [IRIS[k] for k in MIRRORED_IRIS] == ["centre", "left", "top", "right", "bottom"]


def test_tables_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        EYE_CONTOUR[0, 0] = 1
