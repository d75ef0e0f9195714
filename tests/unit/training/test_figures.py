"""The arithmetic of the evaluation, on measurements made up so that the answer is known."""

import numpy as np
import pytest

from dmask_node.training.figures import (
    PLACES,
    calibration_error,
    distance,
    following,
    opening,
    reliability,
    scale_factor,
)

LEVELS = np.array([0.0, 0.15, 0.3, 0.45, 0.6])


def lids(openings: np.ndarray) -> np.ndarray:
    """(..., 2, 17) heights of lids whose opening in the middle is as told; the lower one stays."""
    shape = np.ones_like(PLACES)
    lower = np.full((*openings.shape, 17), 5.0)
    return np.stack([lower - openings[..., None] * shape, lower], axis=-2)


def true_eyes(n: int = 6) -> np.ndarray:
    base = np.linspace(24, 36, n)
    return lids(base[:, None] * (1 - LEVELS))


PEOPLE = np.array(["a", "a", "b", "b", "c", "c"])


def test_the_opening_is_lower_less_upper() -> None:
    assert opening(lids(np.array([30.0, -2.0]))) == pytest.approx([30.0, -2.0])


def test_who_follows_wholly_has_slope_one_and_no_scatter() -> None:
    true = true_eyes()
    said = following(true, true, PEOPLE)
    assert said.people == 3
    assert (said.slope, said.drop, said.shift) == pytest.approx((1, 1, 1))
    assert (said.slope_sd, said.scatter, said.own_scatter, said.error) == pytest.approx(
        (0, 0, 0, 0)
    )


def test_who_follows_half_has_slope_a_half() -> None:
    true = true_eyes()
    half = true.copy()
    half[:, :, 0] = true[:, :1, 0] + 0.5 * (true[:, :, 0] - true[:, :1, 0])
    said = following(half, true, PEOPLE)
    assert (said.slope, said.drop, said.shift) == pytest.approx((0.5, 0.5, 0.5))
    assert said.scatter > 1
    assert said.own_scatter == pytest.approx(0)


def test_a_constant_bias_is_error_but_no_scatter() -> None:
    true = true_eyes()
    biased = true.copy()
    biased[:, :, 0] -= 3.0
    said = following(biased, true, PEOPLE)
    assert said.slope == pytest.approx(1)
    assert said.scatter == pytest.approx(0)
    assert said.error == pytest.approx(3)
    assert said.drop < 1  # relative to an opening that is seen too large


def test_noise_is_scatter() -> None:
    true = true_eyes()
    noise = np.random.default_rng(0).normal(0, 1, true.shape[:2])
    noisy = true.copy()
    noisy[:, :, 1] += noise[..., None]
    said = following(noisy, true, PEOPLE)
    assert 0.8 < said.scatter < 2
    assert 0.5 < said.own_scatter < 1.2


def test_an_eye_that_was_lost_once_counts_as_lost_and_is_left_out() -> None:
    true = true_eyes()
    seen = true.copy()
    seen[0, 2] = np.nan
    said = following(seen, true, PEOPLE)
    assert said.found == pytest.approx(29 / 30)
    assert said.slope == pytest.approx(1)
    assert following(np.full_like(true, np.nan), true, PEOPLE).people == 0


def test_a_persons_eyes_are_averaged_before_the_median() -> None:
    true = true_eyes()
    said = true.copy()
    said[0, :, 0] = true[0, 0, 0]  # one eye of "a" stays where it was
    assert following(said, true, PEOPLE).slope == pytest.approx(1)
    assert following(said, true, PEOPLE).slope_sd == pytest.approx(np.std([0.5, 1, 1]))


def test_distances_leave_out_what_is_unknown() -> None:
    error = np.array([[1.0, 3.0], [np.nan, np.nan], [-1.0, np.nan]])
    said = distance(error)
    assert (said.n, said.bias, said.mean_absolute) == pytest.approx((2, 0.5, 5 / 3))
    assert said.sd == pytest.approx(1.5)
    assert distance(np.full((2, 3), np.nan)).n == 0


def test_the_factor_of_scales_is_found_again() -> None:
    rng = np.random.default_rng(1)
    scale = rng.uniform(0.5, 2, 20000)
    error = rng.laplace(0, 1.7 * scale)
    assert scale_factor(error, scale) == pytest.approx(1.7, rel=0.03)
    assert scale_factor(np.array([np.nan]), np.array([1.0])) == 1.0


def test_true_confidences_have_little_calibration_error_and_boasting_ones_much() -> None:
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0, 1, 20000)
    right = rng.uniform(0, 1, 20000) < confidence
    assert calibration_error(reliability(confidence, right)) < 0.02
    assert calibration_error(reliability(np.sqrt(confidence), right)) > 0.1
    assert sum(row["n"] for row in reliability(confidence, right)) == 20000
