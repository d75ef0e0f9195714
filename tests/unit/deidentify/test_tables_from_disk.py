"""The shipped tables as they are read from the disk, not as somebody has kept them in memory."""

import json
from pathlib import Path
from typing import Any

from dmask_node.deidentify import confidentiality_table
from dmask_node.deidentify.confidentiality_table import load_content_items, load_table

FOLDER = Path(__file__).parents[3] / "dmask_node" / "data" / "ps315"


def in_file(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def test_table_e_1_1_says_what_its_file_says() -> None:
    read, file = load_table.__wrapped__(), in_file("e1_1")
    assert len(read.rows) == len(file["rows"]) == 657
    for row, written in zip(read.rows, file["rows"], strict=True):
        assert row.tag == written["tag"]
        assert row.name == written["name"]
        assert row.retired is written["retired"]
        assert row.in_standard_iod is written["in_standard_iod"]
        assert row.basic.value == written["basic"]
        assert {k.value: v.value for k, v in row.cells.items()} == written["options"]


def test_table_e_3_4_1_says_what_its_file_says() -> None:
    read, file = load_content_items.__wrapped__(), in_file("e3_4_1")
    assert len(read) == len(file["rows"]) == 214
    for written in file["rows"]:
        key = (written["code"], written["scheme"], written["value_type"])
        row = read[key]
        assert (row.code, row.scheme, row.value_type) == key
        assert row.meaning == written["meaning"]
        assert row.retired is written["retired"]
        assert row.basic.value == written["basic"]
        assert {k.value: v.value for k, v in row.cells.items()} == written["options"]


def test_where_a_table_comes_from_is_what_its_file_says() -> None:
    for name, table in (("e1_1", "Table E.1-1"), ("e3_4_1", "Table E.3.4-1")):
        file = in_file(name)
        provenance, _ = confidentiality_table._read(confidentiality_table._shipped(name))
        assert table in file["table"]
        assert provenance.table == file["table"]
        assert provenance.edition == file["edition"] == "2026d"
        assert provenance.package == f"{file['package']} {file['package_version']}"
        assert provenance.wheel_sha256 == file["wheel_sha256"]
        assert provenance.standard_source_sha256 == file["standard_source_sha256"]
        assert provenance.rows_sha256 == file["rows_sha256"]
