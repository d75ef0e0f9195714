"""Judge the clean header itself, before it may vouch for a value.

It says which values may leave. So what is called keyed must look keyed and stand nowhere in the
source; options must be declared if and only if something came of them; and dates must be those of
the source moved back, all by the same time.
"""

import re
import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from pydicom import Dataset

from dmask_node.check.grammar import is_sound
from dmask_node.records.masked import CleanHeader

_KEYED: Final = (
    "pseudonym", "accession_number", "study_instance_uid", "image_series_uid",
    "report_series_uid", "image_instance_uid", "report_instance_uid", "synchronization_uid",
)  # fmt: skip
_BASIC: Final = "113100"
_OF_PIXELS: Final = frozenset({"113101", "113102"})
_DATES: Final = "113107"
_PATIENT: Final = "113108"
_DEVICE: Final = "113109"
_LEAST: Final = timedelta(days=366)
_MOST: Final = timedelta(days=3653)
"""By how much dates are moved back: between one and ten years."""
_DAY: Final = timedelta(days=1)
_DATE: Final = re.compile(r"([0-9]{4})\.?([0-9]{2})\.?([0-9]{2})")
_TIME: Final = re.compile(r"([0-9]{2}):?([0-9]{2})?:?([0-9]{2})?(?:\.[0-9]{1,6})?")

Span = tuple[timedelta, timedelta]
"""The least and the most by which a date can have been moved."""


def unexpected_in_header(
    header: CleanHeader, source: Dataset, words: Mapping[str, str]
) -> Iterator[str]:
    """Yield what makes a clean header unfit to vouch for values.

    Parameters
    ----------
    header : CleanHeader
        Made by the room that de-identifies.
    source : Dataset
        As received, without pixel data.
    words : mapping of str to str
        Values and words of the source, folded; and of which attribute they are.
    """
    for name in _KEYED:
        value: str = getattr(header, name)
        if not is_sound(name, value):
            yield f"{name} is no keyed name"
        elif value.casefold() in words:
            yield f"{name} stands in the source's {words[value.casefold()]}"
    yield from _unexpected_options(header)
    yield from _unexpected_dates(header, source)


def _unexpected_options(header: CleanHeader) -> Iterator[str]:
    """Options are declared that were applied, each once; no other (PS3.16 CID 7050)."""
    image, report = header.method_codes, header.report_method_codes
    for name, codes in (("image", image), ("report", report)):
        if len(set(codes)) != len(codes) or _BASIC not in codes:
            yield f"the options of the {name} are doubled, or not based on the Basic Profile"
    if not set(image) >= _OF_PIXELS or _OF_PIXELS & set(report):
        yield "the options about pixels are not the image's"
    both = (image, report)
    dated = bool(header.study_date or header.content_date)
    if dated != bool(header.report_date) or any((_DATES in codes) != dated for codes in both):
        yield "the option to modify dates does not go with the dates that are there"
    if header.longitudinal_modified != ("MODIFIED" if dated else "REMOVED"):
        yield "LongitudinalTemporalInformationModified does not go with the dates that are there"
    told = bool(header.patient_sex or header.patient_age)
    if _lacks(_PATIENT, both, told, header):
        yield "the option to retain patient characteristics does not go with what is there"
    if bool(header.device_model) != bool(header.device_manufacturer) or _lacks(
        _DEVICE, both, bool(header.device_model), header
    ):
        yield "the option to retain the device does not go with what is there"


def _lacks(
    option: str, both: tuple[tuple[str, ...], ...], applied: bool, header: CleanHeader
) -> bool:
    """Whether an option is not declared where it must be; an addition may need it, too."""
    return any(
        option not in codes if applied else option in codes and not header.kept for codes in both
    )


def _unexpected_dates(header: CleanHeader, source: Dataset) -> Iterator[str]:
    """Dates leave only as those of the source, moved back by one offset of one to ten years."""
    spans = []
    for date, time, name in (
        (header.study_date, header.study_time, "Study"),
        (header.content_date, header.content_time, "Content"),
    ):
        if time and not date:
            yield f"{name}Time is there without its date"
        if not date:
            continue
        span = _moved_by(source, name, date, time)
        if span is None or span[1] < _LEAST or span[0] > _MOST:
            yield f"{name}Date is not that of the source, moved back by one to ten years"
        else:
            spans.append(span)
    if spans and max(span[0] for span in spans) > min(span[1] for span in spans):
        yield "StudyDate and ContentDate are not moved by the same time"
    wanted = (
        (header.content_date, header.content_time)
        if header.content_date
        else (header.study_date, header.study_time)
    )
    if (header.report_date, header.report_time) != wanted:
        yield "ContentDate of the report is neither that of the image nor Study Date"


def _moved_by(source: Dataset, name: str, date: str, time: str) -> Span | None:
    """Return by how much a date and time were moved; None if one of them can't be read."""
    then = _moment(_text(source, f"{name}Date"), _text(source, f"{name}Time") if time else "")
    now = _moment(date, time)
    if then is None or now is None:
        return None
    moved = then - now
    # Without a time, midnight was moved: to any second of the day that is sent.
    return (moved, moved) if time else (moved - _DAY, moved)


def _moment(date: str, time: str) -> datetime | None:
    day = _DATE.fullmatch(date)
    clock = _TIME.fullmatch(time) if time else None
    if day is None or (time and clock is None):
        return None
    numbers = [int(part) for part in day.groups()]
    numbers += [int(part or 0) for part in clock.groups()] if clock else []
    try:
        return datetime(*numbers, tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError:
        return None


def _text(source: Dataset, keyword: str) -> str:
    apart = Dataset()
    if keyword in source:
        apart[keyword] = source.get_item(keyword)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote the value
            return str(apart.get(keyword) or "").strip(" \0\t\r\n")
    except Exception:  # noqa: BLE001 - what can't be read was not sent
        return ""
