"""Samples of any depth to 8 bit RGB."""

import numpy as np
import pytest

from dmask_node.decode.colour import to_rgb
from dmask_node.decode.errors import Undecodable


def test_eight_bit_rgb_stays_as_it_is() -> None:
    samples = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    np.testing.assert_array_equal(to_rgb(samples, "RGB", 8), samples)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_samples_are_scaled_over_their_stored_bits(bits: int) -> None:
    top = 2**bits - 1
    samples = np.array([[0, top // 2, top]], np.uint16)
    assert to_rgb(samples, "MONOCHROME2", bits)[0, :, 0].tolist() == [0, 127, 255]


def test_signed_samples_are_shifted() -> None:
    samples = np.array([[-2048, 0, 2047]], np.int16)
    assert to_rgb(samples, "MONOCHROME2", 12)[0, :, 0].tolist() == [0, 128, 255]


def test_monochrome1_is_inverted_and_grey_becomes_three_channels() -> None:
    rgb = to_rgb(np.array([[0, 255]], np.uint8), "MONOCHROME1", 8)
    assert rgb.tolist() == [[[255, 255, 255], [0, 0, 0]]]


@pytest.mark.parametrize(
    ("samples", "interpretation", "bits"),
    [
        (np.zeros((2, 2), np.uint8), "RGB", 8),
        (np.zeros((2, 2, 3), np.uint8), "MONOCHROME2", 8),
        (np.zeros((2, 2, 4), np.uint8), "RGB", 8),
        (np.zeros((2, 2, 3), np.float32), "RGB", 8),
        (np.zeros((2, 2, 3), np.uint32), "RGB", 32),
    ],
)
def test_what_does_not_fit_is_refused(samples: np.ndarray, interpretation: str, bits: int) -> None:
    with pytest.raises(Undecodable):
        to_rgb(samples, interpretation, bits)
