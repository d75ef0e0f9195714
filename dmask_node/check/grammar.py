"""What a value of an outgoing attribute may be: one small grammar per kind of rule.

The kinds are explained at the head of ``data/allowed/video_photographic.toml``.
"""

import json
import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from dmask_node.records.masked import CleanHeader, Encoded
from dmask_node.version import RENDERER, VERSION

Rule = Mapping[str, Any]
"""One entry of an allow-list."""

VIDEO_PHOTOGRAPHIC: Final = "1.2.840.10008.5.1.4.1.1.77.1.4.1"
_UID: Final = re.compile(r"2\.25\.[1-9][0-9]{23,38}")
_HEADER_FORMS: Final[Mapping[str, str]] = {
    "pseudonym": r"[A-Z2-7]{16}",
    "accession_number": r"(?:[A-Z2-7]{16})?",
    "patient_sex": r"[MFO]?",
    "body_part_examined": r"[A-Z]{3,16}",
    "study_description": r"[^\\\x00-\x1f\x7f]{1,64}",
}
"""What a field of the clean header must look like before it may vouch for a value; fields that
are not named here are UIDs."""
_APPROVED: Final = frozenset({"patient_sex", "body_part_examined", "study_description"})
"""Fields of the clean header that may repeat a word of the source: each comes from a list."""
_METHOD: Final = (
    "PS3.15 Basic Profile",
    "composed from an allow-list",
    "face re-rendered as a constant 3D model",
)
_NUMBER: Final = re.compile(r"-?[0-9]{1,14}(?:\.[0-9]{1,5})?(?:e[+-]?[0-9]{1,2})?")
"""With five decimals no record number and no time of day can stand behind the point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What values are compared with."""

    header: CleanHeader
    encoded: Encoded
    image_sop_class_uid: str = VIDEO_PHOTOGRAPHIC
    """Of the image to which the report refers."""


@cache
def load(name: str) -> dict[str, Any]:
    """Read one file of ``data/allowed``, named without ``.toml``."""
    file = resources.files("dmask_node").joinpath("data", "allowed", f"{name}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def fits(values: Sequence[str], rule: Rule, facts: Facts) -> bool:
    """Return whether the values of one element are inside the grammar of its rule.

    Parameters
    ----------
    values : sequence of str
        As texts; a tag by its keyword; none for an empty element.
    rule : Rule
        With one of the kinds of `KINDS`.
    facts : Facts
        Clean header and encoded video.
    """
    for kind, grammar in KINDS.items():
        if kind in rule:
            return grammar(values, rule, facts)
    return False


def is_ours(values: Sequence[str], rule: Rule, facts: Facts) -> bool:
    """Return whether fitting values are words of our own, approved by a list, or our own count."""
    if rule.get("header") in _APPROVED or "suffix" in rule:
        return True
    if "decimal" in rule:  # all frames show a face: a sender, too, may have counted its frames
        return list(values) == [str(facts.encoded.n_frames)]
    ours = ("constant", "one_of", "version", "tag", "fingerprint", "model_digest", "encoded")
    return any(kind in rule for kind in ours)


def is_keyed_uid(uid: str) -> bool:
    """Return whether the text is a UID made of a version 8 UUID (RFC 9562 5.8; PS3.5 B.2)."""
    if not _UID.fullmatch(uid):
        return False
    number = int(uid.removeprefix("2.25."))
    return number < 1 << 128 and number >> 76 & 0xF == 8 and number >> 62 & 3 == 2


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
    wanted: str = getattr(facts.header, name)
    form = _HEADER_FORMS.get(name)
    sound = is_keyed_uid(wanted) if form is None else re.fullmatch(form, wanted) is not None
    return sound and "".join(values) == wanted + rule.get("suffix", "") and len(values) <= 1


def _encoded(values: Sequence[str], rule: Rule, facts: Facts) -> bool:
    return list(values) == [str(getattr(facts.encoded, rule["encoded"]))]


def _fingerprint(values: Sequence[str], _rule: Rule, facts: Facts) -> bool:
    key = facts.header.key_fingerprint
    wanted = [*_METHOD, f"dmask_node {VERSION}, key {key}"]
    return re.fullmatch(r"[0-9a-f]{16}", key) is not None and list(values) == wanted


def _uid(values: Sequence[str], _rule: Rule, _facts: Facts) -> bool:
    return len(values) == 1 and is_keyed_uid(values[0])


def _tag(values: Sequence[str], rule: Rule, _facts: Facts) -> bool:
    return len(values) == 1 and values[0] in rule["tag"]


def _decimal(values: Sequence[str], rule: Rule, _facts: Facts) -> bool:
    if not values or (len(values) > 1 and "many" not in rule):
        return False
    least, most = rule["decimal"]
    return all(_NUMBER.fullmatch(v) and least <= _finite(v) <= most for v in values)


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


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else math.nan


@cache
def _model_texts() -> frozenset[str]:
    """Return what Algorithm Parameters may say: the renderer, or a shipped file's digest."""
    file = resources.files("dmask_node").joinpath("models", "digests.json")
    digests: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return frozenset(
        [f"renderer {RENDERER}", *(f"{name} sha256 {value}" for name, value in digests.items())]
    )
