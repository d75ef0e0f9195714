"""The morphable face model: a mean head, and how heads and faces differ from it.

Model frame: millimetres, right-handed, x to the person's left, y up, z out of the face. Eyes axis:
`dmask_node.records.anatomy.Eye` (0 = the person's right).

The model is derived from CC0 assets of MakeHuman (see the licences beside the model file): 50
principal components of identity, facial action units as expressions, and around each eye eleven
closed loops of 28 vertices (ring 0 inside the lids, ring 2 the lid margin, ring 10 brow and cheek)
whose spokes run from loop to loop: the parametrisation of the eyelids.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

N_RINGS: Final = 11
"""Closed loops of vertices around each eye."""
N_SPOKES: Final = 28
"""Vertices in each loop."""
N_LANDMARKS: Final = 468
"""Points of the MediaPipe face mesh that are embedded in the model."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MorphableModel:
    """A linear model of the head, with the places of its landmarks and eyes.

    A shape is ``mean + identity . identity_basis + expression . expression_basis``.
    """

    mean: NDArray[np.float64]
    """(vertices, 3), millimetres. The constant face that everyone's mask has."""
    identity_basis: NDArray[np.float32]
    """(identity components, vertices, 3), millimetres for one standard deviation."""
    expression_basis: NDArray[np.float32]
    """(expression components, vertices, 3), millimetres for a full action. The eyeLook actions of
    the model file are left out: gaze is solved on the eyeball and the lids follow by their own
    model."""
    expression_names: tuple[str, ...]
    """(expression components), ARKit names such as ``jawOpen``; Left and Right are the person's."""
    triangles: NDArray[np.int32]
    """(triangles, 3), vertex indices, counter-clockwise seen from outside."""
    rings: NDArray[np.intp]
    """(eyes, 11, 28), vertex indices of the loops around each eye. Spoke 22 is the inner corner,
    spoke 7 the outer one; from 22 by 27 and 0 to 7 along the upper lid. The right eye mirrors the
    left, spoke by spoke."""
    eye_centre_mean: NDArray[np.float64]
    """(eyes, 3), centres of the eyeballs of the mean head, millimetres."""
    eye_centre_basis: NDArray[np.float64]
    """(identity components, eyes, 3), millimetres for one standard deviation."""
    eyeball_radius_mm: float
    """Radius of both eyeballs, millimetres."""
    mirror: NDArray[np.intp]
    """(vertices,), the vertex on the other side of the face."""
    lip_weight: NDArray[np.float32]
    """(vertices,), in [0, 1], 1 on the lips."""
    mouth_inside: NDArray[np.bool_]
    """(vertices,), whether the vertex lies inside the mouth."""
    landmark_vertices: NDArray[np.intp]
    """(468, 3), corners of the triangle that holds each landmark."""
    landmark_weights: NDArray[np.float64]
    """(468, 3), barycentric, each row sums to 1."""
    landmark_mirror: NDArray[np.intp]
    """(468,), the landmark on the other side of the face."""
    eye_landmarks: NDArray[np.intp]
    """(eyes, 16), landmarks of the lid margin: outer corner, upper lid outer to inner (7), inner
    corner, lower lid inner to outer (7)."""
    contour_spokes: NDArray[np.float64]
    """(16,), where on ring 2 each of these lies, in spokes; 3.5 is half way from 3 to 4."""
    subdivision: csr_matrix
    """(fine vertices, vertices), one Catmull-Clark level: fine = subdivision @ coarse."""
    fine_triangles: NDArray[np.int32]
    """(fine triangles, 3), indices of fine vertices, counter-clockwise seen from outside."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "MorphableModel":
        """Build the model from the arrays of its file.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            The members of ``face_model.npz``. In the file the eyes stand left before right; here
            they are put in the order of `Eye`.

        Returns
        -------
        MorphableModel
            The model, its bases in single precision.

        Raises
        ------
        KeyError
            If an array is missing.
        ValueError
            If the eyes are not where the order says.
        """
        centres = np.asarray(arrays["eye_c"], float)[::-1]
        if not centres[0, 0] < 0 < centres[1, 0]:
            raise ValueError("the model file does not hold the left eye before the right one")
        names = [str(name) for name in arrays["ex_names"]]
        used = [k for k, name in enumerate(names) if not name.startswith(("eyeLook", "tongueOut"))]
        weights = np.asarray(arrays["corr_w"], float)
        rows, columns = (int(n) for n in arrays["sub_shape"])
        subdivision = csr_matrix(
            (
                np.asarray(arrays["sub_data"], np.float32),
                np.asarray(arrays["sub_indices"], np.int32),
                np.asarray(arrays["sub_indptr"], np.int32),
            ),
            shape=(rows, columns),
        )
        model = cls(
            mean=np.asarray(arrays["mean"], float),
            identity_basis=np.asarray(arrays["id_basis"], np.float32),
            expression_basis=np.ascontiguousarray(np.asarray(arrays["ex_basis"], np.float32)[used]),
            expression_names=tuple(names[k] for k in used),
            triangles=_split_quads(arrays["quads"]),
            rings=np.ascontiguousarray(np.asarray(arrays["ring"], np.intp)[::-1]),
            eye_centre_mean=np.ascontiguousarray(centres),
            eye_centre_basis=np.ascontiguousarray(np.asarray(arrays["eye_cB"], float)[:, ::-1]),
            eyeball_radius_mm=float(arrays["eye_r"]),
            mirror=np.asarray(arrays["mirror"], np.intp),
            lip_weight=np.asarray(arrays["lip"], np.float32),
            mouth_inside=np.asarray(arrays["mouth"], bool),
            landmark_vertices=np.asarray(arrays["corr_idx"], np.intp),
            landmark_weights=weights / weights.sum(axis=1, keepdims=True),
            landmark_mirror=np.asarray(arrays["corr_mm"], np.intp),
            eye_landmarks=np.ascontiguousarray(np.asarray(arrays["corr_eye"], np.intp)[::-1]),
            contour_spokes=np.asarray(arrays["corr_eye_spoke"], float),
            subdivision=subdivision,
            fine_triangles=_split_quads(arrays["sub_quads"]),
        )
        model._lock()
        return model

    def _lock(self) -> None:
        """Make the arrays read-only: one model is shared by all clips of a process."""
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @property
    def n_identity(self) -> int:
        """Number of identity components."""
        return len(self.identity_basis)

    @property
    def n_expression(self) -> int:
        """Number of expression components."""
        return len(self.expression_basis)

    def shape(
        self,
        identity: NDArray[np.float64] | None = None,
        expression: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Form a head.

        Parameters
        ----------
        identity : (identity components,) ndarray of float64, optional
            In standard deviations. Default: the mean head.
        expression : (expression components,) ndarray of float64, optional
            In [0, 1]. Default: at rest.

        Returns
        -------
        (vertices, 3) ndarray of float64
            Model frame, millimetres.
        """
        vertices = self.mean.copy()
        for weights, basis in (
            (identity, self.identity_basis),
            (expression, self.expression_basis),
        ):
            if weights is not None:
                flat = np.asarray(weights, np.float32) @ basis.reshape(len(basis), -1)
                vertices += flat.reshape(-1, 3)
        return vertices

    def eye_centres(self, identity: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Find the centres of the eyeballs.

        Parameters
        ----------
        identity : (identity components,) ndarray of float64, optional
            In standard deviations. Default: the mean head.

        Returns
        -------
        (eyes, 3) ndarray of float64
            Model frame, millimetres.
        """
        if identity is None:
            return self.eye_centre_mean.copy()
        return np.asarray(self.eye_centre_mean + np.tensordot(identity, self.eye_centre_basis, 1))

    def landmarks(self, vertices_mm: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Find the landmarks on a shape, or on each field of a basis.

        Parameters
        ----------
        vertices_mm : (..., vertices, 3) ndarray of float
            Positions or displacements of all vertices.

        Returns
        -------
        (..., 468, 3) ndarray of float64
            Positions or displacements of the landmarks.
        """
        corners = vertices_mm[..., self.landmark_vertices, :]  # (..., 468, 3 corners, 3)
        return np.einsum("lk,...lkc->...lc", self.landmark_weights, corners)


def _split_quads(quads: NDArray[Any]) -> NDArray[np.int32]:
    """Split each quadrilateral into two triangles of the same winding."""
    q = np.asarray(quads, np.int32)
    return np.ascontiguousarray(np.concatenate([q[:, [0, 1, 2]], q[:, [0, 2, 3]]]))
