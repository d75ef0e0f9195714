"""Judge a dataset by the allow-list of its SOP class.

The lists in ``data/allowed`` are read here on their own: nothing is taken over from the room that
composes. Findings name attributes, never values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydicom import Dataset
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.multival import MultiValue

from dmask_node.check.additions import added_rules, fits_addition
from dmask_node.check.envelope import unexpected_in_envelope
from dmask_node.check.grammar import Facts, Rule, fits, is_expected, is_ours, load
from dmask_node.records.masked import EncodedPicture, KeptCode

_VALUE_OF: Final = {
    "CODE": "ConceptCodeSequence",
    "TEXT": "TextValue",
    "UIDREF": "UID",
    "NUM": "MeasuredValueSequence",
    "IMAGE": "ReferencedSOPSequence",
}
"""Which attribute holds the value of a content item (PS3.3 C.17.3); none for a container."""
_CODE: Final = ("CodeValue", "CodingSchemeDesignator", "CodeMeaning")
_METHODS: Final = "DeidentificationMethodCodeSequence"
_OF_VIDEOS: Final = frozenset({"DM1301", "DM1302", "DM1904", "DM1905", "DM1906", "DM1907"})
"""Numbers that a photograph does not have: blinks, frames, a duration."""
_MAX_DEPTH: Final = 12


@dataclass(slots=True)
class Verdict:
    """What came of looking at a dataset."""

    findings: list[str] = field(default_factory=list)
    """Attributes that may not appear, are missing, or have a value outside their grammar."""
    explained: set[bytes] = field(default_factory=set)
    """Encoded elements (tag, VR, length, value; explicit VR little endian) whose value is one of
    ours: a word of the source that stands in them stands there by chance."""
    unexplained: list[str] = field(default_factory=list)
    """Texts of all other elements, measured numbers aside."""


def judge(dataset: Dataset, listed: Mapping[str, Any], facts: Facts) -> Verdict:
    """Judge every attribute of a dataset, at every depth.

    Parameters
    ----------
    dataset : Dataset
        As read from an outgoing file, without pixel data.
    listed : mapping
        The allow-list, of `grammar.load`.
    facts : Facts
        Clean header and encoded video.

    Returns
    -------
    Verdict
        Without findings if all attributes are listed, all required ones there, and all values
        inside their grammar.
    """
    walk = _Walk(listed, facts)
    added, findings = added_rules(facts.header.kept, facts.role, listed["attributes"])
    walk.verdict.findings += findings
    walk.judge_dataset(dataset, {**listed["attributes"], **added}, {}, "", 0)
    return walk.verdict


class _Walk:
    """One walk through one dataset."""

    def __init__(self, listed: Mapping[str, Any], facts: Facts) -> None:
        self._listed = listed
        self._facts = facts
        self._codes_seen: set[str] = set()
        self.verdict = Verdict()

    def _find(self, finding: str) -> None:
        self.verdict.findings.append(finding)

    def judge_dataset(
        self, dataset: Dataset, rules: Mapping[str, Rule], concept: Rule, where: str, depth: int
    ) -> None:
        """Judge one dataset or item; `concept` is the grammar of the content item it is part of."""
        if depth > _MAX_DEPTH:
            self._find(f"{where}: nested deeper than {_MAX_DEPTH}")
            return
        for tag in list(dataset.keys()):
            keyword = keyword_for_tag(tag)
            if keyword not in rules:
                self._find(f"{where}{keyword or tag} is not listed")
                self._leave_unexplained(dataset[tag])
        for keyword, rule in rules.items():
            expected = self._is_expected(keyword, rule)
            if keyword not in dataset:
                if expected:
                    self._find(f"{where}{keyword} is missing")
                continue
            if expected is False:
                self._find(f"{where}{keyword} is there, and should not be")
            full = {**concept, **rule} if "concept" in rule else rule
            element = dataset[keyword]
            if str(element.VR) not in dictionary_VR(element.tag).split(" or "):
                self._find(f"{where}{keyword} has not its value representation")
            if "items" in rule:
                self._judge_sequence(element, full, concept, where + keyword, depth)
            else:
                self._judge_value(element, full, where + keyword)

    def _is_expected(self, keyword: str, rule: Rule) -> bool | None:
        if keyword == "EncryptedAttributesSequence":
            return bool(self._facts.recipients)
        return is_expected(rule, self._facts)

    def _judge_value(self, element: DataElement, rule: Rule, where: str) -> None:
        if "escrow" in rule:
            escrow, recipients = self._facts.header.escrow, self._facts.recipients
            findings = list(unexpected_in_envelope(element.value, escrow, recipients))
            self.verdict.findings += [f"{where} {finding}" for finding in findings]
            ours = not findings
        elif "kept" in rule:
            ours = fits_addition(_texts(element), rule["kept"])
        else:
            ours = fits(_texts(element), element.keyword, rule, self._facts)
        if not ours:
            self._find(f"{where} has a value outside its grammar")
            self._leave_unexplained(element)
        elif "kept" in rule or is_ours(element.keyword, rule):
            self.verdict.explained.add(encode(element))

    def _leave_unexplained(self, element: DataElement) -> None:
        """Note the texts of an element, those of its items too."""
        if element.VR == "SQ":
            for item in element.value:
                for inner in item:
                    self._leave_unexplained(inner)
        else:
            self.verdict.unexplained += _texts(element)

    def _judge_sequence(
        self, element: DataElement, rule: Rule, concept: Rule, where: str, depth: int
    ) -> None:
        if element.VR != "SQ":
            self._find(f"{where} is no sequence")
            self._leave_unexplained(element)
            return
        kinds = self._kinds(rule, len(element.value))
        if kinds is None:
            self._find(f"{where} has {len(element.value)} items, which is not allowed")
            self._leave_unexplained(element)
            return
        if element.keyword == _METHODS:
            there = tuple(str(item.get("CodeValue", "")) for item in element.value)
            if there != self._facts.method_codes:
                self._find(f"{where} holds other options than those that were applied")
        for item, kind in zip(element.value, kinds, strict=True):
            if kind == "code":
                self._judge_code(item, _dictionary(element.keyword, rule), where)
            elif kind == "content":
                self._judge_content(item, f"{where}.", depth)
            else:
                rules = self._listed["items"][kind]
                self.judge_dataset(item, rules, concept, f"{where}.", depth + 1)

    def _kinds(self, rule: Rule, n_items: int) -> list[str] | None:
        """Return the kind of each item; None where there may not be so many, or so few."""
        least, most = rule["count"]
        if not least <= n_items <= most:
            return None
        if isinstance(rule["items"], str):
            return [rule["items"]] * n_items
        device = bool(self._facts.header.device_model)
        kinds = [kind for kind in rule["items"] if kind != "acquisition" or device]
        return kinds if len(kinds) == n_items else None

    def _judge_content(self, item: Dataset, where: str, depth: int) -> None:
        """Judge one content item of a report by its value type and concept name."""
        kind = str(item.get("ValueType", ""))
        names = item.get("ConceptNameCodeSequence") or [Dataset()]
        name = _name(names[0])
        concept = self._listed["concepts"].get(f"{kind} {name}")
        if concept is None:
            self._find(f"{where}ConceptNameCodeSequence names nothing listed for its value type")
            for element in item:
                self._leave_unexplained(element)
            return
        if isinstance(self._facts.encoded, EncodedPicture) and name.split(" ")[0] in _OF_VIDEOS:
            self._find(f"{where}ConceptNameCodeSequence names what a photograph does not have")
        own = _VALUE_OF.get(kind)
        for keyword in _VALUE_OF.values():
            if (keyword in item) != (keyword == own):
                self._find(f"{where}{keyword} does not go with its value type")
        self.judge_dataset(item, self._listed["items"]["content"], concept, where, depth + 1)

    def _judge_code(self, item: Dataset, dictionary: Mapping[str, str], where: str) -> None:
        """Judge one code: value, scheme and meaning must stand together in our dictionary."""
        if set(map(keyword_for_tag, item.keys())) != set(_CODE):
            self._find(f"{where} holds more or less than a code")
        elif dictionary.get(_name(item)) != str(item.CodeMeaning):
            self._find(f"{where} holds a code that is not listed")
        else:
            # A report repeats a few codes many times.
            if _name(item) not in self._codes_seen:
                self._codes_seen.add(_name(item))
                self.verdict.explained.update(encode(item[keyword]) for keyword in _CODE)
            return
        for element in item:
            self._leave_unexplained(element)


def _dictionary(keyword: str, rule: Rule) -> dict[str, str]:
    """Return the codes that may stand here: meaning by value and scheme."""
    if keyword == "MeasurementUnitsCodeSequence":
        wanted = f"{rule['unit']} UCUM"
        return {wanted: load("codes")["unit"][wanted]}
    kept: KeptCode | None = rule.get("kept_code")
    if kept is not None:
        return {f"{kept.value} {kept.scheme}": kept.meaning}
    groups = rule.get("codes", ())
    return {name: meaning for group in groups for name, meaning in load("codes")[group].items()}


def _name(item: Dataset) -> str:
    return f"{item.get('CodeValue', '')} {item.get('CodingSchemeDesignator', '')}"


def _texts(element: DataElement) -> list[str]:
    """Return the values as texts; none for an empty element."""
    value = element.value
    if isinstance(value, (MultiValue, list)):
        return [str(part) for part in value]
    if value is None or value == "":
        return []
    return [keyword_for_tag(value) if element.VR == "AT" else str(value)]


def encode(element: DataElement) -> bytes:
    """Return the element as it stands in a file, explicit VR little endian."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_data_element(buffer, element, ["utf8"])
    return buffer.getvalue()
