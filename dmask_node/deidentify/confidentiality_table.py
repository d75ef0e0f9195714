"""PS3.15 Table E.1-1: what a de-identifier has to do with which attribute.

And Table E.3.4-1, the same for content items of structured reports. The node composes and so needs
no table to know what to strip; the tables are the judge of what the allow-lists let through, see
`dmask_node.deidentify.rules`.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from importlib import resources
from types import MappingProxyType
from typing import Any, Final, Self

from pydicom.datadict import keyword_for_tag
from pydicom.sr.codedict import codes

from dmask_node.errors import Permanent

PRIVATE: Final = "PRIVATE"
"""Stands for the tag of the one row about every attribute of an odd group."""
_PATTERN: Final = re.compile(r"[0-9A-F]{2}[0-9A-Fx]{2},[0-9A-Fx]{4}")


class TableDamaged(Permanent):
    """The shipped copy of a PS3.15 table is not the one that was built."""

    reason = "table_damaged"
    hint = "Install the package again; the file was changed after it was built."


class Option(StrEnum):
    """The ten option columns of Table E.1-1, by their code value in PS3.16 CID 7050."""

    CLEAN_GRAPHICS = "113103"
    CLEAN_STRUCTURED_CONTENT = "113104"
    CLEAN_DESCRIPTORS = "113105"
    RETAIN_FULL_DATES = "113106"
    RETAIN_MODIFIED_DATES = "113107"
    RETAIN_PATIENT_CHARACTERISTICS = "113108"
    RETAIN_DEVICE_IDENTITY = "113109"
    RETAIN_UIDS = "113110"
    RETAIN_SAFE_PRIVATE = "113111"
    RETAIN_INSTITUTION_IDENTITY = "113112"

    @property
    def meaning(self) -> str:
        """Code Meaning, such as ``Clean Descriptors Option``."""
        return method_meanings()[self.value]


class Basic(StrEnum):
    """Action codes of the column Basic Profile (PS3.15 E.1.1)."""

    D = "D"
    """Replace with a non-zero length value that may be a dummy."""
    Z = "Z"
    """Replace with a zero length value, or a dummy."""
    X = "X"
    """Remove."""
    U = "U"
    """Replace with a UID that is consistent within a set of instances."""
    Z_D = "Z/D"
    """This and what follows: which one, depends on the type the IOD gives the attribute."""
    X_Z = "X/Z"
    X_D = "X/D"
    X_Z_D = "X/Z/D"
    X_Z_U = "X/Z/U*"
    """As X/Z/D, but UIDs within the sequence are replaced."""

    @property
    def letters(self) -> frozenset[str]:
        """The single codes it consists of."""
        return frozenset(self.value.removesuffix("*").split("/"))


class Cell(StrEnum):
    """Action codes of the option columns."""

    KEEP = "K"
    CLEAN = "C"
    """Replace with values of similar meaning known not to contain identifying information."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """What Table E.1-1 says about an attribute, or about several."""

    tag: str
    """``0010,0010``; ``x`` stands for any digit (repeating groups); or `PRIVATE`."""
    keyword: str
    """Of PS3.6; empty where the row is about several attributes or newer than our dictionary."""
    name: str
    retired: bool
    in_standard_iod: bool
    """Whether a composite IOD of the standard has it."""
    basic: Basic
    cells: Mapping[Option, Cell]
    """What an option puts in the place of `basic`; an option that leaves it as it is has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentItemRow:
    """What Table E.3.4-1 says about content items of a concept name."""

    code: str
    scheme: str
    meaning: str
    value_type: str
    retired: bool
    basic: Basic
    cells: Mapping[Option, Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a table comes from."""

    table: str
    edition: str
    """Of the standard, such as ``2026d``."""
    package: str
    """Name and version on PyPI."""
    wheel_sha256: str
    standard_source_sha256: str
    """Of the standard's ``part15.xml``, as the package states it."""
    rows_sha256: str
    """Of the rows in canonical JSON; checked whenever the table is loaded."""


@dataclass(frozen=True, kw_only=True)
class ConfidentialityTable:
    """Table E.1-1."""

    provenance: Provenance
    rows: tuple[TableRow, ...]
    """In the order of their tags; the row about private attributes is the last."""

    @cached_property
    def _by_tag(self) -> Mapping[str, TableRow]:
        return {row.tag: row for row in self.rows}

    @cached_property
    def _repeating(self) -> tuple[tuple[re.Pattern[str], TableRow], ...]:
        return tuple(
            (re.compile(row.tag.replace("x", "[0-9A-F]")), row)
            for row in self.rows
            if "x" in row.tag
        )

    def look_up(self, tag: int) -> TableRow | None:
        """Return the row about an attribute.

        Parameters
        ----------
        tag : int
            Group and element, such as ``0x00100010``.

        Returns
        -------
        TableRow or None
            None where the table does not name the attribute. Attributes of odd groups are private
            and have a row, whatever their element (PS3.5 7.8).
        """
        if tag >> 16 & 1:
            return self._by_tag[PRIVATE]
        text = f"{tag >> 16:04X},{tag & 0xFFFF:04X}"
        exact = self._by_tag.get(text)
        if exact is not None:
            return exact
        return next((row for pattern, row in self._repeating if pattern.fullmatch(text)), None)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the table from its file.

        Raises
        ------
        TableDamaged
            If it is not JSON of this layout, its rows lack their recorded digest, or a tag has two
            rows.
        """
        provenance, rows = _read(text)
        try:
            table = cls(provenance=provenance, rows=tuple(map(_row, rows)))
        except (KeyError, TypeError, ValueError):
            raise TableDamaged(f"{provenance.table} has a row of another layout") from None
        if len(table._by_tag) != len(table.rows) or PRIVATE not in table._by_tag:
            raise TableDamaged(f"{provenance.table} has no or more than one row for a tag")
        return table


@cache
def load_table() -> ConfidentialityTable:
    """Load Table E.1-1 as shipped, once.

    Raises
    ------
    TableDamaged
        If the file is not the one that was built.
    """
    return ConfidentialityTable.from_json(_shipped("e1_1"))


@cache
def load_content_items() -> Mapping[tuple[str, str, str], ContentItemRow]:
    """Load Table E.3.4-1 as shipped, once: rows by code value, coding scheme and value type.

    Raises
    ------
    TableDamaged
        If the file is not the one that was built.
    """
    provenance, rows = _read(_shipped("e3_4_1"))
    try:
        items = [_content_item(row) for row in rows]
    except (KeyError, TypeError, ValueError):
        raise TableDamaged(f"{provenance.table} has a row of another layout") from None
    return MappingProxyType({(row.code, row.scheme, row.value_type): row for row in items})


@cache
def method_meanings() -> Mapping[str, str]:
    """Return the Code Meaning of each method of PS3.16 CID 7050, by code value."""
    members = codes.cid7050
    found = [getattr(members, name) for name in members.dir()]
    return MappingProxyType({code.value: code.meaning for code in found})


def _shipped(name: str) -> str:
    file = resources.files("dmask_node").joinpath("data", "ps315", f"{name}.json")
    return file.read_text(encoding="utf-8")


def _read(text: str) -> tuple[Provenance, list[Mapping[str, Any]]]:
    """Read what both files have in common, and check the rows against their digest."""
    try:
        file = json.loads(text)
        provenance = Provenance(
            table=file["table"],
            edition=file["edition"],
            package=f"{file['package']} {file['package_version']}",
            wheel_sha256=file["wheel_sha256"],
            standard_source_sha256=file["standard_source_sha256"],
            rows_sha256=file["rows_sha256"],
        )
        rows = list(file["rows"])
    except (KeyError, TypeError, ValueError):
        raise TableDamaged("a PS3.15 table has another layout") from None
    if rows_digest(rows) != provenance.rows_sha256:
        raise TableDamaged(f"{provenance.table} does not have its recorded SHA-256")
    return provenance, rows


def rows_digest(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the SHA-256, in hex, of rows as canonical JSON: sorted keys, no white space, ASCII."""
    canonical = json.dumps(list(rows), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _row(row: Mapping[str, Any]) -> TableRow:
    tag = row["tag"]
    if tag != PRIVATE and not _PATTERN.fullmatch(tag):
        raise ValueError("no tag")
    single = tag != PRIVATE and "x" not in tag
    return TableRow(
        tag=tag,
        keyword=keyword_for_tag(int(tag.replace(",", ""), 16)) if single else "",
        name=row["name"],
        retired=row["retired"],
        in_standard_iod=row["in_standard_iod"],
        basic=Basic(row["basic"]),
        cells=_cells(row["options"]),
    )


def _content_item(row: Mapping[str, Any]) -> ContentItemRow:
    return ContentItemRow(
        code=row["code"],
        scheme=row["scheme"],
        meaning=row["meaning"],
        value_type=row["value_type"],
        retired=row["retired"],
        basic=Basic(row["basic"]),
        cells=_cells(row["options"]),
    )


def _cells(options: Mapping[str, str]) -> Mapping[Option, Cell]:
    return MappingProxyType({Option(code): Cell(cell) for code, cell in options.items()})
