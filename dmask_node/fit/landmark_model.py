"""The morphable model at the landmarks only: what the fit sees of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmask_node.geometry.morphable_model import MorphableModel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LandmarkModel:
    """Mean and bases of the morphable model at its 468 landmarks."""

    mean: NDArray[np.float64]
    """(468, 3), millimetres."""
    identity: NDArray[np.float64]
    """(468, 3, identity components), millimetres for one standard deviation."""
    expression: NDArray[np.float64]
    """(468, 3, expression components), millimetres for a full action."""

    @classmethod
    def of(cls, model: MorphableModel) -> "LandmarkModel":
        """Take the landmarks out of a morphable model."""
        return cls(
            mean=model.landmarks(model.mean),
            identity=np.ascontiguousarray(
                np.moveaxis(model.landmarks(model.identity_basis), 0, -1)
            ),
            expression=np.ascontiguousarray(
                np.moveaxis(model.landmarks(model.expression_basis), 0, -1)
            ),
        )
