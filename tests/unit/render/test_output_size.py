"""How large the mask video is."""

import pytest
from pydantic import ValidationError

from dmask_node.render.settings import RenderSettings
from dmask_node.render.track import output_size


def macroblocks(rows: int, columns: int) -> int:
    return -(-rows // 16) * -(-columns // 16)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ((144, 176), (576, 704)),
        ((240, 320), (480, 640)),
        ((480, 640), (480, 640)),
        ((576, 720), (576, 720)),
        ((720, 1280), (720, 1280)),
        ((1080, 1920), (1080, 1920)),
        ((1920, 1080), (1920, 1080)),
    ],
)
def test_common_sources_keep_their_size_or_grow_by_a_whole_factor(
    source: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert output_size(*source, RenderSettings()) == expected


@pytest.mark.parametrize("source", [(2160, 3840), (4000, 6000), (8000, 100), (3024, 4032)])
def test_large_sources_shrink_until_the_h264_level_allows_them(source: tuple[int, int]) -> None:
    settings = RenderSettings()
    rows, columns = output_size(*source, settings)
    assert macroblocks(rows, columns) <= settings.max_macroblocks
    assert rows * columns > 0.9 * min(source[0] * source[1], 0.9 * 256 * settings.max_macroblocks)
    assert rows / source[0] == pytest.approx(columns / source[1], abs=0.02)


def test_odd_sizes_become_even() -> None:
    rows, columns = output_size(479, 641, RenderSettings(min_short_side_px=16))
    assert rows % 2 == columns % 2 == 0
    assert abs(rows - 479) <= 1
    assert abs(columns - 641) <= 1


def test_a_narrow_source_grows_no_further_than_the_level() -> None:
    settings = RenderSettings()
    rows, columns = output_size(40, 4000, settings)
    assert macroblocks(rows, columns) <= settings.max_macroblocks


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError):
        RenderSettings.model_validate({"super_sampling": 2})
