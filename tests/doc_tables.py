"""The tables of the documentation that repeat what the code says, written from the code.

In a page such a table stands between ``<!-- from the code: NAME -->`` and
``<!-- end of NAME -->``. ``python -m tests.doc_tables`` writes all of them anew.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydicom.datadict import tag_for_keyword
from pydicom.tag import Tag
from pydicom.uid import UID

import dmask_node
from dmask_node.check.grammar import load
from dmask_node.cli.rules import markdown
from dmask_node.compose.codes import SCHEME
from dmask_node.config import Settings
from dmask_node.deidentify.body_parts import BODY_PARTS
from dmask_node.errors import DmaskError, Permanent, Transient
from dmask_node.forward.scu import failure
from dmask_node.receive.admission import OTHERWISE, STATUS, SUCCESS, TO_QUARANTINE
from dmask_node.receive.contexts import (
    ACCEPTED,
    NATIVE_TRANSFER_SYNTAXES,
    STILL_SOP_CLASSES,
    STILL_TRANSFER_SYNTAXES,
    VERIFICATION,
    VIDEO_SOP_CLASSES,
    VIDEO_TRANSFER_SYNTAXES,
)
from dmask_node.records import jobs
from dmask_node.records.jobs import DeliveryState, JobEvent, JobState
from dmask_node.spool.states import FINAL, FIRST, TRANSITIONS
from tests.privacy_figures import figures as simulated

TOP: Final = Path(__file__).parents[1]
DOCS: Final = TOP / "docs"
OUTGOING: Final = {
    "masked video": "video_photographic",
    "masked photograph": "vl_photographic",
    "report": "enhanced_sr",
}

_HEADER_WORDS: Final = {
    "pseudonym": "keyed pseudonym",
    "accession_number": "keyed, or empty",
    "patient_sex": "empty; M, F or O where the profile retains it",
    "patient_age": "whole years, 000Y to 090Y, where the profile retains it",
    "body_part_examined": "one of " + ", ".join(sorted(BODY_PARTS)),
    "laterality": "R, L or B",
    "study_description": "from the site's own list, else its constant",
    "series_description": "from the site's own list",
    "longitudinal_modified": "REMOVED; MODIFIED where a date is sent",
    "device_manufacturer": "from the site's list of devices",
    "device_model": "from the site's list of devices",
    **{
        f"{of}_{what}": f"shifted {what} where the profile sends it"
        for of in ("study", "content", "report")
        for what in ("date", "time")
    },
}
"""Fields of the clean header in words; the others are keyed UIDs."""

_GROUPS: Final = {
    VIDEO_TRANSFER_SYNTAXES: "video",
    STILL_TRANSFER_SYNTAXES: "still",
    NATIVE_TRANSFER_SYNTAXES[:2]: "Explicit and Implicit VR Little Endian",
}
"""What the lists of accepted transfer syntaxes are called."""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(text) for text in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# What the node accepts and answers


def _name_of(uid: str) -> str:
    """Return the name of a UID without what is between brackets or behind a colon."""
    return UID(uid).name.split(" (")[0].split(":")[0]


def accepted() -> str:
    """List the SOP classes that the node accepts, and their transfer syntaxes."""
    names = {VERIFICATION: "Verification", **VIDEO_SOP_CLASSES, **STILL_SOP_CLASSES}
    return table(
        ("SOP class", "UID", "transfer syntaxes"),
        ((names[uid], f"`{uid}`", _GROUPS[syntaxes]) for uid, syntaxes in ACCEPTED.items()),
    )


def accepted_syntaxes() -> str:
    """List the transfer syntaxes of each group."""
    return table(
        ("group", "transfer syntax", "UID"),
        (
            (_GROUPS[group], UID(uid).name, f"`{uid}`")
            for group in (VIDEO_TRANSFER_SYNTAXES, STILL_TRANSFER_SYNTAXES)
            for uid in group
        ),
    )


def proposed() -> str:
    """List the presentation contexts that the node proposes to a destination."""
    pairs = [
        (name, load(listed)["sop_class_uid"], syntax)
        for name, listed in OUTGOING.items()
        for syntax in load(listed)["transfer_syntax_uids"]
    ]
    return table(
        ("object", "SOP class", "transfer syntax"),
        (
            (name, f"{_name_of(sop)} `{sop}`", f"{UID(syntax).name} `{syntax}`")
            for name, sop, syntax in pairs
        ),
    )


def answered() -> str:
    """List what a sender is answered."""
    rows = [(f"{SUCCESS:04X}H", "", "the object is on disk, in the ledger and in the journal", "")]
    rows += [
        (f"{status:04X}H", f"`{kind.reason}`", _says(kind), _kept(kind))
        for kind, status in STATUS.items()
    ]
    rows.append((f"{OTHERWISE:04X}H", "any other", "the node's own trouble: send it again", ""))
    return table(("status", "reason", "meaning", "kept"), rows)


def _kept(kind: type[DmaskError]) -> str:
    return "in quarantine" if kind in TO_QUARANTINE else "no"


def understood() -> str:
    """List what the node does on each C-STORE status of a destination."""
    words = {
        "delivered": "delivered; with a warning it is there all the same",
        "again": "tried again, in ever longer pauses",
        "person": "refused: the job goes to quarantine",
    }
    runs: list[tuple[int, int, str]] = []
    for status in range(0x10000):
        verdict = _verdict(status)
        if runs and runs[-1][2] == verdict:
            runs[-1] = (runs[-1][0], status, verdict)
        else:
            runs.append((status, status, verdict))
    told = {
        kind: ", ".join(_span(first, last) for first, last, verdict in runs if verdict == kind)
        for kind in ("delivered", "again")
    } | {"person": "every other"}
    return table(("status", "what the node does"), ((told[kind], words[kind]) for kind in words))


def _verdict(status: int) -> str:
    error = failure(status)
    if error is None:
        return "delivered"
    return "again" if isinstance(error, Transient) else "person"


def _span(first: int, last: int) -> str:
    return f"{first:04X}H" if first == last else f"{first:04X}H to {last:04X}H"


# Reasons


def error_classes() -> list[type[DmaskError]]:
    """Return every error that the package has, in the order of their reasons."""
    for module in pkgutil.walk_packages(dmask_node.__path__, "dmask_node."):
        # What trains networks needs a package of its own, and meets no hospital.
        if not module.name.endswith("__main__") and "training" not in module.name:
            importlib.import_module(module.name)
    found: set[type[DmaskError]] = set()
    waiting: list[type[DmaskError]] = [DmaskError]
    while waiting:
        kind = waiting.pop()
        found.add(kind)
        waiting += kind.__subclasses__()
    ours = {
        k
        for k in found
        if k.__module__.startswith("dmask_node.") and "training" not in k.__module__
    }
    return sorted(ours - {DmaskError, Transient, Permanent}, key=lambda kind: kind.reason)


def reasons() -> str:
    """List every reason with its hint and where it comes from."""
    return table(
        ("reason", "what is the case", "tried again", "what to do", "raised in"),
        (
            (
                f"`{kind.reason}`",
                _says(kind),
                "yes" if issubclass(kind, Transient) else "no",
                kind.hint,
                _link(kind),
            )
            for kind in error_classes()
        ),
    )


def _says(kind: type[DmaskError]) -> str:
    return (inspect.getdoc(kind) or "").strip().splitlines()[0]


def _link(kind: type[DmaskError]) -> str:
    path = kind.__module__.replace(".", "/")
    return f"[{path.removeprefix('dmask_node/')}](../{path}.py)"


# States


def diagram() -> str:
    """Draw the states of a job and what leads from one to another."""
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {state.value}" for state in FIRST]
    lines += [
        f"    {before.value} --> {after.value}: {event.value}"
        for (before, event), after in TRANSITIONS.items()
    ]
    return "\n".join([*lines, f"    {FINAL.value} --> [*]", "```"])


def states() -> str:
    """List the states of a job."""
    words = comments(jobs, JobState)
    return table(
        ("state", "meaning"), ((f"`{state.value}`", words[state.name]) for state in JobState)
    )


def transitions() -> str:
    """List every change of a job's state."""
    words = comments(jobs, JobEvent)
    return table(
        ("from", "what happened", "to", "meaning"),
        (
            (f"`{before.value}`", f"`{event.value}`", f"`{after.value}`", words.get(event.name, ""))
            for (before, event), after in TRANSITIONS.items()
        ),
    )


def deliveries() -> str:
    """List the states of a delivery."""
    words = comments(jobs, DeliveryState)
    return table(
        ("state", "meaning"), ((f"`{state.value}`", words[state.name]) for state in DeliveryState)
    )


def comments(module: ModuleType, enum: type) -> dict[str, str]:
    """Return the ``#:`` comments beside the members of an enumeration, by member."""
    source = inspect.getsource(module).split(f"class {enum.__name__}(", 1)[1].split("\n\n\n")[0]
    return dict(re.findall(r"^    ([A-Z_]+) = .*?#: (.+)$", source, flags=re.MULTILINE))


# Outgoing objects


def attributes(name: str) -> str:
    """List the attributes that an outgoing object may have."""
    listed = load(name)
    return table(("attribute", "tag", "value"), _attributes(listed["attributes"], listed, ""))


def _attributes(
    rules: Mapping[str, Any], listed: Mapping[str, Any], depth: str
) -> Iterator[tuple[str, str, str]]:
    for keyword, rule in rules.items():
        number = tag_for_keyword(keyword)
        assert number is not None
        tag = Tag(number)
        yield f"{depth}{keyword}", f"({tag.group:04X},{tag.element:04X})", value_words(rule)
        # The content of a report is a tree: its items are those of the next level again.
        for kind in _kinds(rule):
            if kind not in ("code", "content"):
                yield from _attributes(listed["items"][kind], listed, f"{depth}> ")


def _kinds(rule: Mapping[str, Any]) -> list[str]:
    """Return the kinds of items of a sequence, one after another."""
    kinds = rule.get("items", "code")
    return [kinds] if isinstance(kinds, str) else list(kinds)


def value_words(rule: Mapping[str, Any]) -> str:
    """Say in words what a rule of an allow-list lets stand."""
    said = _value_words(rule)
    return f"{said}; may be absent" if rule.get("optional") else said


_WORDS: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {
    "codes": lambda rule: _codes_in_words(rule["codes"]),
    "items": lambda rule: (
        f"{_times(rule['count'])} of " + ", then ".join(f"`{kind}`" for kind in _kinds(rule))
    ),
    "constant": lambda rule: " \\ ".join(
        f"`{value}`"
        for value in (
            rule["constant"] if isinstance(rule["constant"], list) else [rule["constant"]]
        )
    ),
    "one_of": lambda rule: " or ".join(f"`{value}`" for value in rule["one_of"]),
    "header": lambda rule: (
        _HEADER_WORDS.get(rule["header"], "keyed UID")
        + (f", then `{rule['suffix']}`" if "suffix" in rule else "")
        + (f", else `{rule['default']}`" if "default" in rule else "")
    ),
    "encoded": lambda rule: f"{rule['encoded']} of the encoded video",
    "empty": lambda _: "empty",
    "decimal": lambda rule: f"a number, {rule['decimal'][0]} to {rule['decimal'][1]}",
    "integer": lambda rule: f"a whole number, {rule['integer'][0]} to {rule['integer'][1]}",
    "version": lambda _: "version of the software",
    "tag": lambda rule: "pointer to " + " or ".join(rule["tag"]),
    "fingerprint": lambda _: "method in words, software version, fingerprint of the key",
    "escrow": lambda _: "the identity, encrypted to the recipients that the site names",
    "payload": lambda _: "the encoded video, one fragment",
    "concept": lambda _: "as its concept name demands",
}


def _value_words(rule: Mapping[str, Any]) -> str:
    for kind, words in _WORDS.items():
        if kind in rule:
            return words(rule)
    raise AssertionError(f"a kind of rule that has no words: {sorted(rule)}")


def _times(count: list[int]) -> str:
    low, high = count
    return str(low) if low == high else f"{low} to {high}"


def _codes_in_words(groups: list[str]) -> str:
    known = load("codes")
    members = [(code, meaning) for group in groups for code, meaning in known[group].items()]
    if not members:
        return "no item"
    if len(members) > 6:
        return "codes of the groups " + ", ".join(f"`{group}`" for group in groups)
    return ", ".join(f"{code} {meaning}" for code, meaning in members)


def numbers() -> str:
    """List the numbers that a report may hold."""
    meanings = load("codes")["measure"] | load("codes")["concept"]
    rows = []
    for key, rule in load("enhanced_sr")["concepts"].items():
        kind, code = key.split(" ", 1)
        if kind == "NUM":
            rows.append((code, meanings[code], rule["unit"], _value_words(rule)))
    return table(("code", "meaning", "unit (UCUM)", "value"), rows)


def own_codes() -> str:
    """List the codes of the private coding scheme."""
    return table(
        ("code", "meaning"),
        (
            (name.removesuffix(f" {SCHEME}"), meaning)
            for group in load("codes").values()
            for name, meaning in group.items()
            if name.endswith(f" {SCHEME}")
        ),
    )


def methods() -> str:
    """List the de-identification methods that objects may declare."""
    codes = load("codes")
    return table(
        ("code (CID 7050)", "meaning", "declared in"),
        [(code, text, "image and report") for code, text in codes["method"].items()]
        + [(code, text, "the image only") for code, text in codes["pixel_method"].items()],
    )


TABLES: Final[dict[str, Callable[[], str]]] = {
    "accepted": accepted,
    "accepted_syntaxes": accepted_syntaxes,
    "proposed": proposed,
    "answered": answered,
    "understood": understood,
    "reasons": reasons,
    "diagram": diagram,
    "states": states,
    "transitions": transitions,
    "deliveries": deliveries,
    "video_attributes": lambda: attributes("video_photographic"),
    "photograph_attributes": lambda: attributes("vl_photographic"),
    "report_attributes": lambda: attributes("enhanced_sr"),
    "numbers": numbers,
    "own_codes": own_codes,
    "methods": methods,
    "privacy_figures": lambda: table(("what is told", "share"), simulated()),
}

WHOLE_PAGES: Final[dict[Path, Callable[[], str]]] = {
    DOCS / "rules.md": lambda: markdown(Settings()),
}
"""Pages that are nothing but what the code says."""

_BLOCK: Final = re.compile(
    r"<!-- from the code: (?P<name>\w+) -->\n(?P<body>.*?)\n?<!-- end of (?P=name) -->", re.DOTALL
)


def pages() -> list[Path]:
    """Return every page of the documentation."""
    return [TOP / "README.md", TOP / "docker" / "README.md", *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path) -> dict[str, str]:
    """Return the tables from the code that stand in a page, by name."""
    text = page.read_text(encoding="utf-8")
    return {found["name"]: found["body"] for found in _BLOCK.finditer(text)}


def write_all() -> None:
    """Write all tables and pages anew, from the code."""
    for page, written in WHOLE_PAGES.items():
        page.write_text(written(), encoding="utf-8")
    for page in pages():
        text = page.read_text(encoding="utf-8")
        anew = _BLOCK.sub(
            lambda found: (
                f"<!-- from the code: {found['name']} -->\n{TABLES[found['name']]()}\n"
                f"<!-- end of {found['name']} -->"
            ),
            text,
        )
        if anew != text:
            page.write_text(anew, encoding="utf-8")


if __name__ == "__main__":
    write_all()
