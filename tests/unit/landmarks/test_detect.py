"""Anchors, decoding and merging of the face detector."""

import numpy as np

from dmask_node.landmarks.detect import (
    DETECTOR_PX,
    Detection,
    anchors,
    decode,
    intersection_over_union,
    merge_overlapping,
    sigmoid,
)


def _face(score: float, left: float, top: float, size: float) -> Detection:
    return Detection(
        score=score,
        box=np.array([left, top, left + size, top + size]),
        keypoints=np.full((6, 2), left),
    )


def test_one_anchor_sits_in_the_middle_of_each_cell_row_by_row() -> None:
    centres = anchors()
    assert centres.shape == (2304, 2)
    np.testing.assert_allclose(centres[0], [0.5 / 48, 0.5 / 48])
    np.testing.assert_allclose(centres[1], [1.5 / 48, 0.5 / 48])
    np.testing.assert_allclose(centres[48], [0.5 / 48, 1.5 / 48])


def test_decoding_adds_the_offsets_to_the_anchor() -> None:
    regressors = np.zeros((2304, 16), dtype=np.float32)
    logits = np.full(2304, -50.0, dtype=np.float32)
    logits[100] = 3.0
    regressors[100, :4] = [DETECTOR_PX * 0.1, DETECTOR_PX * -0.05, DETECTOR_PX * 0.4, 96]
    regressors[100, 4:6] = [DETECTOR_PX * 0.2, 0]
    (face,) = decode(regressors, logits, 0.5)
    middle = anchors()[100] + [0.1, -0.05]
    half = np.array([0.2, 0.25])
    np.testing.assert_allclose(face.box, np.r_[middle - half, middle + half], atol=1e-7)
    np.testing.assert_allclose(face.keypoints[0], anchors()[100] + [0.2, 0], atol=1e-7)
    np.testing.assert_allclose(face.keypoints[5], anchors()[100])
    assert abs(face.score - 0.952574) < 1e-6


def test_nothing_confident_means_no_faces() -> None:
    nothing = decode(np.zeros((2304, 16), np.float32), np.full(2304, -9.0, np.float32), 0.5)
    assert nothing == []
    assert merge_overlapping([]) == []


def test_extreme_logits_do_not_overflow() -> None:
    with np.errstate(all="raise"):
        np.testing.assert_allclose(sigmoid(np.array([-1e4, 0.0, 1e4])), [0, 0.5, 1], atol=1e-30)


def test_overlapping_boxes_become_their_mean_weighted_by_confidence() -> None:
    merged = merge_overlapping([_face(0.6, 0.12, 0.1, 0.4), _face(0.9, 0.10, 0.1, 0.4)])
    assert len(merged) == 1
    assert merged[0].score == 0.9
    np.testing.assert_allclose(merged[0].box[0], (0.6 * 0.12 + 0.9 * 0.10) / 1.5)
    np.testing.assert_allclose(merged[0].keypoints[0, 0], (0.6 * 0.12 + 0.9 * 0.10) / 1.5)


def test_faces_apart_stay_apart_most_confident_first() -> None:
    merged = merge_overlapping([_face(0.6, 0.0, 0.1, 0.2), _face(0.9, 0.6, 0.1, 0.3)])
    assert [one.score for one in merged] == [0.9, 0.6]


def test_boxes_without_area_are_merged_without_hanging() -> None:
    assert len(merge_overlapping([_face(0.6, 0.3, 0.3, 0.0), _face(0.7, 0.3, 0.3, 0.0)])) == 2


def test_overlap_of_boxes() -> None:
    box = np.array([0.0, 0.0, 2.0, 2.0])
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [1, 1, 1, 1]], dtype=np.float64)
    np.testing.assert_allclose(intersection_over_union(box, others), [1, 1 / 3, 0, 0])
