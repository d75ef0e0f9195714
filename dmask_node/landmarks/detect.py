"""BlazeFace, full range: where the faces are.

V. Bazarevsky et al., *BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs*, 2019,
arXiv:1907.05047; anchors and decoding as in MediaPipe's full-range model.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.landmarks.crop import CropRegion
from dmask_node.landmarks.settings import LandmarkSettings
from dmask_node.models.settings import InferenceSettings
from dmask_node.models.store import Network

DETECTOR_PX: Final = 192
"""Side of the detector's input, pixels."""
_GRID: Final = 48
"""Cells along a side; one anchor in the middle of each."""
_SAME_FACE_IOU: Final = 0.3
"""Boxes that overlap more than this are the same face (MediaPipe)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detection:
    """A face that the detector found.

    Attributes
    ----------
    score : float
        Confidence in [0, 1].
    box : (4,) ndarray of float64
        Left, top, right, bottom; from the eyebrows to the chin, about.
    keypoints : (6, 2) ndarray of float64
        Patient's right eye, left eye, nose tip, mouth, right ear, left ear.
    """

    score: float
    box: NDArray[np.float64]
    keypoints: NDArray[np.float64]

    @property
    def area(self) -> float:
        """Of the box, in its own unit squared."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))


def sigmoid(logit: NDArray[np.floating]) -> NDArray[np.float64]:
    """Turn logits into probabilities, without overflow."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logit, -80.0, 80.0))), dtype=np.float64)


def anchors() -> NDArray[np.float64]:
    """Return the (2304, 2) anchor centres as fractions of the input, row by row."""
    middle = (np.arange(_GRID) + 0.5) / _GRID
    return np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)


def intersection_over_union(
    box: NDArray[np.float64], boxes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compare a box with many.

    Parameters
    ----------
    box : (4,) ndarray of float64
        Left, top, right, bottom.
    boxes : (n, 4) ndarray of float64
        The same, each.

    Returns
    -------
    (n,) ndarray of float64
        Area of the intersection over that of the union, in [0, 1]; 0 for boxes without area.
    """
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=1)
    areas = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0.0, None), axis=1)
    union = np.prod(np.clip(box[2:] - box[:2], 0.0, None)) + areas - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def decode(
    regressors: NDArray[np.float32], logits: NDArray[np.float32], threshold: float
) -> list[Detection]:
    """Turn the network's output into candidate faces, overlapping ones not yet merged.

    Parameters
    ----------
    regressors : (2304, 16) ndarray of float32
        Offsets from the anchor, input pixels: box centre, box size, six keypoints.
    logits : (2304,) ndarray of float32
        Confidence of each anchor before the sigmoid.
    threshold : float
        Least confidence.

    Returns
    -------
    list of Detection
        Boxes and keypoints as fractions of the input's side.
    """
    scores = sigmoid(logits)
    kept = np.flatnonzero(scores >= threshold)
    values = regressors[kept].astype(np.float64).reshape(-1, 8, 2) / DETECTOR_PX
    centres = anchors()[kept]
    middles, sizes = values[:, 0] + centres, values[:, 1]
    keypoints = values[:, 2:] + centres[:, None]
    return [
        Detection(
            score=float(scores[kept[k]]),
            box=np.concatenate([middles[k] - sizes[k] / 2, middles[k] + sizes[k] / 2]),
            keypoints=keypoints[k],
        )
        for k in range(len(kept))
    ]


def merge_overlapping(candidates: list[Detection]) -> list[Detection]:
    """Merge candidates of the same face into their mean, weighted by confidence.

    BlazeFace's replacement of non-maximum suppression (its section 3.3): the mean of overlapping
    boxes jitters less than the best one alone.

    Parameters
    ----------
    candidates : list of Detection
        In any order.

    Returns
    -------
    list of Detection
        One per face, the most confident first.
    """
    left = sorted(candidates, key=lambda one: -one.score)
    merged = []
    while left:
        best = left[0]
        overlap = intersection_over_union(best.box, np.stack([one.box for one in left]))
        overlap[0] = 1.0  # a box without area still is itself
        same = [one for one, iou in zip(left, overlap, strict=True) if iou > _SAME_FACE_IOU]
        left = [one for one, iou in zip(left, overlap, strict=True) if iou <= _SAME_FACE_IOU]
        weights = np.array([one.score for one in same])
        merged.append(
            Detection(
                score=best.score,
                box=np.average([one.box for one in same], axis=0, weights=weights),
                keypoints=np.average([one.keypoints for one in same], axis=0, weights=weights),
            )
        )
    return merged


class FaceDetector:
    """The full-range detector.

    Parameters
    ----------
    inference : InferenceSettings
        On what the network runs.
    settings : LandmarkSettings
        `detection_threshold` is used.
    """

    def __init__(self, inference: InferenceSettings, settings: LandmarkSettings) -> None:
        self._network = Network("face_detection_full_range_sparse", inference)
        self._threshold = settings.detection_threshold

    def __call__(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        """Find the faces in a picture.

        Parameters
        ----------
        rgb : (rows, columns, 3) ndarray of uint8
            The picture, upright.

        Returns
        -------
        list of Detection
            In picture coordinates, the most confident first; empty when there is no face.
        """
        rows, columns = rgb.shape[:2]
        whole = CropRegion(
            x_px=(columns - 1) / 2, y_px=(rows - 1) / 2, side_px=float(max(rows, columns))
        )
        crop = whole.cut(rgb, DETECTOR_PX, repeat_border=False)
        outputs = self._network((crop.astype(np.float32) * (2 / 255) - 1)[None])
        found = decode(outputs["Identity"][0], outputs["Identity_1"][0, :, 0], self._threshold)
        return [
            Detection(
                score=one.score,
                box=whole.to_picture(one.box.reshape(2, 2)).reshape(4),
                keypoints=whole.to_picture(one.keypoints),
            )
            for one in merge_overlapping(found)
        ]
