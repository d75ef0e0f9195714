"""Index tables of the landmarks.

The 468-point topology and the tables by which the attention and iris networks refine it are those
of MediaPipe Face Mesh (https://github.com/google-ai-edge/mediapipe, Copyright The MediaPipe
Authors, Apache License 2.0). The first index of every table with an eyes axis is
`dmask_node.records.anatomy.Eye`: the patient's right eye, on the left of the picture, comes first.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.intp]


def _table(values: list[list[int]] | list[int]) -> Index:
    table = np.array(values, dtype=np.intp)
    table.flags.writeable = False
    return table


# fmt: off
EYE_REGION: Final[Index] = _table(
    [
        [33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25, 110,
         24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190, 226, 31, 228, 229, 230, 231, 232,
         233, 244, 113, 225, 224, 223, 222, 221, 189, 35, 124, 46, 53, 52, 65, 143, 111, 117, 118,
         119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193],
        [263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398, 359, 255,
         339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414, 446, 261, 448, 449,
         450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413, 265, 353, 276, 283, 282, 295,
         372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293, 334, 296, 336, 285, 417],
    ]
)
"""(eyes, 71): landmarks of the face mesh that an eye network refines, in its order: lower lid with
both corners, outer first (9), upper lid without them (7), rings around the eye, brow."""

LIPS: Final[Index] = _table(
    [
        61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
        78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
        76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408,
        62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407,
    ]
)
# fmt: on
"""(80,): landmarks of the face mesh that the attention network's lips branch refines."""

REGION_CONTOUR: Final[Index] = _table([0, 9, 10, 11, 12, 13, 14, 15, 8, 7, 6, 5, 4, 3, 2, 1])
"""(16,): the lid margin among the 71 points of `EYE_REGION`, in the order of `EYE_CONTOUR`."""

EYE_CONTOUR: Final[Index] = _table(
    [
        [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7],
        [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249],
    ]
)
"""(eyes, 16): the lid margin in the face mesh: outer corner, upper lid outer to inner (7), inner
corner, lower lid inner to outer (7)."""

OUTER_CORNER: Final = 0
"""Place of the outer corner in the 16-point contour."""
INNER_CORNER: Final = 8
"""Place of the inner corner in the 16-point contour."""
UPPER_LID: Final = slice(1, 8)
"""Upper lid in the 16-point contour, outer to inner, without the corners."""
LOWER_LID: Final = slice(9, 16)
"""Lower lid in the 16-point contour, inner to outer, without the corners."""

IRIS: Final = ("centre", "right", "top", "left", "bottom")
"""Order of the five iris points, right and left as seen in the picture, of both eyes alike."""
MIRRORED_IRIS: Final[Index] = _table([0, 3, 2, 1, 4])
"""(5,): the iris points in the order that they have after a flip from left to right."""
