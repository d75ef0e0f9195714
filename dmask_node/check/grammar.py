"""What a value of an outgoing attribute may be: one small grammar per kind of rule.

The kinds are explained at the head of ``data/allowed/video_photographic.toml``. Numbers that follow
from the encoded video are calculated anew here, whatever the list says of their range.
"""

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any, Final

from dmask_node.records.masked import CleanHeader, Encoded, EncodedVideo, Role
from dmask_node.version import RENDERER, VERSION

Rule = Mapping[str, Any]
"""One entry of an allow-list."""

VIDEO_PHOTOGRAPHIC: Final = "1.2.840.10008.5.1.4.1.1.77.1.4.1"
_UID: Final = re.compile(r"2\.25\.[1-9][0-9]{23,38}")
_LONG_STRING: Final = r"[^\\\x00-\x1f\x7f-\x9f]{1,64}"
_DATE: Final = r"(?:19[89]|20[0-9])[0-9](?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_TIME: Final = r"(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]"
_HEADER_FORMS: Final[Mapping[str, str]] = {
    "pseudonym": r"[A-Z2-7]{16}",
    "accession_number": r"(?:[A-Z2-7]{16})?",
    "patient_sex": r"[MFO]?",
    "patient_age": r"(?:0[0-8][0-9]Y|090Y)?",
    "body_part_examined": r"[A-Z]{3,16}",
    "laterality": r"[RLB]?",
    "study_description": _LONG_STRING,
    "series_description": rf"(?:{_LONG_STRING})?",
    "study_date": rf"(?:{_DATE})?",
    "study_time": rf"(?:{_TIME})?",
    "content_date": rf"(?:{_DATE})?",
    "content_time": rf"(?:{_TIME})?",
    "report_date": rf"(?:{_DATE})?",
    "report_time": rf"(?:{_TIME})?",
    "longitudinal_modified": r"REMOVED|MODIFIED",
    "device_manufacturer": rf"(?:{_LONG_STRING})?",
    "device_model": rf"(?:{_LONG_STRING})?",
}
"""What a field of the clean header must look like before it may vouch for a value; fields that
are not named here are UIDs."""
_METHOD: Final = (
    "PS3.15 Basic Profile",
    "composed from an allow-list",
    "face re-rendered as a constant 3D model",
)
_NUMBER: Final = re.compile(r"(?!-0$)-?(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{0,3}[1-9])?")
"""With four decimals no record number and no time of day can stand behind the point."""
_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_COUNTED: Final = frozenset({"{frames}", "{blinks}"})
_OWN_NUMBER: Final = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What values are compared with."""

    header: CleanHeader
    encoded: Encoded
    role: Role = Role.VIDEO
    """Of the object that is judged."""
    image_sop_class_uid: str = VIDEO_PHOTOGRAPHIC
    """Of the image to which the report refers."""
    recipients: Sequence[bytes] = ()
    """Certificates (X.509, DER) to which the identity may be encrypted."""

    @property
    def method_codes(self) -> tuple[str, ...]:
        """CID 7050 code values that the object must declare."""
        header = self.header
        return header.report_method_codes if self.role is Role.REPORT else header.method_codes


@cache
def load(name: str) -> dict[str, Any]:
    """Read one file of ``data/allowed``, named without ``.toml``."""
    file = resources.files("dmask_node").joinpath("data", "allowed", f"{name}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def fits(values: Sequence[str], keyword: str, rule: Rule, facts: Facts) -> bool:
    """Return whether the values of one element are inside the grammar of its rule.

    Parameters
    ----------
    values : sequence of str
        As texts; a tag by its keyword; none for an empty element.
    keyword : str
        Of the attribute.
    rule : Rule
        With one of the kinds of `KINDS`.
    facts : Facts
        Clean header and encoded video.
    """
    computed = _COMPUTED.get(keyword)
    if computed is not None:
        return computed(values, facts)
    for kind, grammar in KINDS.items():
        if kind in rule:
            return grammar(values, rule, facts)
    return False


def is_ours(keyword: str, rule: Rule) -> bool:
    """Return whether a fitting value is one of our own, keyed, calculated or approved by a list.

    All are but measured numbers: these are free within their range.
    """
    return "decimal" not in rule or keyword in _COMPUTED


def is_expected(rule: Rule, facts: Facts) -> bool | None:
    """Return whether an attribute must be there; None: it may be there or not."""
    if "payload" in rule:
        return None
    if "optional" not in rule:
        return True
    return bool(getattr(facts.header, rule["header"])) if "header" in rule else None


def is_keyed_uid(uid: str) -> bool:
    """Return whether the text is a UID made of a version 8 UUID (RFC 9562 5.8; PS3.5 B.2)."""
    if not _UID.fullmatch(uid):
        return False
    number = int(uid.removeprefix("2.25."))
    return number < 1 << 128 and number >> 76 & 0xF == 8 and number >> 62 & 3 == 2


def is_sound(field: str, value: str) -> bool:
    """Return whether a field of the clean header looks like what it is."""
    form = _HEADER_FORMS.get(field)
    return is_keyed_uid(value) if form is None else re.fullmatch(form, value) is not None


def _constant(values: Sequence[str], rule: Rule, _facts: Facts) -> bool:
    wanted = rule["constant"]
    return list(values) == [
        str(part) for part in (wanted if isinstance(wanted, list) else [wanted])
    ]


def _one_of(values: Sequence[str], rule: Rule, _facts: Facts) -> bool:
    return len(values) == 1 and values[0] in rule["one_of"]


def _empty(values: Sequence[str], _rule: Rule, _facts: Facts) -> bool:
    return not values


def _version(values: Sequence[str], _rule: Rule, _facts: Facts) -> bool:
    return list(values) == [VERSION]


def _header(values: Sequence[str], rule: Rule, facts: Facts) -> bool:
    name = rule["header"]
    field: str = getattr(facts.header, name)
    wanted = field + rule.get("suffix", "") if field else rule.get("default", "")
    return is_sound(name, field) and "".join(values) == wanted and len(values) <= 1


def _encoded(values: Sequence[str], rule: Rule, facts: Facts) -> bool:
    return list(values) == [str(getattr(facts.encoded, rule["encoded"]))]


def _fingerprint(values: Sequence[str], _rule: Rule, facts: Facts) -> bool:
    key = facts.header.key_fingerprint
    wanted = [*_METHOD, f"dmask_node {VERSION}, key {key}"]
    return re.fullmatch(r"[0-9a-f]{16}", key) is not None and list(values) == wanted


def _uid(values: Sequence[str], _rule: Rule, facts: Facts) -> bool:
    return len(values) == 1 and values[0] in _tracking_uids(facts.header.report_instance_uid)


def _tag(values: Sequence[str], rule: Rule, _facts: Facts) -> bool:
    return len(values) == 1 and values[0] in rule["tag"]


def _decimal(values: Sequence[str], rule: Rule, facts: Facts) -> bool:
    if len(values) != 1 or not _NUMBER.fullmatch(values[0]):
        return False
    least, most = rule["decimal"]
    number = _finite(values[0])
    if rule.get("unit") == "{frames}":
        most = facts.encoded.n_frames
    if rule.get("unit") in _COUNTED and not _WHOLE.fullmatch(values[0]):
        return False
    return bool(least <= number <= most)


def _integer(values: Sequence[str], rule: Rule, _facts: Facts) -> bool:
    least, most = rule["integer"]
    return len(values) == 1 and values[0].isdecimal() and least <= int(values[0]) <= most


def _model_digest(values: Sequence[str], _rule: Rule, _facts: Facts) -> bool:
    return len(values) == 1 and values[0] in _model_texts()


KINDS: Final[Mapping[str, Callable[[Sequence[str], Rule, Facts], bool]]] = {
    "constant": _constant,
    "one_of": _one_of,
    "empty": _empty,
    "version": _version,
    "header": _header,
    "encoded": _encoded,
    "fingerprint": _fingerprint,
    "uid": _uid,
    "tag": _tag,
    "decimal": _decimal,
    "integer": _integer,
    "model_digest": _model_digest,
}


# Numbers that follow from the encoded video


def _video(facts: Facts) -> EncodedVideo | None:
    return facts.encoded if isinstance(facts.encoded, EncodedVideo) else None


def _near(values: Sequence[str], wanted: float, within: float) -> bool:
    return (
        len(values) == 1
        and _OWN_NUMBER.fullmatch(values[0]) is not None
        and abs(_finite(values[0]) - wanted) <= within
    )


def _frame_time(values: Sequence[str], facts: Facts) -> bool:
    video = _video(facts)
    return video is not None and _near(values, video.frame_time_ms, 6e-6)


def _frame_time_vector(values: Sequence[str], facts: Facts) -> bool:
    """Compare the steps between frames in ms, rounded to a tenth or finer (PS3.3 C.7.6.5)."""
    video = _video(facts)
    if video is None or video.constant_rate or len(values) != video.n_frames:
        return False
    steps = [0.0, *(1000 * (after - before) for before, after in pairwise(video.times_s))]
    return all(_near([value], step, 0.11) for value, step in zip(values, steps, strict=True))


def _rate(values: Sequence[str], facts: Facts) -> bool:
    video = _video(facts)
    if video is None:
        return False
    return list(values) == [str(max(1, round(1000 / video.frame_time_ms)))]


def _duration(values: Sequence[str], facts: Facts) -> bool:
    video = _video(facts)
    return video is not None and _near(values, video.n_frames * video.frame_time_ms / 1000, 6e-6)


def _compression_ratio(values: Sequence[str], facts: Facts) -> bool:
    video = _video(facts)
    if video is None:
        return False
    raw_bytes = video.rows * video.columns * 3 // 2 * video.n_frames
    return _near(values, raw_bytes / video.path.stat().st_size, 0.0051)


def _increment_pointer(values: Sequence[str], facts: Facts) -> bool:
    video = _video(facts)
    if video is None:
        return False
    # A vector of very many frames has no room in its attribute; then the mean stands for it.
    return list(values) == ["FrameTime"] or (
        list(values) == ["FrameTimeVector"] and not video.constant_rate
    )


def _referenced_class(values: Sequence[str], facts: Facts) -> bool:
    return list(values) == [facts.image_sop_class_uid]


_COMPUTED: Final[Mapping[str, Callable[[Sequence[str], Facts], bool]]] = {
    "FrameTime": _frame_time,
    "FrameTimeVector": _frame_time_vector,
    "FrameIncrementPointer": _increment_pointer,
    "CineRate": _rate,
    "RecommendedDisplayFrameRate": _rate,
    "EffectiveDuration": _duration,
    "LossyImageCompressionRatio": _compression_ratio,
    "ReferencedSOPClassUID": _referenced_class,
}


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else math.nan


@cache
def _tracking_uids(report_instance_uid: str) -> frozenset[str]:
    """Return the UIDs that what is tracked may have: fixed by the report's own UID and its name."""
    names: list[str] = load("enhanced_sr")["concepts"]["TEXT 112039 DCM"]["one_of"]
    uids = set()
    for name in names:
        digest = hashlib.sha256(f"{report_instance_uid} {name}".encode()).digest()
        number = int.from_bytes(digest[:16], "big")
        number = number & ~(0xF << 76) | 8 << 76  # RFC 9562 5.8: version 8
        number = number & ~(3 << 62) | 2 << 62
        uids.add(f"2.25.{number}")
    return frozenset(uids)


@cache
def _model_texts() -> frozenset[str]:
    """Return what Algorithm Parameters may say: the renderer, or a shipped file's digest."""
    file = resources.files("dmask_node").joinpath("models", "digests.json")
    digests: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return frozenset(
        [f"renderer {RENDERER}", *(f"{name} sha256 {value}" for name, value in digests.items())]
    )
