"""The network that lies ready is the one its card tells of, and reads rendered eyes."""

import hashlib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from dmask_node.models.store import load_morphable_model
from dmask_node.records.anatomy import Eye
from dmask_node.training.crop import CROP, PLATE
from dmask_node.training.reader import EyeReader, SeenEye
from dmask_node.training.renders import EyeRenderer
from dmask_node.training.truth import EyeTruth, Line, Spot, opening_of

FOLDER = Path(str(resources.files("dmask_node.training"))) / "candidates"


def test_the_card_names_the_file() -> None:
    digest = hashlib.sha256((FOLDER / "eye_network.onnx").read_bytes()).hexdigest()
    assert digest in (FOLDER / "eye_network.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def read() -> list[tuple[EyeTruth, SeenEye]]:
    """Thirty eyes of seeds that nobody trained on, without any spoiling."""
    reader = EyeReader(FOLDER / "eye_network.onnx")
    draw = EyeRenderer(load_morphable_model())
    outer, inner = np.array(PLATE.outer_px), np.array(PLATE.inner_px)
    eyes = []
    for seed in range(70_000, 70_030):
        plate, truth = draw(np.random.default_rng(seed))
        eyes.append((truth, reader(plate, outer, inner, Eye.RIGHT)))
    return eyes


def test_the_opening_is_read(read: list[tuple[EyeTruth, SeenEye]]) -> None:
    true = np.array([opening_of(truth) for truth, _ in read])
    seen = np.array([eye.opening for _, eye in read])
    assert np.abs(seen - true).mean() < 0.03
    assert np.corrcoef(true, seen)[0, 1] > 0.95


def test_margins_and_iris_are_read(read: list[tuple[EyeTruth, SeenEye]]) -> None:
    width = PLATE.eye_px
    x = np.linspace(80, 145, 20)
    for line in (Line.UPPER, Line.LOWER):
        error = [
            np.abs(np.interp(x, *eye.lines[line].T) - np.interp(x, *truth.known(line).T)).mean()
            for truth, eye in read
        ]
        assert np.mean(error) / width < 0.03
    away = [
        np.hypot(*(eye.spots[Spot.IRIS] - truth.spots[Spot.IRIS]))
        for truth, eye in read
        if opening_of(truth) > 0.15
    ]
    assert np.mean(away) / width < 0.05


def test_both_eyes_are_read_alike() -> None:
    """A mirrored picture of the other eye gives the same lines, mirrored."""
    reader = EyeReader(FOLDER / "eye_network.onnx")
    plate, _ = EyeRenderer(load_morphable_model())(np.random.default_rng(5))
    outer, inner = np.array(PLATE.outer_px), np.array(PLATE.inner_px)
    last = PLATE.columns - 1
    flip = np.array([-1.0, 1.0])
    right = reader(plate, outer, inner, Eye.RIGHT)
    mirrored = np.ascontiguousarray(plate[:, ::-1])
    left = reader(mirrored, outer * flip + [last, 0], inner * flip + [last, 0], Eye.LEFT)
    assert left.opening == pytest.approx(right.opening, abs=0.004)
    assert left.spots * flip + [last, 0] == pytest.approx(right.spots, abs=0.3)
    assert right.lines[Line.UPPER][0, 0] < CROP.columns
