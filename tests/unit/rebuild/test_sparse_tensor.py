"""Sparse weights, expanded by hand and by `densify`."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dmask_node.rebuild.sparse_tensor import CompressedLevel, DenseLevel, Sparsity, densify


def test_a_compressed_matrix_is_expanded_row_by_row() -> None:
    sparsity = Sparsity(
        traversal_order=(0, 1),
        block_map=(),
        levels=(
            DenseLevel(size=3),
            CompressedLevel(segments=np.array([0, 2, 2, 3]), indices=np.array([0, 3, 1])),
        ),
    )
    dense = densify(np.array([5.0, 6.0, 7.0]), (3, 4), sparsity)
    assert dense.tolist() == [[5, 0, 0, 6], [0, 0, 0, 0], [0, 7, 0, 0]]


def test_blocks_lie_side_by_side_in_the_dimension_they_divide() -> None:
    # (2, 4) in blocks of 1 x 2: dimension 2 is the block within dimension 1.
    sparsity = Sparsity(
        traversal_order=(0, 1, 2),
        block_map=(1,),
        levels=(
            DenseLevel(size=2),
            CompressedLevel(segments=np.array([0, 1, 2]), indices=np.array([1, 0])),
            DenseLevel(size=2),
        ),
    )
    dense = densify(np.array([1, 2, 3, 4]), (2, 4), sparsity)
    assert dense.tolist() == [[0, 0, 1, 2], [3, 4, 0, 0]]


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6))
def test_what_was_compressed_by_columns_comes_back(seed: int, rows: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.integers(1, 9, (rows, columns)) * (rng.random((rows, columns)) < 0.4)
    by_column = [np.flatnonzero(column) for column in matrix.T]
    segments = np.cumsum([0, *(len(found) for found in by_column)])
    sparsity = Sparsity(
        traversal_order=(1, 0),
        block_map=(),
        levels=(
            DenseLevel(size=columns),
            CompressedLevel(segments=segments, indices=np.concatenate(by_column)),
        ),
    )
    values = matrix.T[matrix.T != 0]
    assert (densify(values, (rows, columns), sparsity) == matrix).all()
