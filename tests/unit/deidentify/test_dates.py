"""Dates and times are moved as pairs, or not at all."""

from datetime import date, datetime, timedelta

import pytest

from dmask_node.deidentify.dates import NEVER, Moment, moved

RECEIVED = date(2026, 11, 1)
DAYS = timedelta(days=366)
ODD = timedelta(days=400, hours=1, minutes=1, seconds=1)


@pytest.mark.parametrize(
    ("day", "clock", "offset", "goes_out"),
    [
        ("20260314", "101530", DAYS, ("20250313", "101530")),
        ("20260314", "101530", ODD, ("20250207", "091429")),
        ("20260314", "010100", ODD, ("20250206", "235959")),
        ("20260314", "101530.123456", ODD, ("20250207", "091429")),
        ("20260314", "101530.9", ODD, ("20250207", "091429")),
        ("20260314", "1015", ODD, ("20250207", "091359")),
        ("20260314", "10", ODD, ("20250207", "085859")),
        ("2026.03.14", "10:15:30", ODD, ("20250207", "091429")),
        ("2026.03.14", "10:15:30.5", ODD, ("20250207", "091429")),
        ("2026.03.14", "10:15", ODD, ("20250207", "091359")),
        ("20260314", None, DAYS, ("20250313", "")),
        ("20260314", "", DAYS, ("20250313", "")),
        ("20260314", None, ODD, ("20250206", "")),
        ("20260314", "240000", ODD, ("20250206", "")),
        ("20260314", "106000", ODD, ("20250206", "")),
        ("20260314", "101560", ODD, ("20250206", "")),
        ("20260314", "1015300", ODD, ("20250206", "")),
        ("20260314", "10-15", ODD, ("20250206", "")),
        ("20260314", "101530.1234567", ODD, ("20250206", "")),
        ("20260314", "101530+0100", ODD, ("20250206", "")),
        ("20240229", "000000", DAYS, ("20230228", "000000")),
        ("20260314", "000000", DAYS, ("20250313", "000000")),
    ],
)
def test_a_date_moves_with_its_time(
    day: str, clock: str | None, offset: timedelta, goes_out: tuple[str, str]
) -> None:
    assert moved(day, clock, offset, RECEIVED) == Moment(*goes_out)


@pytest.mark.parametrize(
    "day",
    [
        None, "", "2026", "202603", "20260230", "20261301", "20260100", "2026-03-14", "2026.0314",
        "20260314-20260315", "20260314 ", "x20260314", "00010101", "KOWALSKI", "202603140",
        "٢٠٢٦٠٣١٤",
    ],
)  # fmt: skip
def test_what_is_no_date_takes_its_time_with_it(day: str | None) -> None:
    assert moved(day, "101530", ODD, RECEIVED) == NEVER == Moment("", "")


@pytest.mark.parametrize(
    ("day", "sent"),
    [
        ("18000101", False),
        ("19000101", False),  # what nodes such as this one write for no date
        ("19700101", False),
        ("19800101", False),
        ("19891231", False),
        ("19900101", True),
        ("19991231", True),
        ("20000101", False),
        ("20000102", True),
        ("20010101", False),
        ("20010102", True),
        ("20261102", True),
        ("20261103", False),
        ("20991231", False),
    ],
)
def test_a_date_that_can_not_be_true_would_tell_the_offset(day: str, sent: bool) -> None:
    assert (moved(day, "101530", ODD, RECEIVED) != NEVER) is sent


def test_no_moved_date_lies_in_the_future() -> None:
    latest = moved("20261102", "235959", DAYS, RECEIVED)
    assert latest == Moment("20251101", "235959")


def test_intervals_stay_to_the_second_over_leap_days_and_years() -> None:
    moments = ["20240228 235959", "20240301 000000", "20241231 120000", "20250101 000001"]
    before = [datetime.strptime(m, "%Y%m%d %H%M%S") for m in moments]
    sent = [moved(m[:8], m[9:], ODD, RECEIVED) for m in moments]
    after = [datetime.strptime("".join(m), "%Y%m%d%H%M%S") for m in sent]
    assert {b - a for b, a in zip(before, after, strict=True)} == {ODD}
