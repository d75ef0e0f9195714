"""Dates and times of a source, moved back by the offset of its patient."""

import re
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple

EARLIEST: Final = date(1990, 1, 1)
"""What claims to be older is the start of a clock that was never set (1904, 1970, 1980) or a dummy
(1900): nothing that is known beforehand may be moved, as it would tell the offset."""
_STARTS_OF_CLOCKS: Final = frozenset({date(2000, 1, 1), date(2001, 1, 1)})
"""Later days on which clocks start that were never set."""
_TIME_ZONES: Final = timedelta(days=1)
"""By how much a camera's calendar may be ahead of the node's."""
_DATE: Final = re.compile(r"([0-9]{4})(?:([0-9]{2})([0-9]{2})|\.([0-9]{2})\.([0-9]{2}))")
_TIME: Final = re.compile(
    r"([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:\.[0-9]{1,6})?)?"
    r"|:([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,6})?)?)?"
)


class Moment(NamedTuple):
    """A date and time as they are sent; empty: not."""

    date: str = ""
    """``YYYYMMDD``."""
    time: str = ""
    """``HHMMSS``."""


NEVER: Final = Moment()


def moved(
    date_text: str | None, time_text: str | None, offset: timedelta, received: date
) -> Moment:
    """Move a date and its time back, as one.

    Parameters
    ----------
    date_text, time_text : str or None
        Values of DA and TM (PS3.5 6.2), also as written before 1993, with dots and colons.
    offset : timedelta
        At least a year, see `dmask_node.deidentify.keys.Keys.date_offset`.
    received : date
        When the node got the object. What claims to be from later is no date.

    Returns
    -------
    Moment
        To the second: fractions are dropped, and an hour without minutes is taken for its
        beginning. Without a time, or with one that can't be read, the date is that of midnight
        moved back, alone. A time without a date that can be read and is in range is nothing.

    Notes
    -----
    Between any two moments of one patient the interval stays what it was; between a date alone and
    another, to the day. Offsets from UTC are neither read nor sent: a patient seen in two time
    zones keeps the interval of the clocks on the walls.
    """
    day = _day(date_text or "")
    if day is None or not EARLIEST <= day <= received + _TIME_ZONES or day in _STARTS_OF_CLOCKS:
        return NEVER
    clock = _clock(time_text or "")
    then = datetime.combine(day, clock or time()) - offset
    return Moment(f"{then:%Y%m%d}", f"{then:%H%M%S}" if clock else "")


def _day(text: str) -> date | None:
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day = _numbers(found)
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _clock(text: str) -> time | None:
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    hour, minute, second = (*_numbers(found), 0, 0)[:3]
    try:
        return time(hour, minute, second)
    except ValueError:
        return None


def _numbers(found: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(part) for part in found.groups() if part is not None)
