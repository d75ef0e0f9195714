"""Expand TensorFlow Lite's sparse weights to dense arrays.

Format: ``SparsityParameters`` of the TensorFlow Lite schema, after the TACO storage scheme. The
dimensions, the blocked ones last, are stored level by level in *traversal order*; each level is
either dense (all coordinates) or compressed (``segments`` say where each parent's entries begin,
``indices`` which coordinates they have).

References
----------
.. [1] F. Kjolstad et al., "The Tensor Algebra Compiler", OOPSLA 2017, section 3.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DenseLevel:
    """A level that stores every coordinate."""

    size: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompressedLevel:
    """A level that stores only some coordinates (CSR)."""

    segments: NDArray[np.int64]
    """(parents + 1,): entries of parent ``p`` are ``segments[p] ... segments[p + 1] - 1``."""
    indices: NDArray[np.int64]
    """(entries,): coordinate of each entry."""


Level = DenseLevel | CompressedLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparsity:
    """How one tensor's values are stored."""

    traversal_order: tuple[int, ...]
    """Dimension of each level; numbers from the tensor's rank on are block dimensions."""
    block_map: tuple[int, ...]
    """The tensor's dimension that each block dimension divides."""
    levels: tuple[Level, ...]


def densify(
    values: NDArray[np.generic], shape: tuple[int, ...], sparsity: Sparsity
) -> NDArray[np.generic]:
    """Return the dense tensor.

    Parameters
    ----------
    values : (stored,) ndarray
        Stored values, in storage order.
    shape : tuple of int
        Of the dense tensor.
    sparsity : Sparsity
        Where they belong.

    Returns
    -------
    ndarray of the given shape and the values' dtype
        Zero where nothing is stored.
    """
    position, coordinates = _walk(sparsity.levels)
    block_size = {
        sparsity.block_map[dimension - len(shape)]: level.size
        for dimension, level in zip(sparsity.traversal_order, sparsity.levels, strict=True)
        if dimension >= len(shape) and isinstance(level, DenseLevel)
    }
    target = np.zeros((len(position), len(shape)), np.int64)
    for column, dimension in enumerate(sparsity.traversal_order):
        if dimension < len(shape):
            target[:, dimension] += coordinates[:, column] * block_size.get(dimension, 1)
        else:
            target[:, sparsity.block_map[dimension - len(shape)]] += coordinates[:, column]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(target.T)] = values[position]
    return dense


def _walk(levels: tuple[Level, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the storage position (n,) and the coordinates per level (n, levels) of all values."""
    position = np.zeros(1, np.int64)
    coordinates = np.zeros((1, 0), np.int64)
    for level in levels:
        if isinstance(level, DenseLevel):
            parent = np.repeat(np.arange(len(position)), level.size)
            here = np.tile(np.arange(level.size), len(position))
            position = position[parent] * level.size + here
        else:
            count = level.segments[position + 1] - level.segments[position]
            parent = np.repeat(np.arange(len(position)), count)
            first_of_parent = np.repeat(np.cumsum(count) - count, count)
            position = level.segments[position][parent] + np.arange(len(parent)) - first_of_parent
            here = level.indices[position]
        coordinates = np.concatenate([coordinates[parent], here[:, None]], axis=1)
    return position, coordinates
