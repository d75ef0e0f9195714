"""What the node does with every attribute that it sends, and whether PS3.15 permits it.

Table E.1-1 judges values that are taken from the source. The node composes new instances, so most
of what it sends is its own, and the source's value is gone whatever the table asks for. What comes
from the source, keyed, chosen from a list or shifted, stands only where the table or one of the
declared options lets it stand. See docs/decisions/0006-the-table-is-the-judge.md.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

from pydicom.datadict import dictionary_VR, tag_for_keyword

from dmask_node.deidentify.body_parts import BODY_PARTS
from dmask_node.deidentify.confidentiality_table import (
    Basic,
    Cell,
    Option,
    TableRow,
    load_content_items,
    load_table,
    method_meanings,
)
from dmask_node.errors import Permanent

Rule = Mapping[str, Any]
"""One entry of an allow-list."""

BASIC_PROFILE: Final = "113100"
CLEAN_PIXEL_DATA: Final = "113101"
CLEAN_VISUAL_FEATURES: Final = "113102"
_REQUIRED: Final = frozenset({BASIC_PROFILE, CLEAN_VISUAL_FEATURES})
"""The two methods without which nothing goes out."""
OFFERED: Final = frozenset(
    {
        Option.CLEAN_DESCRIPTORS,
        Option.RETAIN_MODIFIED_DATES,
        Option.RETAIN_PATIENT_CHARACTERISTICS,
        Option.RETAIN_DEVICE_IDENTITY,
    }
)
"""The options that the node can apply. Under no other may anything stand."""
DECLARABLE: Final = _REQUIRED | {CLEAN_PIXEL_DATA} | {option.value for option in OFFERED}
"""Code values (CID 7050) that a profile may declare."""


class RuleForbidden(Permanent):
    """A rule would send what the confidentiality table and the declared options forbid."""

    reason = "rule_forbidden"
    hint = "Take the entry off, or declare the option that it needs; see `dmask rules show`."


class Action(StrEnum):
    """What the node does with an attribute."""

    OWN = "own value"
    """A new value of the new instance, made here; the source's is gone."""
    EMPTY = "empty"
    """Sent without a value."""
    KEYED = "keyed"
    """A keyed UID or pseudonym stands for the source's value."""
    ENUMERATED = "enumerated"
    """The source's value if it is one of a fixed list."""
    VOCABULARY = "vocabulary"
    """The site's own spelling of the source's value, if the site lists it as a whole."""
    MATCHED = "matched"
    """The source's value if it is within a grammar: a range, a pattern."""
    SHIFTED = "shifted"
    """A date and time moved by the patient's keyed offset."""
    ENCRYPTED = "encrypted"
    """Identity in an envelope that only the recipients whom the site names can open."""
    REMOVED = "removed"


class _Origin(StrEnum):
    """What the judge asks for: how near to the source's value a value is."""

    OURS = "made here"
    UID = "keyed UID"
    PSEUDONYM = "keyed pseudonym"
    COPIED = "value of the source"
    ENVELOPE = "encrypted identity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What an entry puts into an attribute."""

    action: Action
    source: str
    """Where the value comes from, in words."""
    origin: _Origin = _Origin.OURS
    option: Option | None = None
    """The option under which alone it stands, whatever the table says."""
    otherwise: Action | None = None
    """What stands there where the profile does not declare `option`; with one, never None."""
    instead: str = "no value"
    """Where that comes from, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """What the node does with one attribute at one place."""

    sop_class_uid: str
    """Of the outgoing object; empty for an addition, which goes into every one."""
    path: tuple[str, ...]
    """Keywords of the sequences around it, outermost first."""
    keyword: str
    tag: int
    concept: str
    """Value type, code and scheme of the content item whose value it is; else empty."""
    basic: Basic | None
    """Code of Table E.1-1, of a content item of Table E.3.4-1; None: the table has no such row."""
    action: Action
    source: str
    """Where the value comes from, in words."""
    option: str
    """CID 7050 code value of the option under which it stands; empty: it needs none."""
    otherwise: Action | None
    """What stands there in an object of a profile without `option`."""


_PATIENT: Final = Option.RETAIN_PATIENT_CHARACTERISTICS


def _uid(of: str) -> Value:
    return Value(action=Action.KEYED, source=f"{of}, keyed", origin=_Origin.UID)


def _shifted(of: str) -> Value:
    return Value(
        action=Action.SHIFTED,
        source=f"{of}, moved by the patient's keyed offset",
        origin=_Origin.COPIED,
        option=Option.RETAIN_MODIFIED_DATES,
        otherwise=Action.EMPTY,
    )


def _described(of: str) -> Value:
    return Value(
        action=Action.VOCABULARY,
        source=f"{of} if it is on the site's list",
        origin=_Origin.COPIED,
        option=Option.CLEAN_DESCRIPTORS,
        otherwise=Action.EMPTY,
    )


def _device(of: str) -> Value:
    return Value(
        action=Action.VOCABULARY,
        source=f"{of} if both are on the site's list of devices; else there is no such item",
        origin=_Origin.COPIED,
        option=Option.RETAIN_DEVICE_IDENTITY,
        otherwise=Action.REMOVED,
        instead="not sent",
    )


FIELDS: Final[Mapping[str, Value]] = MappingProxyType(
    {
        "pseudonym": Value(
            action=Action.KEYED,
            source="Patient ID and its issuer, keyed; without Patient ID, the study",
            origin=_Origin.PSEUDONYM,
        ),
        "accession_number": Value(
            action=Action.KEYED,
            source="Accession Number, keyed; empty where the source has none",
            origin=_Origin.PSEUDONYM,
        ),
        "study_instance_uid": _uid("Study Instance UID"),
        "image_series_uid": _uid("Series Instance UID"),
        "report_series_uid": _uid("Series Instance UID"),
        "image_instance_uid": _uid("SOP Instance UID, pixels and software"),
        "report_instance_uid": _uid("SOP Instance UID, pixels and software"),
        "synchronization_uid": _uid("SOP Instance UID and pixels"),
        "patient_sex": Value(
            action=Action.ENUMERATED,
            source="Patient's Sex if it is M, F or O",
            origin=_Origin.COPIED,
            option=_PATIENT,
            otherwise=Action.EMPTY,
        ),
        "patient_age": Value(
            action=Action.MATCHED,
            source="Patient's Age in whole years; 90 and more as 090Y",
            origin=_Origin.COPIED,
            option=_PATIENT,
            otherwise=Action.EMPTY,
        ),
        "body_part_examined": Value(
            action=Action.ENUMERATED,
            source=f"Body Part Examined if it is one of {len(BODY_PARTS)} terms, else FACE",
            origin=_Origin.COPIED,
        ),
        "laterality": Value(
            action=Action.ENUMERATED,
            source="laterality of the body part if it is R, L or B",
            origin=_Origin.COPIED,
        ),
        "study_description": replace(
            _described("Study Description"),
            source="Study Description if it is on the site's list, else the site's constant",
            otherwise=Action.OWN,
            instead="constant of the site",
        ),
        "series_description": _described("Series Description"),
        "device_manufacturer": _device("Manufacturer, with its model,"),
        "device_model": _device("Manufacturer's Model Name, with its maker,"),
        "study_date": _shifted("Study Date"),
        "study_time": _shifted("Study Time"),
        "content_date": _shifted("Content Date"),
        "content_time": _shifted("Content Time"),
        "report_date": _shifted("Content Date or Study Date"),
        "report_time": _shifted("Content Time or Study Time"),
        "longitudinal_modified": Value(
            action=Action.OWN, source="whether dates were shifted or left out"
        ),
    }
)
"""What each field of the clean header is. A field that is not here can reach no list."""

GRAMMARS: Final[Mapping[str, Value]] = MappingProxyType(
    {
        "enum": Value(
            action=Action.ENUMERATED,
            source="the source's value if it is one of the site's list",
            origin=_Origin.COPIED,
        ),
        "codes": Value(
            action=Action.ENUMERATED,
            source="the source's code if it is one of the site's list, with the site's meaning",
            origin=_Origin.COPIED,
        ),
        "vocabulary": Value(
            action=Action.VOCABULARY,
            source="the site's spelling of the source's value, if the site lists it",
            origin=_Origin.COPIED,
        ),
        "integer": Value(
            action=Action.MATCHED,
            source="the source's value if it is a whole number in the site's range",
            origin=_Origin.COPIED,
        ),
        "regex": Value(
            action=Action.MATCHED,
            source="the source's value if the site's pattern matches it as a whole",
            origin=_Origin.COPIED,
        ),
    }
)
"""Kinds of grammar of a site's addition: nothing is copied without one."""


class _Forbidden(Exception):
    """One finding, in words."""


# What an entry of a list puts there


def _own(source: str) -> Value:
    return Value(action=Action.OWN, source=source)


def _quoted(values: Iterable[Any]) -> str:
    return ", ".join(f'"{value}"' for value in values)


def _constant(rule: Rule) -> Value:
    wanted = rule["constant"]
    return _own(f"constant {_quoted(wanted if isinstance(wanted, list) else [wanted])}")


def _field_of_header(rule: Rule) -> Value:
    name = rule["header"]
    if name not in FIELDS:
        raise _Forbidden("comes from a field of the clean header that the judge does not know")
    value = FIELDS[name]
    if "suffix" in rule:
        value = replace(value, source=f'{value.source}; then "{rule["suffix"]}"')
    if value.option is None:
        return value
    if "default" in rule:
        own = _constant({"constant": rule["default"]}).source
        source = f"{value.source}, else {own}"
        return replace(value, source=source, otherwise=Action.OWN, instead=own)
    if "optional" in rule:
        return replace(value, otherwise=Action.REMOVED, instead="not sent")
    return value


def _copied(rule: Rule) -> Value:
    if rule["source"] not in GRAMMARS:
        raise _Forbidden("is copied from the source without a grammar")
    return GRAMMARS[rule["source"]]


_ESCROW: Final = Value(
    action=Action.ENCRYPTED,
    source="identity of the source, as CMS to the recipients whom the site names; else absent",
    origin=_Origin.ENVELOPE,
)


def _payload(_rule: Rule) -> Value:
    return _own(f"pictures drawn and encoded anew ({CLEAN_PIXEL_DATA}, {CLEAN_VISUAL_FEATURES})")


def _items(rule: Rule) -> Value:
    if rule["count"][1] == 0:
        return Value(action=Action.EMPTY, source="no item")
    if rule["items"] == "code":
        return _own(_codes(rule) if "codes" in rule else "a code, as its concept name demands")
    return _own("items composed here")


def _range(ends: Sequence[float]) -> str:
    return f"number found by the node, {ends[0]} to {ends[1]}"


def _kinds_of_items(rule: Rule) -> list[str]:
    return [rule["items"]] if isinstance(rule["items"], str) else list(rule["items"])


def _codes(rule: Rule) -> str:
    return "codes of our dictionary: " + ", ".join(rule["codes"])


_KINDS: Final[Mapping[str, Callable[[Rule], Value]]] = {
    "constant": _constant,
    "one_of": lambda rule: _own(f"one of {_quoted(rule['one_of'])}"),
    "header": _field_of_header,
    "source": _copied,
    "encoded": lambda rule: _own(f"{rule['encoded']} of the encoded pictures"),
    "empty": lambda _: Value(action=Action.EMPTY, source="no value"),
    "decimal": lambda rule: _own(_range(rule["decimal"])),
    "integer": lambda rule: _own(f"whole {_range(rule['integer'])}"),
    "version": lambda _: _own("version of the software"),
    "tag": lambda rule: _own("pointer to " + " or ".join(rule["tag"])),
    "fingerprint": lambda _: _own("method in words, software version, fingerprint of the key"),
    "model_digest": lambda _: _own("version of the renderer, or digest of a shipped model"),
    "uid": lambda _: _uid("what it names"),
    "escrow": lambda _: _ESCROW,
    "payload": _payload,
    "items": _items,
    "codes": lambda rule: _own(_codes(rule)),
    "concept": lambda _: _own("as its concept name demands"),
}
"""What each kind of rule is; `dmask_node/data/allowed/video_photographic.toml` explains them."""
_BESIDE: Final = frozenset({"optional", "many", "suffix", "default", "count", "unit"})
"""What may stand beside the kind."""
_CODE: Final = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")
_VALUE_OF: Final = {
    "CODE": "ConceptCodeSequence",
    "TEXT": "TextValue",
    "UIDREF": "UID",
    "NUM": "NumericValue",
}
"""Which attribute holds the value of a content item (PS3.3 C.17.3)."""


def _value(rule: Rule) -> Value:
    kinds = set(rule) - _BESIDE
    if "items" in kinds:
        kinds -= {"codes", "concept"}
    if len(kinds) != 1 or not kinds <= set(_KINDS):
        raise _Forbidden("has no rule of a kind that the judge knows")
    return _KINDS[kinds.pop()](rule)


# Whether it may stand


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What stands there, and why it may."""

    action: Action
    option: Option | None = None
    otherwise: Action | None = None
    fallback: bool = False
    """Whether this is what stands there without the value's option."""


def _judge_value(
    value: Value, basic: Basic | None, cells: Mapping[Option, Cell], declared: frozenset[str]
) -> _Verdict:
    """Judge one value by one row of a table; raise `_Forbidden` with what is wrong."""
    if value.origin in (_Origin.OURS, _Origin.ENVELOPE):
        return _Verdict(value.action)
    if value.origin is not _Origin.COPIED:
        _require_letter(value, basic, _LETTERS[value.origin])
        return _Verdict(value.action)
    if value.option is None:
        return _Verdict(value.action, _option_of(value, basic, cells, declared))
    # Judged even where it is not declared: an entry that no profile may use is wrong in each.
    _require_cell(value, value.option, basic, cells)
    if value.option in declared:
        return _Verdict(value.action, value.option, value.otherwise)
    assert value.otherwise is not None
    return _Verdict(value.otherwise, fallback=True)


_LETTERS: Final = {_Origin.UID: frozenset("U"), _Origin.PSEUDONYM: frozenset("DZ")}
"""Which action codes of Table E.1-1 ask for a replacement of that kind."""
_CONTENT_LETTERS: Final = frozenset("DU")
"""The same for keyed UIDs and Table E.3.4-1, which knows no U."""


def _require_letter(value: Value, basic: Basic | None, letters: frozenset[str]) -> None:
    if basic is not None and not basic.letters & letters:
        raise _Forbidden(f"{value.origin}, but the table says {basic}")


def _require_cell(
    value: Value, option: Option, basic: Basic | None, cells: Mapping[Option, Cell]
) -> None:
    if basic is not None and not (option in cells and _suits(value, option)):
        raise _Forbidden(f"{_told(value)}, but the table says {basic}, also under {option}")


def _option_of(
    value: Value, basic: Basic | None, cells: Mapping[Option, Cell], declared: frozenset[str]
) -> Option | None:
    """Return the declared option under which a value of the source may stand; None: no row."""
    if basic is None:
        return None
    able = [option for option in cells if _suits(value, option)]
    for option in able:
        if option in declared and option in OFFERED:
            return option
    raise _Forbidden(f"{_told(value)}, but the table says {basic}; {_needs(able)}")


def _suits(value: Value, option: Option) -> bool:
    """Return whether an option's cell is about this kind of value.

    Dates are cleaned by shifting, and nothing else may claim to be a shifted date.
    """
    return (option is Option.RETAIN_MODIFIED_DATES) == (value.action is Action.SHIFTED)


def _told(value: Value) -> str:
    return f"{value.origin}, {value.action}"


def _needs(options: Iterable[Option]) -> str:
    """Say which options would allow it."""
    named = {option: f"{option} {option.meaning}" for option in options}
    offered = [words for option, words in named.items() if option in OFFERED]
    if offered:
        return f"needs {' or '.join(offered)}, which is not declared"
    if named:
        return f"only {' or '.join(named.values())} allows it, which this node does not offer"
    return "no option allows it"


def _require_declarable(options: frozenset[str]) -> None:
    """Refuse what the node cannot claim, and what it must."""
    meanings = method_meanings()
    findings = [
        f"{code} {meanings[code]} is not offered" if code in meanings else "an option is unknown"
        for code in sorted(options - DECLARABLE)
    ]
    findings += [f"{code} {meanings[code]} is missing" for code in sorted(_REQUIRED - options)]
    if findings:
        raise RuleForbidden(f"declared options: {'; '.join(findings)}")


# Lists


def judge_list(listed: Mapping[str, Any], options: frozenset[str]) -> tuple[RuleRow, ...]:
    """Judge every attribute of an allow-list, at every depth.

    Parameters
    ----------
    listed : mapping
        As read from a file of ``data/allowed``; its head explains the kinds of rule.
    options : frozenset of str
        The declared options, as code values of PS3.16 CID 7050; 113100 and 113102 among them.

    Returns
    -------
    tuple of RuleRow
        In the order of the list; the attributes of a sequence's items follow the sequence, the
        values of content items by their concept names stand at the end.

    Raises
    ------
    RuleForbidden
        If an entry takes from the source what PS3.15 Table E.1-1 and the options forbid, is of a
        kind that is not known, or names no attribute of the standard; all such entries are named.
        If an option is unknown or not offered, or a required one is missing.

    References
    ----------
    PS3.15 E.1.1 (action codes), E.3 (options); Tables E.1-1 and E.3.4-1.
    """
    _require_declarable(options)
    walk = _Walk(listed, options)
    walk.judge_rules(listed["attributes"], (), frozenset())
    for name, rule in listed.get("concepts", {}).items():
        walk.judge_concept(name, rule)
    if walk.findings:
        raise RuleForbidden("; ".join(walk.findings))
    return tuple(walk.rows)


@dataclass(slots=True)
class _Walk:
    """One walk through one list."""

    listed: Mapping[str, Any]
    options: frozenset[str]
    rows: list[RuleRow] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def judge_rules(
        self, rules: Mapping[str, Rule], path: tuple[str, ...], inside: frozenset[str]
    ) -> None:
        """Judge the entries of one dataset or item; `inside` names the items it is part of."""
        for keyword, rule in rules.items():
            self.judge_entry(keyword, rule, path)
            if "items" in rule:
                self.judge_items(rule, (*path, keyword), inside)

    def judge_entry(self, keyword: str, rule: Rule, path: tuple[str, ...]) -> None:
        """Judge one entry by the row of its attribute."""
        tag = _tag_of(keyword)
        where = "".join(f"{each} > " for each in path) + keyword
        if tag is None:
            self.findings.append(f"{where} is no attribute of the standard")
            return
        row = load_table().look_up(tag)
        try:
            value = _value(rule)
            if value.origin is _Origin.ENVELOPE:
                _require_envelope((*path, keyword))
            verdict = _judge_value(value, *_said(row), self.options)
        except _Forbidden as finding:
            self.findings.append(f"{where}: {finding}")
            return
        self.add(keyword, tag, path, "", row.basic if row else None, value, verdict)

    def judge_items(self, rule: Rule, path: tuple[str, ...], inside: frozenset[str]) -> None:
        """Judge the items of a sequence; content of a report is a tree, and judged once."""
        for name in _kinds_of_items(rule):
            if name == "code":
                if rule["count"][1]:
                    triple = {each: {"codes": ["codes.toml"]} for each in _CODE}
                    self.judge_rules(triple, path, inside)
            elif name not in self.listed["items"]:
                self.findings.append(f"{' > '.join(path)}: its items are not described")
            elif name not in inside:
                self.judge_rules(self.listed["items"][name], path, inside | {name})

    def judge_concept(self, name: str, rule: Rule) -> None:
        """Judge the value of a content item by its concept name."""
        kind, code, scheme = name.split(" ")
        if not rule:  # a container, or a reference whose items are judged where they stand
            return
        keyword = _VALUE_OF[kind]
        tag = _tag_of(keyword)
        assert tag is not None
        attribute = load_table().look_up(tag)
        row = load_content_items().get((code, scheme, kind))
        try:
            value = _value(rule)
            _require_clean_content(value, row.basic if row else None)
            verdict = _judge_value(value, *_said(attribute), self.options)
        except _Forbidden as finding:
            self.findings.append(f"content item {name}: {finding}")
            return
        basic = row.basic if row else attribute.basic if attribute else None
        self.add(keyword, tag, ("ContentSequence",), name, basic, value, verdict)

    def add(
        self,
        keyword: str,
        tag: int,
        path: tuple[str, ...],
        concept: str,
        basic: Basic | None,
        value: Value,
        verdict: _Verdict,
    ) -> None:
        """Enter what was found good."""
        self.rows.append(
            RuleRow(
                sop_class_uid=self.listed["sop_class_uid"],
                path=path,
                keyword=keyword,
                tag=tag,
                concept=concept,
                basic=basic,
                action=verdict.action,
                source=value.instead if verdict.fallback else value.source,
                option=verdict.option or "",
                otherwise=verdict.otherwise,
            )
        )


def _require_envelope(place: tuple[str, ...]) -> None:
    """Require that encrypted identity stands where PS3.15 E.1.1 wants it, and nowhere else."""
    if place != ("EncryptedAttributesSequence", "EncryptedContent"):
        raise _Forbidden(f"{_Origin.ENVELOPE} outside of EncryptedAttributesSequence")


def _require_clean_content(value: Value, basic: Basic | None) -> None:
    """Judge what Table E.3.4-1 says: without its option nothing is copied into a content item."""
    if value.origin is _Origin.ENVELOPE:
        _require_envelope(("ContentSequence",))
    if value.origin is _Origin.COPIED:
        raise _Forbidden(f"{_told(value)}; {_needs([Option.CLEAN_STRUCTURED_CONTENT])}")
    if value.origin is not _Origin.OURS:
        _require_letter(value, basic, _CONTENT_LETTERS)


def _tag_of(keyword: str) -> int | None:
    """Return the tag of an attribute; the dictionary has retired ones whose keyword is empty."""
    return tag_for_keyword(keyword) if keyword else None


def _said(row: TableRow | None) -> tuple[Basic | None, Mapping[Option, Cell]]:
    return (row.basic, row.cells) if row else (None, {})


@cache
def allow_lists() -> Mapping[str, Mapping[str, Any]]:
    """Read every allow-list of the package, by the name of its file."""
    folder = resources.files("dmask_node").joinpath("data", "allowed")
    read = {
        file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    }
    lists = {name: listed for name, listed in sorted(read.items()) if "sop_class_uid" in listed}
    return MappingProxyType(lists)


def judge_all(options: frozenset[str]) -> tuple[RuleRow, ...]:
    """Judge all allow-lists of the package; see `judge_list`."""
    return tuple(row for listed in allow_lists().values() for row in judge_list(listed, options))


def removed_rows(rows: Iterable[RuleRow]) -> tuple[TableRow, ...]:
    """Return the rows of Table E.1-1 about attributes that stand at none of the given places."""
    table = load_table()
    tags = {each.tag for each in rows if each.action is not Action.REMOVED}
    sent = {row.tag for tag in tags if (row := table.look_up(tag))}
    return tuple(row for row in table.rows if row.tag not in sent)


# A site's additions

_REFUSED_VRS: Final[Mapping[str, str]] = {
    "UI": "a UID can't be added: those that leave are keyed",
    "PN": "a person's name can't be added",
    "DA": "a date can't be added: those that leave are shifted",
    "TM": "a time can't be added: those that leave are shifted",
    "DT": "a time can't be added: those that leave are shifted",
}
_ANY_TEXT: Final = frozenset(
    {
        *("AE", "LO", "LT", "SH", "ST", "UC", "UR", "UT"),
        *("AT", "OB", "OD", "OF", "OL", "OV", "OW", "UN"),
    }
)
"""Value representations that hold whatever somebody typed, or bytes: no pattern and no range can
tell a harmless value from a name (PS3.5 6.2)."""
_WHOLE_VALUES: Final = frozenset({"enum", "vocabulary"})
_FIRST_GROUP: Final = 0x0008
"""Groups below it belong to commands, file meta information and directories (PS3.7, PS3.10)."""


def judge_addition(keyword: str, grammar_kind: str, options: frozenset[str]) -> RuleRow:
    """Judge an attribute that a site adds to what is sent.

    Parameters
    ----------
    keyword : str
        Of PS3.6. Private attributes have none and can't be added.
    grammar_kind : str
        How the source's value is checked: one of `GRAMMARS`.
    options : frozenset of str
        The options of the profile, as in `judge_list`.

    Returns
    -------
    RuleRow
        With the option under which the attribute stands; the objects have to declare it.

    Raises
    ------
    RuleForbidden
        If the table and the options forbid it, the message names the option that would allow it or
        says that none does; if the kind of grammar is unknown or too weak for the attribute; if the
        attribute is a UID, name, date, time, or sequence of other things than codes, or composed by
        the node anyway.
    """
    _require_declarable(options)
    try:
        tag = _addable(keyword, grammar_kind)
        row = load_table().look_up(tag)
        verdict = _judge_value(GRAMMARS[grammar_kind], *_said(row), options)
    except _Forbidden as finding:
        raise RuleForbidden(f"{keyword}: {finding}") from None
    return RuleRow(
        sop_class_uid="",
        path=(),
        keyword=keyword,
        tag=tag,
        concept="",
        basic=row.basic if row else None,
        action=verdict.action,
        source=GRAMMARS[grammar_kind].source,
        option=verdict.option or "",
        otherwise=None,
    )


def _addable(keyword: str, grammar_kind: str) -> int:
    """Return the tag of an attribute that may be added if the table permits it."""
    tag = _tag_of(keyword)
    if tag is None:
        raise _Forbidden("is no attribute of the standard; private ones can't be added")
    if tag >> 16 < _FIRST_GROUP:
        raise _Forbidden("is no attribute of a data set")
    if any(keyword in listed["attributes"] for listed in allow_lists().values()):
        raise _Forbidden("is composed by the node and can't be replaced")
    if grammar_kind not in GRAMMARS:
        raise _Forbidden("has a grammar of no known kind")
    representations = dictionary_VR(tag).split(" or ")
    for vr in representations:
        if vr in _REFUSED_VRS:
            raise _Forbidden(_REFUSED_VRS[vr])
    if ("SQ" in representations) != (grammar_kind == "codes"):
        raise _Forbidden("a sequence can be added by codes, and nothing else by codes")
    if "SQ" in representations and not keyword.endswith("CodeSequence"):
        raise _Forbidden("a sequence can't be added, unless it is a code sequence")
    if _ANY_TEXT & set(representations) and grammar_kind not in _WHOLE_VALUES:
        raise _Forbidden(
            f"holds any text or bytes ({representations[0]}): needs enum or vocabulary"
        )
    return tag
