"""The shipped face model can be rebuilt from MakeHuman's files, landmark embedding included."""

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from dmask_node.geometry.morphable_model import MorphableModel
from dmask_node.models.store import read_model_file
from dmask_node.rebuild.face_model.build import BuiltModel, build_face_model
from dmask_node.rebuild.face_model.compare import compare_models


@pytest.fixture(scope="module")
def built(wheels: Path) -> BuiltModel:
    def in_silence(numbers: Iterable[int], what: str) -> Iterable[int]:
        return numbers

    return build_face_model(wheels, in_silence)


@pytest.mark.timeout(900)
def test_the_rebuilt_face_model_is_the_shipped_one(built: BuiltModel) -> None:
    with np.load(BytesIO(read_model_file("face/face_model.npz"))) as stored:
        shipped = {name: stored[name] for name in stored.files}
    difference = compare_models(built.arrays, shipped)
    assert difference.equal, difference


def test_its_quality_is_what_the_card_says(built: BuiltModel) -> None:
    assert built.variance_kept == pytest.approx(0.975, abs=0.001)
    assert built.embedding_error.mean_mm < 2.7
    assert built.embedding_error.median_mm < 2.3
    assert built.embedding_error.lid_margin_mean_mm < 2.0
    assert built.embedding_error.systematic_mm < 0.65
    assert built.views_lost < 12


def test_it_is_symmetric(built: BuiltModel) -> None:
    model = MorphableModel.from_arrays(built.arrays)
    flip = np.array([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(model.mean, model.mean[model.mirror] * flip, atol=1e-4)
    landmarks = model.landmarks(model.mean)
    paired = model.landmark_mirror != np.arange(468)
    mirrored = landmarks[model.landmark_mirror] * flip
    np.testing.assert_allclose(landmarks[paired], mirrored[paired], atol=1e-4)
    assert np.abs(landmarks[~paired, 0]).max() < 0.2
    # Each component is symmetric or antisymmetric.
    basis = model.identity_basis.astype(float)
    turned = basis[:, model.mirror] * flip
    same = np.abs(basis - turned).max(axis=(1, 2))
    opposite = np.abs(basis + turned).max(axis=(1, 2))
    assert np.minimum(same, opposite).max() < 0.02
