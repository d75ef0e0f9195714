"""Presentation times as headers tell them."""

import pytest
from pydicom.dataset import Dataset

from dmask_node.decode.timing import declared_frames, declared_step_s, declared_times_s


def header(**attributes: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def test_frame_time_is_preferred_as_the_most_exact() -> None:
    told = header(FrameTime="33.367", CineRate="30", RecommendedDisplayFrameRate="29")
    assert declared_step_s(told) == pytest.approx(0.033367)
    assert declared_step_s(header(CineRate="25")) == pytest.approx(0.04)
    assert declared_step_s(header(RecommendedDisplayFrameRate="50")) == pytest.approx(0.02)
    assert declared_step_s(header(FrameTime="0", CineRate="25")) == pytest.approx(0.04)
    assert declared_step_s(header()) is None


def test_a_frame_time_vector_gives_each_frame_its_own_time() -> None:
    told = header(FrameTimeVector=["0", "40", "80", "20"], FrameTime="40")
    assert declared_times_s(told, 4, 1.0) == pytest.approx([0, 0.04, 0.12, 0.14])


@pytest.mark.parametrize("vector", [["0", "40"], ["0", "40", "-40"], ["0", "0", "40"]])
def test_a_senseless_vector_is_passed_over(vector: list[str]) -> None:
    told = header(FrameTimeVector=vector, FrameTime="50")
    assert declared_times_s(told, 3, 1.0) == pytest.approx([0, 0.05, 0.1])


def test_photographs_without_times_are_shown_slowly() -> None:
    assert declared_times_s(header(), 3, 1.0) == [0.0, 1.0, 2.0]


def test_a_senseless_number_of_frames_is_none() -> None:
    assert declared_frames(header(NumberOfFrames="12")) == 12
    assert declared_frames(header(NumberOfFrames="0")) is None
    assert declared_frames(header()) is None
