"""Find the inside of the mouth: what no view from outside shows while the mouth is closed."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dmask_node.rebuild.face_model.camera import Camera, head_rotation
from dmask_node.rebuild.face_model.head import Head, quad_edges

_SLACK_MM: Final = 0.75
_YAWS_DEG: Final = range(-180, 180, 30)
_PITCHES_DEG: Final = (0, 25)


def mouth_inside(mean_mm: NDArray[np.float64], head: Head) -> NDArray[np.bool_]:
    """Return (vertices,): whether each vertex of the mean head lies inside the mouth.

    Looks at the head from 24 sides; from the unseen vertices behind the lips the region grows
    along the mesh until it meets seen ones.
    """
    vertices = mean_mm[head.vertices]
    seen = np.zeros(head.n_vertices, bool)
    camera = Camera(size_px=900, scale_px_per_mm=3.0, distance_mm=1000.0, centre_px=(450.0, 450.0))
    for yaw in _YAWS_DEG:
        for pitch in _PITCHES_DEG:
            turned = vertices @ head_rotation(yaw, pitch, 0).T
            depth = camera.draw(turned, head.triangles, np.zeros_like(turned), 0)[1]
            seen |= camera.sees(turned, depth, _SLACK_MM)
    x, y, z = vertices.T
    behind_lips = (np.abs(x) < 15) & (z < 0) & (z > -60) & (y < -60) & (y > -100)
    inside = ~seen & behind_lips
    a, b = quad_edges(head.quads).T
    while True:
        grown = inside.copy()
        grown[b[inside[a]]] = True
        grown[a[inside[b]]] = True
        grown &= ~seen
        if (grown == inside).all():
            return inside
        inside = grown
