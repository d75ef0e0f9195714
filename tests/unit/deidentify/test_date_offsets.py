"""Each patient has an offset of his own, and receivers under two labels see two."""

from datetime import timedelta

from dmask_node.deidentify.keys import MasterKey
from tests.outgoing import KEY

YEAR, TEN_YEARS = timedelta(days=366), timedelta(days=3652)
KEYS = MasterKey(KEY).keys("1", "a")


def test_an_offset_is_pinned_by_key_label_epoch_and_patient() -> None:
    offset = KEYS.date_offset("id", "7", "hospital")
    assert offset == KEYS.date_offset("id", "7", "hospital")
    others = [
        KEYS.date_offset("id", "8", "hospital"),
        KEYS.date_offset("id", "7hospital", ""),
        MasterKey(KEY).keys("1", "b").date_offset("id", "7", "hospital"),
        MasterKey(KEY).keys("2", "a").date_offset("id", "7", "hospital"),
        MasterKey(KEY[::-1]).keys("1", "a").date_offset("id", "7", "hospital"),
    ]
    assert len({offset, *others}) == 6


def test_an_offset_is_what_it_was_in_earlier_versions() -> None:
    # Dates that went out already must keep their place beside later ones.
    assert KEYS.date_offset("id", "7", "hospital") == timedelta(seconds=32_208_785)


def test_offsets_are_whole_seconds_from_one_year_to_ten_spread_evenly() -> None:
    offsets = [KEYS.date_offset(str(n)) for n in range(5000)]
    assert all(YEAR <= offset <= TEN_YEARS and not offset.microseconds for offset in offsets)
    assert len(set(offsets)) >= 4990
    tenths = [0] * 10
    for offset in offsets:
        tenths[min(int(10 * (offset - YEAR) / (TEN_YEARS - YEAR)), 9)] += 1
    assert min(tenths) > 400  # 500 expected; 4.7 standard deviations
    assert max(tenths) < 600
    assert min(offsets) < YEAR + timedelta(days=5)
    assert max(offsets) > TEN_YEARS - timedelta(days=5)
    assert len({offset.seconds // 3600 for offset in offsets}) == 24
